# SPDX-License-Identifier: GPL-3.0-or-later
"""Our bytes against pyroute2's classes, in both directions, and against hostile input."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.adapters import address_netlink, ipvs_answers, ipvs_codec, ipvs_timeouts, rtnetlink
from lvs_agent.adapters.netlink import HEADER, Refusal, _refusal, attributes, messages
from lvs_agent.core.host_facts import (
    AddressChanged,
    AddressGone,
    HostAddress,
    LinkChanged,
    LinkGone,
)
from lvs_agent.core.ipvs.model import (
    DeleteDestination,
    DeleteService,
    Destination,
    Endpoint,
    NewDestination,
    NewService,
    Operation,
    ServiceKey,
    ServiceSettings,
    SetDestination,
    SetService,
    Tunnel,
    marked,
)
from lvs_agent.core.ipvs.timeouts import Timeouts
from lvs_agent.core.model import VirtualAddress
from pyroute2.netlink.generic.ipvs import ipvsmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

FAMILY = 30
KEY = ServiceKey("TCP", "192.0.2.80", 80)
ENDPOINT = Endpoint("192.0.2.11", 8080)
SETTINGS = ServiceSettings(scheduler="wlc", persistence_timeout_s=360)


def ipvs(operation: Operation) -> Any:
    decoded = ipvsmsg(ipvs_codec.encode(FAMILY, operation))
    decoded.decode()
    return decoded


@pytest.mark.parametrize(
    ("operation", "command"),
    [
        (NewService(KEY, SETTINGS), 1),
        (SetService(KEY, SETTINGS), 2),
        (DeleteService(KEY), 3),
        (NewDestination(KEY, ENDPOINT, Destination(1, "DR")), 5),
        (SetDestination(KEY, ENDPOINT, Destination(1, "DR"), Destination(2, "DR")), 6),
        (DeleteDestination(KEY, ENDPOINT), 7),
    ],
)
def test_operations_carry_command_version_and_service_key(
    operation: Operation, command: int
) -> None:
    decoded = ipvs(operation)
    assert (decoded["cmd"], decoded["version"]) == (command, 1)
    assert decoded["header"]["type"] == FAMILY
    assert decoded["header"]["length"] == len(ipvs_codec.encode(FAMILY, operation))
    service = decoded.get_attr("IPVS_CMD_ATTR_SERVICE")
    assert service.get_attr("IPVS_SVC_ATTR_AF") == 2
    assert service.get_attr("IPVS_SVC_ATTR_PROTOCOL") == 6
    assert service.get_attr("IPVS_SVC_ATTR_ADDR") == "192.0.2.80"
    assert service.get_attr("IPVS_SVC_ATTR_PORT") == 80


def test_service_carries_scheduler_persistence_and_netmask() -> None:
    service = ipvs(NewService(KEY, SETTINGS)).get_attr("IPVS_CMD_ATTR_SERVICE")
    assert service.get_attr("IPVS_SVC_ATTR_SCHED_NAME") == "wlc"
    assert service.get_attr("IPVS_SVC_ATTR_TIMEOUT") == 360
    assert service.get_attr("IPVS_SVC_ATTR_NETMASK") == "255.255.255.255"
    flags = service.get_attr("IPVS_SVC_ATTR_FLAGS")
    assert (flags["flags"], flags["mask"]) == (1, 0x3D)


def test_service_over_ipv6_carries_prefix_length_engine_and_flags() -> None:
    settings = ServiceSettings(
        scheduler="mh",
        persistence_timeout_s=9,
        persistence_prefix=64,
        persistence_engine="sip",
        one_packet=True,
        scheduler_flags=0x18,
    )
    key = ServiceKey("SCTP", "2001:db8::80", 0)
    service = ipvs(NewService(key, settings)).get_attr("IPVS_CMD_ATTR_SERVICE")
    assert service.get_attr("IPVS_SVC_ATTR_AF") == 10
    assert service.get_attr("IPVS_SVC_ATTR_PROTOCOL") == 132
    assert service.get_attr("IPVS_SVC_ATTR_ADDR") == "2001:db8::80"
    assert service.get_attr("IPVS_SVC_ATTR_PORT") == 0
    assert service.get_attr("IPVS_SVC_ATTR_NETMASK") == "64.0.0.0"  # a number, not a mask
    assert service.get_attr("IPVS_SVC_ATTR_PE_NAME") == "sip"
    assert service.get_attr("IPVS_SVC_ATTR_FLAGS")["flags"] == 0x1D


def test_firewall_mark_takes_the_place_of_protocol_address_and_port() -> None:
    service = ipvs(DeleteService(marked(2**32 - 1, 6))).get_attr("IPVS_CMD_ATTR_SERVICE")
    assert service.get_attr("IPVS_SVC_ATTR_AF") == 10
    assert service.get_attr("IPVS_SVC_ATTR_FWMARK") == 2**32 - 1
    for absent in ("PROTOCOL", "ADDR", "PORT"):
        assert service.get_attr(f"IPVS_SVC_ATTR_{absent}") is None


def test_tunnel_in_bytes() -> None:
    """Golden bytes, as below: pyroute2 takes the port for a number of this host's byte order."""
    gue = Destination(1, "TUN", tunnel=Tunnel("gue", 6080, "remcsum"))
    plain = ipvs_codec.encode(FAMILY, NewDestination(KEY, ENDPOINT, Destination(1, "TUN")))
    encoded = ipvs_codec.encode(FAMILY, NewDestination(KEY, ENDPOINT, gue))
    tunnel = bytes.fromhex("0500 0d00 010000000600 0e00 17c0 00000600 0f00 0200 0000")
    assert encoded.endswith(plain[-8:] + tunnel)
    assert len(encoded) == len(plain) + len(tunnel)
    decoded = ipvsmsg(encoded)
    decoded.decode()
    assert decoded.get_attr("IPVS_CMD_ATTR_DEST").get_attr("IPVS_DEST_ATTR_TUN_TYPE") == 1


@given(
    st.builds(Endpoint, st.ip_addresses().map(str), st.integers(0, 65_535)),
    st.builds(
        Destination,
        st.integers(0, 2**31 - 1),
        st.sampled_from(["NAT", "LOCAL", "TUN", "DR", "BYPASS"]),
        st.integers(0, 2**31),
        st.integers(0, 2**31),
        st.none(),
    ),
)
def test_destination_is_read_by_pyroute2_as_it_was_meant(
    endpoint: Endpoint, destination: Destination
) -> None:
    found = ipvs(NewDestination(KEY, endpoint, destination)).get_attr("IPVS_CMD_ATTR_DEST")
    assert ip_address(found.get_attr("IPVS_DEST_ATTR_ADDR")) == ip_address(endpoint.address)
    assert found.get_attr("IPVS_DEST_ATTR_PORT") == endpoint.port
    assert found.get_attr("IPVS_DEST_ATTR_ADDR_FAMILY") == (10 if ":" in endpoint.address else 2)
    assert found.get_attr("IPVS_DEST_ATTR_WEIGHT") == destination.weight
    assert found.get_attr("IPVS_DEST_ATTR_U_THRESH") == destination.upper_threshold
    assert found.get_attr("IPVS_DEST_ATTR_L_THRESH") == destination.lower_threshold
    method = ["NAT", "LOCAL", "TUN", "DR", "BYPASS"].index(destination.forwarding)
    assert found.get_attr("IPVS_DEST_ATTR_FWD_METHOD") == method


def test_destination_in_bytes() -> None:
    """Golden bytes, written down from linux/ip_vs.h by hand (little endian)."""
    encoded = ipvs_codec.encode(FAMILY, NewDestination(KEY, ENDPOINT, Destination(7, "DR")))
    expected = (
        "8c00 0000 1e00 0100 00000000 00000000"  # nlmsghdr: 140 bytes, family, NLM_F_REQUEST
        "05 01 0000"  # IPVS_CMD_NEW_DEST, version 1
        "3000 0100"  # IPVS_CMD_ATTR_SERVICE
        "0600 0100 0200 0000" "0600 0200 0600 0000"  # AF_INET, IPPROTO_TCP
        "1400 0300 c0000250 00000000 00000000 00000000"  # 192.0.2.80
        "0600 0400 0050 0000"  # port 80, big endian
        "4800 0200"  # IPVS_CMD_ATTR_DEST
        "1400 0100 c000020b 00000000 00000000 00000000" "0600 0200 1f90 0000"  # 192.0.2.11:8080
        "0600 0b00 0200 0000"  # AF_INET
        "0800 0300 03000000" "0800 0400 07000000"  # DR, weight 7
        "0800 0500 00000000" "0800 0600 00000000"  # no thresholds
    )  # fmt: skip
    assert encoded == bytes.fromhex(expected)


def body_of(command: int, attrs: list[Any]) -> bytes:
    """What the kernel would answer, made by pyroute2, without the netlink header."""
    made = ipvsmsg()
    made["cmd"], made["version"] = command, 1
    made["attrs"] = attrs
    made.encode()
    return bytes(made.data)[HEADER.size :]


def destination_body(weight: int, *, statistics: bool = True) -> bytes:
    attrs = [
        ["IPVS_DEST_ATTR_ADDR_FAMILY", 2],
        ["IPVS_DEST_ATTR_ADDR", "192.0.2.11"],
        ["IPVS_DEST_ATTR_PORT", 8080],
        ["IPVS_DEST_ATTR_FWD_METHOD", 3],
        ["IPVS_DEST_ATTR_WEIGHT", weight],
        ["IPVS_DEST_ATTR_U_THRESH", 9],
        ["IPVS_DEST_ATTR_L_THRESH", 8],
        ["IPVS_DEST_ATTR_ACTIVE_CONNS", 4],
        ["IPVS_DEST_ATTR_INACT_CONNS", 5],
    ]
    if statistics:
        names = ("CONNS", "INPKTS", "OUTPKTS", "INBYTES", "OUTBYTES")
        values = [[f"IPVS_STATS_ATTR_{n}", 2**40 + i] for i, n in enumerate(names)]
        attrs.append(["IPVS_DEST_ATTR_STATS64", {"attrs": values}])
    return body_of(5, [["IPVS_CMD_ATTR_DEST", {"attrs": attrs}]])


def test_destination_is_decoded_alike_by_the_learned_layout_and_attribute_by_attribute() -> None:
    for weight in (1, 77, 2**31 - 1):
        body = destination_body(weight)
        decoded = ipvs_answers.decode_destination(body)
        assert decoded == ipvs_answers._decode_destination(body)
        assert decoded is not None
        endpoint, destination, counters = decoded
        assert endpoint == ENDPOINT
        assert destination == Destination(weight, "DR", 9, 8)
        assert counters == (2**40, 2**40 + 1, 2**40 + 2, 2**40 + 3, 2**40 + 4, 4, 5)
    assert len(body) in ipvs_answers._layouts


def test_destination_of_the_same_length_with_other_attributes_is_not_misread() -> None:
    body = destination_body(3)
    ipvs_answers.decode_destination(body)
    # The two thresholds change places: same length, other layout.
    upper, lower = struct.pack("=HHI", 8, 5, 9), struct.pack("=HHI", 8, 6, 8)
    swapped = body.replace(upper + lower, lower + upper)
    assert swapped != body
    assert ipvs_answers.decode_destination(swapped) == ipvs_answers.decode_destination(body)


def test_destination_without_wide_statistics_is_decoded() -> None:
    decoded = ipvs_answers.decode_destination(destination_body(3, statistics=False))
    assert decoded is not None
    assert decoded[1].weight == 3
    assert decoded[2].connections == 0


def test_service_answer_is_decoded_and_kinds_that_are_never_ours_are_skipped() -> None:
    def service(**more: Any) -> Any:
        values = {
            "AF": 2, "PROTOCOL": 17, "ADDR": "192.0.2.80", "PORT": 53, "SCHED_NAME": "wlc",
            "FLAGS": {"flags": 3, "mask": 0xFFFFFFFF}, "TIMEOUT": 360, "NETMASK": "255.255.255.0",
        } | more  # fmt: skip
        attrs = [[f"IPVS_SVC_ATTR_{n}", v] for n, v in values.items() if v is not None]
        return ipvs_answers.decode_service(
            body_of(1, [["IPVS_CMD_ATTR_SERVICE", {"attrs": attrs}]])
        )

    key, settings, _ = service()
    assert key == ServiceKey("UDP", "192.0.2.80", 53)
    assert settings == ServiceSettings(
        scheduler="wlc", persistence_timeout_s=360, persistence_prefix=24
    )
    assert service(FLAGS={"flags": 2, "mask": 0})[1].persistence_timeout_s == 0
    assert service(PROTOCOL=132)[0] == ServiceKey("SCTP", "192.0.2.80", 53)
    assert service(AF=10, ADDR="2001:db8::1", NETMASK=None)[0].address == "2001:db8::1"
    assert service(FWMARK=7, PROTOCOL=None, ADDR=None, PORT=None)[0] == marked(7, 4)
    assert service(PROTOCOL=1) is None


def as_the_kernel_answers(key: ServiceKey, endpoint: Endpoint, destination: Destination) -> bytes:
    """The request that makes a destination, as an answer, with what the kernel adds to it: the
    tunnel, which it tells of every destination, and counters (ip_vs_genl_fill_dest)."""
    request = ipvs_codec.encode(FAMILY, NewDestination(key, endpoint, destination))[HEADER.size :]
    (service_length,) = struct.unpack_from("=H", request, 4)
    inner = request[4 + service_length + 4 :]
    if destination.tunnel is None:
        inner += bytes.fromhex("0500 0d00 000000000600 0e00 0000 00000600 0f00 0000 0000")
    inner += b"".join(struct.pack("=HHI", 8, kind, kind) for kind in (7, 8, 9))
    statistics = b"".join(struct.pack("=HHQ", 12, kind, 2**40 + kind) for kind in range(1, 6))
    inner += struct.pack("=HH", 4 + len(statistics), 12) + statistics
    return request[:4] + struct.pack("=HH", 4 + len(inner), 2) + inner


tunnels = st.none() | st.builds(
    Tunnel,
    st.sampled_from(["gue", "gre"]),
    st.integers(0, 65_535),
    st.sampled_from(["nocsum", "csum", "remcsum"]),
)


@given(st.ip_addresses().map(str), st.integers(0, 65_535), tunnels, st.integers(0, 2**31 - 1))
def test_what_is_encoded_is_decoded_alike_on_both_ways(
    address: str, port: int, tunnel: Tunnel | None, number: int
) -> None:
    endpoint = Endpoint(address, port)
    for destination in (
        Destination(number, "TUN", number, 3, tunnel),
        Destination(number, "NAT", 0, number),
    ):
        body = as_the_kernel_answers(KEY, endpoint, destination)
        decoded = ipvs_answers.decode_destination(body)
        assert decoded is not None
        assert decoded[:2] == (endpoint, destination)
        assert decoded == ipvs_answers._decode_destination(body)


keys = st.builds(
    ServiceKey,
    st.sampled_from(["TCP", "UDP", "SCTP"]),
    st.ip_addresses().map(str),
    st.integers(0, 65_535),
    st.just(0),
) | st.builds(marked, st.integers(1, 2**32 - 1), st.sampled_from([4, 6]))


@given(
    keys,
    st.builds(
        ServiceSettings,
        scheduler=st.sampled_from(["rr", "mh"]),
        persistence_timeout_s=st.integers(0, 2**31),
        persistence_prefix=st.none() | st.integers(1, 31),
        persistence_engine=st.sampled_from([None, "sip"]),
        one_packet=st.booleans(),
        scheduler_flags=st.integers(0, 7).map(lambda bits: bits << 3),
    ),
)
def test_service_is_decoded_as_it_was_encoded(key: ServiceKey, settings: ServiceSettings) -> None:
    answer = ipvs_codec.encode(FAMILY, NewService(key, settings))[HEADER.size :]
    decoded = ipvs_answers.decode_service(answer)
    assert decoded is not None
    assert decoded[:2] == (key, settings)


def test_timeouts_are_read_as_they_were_set() -> None:
    body = ipvs_timeouts.change(FAMILY, Timeouts(7200, 30, 60))[HEADER.size :]
    assert body.hex(" ", 4) == (
        "0c010000 08000400 201c0000 08000500 1e000000 08000600 3c000000"  # linux/ip_vs.h
    )
    assert ipvs_timeouts.decode(body) == Timeouts(7200, 30, 60)
    assert ipvs_timeouts.decode(body[:-8]) is None


@given(st.binary(max_size=100))
def test_hostile_timeouts_raise_nothing(body: bytes) -> None:
    ipvs_timeouts.decode(body)


def test_netmask_that_is_no_prefix_is_never_taken_for_one() -> None:
    answer = ipvs_codec.encode(FAMILY, NewService(KEY, SETTINGS))[HEADER.size :]
    odd = answer.replace(bytes.fromhex("0800 0900 ffffffff"), bytes.fromhex("0800 0900 ff00ffff"))
    assert odd != answer
    decoded = ipvs_answers.decode_service(odd)
    assert decoded is not None
    assert decoded[1].persistence_prefix == -1


def test_tunnel_of_a_newer_kernel_is_told_by_number() -> None:
    body = as_the_kernel_answers(KEY, ENDPOINT, Destination(1, "TUN", tunnel=Tunnel("gre")))
    odd = body.replace(bytes.fromhex("0500 0d00 02"), bytes.fromhex("0500 0d00 09"))
    decoded = ipvs_answers.decode_destination(odd)
    assert decoded is not None
    assert decoded[1].tunnel == Tunnel("9", 0, "nocsum")


@given(st.binary(max_size=300), st.integers(0, 400), st.booleans())
def test_answers_with_damage_raise_nothing(noise: bytes, place: int, is_service: bool) -> None:
    body = (
        ipvs_codec.encode(FAMILY, NewService(KEY, SETTINGS))[HEADER.size :]
        if is_service
        else as_the_kernel_answers(KEY, ENDPOINT, Destination(1, "TUN", tunnel=Tunnel("gre")))
    )
    ipvs_answers.decode_destination(body)
    damaged = body[:place] + noise + body[place + len(noise) :]
    ipvs_answers.decode_service(damaged)
    ipvs_answers.decode_destination(damaged)


@given(st.binary(max_size=300))
def test_hostile_ipvs_answers_raise_nothing(body: bytes) -> None:
    ipvs_answers.decode_service(body)
    ipvs_answers.decode_destination(body)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_hostile_attributes_and_messages_end(data: bytes, start: int) -> None:
    assert len(list(attributes(data, start))) <= len(data)
    assert len(list(messages(data))) <= len(data)


ADDRESS = VirtualAddress(
    address="192.0.2.99",
    prefix_length=24,
    interface="eth0",
    broadcast="192.0.2.255",
    label="eth0:1",
    scope="link",
)


def test_added_address_is_read_by_pyroute2_as_it_was_meant() -> None:
    decoded = ifaddrmsg(address_netlink.encode_add(ADDRESS, 7))
    decoded.decode()
    assert decoded["header"]["type"] == 20
    assert decoded["header"]["flags"] == 0x601  # REQUEST | CREATE | EXCL
    assert (decoded["prefixlen"], decoded["index"], decoded["scope"]) == (24, 7, 253)
    assert decoded.get_attr("IFA_LOCAL") == decoded.get_attr("IFA_ADDRESS") == "192.0.2.99"
    assert decoded.get_attr("IFA_BROADCAST") == "192.0.2.255"
    assert decoded.get_attr("IFA_LABEL") == "eth0:1"


def test_deleted_address_names_its_prefix() -> None:
    decoded = ifaddrmsg(address_netlink.encode_delete("192.0.2.99", 24, 7))
    decoded.decode()
    assert decoded["header"]["type"] == 21
    assert (decoded["prefixlen"], decoded["index"]) == (24, 7)
    assert decoded.get_attr("IFA_LOCAL") == decoded.get_attr("IFA_ADDRESS") == "192.0.2.99"


def rtnl(made: Any, kind: int, **fields: Any) -> bytes:
    made["header"]["type"] = kind
    attrs = fields.pop("attrs", [])
    for name, value in fields.items():
        made[name] = value
    made["attrs"] = attrs
    made.encode()
    return bytes(made.data)


def test_monitor_understands_addresses_and_links_and_skips_the_rest() -> None:
    attrs = [["IFA_LOCAL", "192.0.2.2"], ["IFA_ADDRESS", "192.0.2.2"], ["IFA_LABEL", "eth0"]]
    added = rtnl(ifaddrmsg(), 20, family=2, index=3, prefixlen=24, flags=1, attrs=attrs)
    gone = rtnl(ifaddrmsg(), 21, family=2, index=3, prefixlen=24, attrs=attrs)
    six = rtnl(ifaddrmsg(), 20, family=10, index=3, attrs=[["IFA_ADDRESS", "2001:db8::1"]])
    other = rtnl(ifaddrmsg(), 20, family=11, index=3, attrs=[])
    names = [["IFLA_IFNAME", "eth0"], ["IFLA_ADDRESS", "02:00:00:00:00:01"]]
    link = rtnl(ifinfmsg(), 16, family=0, index=3, flags=0x41, attrs=names)
    port = rtnl(ifinfmsg(), 17, family=7, index=3, attrs=names)  # AF_BRIDGE: left a bridge
    away = rtnl(ifinfmsg(), 17, family=0, index=3, attrs=names)
    events = rtnetlink.decode(added + gone + six + other + link + port + away)
    kinds = [AddressChanged, AddressGone, AddressChanged, LinkChanged, LinkGone]
    assert [type(event) for event in events] == kinds
    changed, _, changed6, new_link, gone_link = events
    assert isinstance(changed6, AddressChanged)
    assert changed6.address.address == "2001:db8::1"
    assert isinstance(changed, AddressChanged)
    assert changed.address.secondary
    assert isinstance(new_link, LinkChanged)
    assert new_link.link.running
    assert new_link.link.mac == "02:00:00:00:00:01"
    assert gone_link == LinkGone(index=3)


def test_every_attribute_of_an_address_is_read() -> None:
    lifetimes = {"ifa_preferred": 60, "ifa_valid": 0xFFFFFFFF, "cstamp": 1, "tstamp": 2}
    attrs = [
        ["IFA_LOCAL", "192.0.2.2"],
        ["IFA_ADDRESS", "192.0.2.3"],
        ["IFA_BROADCAST", "192.0.2.255"],
        ["IFA_LABEL", "eth0:7"],
        ["IFA_FLAGS", 0x281],
        ["IFA_CACHEINFO", lifetimes],
    ]
    data = rtnl(ifaddrmsg(), 20, family=2, index=3, prefixlen=24, flags=1, scope=200, attrs=attrs)
    (event,) = rtnetlink.decode(data)
    assert event == AddressChanged(
        HostAddress(
            3, "192.0.2.2", 24, "site", 0x281, "192.0.2.255", "eth0:7", "192.0.2.3", 60
        )
    )  # fmt: skip


def test_macvlan_is_told_with_kind_mode_and_what_it_stands_on() -> None:
    info = [
        ["IFLA_INFO_KIND", "macvlan"],
        ["IFLA_INFO_DATA", {"attrs": [["IFLA_MACVLAN_MODE", "private"]]}],
    ]
    attrs = [["IFLA_IFNAME", "vrrp.51"], ["IFLA_LINK", 3], ["IFLA_LINKINFO", {"attrs": info}]]
    (event,) = rtnetlink.decode(rtnl(ifinfmsg(), 16, family=0, index=9, flags=0x41, attrs=attrs))
    assert isinstance(event, LinkChanged)
    link = event.link
    assert (link.kind, link.mode, link.lower, link.mac) == ("macvlan", 1, 3, None)


@given(st.sampled_from([16, 17, 20, 21]), st.binary(max_size=200))
def test_hostile_changes_of_the_host_raise_nothing(kind: int, body: bytes) -> None:
    data = HEADER.pack(HEADER.size + len(body), kind, 0, 0, 0) + body
    assert len(rtnetlink.decode(data)) <= 1


def test_ipv6_address_is_added_with_flags_peer_and_lifetime() -> None:
    address = VirtualAddress(
        address="2001:db8::9",
        prefix_length=64,
        interface="eth0",
        peer="2001:db8::8",
        home=True,
        nodad=True,
        mngtmpaddr=True,
        noprefixroute=True,
        autojoin=True,
        preferred_lft_s=0,
    )
    decoded = ifaddrmsg(address_netlink.encode_add(address, 7))
    decoded.decode()
    assert (decoded["family"], decoded["prefixlen"], decoded["scope"]) == (10, 64, 0)
    assert decoded.get_attr("IFA_LOCAL") == "2001:db8::9"
    assert decoded.get_attr("IFA_ADDRESS") == "2001:db8::8"
    assert decoded.get_attr("IFA_FLAGS") == 0x712
    assert decoded.get_attr("IFA_CACHEINFO")["ifa_preferred"] == 0
    assert decoded.get_attr("IFA_CACHEINFO")["ifa_valid"] == 0xFFFFFFFF
    assert decoded.get_attr("IFA_PROTO") is None  # whose address it is is not ours to say


def test_refusal_has_the_kernels_own_words() -> None:
    words = b"Invalid prefix\0"
    tlv = struct.pack("=HH", 4 + len(words), 1) + words
    capped = struct.pack("=i", -22) + HEADER.pack(16, 20, 0, 1, 0) + tlv
    assert _refusal(0x300, capped) == Refusal(22, "Invalid prefix")
    assert _refusal(0x100, struct.pack("=i", -17) + bytes(16)) == Refusal(17, "")
