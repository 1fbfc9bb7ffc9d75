# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes and rules as rtnetlink messages: what is encoded is decoded, and nothing hurts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.adapters import route_netlink as codec
from lvs_agent.adapters.netlink import HEADER
from lvs_agent.adapters.route_answers import decode_route, decode_rule
from lvs_agent.core.ledger import route_entry
from lvs_agent.core.model import NextHop, Route, Rule
from lvs_agent.core.routes import is_exactly

INDEXES = {"eth0": 2, "eth1": 3}
NAMES = {index: name for name, index in INDEXES.items()}

interfaces = st.sampled_from(sorted(INDEXES))
addresses = {4: st.ip_addresses(v=4).map(str), 6: st.ip_addresses(v=6).map(str)}
numbers = st.none() | st.integers(1, 2**31)


def networks(family: int) -> st.SearchStrategy[tuple[str, int]]:
    bits = 32 if family == 4 else 128
    return st.tuples(addresses[family], st.integers(1, bits)) | st.just(
        ("0.0.0.0" if family == 4 else "::", 0)
    )


@st.composite
def routes(draw: st.DrawFn) -> Route:
    family = draw(st.sampled_from([4, 6]))
    kind = draw(st.sampled_from(sorted(codec.KINDS)))
    hops = st.builds(
        NextHop,
        via=st.none() | addresses[family] | addresses[6],
        interface=interfaces,
        weight=st.integers(1, 256),
        onlink=st.booleans(),
    )
    return Route(
        family=family,
        kind=kind,
        destination=draw(networks(family)),
        next_hops=tuple(draw(st.lists(hops, min_size=1, max_size=4))) if kind == "unicast" else (),
        table=draw(st.integers(1, 2**32 - 1)),
        source=draw(st.none() | addresses[family]),
        metric=draw(numbers),
        scope=draw(st.none() | st.sampled_from(["global", "link", "host"])),
        mtu=draw(numbers),
        advmss=draw(numbers),
    )


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    family = draw(st.sampled_from([4, 6]))
    action = draw(st.sampled_from(sorted(codec.RULE_ACTIONS)))
    ports = st.none() | st.tuples(st.integers(1, 65_535), st.integers(1, 65_535))
    words = st.none() | st.integers(1, 2**31)
    return Rule(
        family=family,
        preference=draw(st.integers(0, 2**32 - 1)),
        action=action,
        table=draw(st.integers(1, 2**32 - 1)) if action == "lookup" else None,
        source=draw(st.none() | networks(family)),
        destination=draw(st.none() | networks(family)),
        input_interface=draw(st.none() | interfaces),
        output_interface=draw(st.none() | interfaces),
        fwmark=draw(st.none() | st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))),
        tos=draw(st.none() | st.integers(0, 255)),
        inverted=draw(st.booleans()),
        ip_protocol=draw(st.none() | st.integers(0, 255)),
        source_ports=draw(ports),
        destination_ports=draw(ports),
        suppress_prefix_length=draw(words),
    )


def body(message: bytes) -> bytes:
    return message[HEADER.size :]


@given(routes())
def test_route_survives_the_way_to_the_kernel_and_back(route: Route) -> None:
    found = decode_route(body(codec.add_route(route, INDEXES)), NAMES)
    assert found is not None
    assert is_exactly(route, found.entry)
    assert codec.route_identity(found.body) == route_entry(route)


@given(rules())
def test_rule_survives_the_way_to_the_kernel_and_back(rule: Rule) -> None:
    found = decode_rule(body(codec.add_rule(rule)))
    assert found is not None
    assert is_exactly(rule, found.entry)


@given(routes(), routes())
def test_unlike_routes_are_told_apart(one: Route, other: Route) -> None:
    found = decode_route(body(codec.add_route(other, INDEXES)), NAMES)
    assert found is not None
    if route_entry(one) != route_entry(other) or one.kind != other.kind:
        assert not is_exactly(one, found.entry)


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_any_bytes_are_decoded_without_an_exception(data: bytes, start: bytes) -> None:
    for text in (data, bytes([2]) + start + data, bytes([10]) + start + data):
        decode_route(text, NAMES)
        decode_rule(text)
        codec.route_identity(text)
        codec.rule_identity(text)


@given(routes(), rules(), st.data())
def test_altered_messages_are_decoded_without_an_exception(
    route: Route, rule: Rule, data: st.DataObject
) -> None:
    for text in (body(codec.add_route(route, INDEXES)), body(codec.add_rule(rule))):
        changed = bytearray(text)
        for _ in range(3):
            changed[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
        cut = bytes(changed[: data.draw(st.integers(0, len(text)))])
        decode_route(cut, NAMES)
        decode_rule(cut)


def test_route_through_an_absent_interface_is_refused_by_name() -> None:
    hop = NextHop(via=None, interface="eth7")
    route = Route(family=4, kind="unicast", destination=("10.0.0.0", 8), next_hops=(hop,))
    with pytest.raises(codec.NoInterface, match="eth7"):
        codec.add_route(route, INDEXES)


@pytest.mark.parametrize("change", [{"protocol": 4}, {"flags": 0x200}, {"kind": 2}])
def test_identity_leaves_out_what_nobody_configured(change: dict[str, Any]) -> None:
    values = {"protocol": 18, "flags": 0, "kind": 1} | change
    data = codec.ROUTE.pack(2, 0, 0, 0, 254, values["protocol"], 0, values["kind"], values["flags"])
    identity = codec.route_identity(data)
    assert identity is None or identity.protocol != 18
