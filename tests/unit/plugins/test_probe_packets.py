# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of the packets that try out real servers."""

from __future__ import annotations

import ipaddress
import socket
import struct

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _probe, _probe_packets
from hypothesis import given
from hypothesis import strategies as st

OWN = {4: ipaddress.ip_address("172.16.1.9"), 6: ipaddress.ip_address("2001:db8::9")}
VIRTUAL = {4: ipaddress.ip_address("172.16.1.254"), 6: ipaddress.ip_address("2001:db8::254")}
IDENTIFIER = 0x1234


def reply_to(packet: bytes) -> bytes:
    """What a host answers to an echo request: addresses exchanged, another type."""
    if packet[0] >> 4 == 4:
        start, kind = 20, 0
        head = packet[:12] + packet[16:20] + packet[12:16]
    else:
        start, kind = 40, 129
        head = packet[:8] + packet[24:40] + packet[8:24]
    return head + bytes([kind]) + packet[start + 1 :]


@pytest.mark.parametrize("family", [4, 6])
def test_the_answer_to_an_echo_request_is_recognised(family: int) -> None:
    packet = _probe_packets.echo(OWN[family], VIRTUAL[family], IDENTIFIER, 7)
    assert _probe_packets.answer(packet, IDENTIFIER) is None  # the request itself is none
    answer = _probe_packets.answer(reply_to(packet), IDENTIFIER)
    assert answer == _probe_packets.Answer(VIRTUAL[family], None, 7)
    assert _probe_packets.answer(reply_to(packet), IDENTIFIER + 1) is None


@pytest.mark.parametrize("family", [4, 6])
def test_checksums_are_those_that_a_receiver_computes(family: int) -> None:
    """A receiver sums what it got together with the checksum, and finds 0 (RFC 1071)."""
    packet = _probe_packets.syn(OWN[family], VIRTUAL[family], 40000, 80)
    body = packet[20 if family == 4 else 40 :]
    length, protocol = len(body), 6
    pseudo = OWN[family].packed + VIRTUAL[family].packed
    if family == 4:
        pseudo += struct.pack("!HH", protocol, length)
    else:
        pseudo += struct.pack("!II", length, protocol)
    assert _probe_packets.checksum(pseudo + body) == 0
    if family == 4:
        assert _probe_packets.checksum(packet[:20]) == 0


@pytest.mark.parametrize(
    ("tunnel", "checksummed", "protocol", "head"),
    [
        ("ipip", False, 4, b""),
        ("gre", False, 47, b"\0\0\x08\0"),
        ("gre", True, 47, b"\x80\0\x08\0"),
        ("gue", False, None, b"\0\x04\0\0"),
    ],
)
def test_a_packet_is_wrapped_up_as_the_kernel_does_it(
    tunnel: str, checksummed: bool, protocol: int | None, head: bytes
) -> None:
    packet = _probe_packets.echo(OWN[4], VIRTUAL[4], IDENTIFIER, 1)
    found, payload = _probe_packets.wrapped(packet, tunnel, checksummed)
    assert found == protocol
    assert payload.startswith(head)
    assert payload.endswith(packet)
    if checksummed:
        assert _probe_packets.checksum(payload) == 0


def test_an_arp_reply_tells_who_has_the_address() -> None:
    mac = bytes.fromhex("024c56010010")
    request = _probe_packets.arp_request(mac, OWN[4], VIRTUAL[4])
    assert _probe_packets.arp_reply(request) is None
    reply = request[:6] + b"\0\2" + request[8:]
    assert _probe_packets.arp_reply(reply) == (mac, OWN[4])


@given(st.binary(max_size=80))
def test_nothing_that_comes_in_raises(data: bytes) -> None:
    _probe_packets.answer(data, IDENTIFIER)
    _probe_packets.arp_reply(data)


@given(st.binary(max_size=80), st.sampled_from([0x45, 0x46, 0x4F, 0x60]))
def test_nothing_that_looks_like_ip_raises(data: bytes, first: int) -> None:
    _probe_packets.answer(bytes([first]) + data, IDENTIFIER)


def test_the_master_sends_from_another_address_than_the_one_that_it_tries() -> None:
    far = ipaddress.ip_address("2001:db8:2::9")
    own = {"eth1": [far], "eth0": [OWN[4], VIRTUAL[6], VIRTUAL[4], OWN[6]]}
    for family in (4, 6):
        assert _probe.not_itself(OWN[family], VIRTUAL[family], own) == OWN[family]
        assert _probe.not_itself(VIRTUAL[family], VIRTUAL[family], own) == OWN[family]
    vmac = {"eth1": [far], "vrrp.6": [VIRTUAL[6]], "eth0": [OWN[4]]}
    assert _probe.not_itself(VIRTUAL[6], VIRTUAL[6], vmac) == far
    assert _probe.not_itself(VIRTUAL[6], VIRTUAL[6], {"vrrp.6": [VIRTUAL[6]]}) is None


def passes(version: int, ports: list[int], packet: bytes) -> bool:
    """Whether the kernel lets `packet` through the filter: any socket takes one."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setblocking(False)
        _probe.attach(receiver, _probe_packets.socket_filter(version, ports))
        try:
            sender.send(packet)
            return receiver.recv(65535) == packet
        except (BlockingIOError, PermissionError):
            return False


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_the_kernel_passes_what_may_be_an_answer_and_nothing_else(family: int, count: int) -> None:
    ports = list(range(40000, 40000 + count))
    to_us = [_probe_packets.syn(VIRTUAL[family], OWN[family], 80, port) for port in ports]
    assert all(passes(family, ports, packet) for packet in to_us)
    other = _probe_packets.syn(VIRTUAL[family], OWN[family], 80, 50000)
    assert not passes(family, ports, other)
    echo = _probe_packets.echo(VIRTUAL[family], OWN[family], IDENTIFIER, 0)
    assert passes(family, ports, echo)
    udp = bytearray(other)
    udp[9 if family == 4 else 6] = 17
    assert not passes(family, ports, bytes(udp))
