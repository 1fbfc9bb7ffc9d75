# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's network: one namespace with a bridge for each network and a tap for each cable.

Owns the namespace and everything in it but the host processes. Nothing of it is
ever connected to the machine's own interfaces.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lvslab import procfs
from lvslab.errors import CommandFailed, LabError
from lvslab.shell import Result, run
from lvslab.topology import Interface, Topology, gateway, management_network

_COMMAND_TIMEOUT_S = 20.0
_KILL_TIMEOUT_S = 10.0
_TABLE = "lvslab"

# Whose frames a partition drops.
Direction = Literal["both", "from-first", "from-second"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A network namespace by name."""

    name: str

    @property
    def path(self) -> Path:
        return Path("/run/netns") / self.name

    def exists(self) -> bool:
        return self.path.exists()

    def inode(self) -> int:
        """Inode number that tells this namespace from others; 0 if it does not exist."""
        try:
            return os.stat(self.path).st_ino
        except OSError:
            return 0

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv` so that it runs in this namespace."""
        return ["nsenter", f"--net={self.path}", *argv]

    def run(self, argv: Sequence[str], *, stdin: str | None = None, check: bool = True) -> Result:
        """Run a short command in the namespace."""
        command = self.command(argv)
        return run(command, timeout_s=_COMMAND_TIMEOUT_S, stdin=stdin, check=check)

    def processes(self) -> list[procfs.Process]:
        """All processes in the namespace."""
        inode = self.inode()
        return procfs.in_network_namespace(inode) if inode else []

    def kill_all(self) -> None:
        """SIGKILL everything in the namespace except ourselves. Raises LabError if it stays."""
        spare = procfs.ancestors_of_self()
        deadline = time.monotonic() + _KILL_TIMEOUT_S
        while True:
            left = [process.pid for process in self.processes() if process.pid not in spare]
            if not left:
                return
            if time.monotonic() > deadline:
                raise LabError(f"processes {left} of namespace {self.name} do not die; see ps")
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def delete(self) -> None:
        """Delete the namespace, and with it its bridges, taps and nft tables."""
        if self.exists():
            run(["ip", "netns", "delete", self.name], timeout_s=_COMMAND_TIMEOUT_S)


def create(namespace: Namespace, topology: Topology) -> None:
    """Make the namespace with all bridges and taps of `topology`."""
    if namespace.exists():
        raise LabError(
            f"network namespace {namespace.name} exists already but belongs to no lab of this"
            f" checkout: take another --name, or delete it (ip netns delete {namespace.name})"
        )
    run(["ip", "netns", "add", namespace.name], timeout_s=_COMMAND_TIMEOUT_S)
    lines = ["link set lo up"]
    for network in (management_network(), *topology.networks):
        # mcast_snooping would hold back VRRP multicast until somebody joins by
        # IGMP; forward_delay 0 lets a port forward at once.
        lines.append(f"link add {network.bridge} type bridge mcast_snooping 0 forward_delay 0")
        lines.append(f"link set {network.bridge} up")
    lines.append(f"addr add {gateway()} dev {management_network().bridge}")
    for host in topology.hosts:
        for interface in host.interfaces:
            lines.append(f"tuntap add dev {interface.tap} mode tap")
            lines.append(f"link set {interface.tap} master {interface.bridge} up")
    # No IPv6 of the bridges' own on the cluster networks: only hosts speak there.
    namespace.run(["sysctl", "-q", "-w", "net.ipv6.conf.default.disable_ipv6=1"], check=False)
    namespace.run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")
    namespace.run(
        ["nft", "-f", "-"],
        stdin=f"table bridge {_TABLE} {{\n chain forward {{\n"
        "  type filter hook forward priority 0; policy accept;\n }\n}\n",
    )


def plug(namespace: Namespace, interface: Interface, *, plugged: bool) -> None:
    """Put the cable of `interface` into its bridge, or pull it out."""
    target = ["master", interface.bridge] if plugged else ["nomaster"]
    namespace.run(["ip", "link", "set", interface.tap, *target])


def plugged(namespace: Namespace, taps: Iterable[str]) -> dict[str, bool]:
    """For each tap whether it is in a bridge."""
    result = namespace.run(["ip", "-o", "link", "show"], check=False)
    in_bridge = {
        line.split(":", 2)[1].strip() for line in result.stdout.splitlines() if " master " in line
    }
    return {tap: tap in in_bridge for tap in taps}


def cut(namespace: Namespace, pairs: Iterable[tuple[str, str]]) -> None:
    """Drop frames that come from the first tap of a pair and would leave by the second."""
    rules = [
        f'add rule bridge {_TABLE} forward iifname "{source}" oifname "{target}" counter drop'
        for source, target in pairs
    ]
    if rules:
        namespace.run(["nft", "-f", "-"], stdin="\n".join(rules) + "\n")


def pairs_between(
    topology: Topology,
    first: Sequence[str],
    second: Sequence[str],
    networks: Sequence[str],
    *,
    direction: Direction,
) -> list[tuple[str, str]]:
    """Pairs of taps (from, to) that a partition of two groups of hosts cuts.

    Raises LabError for unknown names and for a host on both sides.
    """
    both = sorted(set(first) & set(second))
    if both:
        raise LabError(f"{', '.join(both)}: a host cannot be on both sides of a partition")
    pairs: list[tuple[str, str]] = []
    for name in networks:
        topology.network(name)  # a name that is none must not pass for an empty cut
        left, right = (
            [interface.tap for host in group for interface in topology.host(host).on(name)]
            for group in (first, second)
        )
        if direction != "from-second":
            pairs += [(a, b) for a in left for b in right]
        if direction != "from-first":
            pairs += [(b, a) for a in left for b in right]
    return pairs


def uncut(namespace: Namespace) -> None:
    """Forget all cuts."""
    namespace.run(["nft", "flush", "chain", "bridge", _TABLE, "forward"])


def cuts(namespace: Namespace) -> list[tuple[str, str]]:
    """The pairs of taps that are cut at present."""
    try:
        output = namespace.run(["nft", "list", "chain", "bridge", _TABLE, "forward"]).stdout
    except CommandFailed:
        return []
    pairs = []
    for line in output.splitlines():
        words = line.replace('"', "").split()
        if "iifname" in words and "oifname" in words:
            pairs.append((words[words.index("iifname") + 1], words[words.index("oifname") + 1]))
    return pairs
