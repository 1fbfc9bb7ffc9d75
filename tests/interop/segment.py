# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hosts on a switch, each a network namespace, with the switch in a third one.

A host whose port is taken off the switch keeps its carrier: as after a power cut of the other end
or a failure inside the network, and unlike a pulled cable.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

HOSTS = ("a", "b")
ADDRESSES = {"a": ("10.9.0.1", "fd00:9::1"), "b": ("10.9.0.2", "fd00:9::2")}


def run(*command: str) -> str:
    """Standard output of a command that has to succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def eventually(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait for `condition`; the seconds it took."""
    begin = time.monotonic()
    while time.monotonic() - begin < timeout_s:
        if condition():
            return time.monotonic() - begin
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class Segment:
    """`name` is unique among the segments that exist at a time, ."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._hub = f"{name}-hub"
        self._namespaces = {host: f"{name}-{host}" for host in HOSTS}
        self.close()  # what an interrupted run may have left
        run("ip", "netns", "add", self._hub)
        run("ip", "-n", self._hub, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        run("ip", "-n", self._hub, "link", "set", "br0", "up")
        for host in HOSTS:
            self.boot(host)

    def namespace(self, host: str) -> str:
        return self._namespaces[host]

    def boot(self, host: str) -> None:
        """A host as it is after a start: its addresses, no VIP, nothing running."""
        namespace, port = self._namespaces[host], f"port-{host}"
        run("ip", "netns", "add", namespace)
        self.run(host, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
        self.run(host, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0")
        run(
            *("ip", "-n", self._hub, "link", "add", port, "type", "veth"),
            # The link-local address follows from the MAC: b's is the higher one, like its others.
            *("peer", "name", "eth0", "address", f"02:00:00:00:09:0{host}", "netns", namespace),
        )
        four, six = ADDRESSES[host]
        batch = f"addr add {four}/24 dev eth0\naddr add {six}/64 dev eth0 nodad\n"
        batch += "link set lo up\nlink set eth0 up\n"
        subprocess.run(
            ["ip", "-n", namespace, "-batch", "-"], input=batch, text=True, check=True, timeout=30
        )
        run("ip", "-n", self._hub, "link", "set", port, "master", "br0", "up")

    def power_cut(self, host: str) -> None:
        """The host is gone, with everything that ran on it and every address it had."""
        self.unplug(host)
        for process in self._processes:
            if getattr(process, "host", None) == host:
                self.kill(process)
        run("ip", "netns", "delete", self._namespaces[host])

    def unplug(self, host: str) -> None:
        """Frames to and from the host are lost; its carrier stays."""
        run("ip", "-n", self._hub, "link", "set", f"port-{host}", "nomaster")

    def plug(self, host: str) -> None:
        """The network works again."""
        run("ip", "-n", self._hub, "link", "set", f"port-{host}", "master", "br0")

    def run(self, host: str, *command: str) -> str:
        """Standard output of a command on a host."""
        return run("ip", "netns", "exec", self._namespaces[host], *command)

    def spawn(
        self,
        host: str,
        *command: str,
        output: Path,
        environment: dict[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """A process on a host, in a process group of its own; it ends with the segment."""
        with output.open("ab") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self._namespaces[host], *command],
                stdin=stdin,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        process.host = host  # type: ignore[attr-defined]
        self._processes.append(process)
        return process

    @staticmethod
    def kill(process: subprocess.Popen[bytes]) -> None:
        """SIGKILL to the whole group at once: nobody has time to say goodbye."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        process.wait(10)

    def holds(self, host: str, address: str) -> bool:
        """Whether the host has the address, on whatever interface."""
        done = subprocess.run(
            ["ip", "-n", self._namespaces[host], "-o", "address", "show", "to", address],
            check=False,
            capture_output=True,
            timeout=30,
        )
        return bool(done.stdout)

    def link(self, host: str, interface: str) -> str:
        """The interface as `ip link` shows it; empty when there is none."""
        command = ["ip", "-n", self._namespaces[host], "-o", "link", "show", interface]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        return done.stdout

    def close(self) -> None:
        """End everything."""
        for process in self._processes:
            self.kill(process)
        self._processes = []
        known = run("ip", "netns", "list").split()
        for namespace in (self._hub, *self._namespaces.values()):
            if namespace in known:
                run("ip", "netns", "delete", namespace)
