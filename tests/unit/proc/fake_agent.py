# SPDX-License-Identifier: GPL-3.0-or-later
"""A real supervisor with four small children, as a program for `test_supervisor.py`.

Usage: fake_agent.py CONFIG RUNTIME_DIRECTORY. Each child appends what happens to it to
`events.jsonl` beside CONFIG. The environment variable LVS_TEST_FAULT ("kernel:exit-at-start",
"health:deaf-to-stop") makes one of them misbehave.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from lvs_agent.adapters import runtime_directory
from lvs_agent.adapters.journal import Journal
from lvs_agent.core.messages import (
    InstanceOverride,
    InstanceState,
    MasterHeard,
    Message,
    StepDown,
)
from lvs_agent.core.model import Config
from lvs_agent.core.orders import Fork
from lvs_agent.proc import configuration
from lvs_agent.proc.child import Child, Start
from lvs_agent.proc.loop import Loop
from lvs_agent.proc.supervisor import Mains, Settings, Supervisor

EVENTS = Path(sys.argv[2]).with_name("events.jsonl") if len(sys.argv) > 1 else Path()
REAL_SERVERS = int(os.environ.get("LVS_TEST_REAL_SERVERS", "1"))


def note(name: str, event: str, **more: object) -> None:
    line = json.dumps({"name": name, "event": event, "at": time.monotonic(), **more})
    descriptor = os.open(EVENTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode() + b"\n")
    os.close(descriptor)


def faulty(name: str) -> str | None:
    victim, _, fault = os.environ.get("LVS_TEST_FAULT", "").partition(":")
    return fault if victim == name else None


class FakeChild(Child):
    def __init__(self, name: str, loop: Loop, supervisor: socket.socket, start: Start) -> None:
        super().__init__(loop, supervisor, start)
        self.name = name
        adopt = [state.state for state in start.adopt]
        note(
            name,
            "born",
            pid=os.getpid(),
            restarted=start.restarted,
            adopt=adopt,
            overrides=[[one.instance, one.state] for one in start.instance_overrides],
        )
        if name == "ha" and not adopt:
            for instance in start.config.vrrp_instances:
                self.supervisor.send(
                    InstanceState(
                        instance=instance.name,
                        state="MASTER",
                        previous="BACKUP",
                        priority=instance.priority,
                        reason="a fake child's decision",
                    )
                )

    def handle(self, message: Message) -> None:
        note(
            self.name,
            "told",
            message=type(message).__name__,
            about=getattr(message, "name", getattr(message, "instance", None)),
            state=getattr(message, "state", None),
        )
        match os.environ.get("LVS_TEST_PEER"), message:
            case "preempts", InstanceOverride(instance=name, state="given_away"):
                self._lose(name)
            case "resigned-only", StepDown(instance=name):
                self._lose(name)

    def _lose(self, name: str) -> None:
        """As when another router's advert wins."""
        self.supervisor.send(
            InstanceState(
                instance=name, state="BACKUP", previous="MASTER", priority=1, reason="beaten"
            )
        )
        self.supervisor.send(MasterHeard(instance=name, address="10.0.0.7", priority=100))

    def reconfigure(self, config: Config) -> None:
        note(self.name, "reconfigured", pools=[one.name for one in config.virtual_servers])
        if "busy-with-configuration" in (faulty(self.name) or ""):
            the_hung_function(4)

    def stop(self) -> None:
        note(self.name, "stop")
        if faulty(self.name) != "deaf-to-stop":
            self.finish()

    def supervisor_gone(self) -> None:
        note(self.name, "gone")
        time.sleep(0.3)  # handing over takes a while
        note(self.name, "handed over")
        self.finish()

    def report(self, *, brief: bool) -> dict[str, object]:
        if faulty(self.name) == "slow-report":
            time.sleep(0.6)
        match self.name:
            case "ha":
                return {"instances": [{"name": "VI_1", "state": "MASTER"}]}
            case "kernel":
                servers = [
                    {"name": f"w{number}", "address": "10.0.0.1", "port": number, "up": True}
                    for number in range(REAL_SERVERS)
                ]
                return {"services": [{"name": "web", "real_servers": servers}], "links": []}
            case "track":
                return {"trackers": []}
        return {"checks": []}


def the_hung_function(seconds: float = 3600) -> None:
    """Busy, as a child in an endless loop is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def child_main(
    name: str, supervisor: socket.socket, peers: list[socket.socket], start: Start
) -> None:
    fault = faulty(name)
    if fault == "exit-at-start":
        raise RuntimeError("cannot start")
    loop = Loop()
    child = FakeChild(name, loop, supervisor, start)
    if fault == "late" and not start.restarted:
        time.sleep(0.5)
    if fault == "hang":
        loop.call_at(loop.now_ns() + 100_000_000, the_hung_function)
    if fault == "born-late":
        note(name, "heard", text=peers[0].recv(100).decode())
    for peer in peers:
        # A first process leaves it unread, for its successor to find if nobody throws it away.
        with contextlib.suppress(BlockingIOError):
            if start.restarted:
                found = peer.recv(100, socket.MSG_DONTWAIT)
                note(name, "found", text=found.decode())
        peer.send(f"from {name}".encode(), socket.MSG_DONTWAIT)
    child.run()


def _delay_ha() -> None:
    """Let the others speak before there is an ha process."""
    fork = Supervisor._fork

    def late(supervisor: Supervisor, action: Fork) -> None:
        if action.name == "ha":
            time.sleep(0.5)
        fork(supervisor, action)

    Supervisor._fork = late  # type: ignore[method-assign]


def main() -> int:
    directory = Path(sys.argv[2])
    journal = Journal(dict(os.environ))
    runtime_directory.ensure(directory)
    mains = Mains(
        ha=lambda s, k, t, start: child_main("ha", s, [k, t], start),
        kernel=lambda s, a, h, start: child_main("kernel", s, [a, h], start),
        health=lambda s, k, start: child_main("health", s, [k], start),
        track=lambda s, a, start: child_main("track", s, [a], start),
    )
    settings = Settings(
        config_path=sys.argv[1],
        runtime_directory=directory,
        state_directory=Path(os.environ.get("LVS_TEST_STATE_DIR", directory)),
        environment=dict(os.environ),
    )
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if faulty("ha") == "born-late":
        _delay_ha()
    return Supervisor(settings, mains, configuration.load(sys.argv[1]), journal).run()


if __name__ == "__main__":
    sys.exit(main())
