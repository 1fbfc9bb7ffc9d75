# SPDX-License-Identifier: GPL-3.0-or-later
"""Two namespaces with a cable between them, BfdRunner processes in them, and FRR's bfdd.

What is started here is ended by `Cable.close`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from lvs_agent.core.model import BfdInstance
from netns.vrrp_harness import AGENT, eventually, run

RUNNER = Path(__file__).with_name("bfd_runner.py")
BFDD = "/usr/lib/frr/bfdd"
MS = 1_000_000
# The detection time is this many intervals of 50 ms: a busy machine stands still for 60 ms.
MULTIPLIER = 6
# IPv4, IPv6, and link-local: what a session may be between.
ADDRESSES = {
    "a": ("10.8.0.1", "fd00:8::1", "fe80::a%eth0"),
    "b": ("10.8.0.2", "fd00:8::2", "fe80::b%eth0"),
}


def instance(name: str, neighbor: str, source: str | None = None, **changes: Any) -> dict[str, Any]:
    """Fields of a BfdInstance: 50 ms each way."""
    return {
        "name": name,
        "neighbor": neighbor,
        "source": source,
        "min_rx_ns": 50 * MS,
        "min_tx_ns": 50 * MS,
        "idle_tx_ns": 1000 * MS,
        "multiplier": MULTIPLIER,
        "passive": False,
        "ttl": 255,
        "max_hops": 0,
        **changes,
    }


class Runner:
    """A BfdRunner process in a namespace, without any privilege."""

    def __init__(self, namespace: str, sessions: list[dict[str, Any]]) -> None:
        for fields in sessions:
            BfdInstance(**fields)
        self.events: list[dict[str, Any]] = []
        self.output: list[dict[str, Any]] = []
        confined = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
        caps = [f"--{kind}=-all" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
        self.process = subprocess.Popen(
            [
                *("ip", "netns", "exec", namespace, *confined, *caps),
                *(sys.executable, str(RUNNER), json.dumps(sessions)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(AGENT), "PATH": os.environ["PATH"]},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line)
            (self.events if "up" in said else self.output).append(said)

    def tell(self, command: str) -> dict[str, Any]:
        """Give a command; the answer."""
        before = len(self.answers())
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        eventually(lambda: len(self.answers()) > before, 5, f"an answer to {command}")
        return self.answers()[before]

    def answers(self) -> list[dict[str, Any]]:
        return [said for said in list(self.output) if "log" not in said]

    def log(self) -> list[str]:
        return [said["log"] for said in list(self.output) if "log" in said]

    def reconfigure(self, *sessions: dict[str, Any]) -> None:
        self.tell("reconfigure " + json.dumps(sessions))

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = self.tell("report")["report"]
        return report

    def session(self, name: str) -> dict[str, Any]:
        """The status of one session."""
        found: dict[str, Any] = next(
            each for each in self.report()["sessions"] if each["name"] == name
        )
        return found

    def changes(self, name: str) -> list[dict[str, Any]]:
        """Every call of on_state for the session."""
        return [event for event in list(self.events) if event["name"] == name]

    def up(self, name: str) -> bool:
        changes = self.changes(name)
        return bool(changes) and changes[-1]["up"]

    def wait(self, name: str, up: bool, timeout_s: float = 10) -> dict[str, Any]:
        """Wait for the state; the call that told it."""
        what = f"{name} {'up' if up else 'down'}; log: {self.log()}"
        eventually(lambda: self.up(name) == up, timeout_s, what)
        return self.changes(name)[-1]

    def close(self) -> None:
        """Clean end, as `BfdRunner.close` does it."""
        self.tell("close")
        self.process.wait(5)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)


class Bfdd:
    """FRR's bfdd by itself: it needs no zebra for peers that name no interface."""

    def __init__(self, namespace: str, configuration: str) -> None:
        self._namespace = namespace
        # Not below pytest's directory, which only root may enter.
        self._directory = Path(tempfile.mkdtemp(prefix="lvs-bfdd-"))
        shutil.chown(self._directory, "frr", "frr")
        (self._directory / "bfdd.conf").write_text(configuration)
        self._log = (self._directory / "output").open("wb")
        place = str(self._directory)
        self.process = subprocess.Popen(
            [
                *("ip", "netns", "exec", namespace, BFDD, "-u", "frr", "-g", "frr", "-P", "0"),
                *("-f", f"{place}/bfdd.conf", "-i", f"{place}/pid", "-z", f"{place}/zserv.api"),
                *("--vty_socket", place, "--bfdctl", f"{place}/bfdd.sock"),
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def vtysh(self, *commands: str) -> str:
        """The output of commands to this daemon."""
        options = [option for command in commands for option in ("-c", command)]
        return run("vtysh", "--vty_socket", str(self._directory), "-d", "bfdd", *options)

    def configure(self, peer: str, *lines: str) -> None:
        """Change the settings of a peer."""
        self.vtysh("configure", "bfd", f"peer {peer}", *lines)

    def peer(self, address: str) -> dict[str, Any]:
        """What bfdd says about a peer."""
        peers: list[dict[str, Any]] = json.loads(self.vtysh("show bfd peers json"))
        return next(each for each in peers if each["peer"] == address)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)
        self._log.close()
        shutil.rmtree(self._directory)


class Cable:
    """Namespaces a and b with a veth pair between them."""

    def __init__(self) -> None:
        self._ended: list[Runner | Bfdd] = []
        for host in ADDRESSES:
            run("ip", "netns", "add", self.namespace(host))
            run("ip", "-n", self.namespace(host), "link", "set", "lo", "up")
        a, b = self.namespace("a"), self.namespace("b")
        peer = ("peer", "name", "eth0", "netns", b)
        run("ip", "-n", a, "link", "add", "eth0", "type", "veth", *peer)
        for host, (v4, v6, local) in ADDRESSES.items():
            # Our own link-local address instead of the one that the kernel makes.
            run("ip", "-n", self.namespace(host), "link", "set", "eth0", "addrgenmode", "none")
            run("ip", "-n", self.namespace(host), "link", "set", "eth0", "up")
            self.add_address(host, f"{v4}/24")
            self.add_address(host, f"{v6}/64", "nodad")
            self.add_address(host, f"{local.partition('%')[0]}/64", "nodad")

    def namespace(self, host: str) -> str:
        return f"bfd-{os.getpid()}-{host}"

    def add_address(self, host: str, address: str, *flags: str) -> None:
        run("ip", "-n", self.namespace(host), "address", "add", address, "dev", "eth0", *flags)

    def remove_address(self, host: str, address: str) -> None:
        run("ip", "-n", self.namespace(host), "address", "del", address, "dev", "eth0")

    def runner(self, host: str, *sessions: dict[str, Any]) -> Runner:
        runner = Runner(self.namespace(host), list(sessions))
        self._ended.append(runner)
        return runner

    def bfdd(self, host: str, configuration: str) -> Bfdd:
        bfdd = Bfdd(self.namespace(host), configuration)
        self._ended.append(bfdd)
        return bfdd

    def capture(self, host: str, seconds: float, *fields: str) -> list[list[str]]:
        """tshark's fields of the BFD packets that `host` sees in that time."""
        options = [option for field in fields for option in ("-e", field)]
        process = subprocess.Popen(
            [
                *("ip", "netns", "exec", self.namespace(host), "tcpdump", "-i", "eth0", "-U"),
                *("--immediate-mode", "-w", "-", "-Z", "root", "udp port 3784"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        data, _ = process.communicate(timeout=10)
        done = subprocess.run(
            ["tshark", "-r", "-", "-Y", "bfd", "-T", "fields", *options],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )
        return [line.split("\t") for line in done.stdout.decode().splitlines()]

    def end_processes(self) -> None:
        """End what runs; the namespaces stay for the next test."""
        for each in self._ended:
            each.kill() if isinstance(each, Runner) else each.close()
        self._ended.clear()

    def close(self) -> None:
        self.end_processes()
        for host in ADDRESSES:
            run("ip", "netns", "del", self.namespace(host))
