# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries out real servers from a director.

Owns the sockets, the order and the words. `_probe_packets` has the bytes. It sees what comes in
before the kernel judges it: an answer comes from a virtual address, which the master has itself.
"""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import select
import socket
import struct
import time
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _host, _probe_packets, _probe_words
from ansible_collections.lvs.cluster.plugins.module_utils._probe_packets import Address

_ROUNDS = 3
# A real server on the same or a near network answers within a millisecond; a busy one may not.
_ROUND_S = 0.7
# One source port each, and a BPF program holds no more than 250.
_BATCH = 100
# More would take minutes; what follows has the same roles applied as what came before.
_LIMIT = 1000
_BROADCAST = b"\xff" * 6
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_OUTGOING = 4  # linux/if_packet.h


class Result(NamedTuple):
    """Sentences for people, and how many probes were tried."""

    faults: list[str]
    skipped: list[str]
    tried: int


class Way(NamedTuple):
    """How this host reaches an address: by `interface`, as `source`; `mac` None: not directly."""

    interface: str
    source: Address
    mac: bytes | None
    router: str | None


class Trial(NamedTuple):
    """A probe with what it needs: `port` is the source port of its SYN."""

    probe: dict[str, Any]
    way: Way
    index: int
    port: int


def run(module: Any, probes: list[dict[str, Any]]) -> Result:
    """Try all of them. Raises HostError and OSError."""
    result = Result([], [], 0)
    if len(probes) > _LIMIT:
        result.skipped.append(f"{len(probes) - _LIMIT} of {len(probes)} probes: too many")
    probes = probes[:_LIMIT]
    for start in range(0, len(probes), _BATCH):
        batch = _Batch(module, result, probes[start : start + _BATCH])
        try:
            batch.try_all()
        finally:
            batch.close()
    return Result(result.faults, result.skipped, len(probes))


class _Batch:
    """Some probes at once."""

    def __init__(self, module: Any, result: Result, probes: list[dict[str, Any]]) -> None:
        self._module = module
        self._result = result
        self._probes = probes
        self._identifier = os.getpid() & 0xFFFF
        self._ip = _host.binary(module, "ip")[0]
        self._own = _own_addresses(module, self._ip)
        self._sockets: list[socket.socket] = []
        self._frames: dict[int, socket.socket] = {}
        # Which interface each answer came by, by index of the probe.
        self._answered: dict[int, str] = {}
        self._told: dict[Address, set[bytes]] = {}

    def close(self) -> None:
        for each in self._sockets:
            each.close()

    def try_all(self) -> None:
        trials = [trial for each in enumerate(self._probes) for trial in self._prepared(*each)]
        if not trials:
            return
        self._listen([trial.port for trial in trials])
        for __ in range(_ROUNDS):
            waiting = [trial for trial in trials if trial.index not in self._answered]
            if not waiting:
                break
            for trial in waiting:
                self._send(trial)
            # All of the time, even when everything is answered: who answers ARP may be slower.
            self._collect(trials, time.monotonic() + _ROUND_S)
        # A router that has just started takes its addresses back, perhaps in the middle of this.
        self._own = _own_addresses(self._module, self._ip)
        for trial in trials:
            if trial.probe["kind"] == "NAT" and not self._inside(trial.probe):
                self._result.skipped.append(
                    f"{trial.probe['real_server']}: {trial.probe['gateway']} has moved to another"
                    " director meanwhile"
                )
                continue
            address = ipaddress.ip_address(trial.probe["virtual_address"])
            seen = _probe_words.Seen(
                source=str(trial.way.source),
                arrived=self._answered.get(trial.index),
                inside=self._inside(trial.probe),
                claims=trial.way.mac in self._told.get(address, ()),
            )
            self._result.faults.extend(_probe_words.faults(trial.probe, seen))

    # -- before ---------------------------------------------------------------------------

    def _prepared(self, index: int, probe: dict[str, Any]) -> list[Trial]:
        """The trial of a probe, none where it cannot be tried from here."""
        address = ipaddress.ip_address(probe["address"])
        way = self._way(address)
        who = f"{probe['real_server']} ({address})"
        if way is None:
            self._result.skipped.append(f"{who} is not reachable from here")
            return []
        if way.mac is None and probe["kind"] != "TUN":
            self._not_a_neighbour(probe["kind"], who, way)
            return []
        if probe["kind"] == "NAT":
            source = self._outside(probe)
            if source is None:
                return []
            way = way._replace(source=source)
        elif way.source.version != ipaddress.ip_address(probe["virtual_address"]).version:
            source = self._source(ipaddress.ip_address(probe["virtual_address"]))
            if source is None:
                self._result.skipped.append(f"{who}: this host has no address of that family")
                return []
            way = way._replace(source=source)
        return [Trial(probe, way, index, self._reserve(way.source))]

    def _not_a_neighbour(self, kind: str, who: str, way: Way) -> None:
        if way.router is None:
            self._result.skipped.append(f"{who} does not answer to neighbour discovery")
        elif kind == "DR":
            self._result.faults.append(
                f"{who} is behind the router {way.router}: direct routing needs it on a network of"
                " the directors; use lb_kind TUN, or correct its address"
            )
        else:
            self._result.faults.append(
                f"{who} is behind the router {way.router}: NAT needs it on a network of the"
                " directors, or its answers do not come back through them"
            )

    def _outside(self, probe: dict[str, Any]) -> Address | None:
        """An own address on the clients' side; None where this is not the place to try NAT."""
        gateway = ipaddress.ip_address(probe["gateway"])
        inside = self._inside(probe)
        if not inside:
            return None  # the director that has it tries
        virtual = ipaddress.ip_address(probe["virtual_address"])
        for name, listed in self._own.items():
            others = [each for each in listed if each not in (virtual, gateway)]
            if virtual in listed and name not in inside and others:
                return others[0]
        self._result.skipped.append(
            f"{probe['real_server']}: {virtual} is not on another network of this host, so that its"
            " way back cannot be told from the direct one"
        )
        return None

    def _inside(self, probe: dict[str, Any]) -> set[str]:
        """The interfaces of this host that have the gateway."""
        if not probe["gateway"]:
            return set()
        gateway = ipaddress.ip_address(probe["gateway"])
        return {name for name, listed in self._own.items() if gateway in listed}

    def _way(self, address: Address) -> Way | None:
        code, output, __ = self._module.run_command(
            [self._ip, "-json", "route", "get", str(address)]
        )
        if code != 0:
            return None
        (route,) = json.loads(output)
        source = ipaddress.ip_address(route["prefsrc"])
        router = route.get("gateway")
        mac = None if router else self._mac(address, route["dev"])
        return Way(route["dev"], source, mac, router)

    def _source(self, target: Address) -> Address | None:
        command = [self._ip, "-json", "route", "get", str(target)]
        code, output, __ = self._module.run_command(command)
        found = json.loads(output)[0].get("prefsrc") if code == 0 else None
        return not_itself(ipaddress.ip_address(found), target, self._own) if found else None

    def _mac(self, address: Address, interface: str) -> bytes | None:
        """Asks the kernel, which asks the neighbour."""
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as nudge:
            try:
                nudge.sendto(b"", (str(address), 9))
            except OSError:
                return None
        deadline = time.monotonic() + _ROUND_S * _ROUNDS
        command = [self._ip, f"-{address.version}", "-json", "neigh", "show", "to", str(address),
                   "dev", interface]  # fmt: skip
        while True:
            __, output, __ = self._module.run_command(command)
            for each in json.loads(output or "[]"):
                if "lladdr" in each:
                    return bytes.fromhex(each["lladdr"].replace(":", ""))
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)

    def _reserve(self, source: Address) -> int:
        """A TCP port that nothing else on this host uses meanwhile."""
        family = socket.AF_INET6 if source.version == 6 else socket.AF_INET
        reserved = socket.socket(family, socket.SOCK_STREAM)
        self._sockets.append(reserved)
        reserved.bind((str(source), 0))
        port: int = reserved.getsockname()[1]
        return port

    def _listen(self, ports: list[int]) -> None:
        for ethertype, version in (
            (_probe_packets.ETH_IP, 4),
            (_probe_packets.ETH_IPV6, 6),
            (_probe_packets.ETH_ARP, 0),
        ):
            # From all interfaces. What comes in before the filter is there, nobody waits for.
            frames = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ethertype))
            self._sockets.append(frames)
            self._frames[ethertype] = frames
            if version:
                attach(frames, _probe_packets.socket_filter(version, ports))
            frames.setblocking(False)

    # -- out ------------------------------------------------------------------------------

    def _send(self, trial: Trial) -> None:
        probe, way = trial.probe, trial.way
        if probe["kind"] == "NAT":
            self._plainly(trial)
            return
        target = ipaddress.ip_address(probe["virtual_address"])
        packets = [_probe_packets.echo(way.source, target, self._identifier, trial.index)]
        if probe["port"]:
            packets.append(_probe_packets.syn(way.source, target, trial.port, probe["port"]))
        for packet in packets:
            if probe["kind"] == "DR":
                self._frame(way.interface, packet, way.mac or b"")
            else:
                self._tunnel(probe, packet)
        if probe["kind"] == "DR" and target.version == 4:
            mac = _interface_mac(way.interface)
            request = _probe_packets.arp_request(mac, way.source, target)
            place = (way.interface, _probe_packets.ETH_ARP, 0, 0, _BROADCAST)
            self._frames[_probe_packets.ETH_ARP].sendto(request, place)

    def _plainly(self, trial: Trial) -> None:
        """Packets of our own to the real server's own address, as a client's come out of IPVS."""
        target = ipaddress.ip_address(trial.probe["address"])
        packet = _probe_packets.syn(trial.way.source, target, trial.port, trial.probe["port"])
        self._frame(trial.way.interface, packet, trial.way.mac or b"")

    def _frame(self, interface: str, packet: bytes, mac: bytes) -> None:
        version = packet[0] >> 4
        ethertype = _probe_packets.ETH_IP if version == 4 else _probe_packets.ETH_IPV6
        self._frames[ethertype].sendto(packet, (interface, ethertype, 0, 0, mac))

    def _tunnel(self, probe: dict[str, Any], packet: bytes) -> None:
        protocol, payload = _probe_packets.wrapped(packet, probe["tunnel"], probe["checksum"])
        family = socket.AF_INET6 if ":" in probe["address"] else socket.AF_INET
        if protocol is None:
            with socket.socket(family, socket.SOCK_DGRAM) as outer:
                outer.sendto(payload, (probe["address"], probe["tunnel_port"]))
        else:
            with socket.socket(family, socket.SOCK_RAW, protocol) as outer:
                outer.sendto(payload, (probe["address"], 0))

    # -- back -----------------------------------------------------------------------------

    def _collect(self, trials: list[Trial], deadline: float) -> None:
        by_port = {trial.port: trial for trial in trials}
        by_index = {trial.index: trial for trial in trials}
        while (left := deadline - time.monotonic()) > 0:
            readable, __, __ = select.select(list(self._frames.values()), [], [], left)
            for frames in readable:
                data, place = frames.recvfrom(65535)
                if place[2] == _OUTGOING:
                    continue
                if frames is self._frames[_probe_packets.ETH_ARP]:
                    reply = _probe_packets.arp_reply(data)
                    if reply is not None:
                        self._told.setdefault(reply[1], set()).add(reply[0])
                    continue
                answer = _probe_packets.answer(data, self._identifier)
                if answer is None:
                    continue
                trial = by_port.get(answer.port or 0) or by_index.get(
                    -1 if answer.sequence is None else answer.sequence
                )
                if trial is not None and answer.source == _expected(trial):
                    self._answered[trial.index] = place[0]


def _expected(trial: Trial) -> Address:
    name = "address" if trial.probe["kind"] == "NAT" else "virtual_address"
    return ipaddress.ip_address(trial.probe[name])


def not_itself(found: Address, target: Address, own: dict[str, list[Address]]) -> Address | None:
    """What to send to `target` from, where the kernel says `found`.

    The master has the target itself, and the kernel would send from there: no other host answers
    that. Another own address of the family then, on the same interface if there is one.
    """
    if found != target:
        return found
    nearest = sorted(own.values(), key=lambda listed: target not in listed)
    others = [each for listed in nearest for each in listed if each.version == target.version]
    return next((each for each in others if each != target), None)


def _own_addresses(module: Any, ip: str) -> dict[str, list[Address]]:
    """The addresses of each interface but lo."""
    output = _host.run(module, [ip, "-json", "address", "show"], "ip address show")
    return {
        link["ifname"]: [
            ipaddress.ip_address(each["local"])
            for each in link.get("addr_info", [])
            if each.get("scope") == "global"
        ]
        for link in json.loads(output or "[]")
        if link["ifname"] != "lo"
    }


def _interface_mac(interface: str) -> bytes:
    text = _host.read_text(f"/sys/class/net/{interface}/address") or ""
    return bytes.fromhex(text.strip().replace(":", ""))


def attach(frames: socket.socket, program: bytes) -> None:
    """Let only pass what the filter `program` gives.

    setsockopt takes a struct sock_fprog: a length and a pointer (linux/filter.h).
    """
    kept = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("HP", len(program) // 8, ctypes.addressof(kept))
    frames.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
