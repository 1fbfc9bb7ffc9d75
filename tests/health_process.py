# SPDX-License-Identifier: GPL-3.0-or-later
"""A health process, forked, over the sockets it has in the agent; and a web server to check."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lvs_agent.config import load
from lvs_agent.core.messages import (
    Heartbeat,
    LogLine,
    Message,
    Reconfigure,
    StatusReply,
    StatusRequest,
    Suspended,
    Verdict,
    VerdictsComplete,
)
from lvs_agent.core.wire import Decoder, encode
from lvs_agent.proc import health
from lvs_agent.proc.child import Start
from lvs_agent.proc.config_parts import pack

LONGEST_S = 10.0


class Web:
    """An HTTP server on 127.0.0.1 whose answer can be changed, and switched off and on."""

    def __init__(self) -> None:
        self.status = 200
        self.requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                if connection.recv(65536):
                    self.requests += 1
                    head = f"HTTP/1.1 {self.status} X\r\nContent-Length: 2\r\n\r\nok"
                    connection.sendall(head.encode())

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Process:
    """A forked health process; this test is its supervisor and the kernel process."""

    def __init__(
        self,
        document: dict[str, Any],
        *,
        restarted: bool = False,
        descriptors: int = 0,
        apart: bool = False,
    ) -> None:
        config = load(json.dumps(document))
        self._supervisor, supervisor = socket.socketpair()
        self._kernel, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Over which it asks for marked sockets.
        self.marks, marks = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                close_others(supervisor.fileno(), kernel.fileno(), marks.fileno())
                if descriptors:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
                if apart:
                    go_apart()
                start = Start(config=config, generation=1, restarted=restarted, marks=marks)
                health.main(supervisor, kernel, start)
                os._exit(0)
            os._exit(1)
        supervisor.close()
        kernel.close()
        marks.close()
        self._decoders = {self._supervisor: Decoder(), self._kernel: Decoder()}
        self.told: list[Message] = []
        self.said: list[Message] = []
        self.beats: list[float] = []
        self.status: int | None = None

    def listen(self, seconds: float) -> None:
        """Receive for at most `seconds`, returning after each portion."""
        for end in select.select(list(self._decoders), [], [], seconds)[0]:
            data = end.recv(1 << 20)
            if not data:
                del self._decoders[end]
            for message in self._decoders[end].feed(data) if data else ():
                if isinstance(message, Heartbeat):
                    self.beats.append(time.monotonic())
                elif end is self._kernel:
                    self.told.append(message)
                else:
                    self.said.append(message)

    def until(self, condition: Callable[[], Any], seconds: float = LONGEST_S) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {self.told} {self.said}"
            self.listen(0.02)

    def listen_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.listen(0.02)

    def send(self, message: Message) -> None:
        self._supervisor.sendall(encode(message))

    def suspend(self, *names: str, suspended: bool = True) -> None:
        message = Suspended(virtual_servers=names, suspended=suspended)
        self._kernel.sendall(encode(message))

    def reconfigure(self, document: dict[str, Any], generation: int) -> None:
        self.told.clear()
        self.send(Reconfigure(generation=generation, config=pack(load(json.dumps(document)))))
        self.until(lambda: VerdictsComplete(generation=generation) in self.told)

    def verdicts(self, name: str) -> list[tuple[bool, bool]]:
        """(up, checked) of every Verdict about real server `name`, in order."""
        return [
            (message.up, message.checked)
            for message in self.told
            if isinstance(message, Verdict) and message.real_server == name
        ]

    def lines(self) -> list[str]:
        return [f"{m.level}: {m.text}" for m in self.said if isinstance(m, LogLine)]

    def passed_on(self, *, generation: int) -> list[tuple[str, bool, bool]]:
        """What the supervisor heard of real servers: name, up, and whether it is a reminder."""
        found = [one for one in self.said if isinstance(one, Verdict)]
        return [
            (one.real_server, one.up, one.repeated) for one in found if one.generation == generation
        ]

    def report(self) -> dict[str, Any]:
        self.send(StatusRequest(request_id=7, brief=False))
        before = len(self.said)
        self.until(lambda: any(isinstance(m, StatusReply) for m in self.said[before:]))
        reply = next(m for m in self.said[before:] if isinstance(m, StatusReply))
        assert reply.request_id == 7
        report: dict[str, Any] = json.loads(reply.report)
        return report

    def exit_code(self) -> int:
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                return self.status
            self.listen(0.01)
        raise AssertionError("the process did not end")

    def hang_up(self) -> None:
        self._supervisor.close()
        self._decoders.pop(self._supervisor, None)

    def close(self) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._supervisor.close()
        self._kernel.close()
        self.marks.close()


def go_apart() -> None:
    """Into a network namespace of its own, with loopback alone, where everybody may ping."""
    new_network = 0x40000000  # CLONE_NEWNET, linux/sched.h
    if ctypes.CDLL(None, use_errno=True).unshare(new_network) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for words in ("link set lo up", "route add 198.51.100.0/24 dev lo"):
        subprocess.run(["ip", *words.split()], check=True, timeout=LONGEST_S)
    Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 2147483647")


def close_others(*kept: int) -> None:
    """Close all descriptors but the standard streams and `kept`, as the supervisor does."""
    for fileno in map(int, os.listdir("/proc/self/fd")):
        if fileno > 2 and fileno not in kept:
            with contextlib.suppress(OSError):
                os.close(fileno)


Run = Callable[..., Process]


def document(services: int = 1, /, **real_servers: dict[str, Any]) -> dict[str, Any]:
    """Virtual servers web0, web1, ... that all have the same real servers; quick checks."""
    common = {"delay_loop": 0.2, "connect_timeout": 0.5, "retry": 1, "delay_before_retry": 0.05}
    reals = {
        name: {"ip": f"10.1.{number // 250}.{number % 250 + 1}", **check}
        for number, (name, check) in enumerate(real_servers.items())
    }
    return {
        "virtual_servers": {
            f"web{number}": {
                "ip": f"10.0.0.{number + 1}", "port": 80, "real_servers": reals, **common,
            }
            for number in range(services)
        }
    }  # fmt: skip


def http(port: int, path: str = "/", address: str = "127.0.0.1") -> dict[str, Any]:
    return {"http_get": {"connect_ip": address, "connect_port": port, "url": [{"path": path}]}}


def tcp(port: int, address: str = "127.0.0.1") -> dict[str, Any]:
    return {"tcp_check": {"connect_ip": address, "connect_port": port}}
