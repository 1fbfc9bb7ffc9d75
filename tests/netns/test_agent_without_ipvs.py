# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole agent, `lvs-agent run`, as a VIP-only director on a kernel that has no IPVS loaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from netns.kernel_harness import Namespace, eventually

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

AGENT = Path(__file__).resolve().parents[2] / "roles/director/files/agent"
START = "import sys; from lvs_agent.cli.agent import main; sys.exit(main(sys.argv[1:]))"
DOCUMENT = {
    "static_routes": ["203.0.113.0/24 via 192.0.2.254"],
    "vrrp_instances": {
        "VI_1": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "priority": 200,
            "version": 3,
            "advert_int": 0.05,
            "garp_master_delay": 0,
            "virtual_ipaddress": ["192.0.2.99/32"],
            "virtual_routes": ["198.51.100.0/24 via 192.0.2.254 src 192.0.2.99"],
            "virtual_rules": ["from 192.0.2.99 lookup 100 preference 100"],
            "no_accept": True,
        }
    },
}


class Agent:
    """`lvs-agent run` in a namespace."""

    def __init__(self, directory: Path, document: dict[str, Any] = DOCUMENT) -> None:
        self.namespace = Namespace()
        self.runtime = directory / "run"
        self.log = directory / "log"
        config = directory / "config.json"
        config.write_text(json.dumps(document))
        self.runtime.mkdir()
        command = ("run", "--config", str(config), "--runtime-dir", str(self.runtime))
        self.process = subprocess.Popen(
            [*self._prefix(), *command],
            cwd=AGENT,
            env={**os.environ, "PYTHONPATH": str(AGENT)},
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
        )

    def _prefix(self) -> list[str]:
        return ["ip", "netns", "exec", self.namespace.name, sys.executable, "-c", START]

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._prefix(), *arguments],
            cwd=AGENT,
            env={**os.environ, "PYTHONPATH": str(AGENT)},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def there(self) -> dict[str, bool]:
        """What of the instance the kernel has."""
        route = self.namespace.ip("route", "show", "proto", "18")
        nft = ["ip", "netns", "exec", self.namespace.name, "nft", "list", "ruleset"]
        shown = subprocess.run(nft, capture_output=True, text=True, timeout=10, check=True).stdout
        return {
            "address": self.namespace.has("eth0", "192.0.2.99"),
            "route": "198.51.100.0/24" in route,
            "static route": "203.0.113.0/24" in route,
            "rule": "from 192.0.2.99 lookup 100" in self.namespace.ip("rule"),
            "firewall": "lvs_agent" in shown,
        }

    def children(self) -> list[int]:
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(word) for word in text.split()]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.namespace.close()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path)
    yield made
    made.close()


def everything(agent: Agent, value: bool) -> Any:
    return lambda: set(agent.there().values()) == {value}


def test_takes_over_and_stops_without_a_word_of_ipvs(agent: Agent) -> None:
    eventually(everything(agent, True), 20.0)
    time.sleep(0.5)
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(10) == 0
    assert everything(agent, False)()
    log = agent.log.read_text()
    assert "ip_vs" not in log
    assert "IPVS" not in log
    assert "error" not in log.lower()


def test_sweep_after_a_kill_of_everything_is_quick_and_whole(agent: Agent) -> None:
    eventually(everything(agent, True), 20.0)
    for pid in [agent.process.pid, *agent.children()]:
        os.kill(pid, signal.SIGSTOP)
    for pid in [*agent.children(), agent.process.pid]:
        os.kill(pid, signal.SIGKILL)
    agent.process.wait(10)
    assert everything(agent, True)()
    began = time.monotonic()
    done = agent.call("sweep", "--runtime-dir", str(agent.runtime))
    spent = time.monotonic() - began
    print(f"sweep took {spent * 1e3:.0f} ms: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    # The route with the address as its source went with it.
    assert done.stderr.strip() == "removed 1 addresses, 1 routes, 1 rules of a dead agent"
    assert everything(agent, False)()
    assert spent < 2.0  # 0.1 s when the machine has nothing else to do
