# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process for real, in a network namespace, with the test as supervisor, ha and health.

The same harness works on a host that has IPVS (the lab), in its own namespace.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from lvs_agent import config as configuration
from lvs_agent.core.messages import (
    Hold,
    HoldApplied,
    LogLine,
    Message,
    PoolChange,
    Reconfigure,
    StatusReply,
    StatusRequest,
    Stop,
)
from lvs_agent.core.model import Config
from lvs_agent.core.wire import Decoder, encode
from lvs_agent.proc import kernel
from lvs_agent.proc.child import Start
from lvs_agent.proc.config_parts import pack

CLONE_NEWNET = 0x40000000
WAIT_S = 10.0


def run(*command: str) -> str:
    """The command's output; a failure raises with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Namespace:
    """A network namespace with eth0 (192.0.2.1/24) and eth1, each a veth with carrier."""

    def __init__(self) -> None:
        self.name = f"lvsk{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        self.add_interface("eth0")
        self.add_interface("eth1")
        self.ip("addr", "add", "192.0.2.1/24", "dev", "eth0")

    def add_interface(self, name: str) -> None:
        self.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}p")
        self.ip("link", "set", name, "up")
        self.ip("link", "set", f"{name}p", "up")

    def ip(self, *arguments: str) -> str:
        return run("ip", "-n", self.name, *arguments)

    def addresses(self, interface: str) -> list[dict[str, Any]]:
        shown = json.loads(self.ip("-j", "-4", "addr", "show", "dev", interface) or "[]")
        return [entry for link in shown for entry in link.get("addr_info", [])]

    def has(self, interface: str, address: str) -> bool:
        return any(entry["local"] == address for entry in self.addresses(interface))

    def enter(self) -> None:
        descriptor = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(descriptor)

    def close(self) -> None:
        run("ip", "netns", "del", self.name)


class End:
    """Our end of a channel: messages out and in."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._decoder = Decoder()
        self.received: list[Message] = []
        self.logged: list[str] = []

    def send(self, message: Message) -> None:
        self.socket.send(encode(message))

    def pump(self, wait_s: float = 0.0) -> None:
        while select.select([self.socket], [], [], wait_s)[0]:
            data = self.socket.recv(1 << 20)
            if not data:
                return
            for message in self._decoder.feed(data):
                if isinstance(message, LogLine):
                    self.logged.append(f"{message.level}: {message.text}")
                else:
                    self.received.append(message)
            wait_s = 0.0

    def wait_for(self, kind: type, wait_s: float = WAIT_S, **fields: object) -> Any:
        """The first message of `kind` with these fields; it and what came before are forgotten."""
        deadline = time.monotonic() + wait_s
        while True:
            for position, message in enumerate(self.received):
                if isinstance(message, kind) and all(
                    getattr(message, name) == value for name, value in fields.items()
                ):
                    del self.received[: position + 1]
                    return message
            if time.monotonic() > deadline:
                raise AssertionError(f"no {kind.__name__} {fields}; there is {self.received}")
            self.pump(0.02)


class KernelProcess:
    """A forked kernel process. `namespace` None: where we are."""

    def __init__(
        self,
        document: dict[str, Any] | Config,
        runtime_dir: Path,
        *,
        namespace: Namespace | None = None,
        restarted: bool = False,
        generation: int = 1,
        ends: tuple[Any, Any] | None = None,
        pools: tuple[PoolChange, ...] = (),
    ) -> None:
        self.generation = generation
        self.sequence = 0
        # The pairs between children outlive them: pass `ends` of a dead process to its successor.
        self.ends = ends or (
            socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET),
            socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET),
        )
        supervisor_ours, supervisor_theirs = socket.socketpair()
        start = Start(
            config=document
            if isinstance(document, Config)
            else configuration.load(json.dumps(document)),
            generation=generation,
            restarted=restarted,
            pools=pools,
        )
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.environ["LVS_AGENT_RUNTIME_DIR"] = str(runtime_dir)
                supervisor_ours.close()
                if namespace is not None:
                    namespace.enter()
                kernel.main(supervisor_theirs, self.ends[0][1], self.ends[1][1], start)
                status = 0
            except BaseException:
                traceback.print_exc(file=sys.__stderr__)
            finally:
                os._exit(status)
        supervisor_theirs.close()
        self.supervisor = End(supervisor_ours)
        self.ha = End(self.ends[0][0])
        self.health = End(self.ends[1][0])
        self._status: int | None = None

    def hold(self, instance: str, hold: bool = True) -> str | None:
        """Ask for it as ha does; the error, None on success."""
        self.sequence += 1
        self.ha.send(Hold(instance=instance, hold=hold, sequence=self.sequence))
        applied = self.ha.wait_for(HoldApplied, sequence=self.sequence)
        assert isinstance(applied, HoldApplied)
        return applied.error

    def reconfigure(self, document: dict[str, Any]) -> None:
        self.generation += 1
        config = configuration.load(json.dumps(document))
        self.supervisor.send(Reconfigure(generation=self.generation, config=pack(config)))

    def report(self) -> dict[str, Any]:
        self.sequence += 1
        self.supervisor.send(StatusRequest(request_id=self.sequence, brief=False))
        reply: StatusReply = self.supervisor.wait_for(StatusReply, request_id=self.sequence)
        report: dict[str, Any] = json.loads(reply.report)
        return report

    def logged(self) -> list[str]:
        """All lines for the journal so far."""
        self.supervisor.pump(0.05)
        return self.supervisor.logged

    def stop(self) -> int:
        """Orderly end; the exit status."""
        self.supervisor.send(Stop())
        return self.wait()

    def kill(self) -> None:
        os.kill(self.pid, 9)
        self.wait()

    def wait(self, wait_s: float = WAIT_S) -> int:
        """The exit status of the process, once it has ended."""
        deadline = time.monotonic() + wait_s
        while self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                os.kill(self.pid, 9)
                raise AssertionError("the kernel process does not end")
            else:
                time.sleep(0.005)
        return self._status

    def close(self) -> None:
        if self._status is None:
            self.kill()
        for pair in self.ends:
            for end in pair:
                end.close()
        self.supervisor.socket.close()


def eventually(condition: Any, wait_s: float = WAIT_S) -> None:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {wait_s} s: {condition}"
        time.sleep(0.01)
