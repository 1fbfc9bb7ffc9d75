# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper of interfaces and addresses on a real kernel, with configurations made by hand.

The keeper's sockets are opened inside a namespace and belong to it from then on; its loop turns in
the test.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lvs_agent import config as configuration
from lvs_agent.core.instances import former_names
from lvs_agent.core.ledger import Ledger
from lvs_agent.core.messages import AddressesLost, LinkState
from lvs_agent.core.model import Config, VirtualAddress, Vmac, VrrpInstance
from lvs_agent.proc.kernel_host import HostKeeper
from lvs_agent.proc.loop import Loop
from netns.kernel_harness import CLONE_NEWNET, Namespace, run

MAC4, MAC6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"


def virtual(text: str, interface: str = "eth0", **more: Any) -> VirtualAddress:
    """An address as `config.load` would make it: IPv6 without duplicate address detection."""
    address, _, prefix = text.partition("/")
    return VirtualAddress(
        address=address,
        prefix_length=int(prefix),
        interface=interface,
        **{"nodad": ":" in address, **more},
    )


def instance(*addresses: VirtualAddress, **more: Any) -> VrrpInstance:
    """VI_1 on eth0, VRID 51."""
    document = {
        "vrrp_instances": {
            "VI_1": {
                "interface": "eth0",
                "virtual_router_id": 51,
                "priority": 100,
                "virtual_ipaddress": ["192.0.2.99/32"],
            }
        }
    }
    made = configuration.load(json.dumps(document)).vrrp_instances[0]
    return dataclasses.replace(made, addresses=addresses, **more)


def with_vmac(*addresses: str, mac: str = MAC4, name: str = "vrrp.51", **more: Any) -> VrrpInstance:
    """VI_1 with use_vmac."""
    vmac = Vmac(interface=name, mac=mac, xmit_base=False)
    return instance(*(virtual(text, name) for text in addresses), vmac=vmac, **more)


def config(*instances: VrrpInstance, **more: Any) -> Config:
    return dataclasses.replace(configuration.load("{}"), vrrp_instances=instances, **more)


@contextlib.contextmanager
def inside(namespace: Namespace) -> Iterator[None]:
    """What is opened in here belongs to the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        namespace.enter()
        yield
    finally:
        if libc.setns(before, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(before)


def setting(namespace: Namespace, interface: str, name: str, value: int | None = None) -> int:
    """net.ipv4.conf.<interface>.<name>, after setting it when there is a `value`."""
    path = f"/proc/sys/net/ipv4/conf/{interface}/{name}"
    command = f"cat {path}" if value is None else f"echo {value} > {path}; cat {path}"
    return int(run("ip", "netns", "exec", namespace.name, "sh", "-c", command))


class Keeper:
    """A HostKeeper, and everything that it said."""

    def __init__(
        self,
        namespace: Namespace,
        directory: Path,
        wanted: Config,
        *,
        restarted: bool = False,
        enter: bool = True,
    ) -> None:
        self.namespace = namespace
        self.wanted = wanted
        self.loop = Loop()
        self.logged: list[str] = []
        self.links: list[LinkState] = []
        self.lost: list[AddressesLost] = []
        with inside(namespace) if enter else contextlib.nullcontext():
            self.keeper = HostKeeper(
                self.loop,
                config=wanted,
                log=lambda level, text: self.logged.append(f"{level}: {text}"),
                on_link=self.links.append,
                on_lost=self.lost.append,
                restarted=restarted,
                directory=directory,
            )
        if not restarted:
            assert self.keeper.sweep(Ledger()) == []
        self.keeper.start()
        self.keeper.send_links(everything=True)

    def reconfigure(self, wanted: Config) -> list[str]:
        """As the kernel process does it; what went wrong."""
        names = former_names(self.wanted.vrrp_instances, wanted.vrrp_instances)
        self.wanted = wanted
        return self.keeper.reconfigure(wanted, names)

    def until(self, condition: Callable[[], object], wait_s: float = 5.0) -> None:
        """Serve until `condition()` holds."""
        deadline = time.monotonic() + wait_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {wait_s} s; logged {self.logged}"
            self.loop.turn(5_000_000)

    def serve(self, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            self.loop.turn(5_000_000)

    def state(self, interface: str) -> LinkState:
        """What ha was told last."""
        return next(state for state in reversed(self.links) if state.interface == interface)

    def put_back_ms(self, address: str, interface: str) -> float:
        """How long an address is away that ip(8) removes, its own start included.

        The best of three: the machine may have other work.
        """
        took: list[float] = []
        for _ in range(3):
            self.serve(0.02)
            self.lost.clear()
            began = time.monotonic()
            self.namespace.ip("addr", "del", address, "dev", interface)
            self.until(lambda: self.lost)
            took.append((time.monotonic() - began) * 1e3)
            assert self.lost[0].addresses == (address.partition("/")[0],)
        print(f"{address} is back after {[round(one, 1) for one in took]} ms")
        return min(took)

    def stop(self) -> list[str]:
        return self.keeper.release_all() + self.keeper.remove_links()


def addresses(namespace: Namespace, interface: str) -> dict[str, dict[str, Any]]:
    """`ip -d addr` of both families but for the kernel's own, by address."""
    shown = json.loads(namespace.ip("-j", "-d", "addr", "show", "dev", interface) or "[]")
    return {
        entry["local"]: entry
        for link in shown
        for entry in link.get("addr_info", [])
        if entry and entry.get("protocol") != "kernel_ll"
    }


def link(namespace: Namespace, interface: str) -> dict[str, Any] | None:
    """`ip -d link`; None: there is no such interface."""
    shown: list[dict[str, Any]] = json.loads(namespace.ip("-j", "-d", "link", "show"))
    return next((one for one in shown if one["ifname"] == interface), None)


class Neighbour:
    """A host at the other end of a veth: it asks for addresses with frames of its own."""

    MAC = bytes.fromhex("02aabbccddee")

    def __init__(self, namespace: Namespace, interface: str) -> None:
        with inside(namespace):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
            self._socket.bind((interface, 0))

    def close(self) -> None:
        self._socket.close()

    def arp(self, address: str, own: str = "192.0.2.50", wait_s: float = 0.4) -> list[str]:
        """Who answers a request for `address`: the MACs, in the order of the answers."""
        body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + self.MAC + socket.inet_aton(own)
        body += bytes(6) + socket.inet_aton(address)
        self._socket.send(b"\xff" * 6 + self.MAC + b"\x08\x06" + body)
        answers = self.frames(b"\x08\x06", wait_s)
        return [
            frame[22:28].hex(":")
            for frame in answers
            if frame[20:22] == b"\0\2" and frame[28:32] == socket.inet_aton(address)
        ]

    def solicit(self, address: str, own: str = "fe80::50", wait_s: float = 0.4) -> list[str]:
        """The same for IPv6 (RFC 4861): the target link-layer addresses in the answers."""
        target = socket.inet_pton(socket.AF_INET6, address)
        source = socket.inet_pton(socket.AF_INET6, own)
        group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
        icmp = b"\x87\0\0\0" + bytes(4) + target + b"\1\1" + self.MAC
        self._icmp6(source, group, icmp)
        return [
            frame[80:86].hex(":")
            for frame in self.frames(b"\x86\xdd", wait_s)
            if frame[54:55] == b"\x88" and frame[62:78] == target and frame[78:80] == b"\2\1"
        ]

    def advertise(self, prefix: str = "2001:db8:77::", own: str = "fe80::50") -> None:
        """A router advertisement: a default route and a /64 for autoconfiguration (RFC 4861)."""
        option = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86_400, 14_400, 0)
        icmp = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1_800, 0, 0) + option
        icmp += socket.inet_pton(socket.AF_INET6, prefix)
        source = socket.inet_pton(socket.AF_INET6, own)
        self._icmp6(source, socket.inet_pton(socket.AF_INET6, "ff02::1"), icmp)

    def _icmp6(self, source: bytes, group: bytes, icmp: bytes) -> None:
        """Send to a multicast group; `icmp` with a checksum of zero."""
        pseudo = source + group + struct.pack("!IHBB", len(icmp), 0, 0, 58)
        total = sum(struct.unpack(f"!{(len(pseudo) + len(icmp)) // 2}H", pseudo + icmp))
        total = (total & 0xFFFF) + (total >> 16)
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        icmp = icmp[:2] + struct.pack("!H", checksum) + icmp[4:]
        header = struct.pack("!IHBB", 6 << 28, len(icmp), 58, 255) + source + group
        self._socket.send(b"\x33\x33" + group[12:] + self.MAC + b"\x86\xdd" + header + icmp)

    def frames(self, protocol: bytes, wait_s: float) -> list[bytes]:
        """The frames of that EtherType that come within `wait_s`; ours are not among them."""
        deadline = time.monotonic() + wait_s
        found: list[bytes] = []
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                frame, _ = self._socket.recvfrom(2048)
            except TimeoutError:
                break
            if frame[12:14] == protocol and frame[6:12] != self.MAC:
                found.append(frame)
        return found
