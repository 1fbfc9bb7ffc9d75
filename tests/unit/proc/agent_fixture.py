# SPDX-License-Identifier: GPL-3.0-or-later
"""Running `fake_agent.py` and looking at what it does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lvs_agent
from lvs_agent.cli.client import ask

AGENT_SOURCE = Path(lvs_agent.__file__).parent.parent

DOCUMENT: dict[str, Any] = {
    "global_defs": {"router_id": "LVS1"},
    "vrrp_instances": {
        "VI_1": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "priority": 150,
            "virtual_ipaddress": ["172.16.1.254/24"],
        }
    },
    "virtual_servers": {
        "web": {
            "ip": "172.16.1.254",
            "port": 80,
            "real_servers": {"w1": {"ip": "172.16.1.3", "tcp_check": {}}},
        }
    },
}


class RunningAgent:
    """One fake agent. Ends with everything it forked when `close` is called."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.config = directory / "config.json"
        self.runtime = directory / "run"
        self.stderr_path = directory / "stderr"
        self._events_path = directory / "events.jsonl"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(os.fspath(directory / "notify"))
        self._notify.setblocking(False)
        self.notifications: list[str] = []
        self.write_config(DOCUMENT)
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.fspath(AGENT_SOURCE),
            "NOTIFY_SOCKET": os.fspath(directory / "notify"),
            **environment,
        }
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with self.stderr_path.open("ab") as stderr:
            program = Path(__file__).with_name("fake_agent.py")
            command = [sys.executable, program, self.config, self.runtime]
            return subprocess.Popen(command, stderr=stderr, env=self._environment)

    def write_config(self, document: object) -> None:
        self.config.write_text(document if isinstance(document, str) else json.dumps(document))

    def events(self, name: str | None = None, event: str | None = None) -> list[dict[str, Any]]:
        try:
            lines = self._events_path.read_text().splitlines()
        except FileNotFoundError:
            return []
        every = [json.loads(line) for line in lines]
        return [
            one for one in every if name in (None, one["name"]) and event in (None, one["event"])
        ]

    def notified(self) -> list[str]:
        while True:
            try:
                self.notifications += self._notify.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.notifications

    def wait_for(self, condition: Callable[[], object], timeout_s: float = 8) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s} s; {self.stderr()}"
            assert self.process.poll() is None or timeout_s < 8, self.stderr()
            time.sleep(0.005)

    def wait_ready(self) -> RunningAgent:
        self.wait_for(lambda: "READY=1" in self.notified())
        return self

    def ask(self, verb: str, timeout_s: float = 5) -> Any:
        return ask(verb, self.runtime, timeout_s)

    def stderr(self) -> str:
        return self.stderr_path.read_text()

    def pid(self, name: str) -> int:
        """The process id of the child as the supervisor knows it."""
        pid = self.ask("status")["agent"]["processes"][name]["pid"]
        assert isinstance(pid, int)
        return pid

    def pids(self) -> set[int]:
        return {one["pid"] for one in self.events(event="born")}

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)
        for pid in self.pids():
            if self.is_ours(pid):
                os.kill(pid, signal.SIGKILL)
        self._notify.close()

    def is_ours(self, pid: int) -> bool:
        """The process still exists and is a child of this agent (pids are used again)."""
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return self._environment["NOTIFY_SOCKET"].encode() in environment
