# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's text, also when somebody else wrote it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent import config as configuration
from lvs_agent.core.ipvs.model import ServiceKey, marked
from lvs_agent.core.ledger import (
    Ledger,
    LedgerAddress,
    LedgerRoute,
    LedgerRule,
    decode,
    encode,
    of_config,
)
from unit.core.kernel_examples import config, virtual_server

ipv4 = st.ip_addresses(v=4).map(str)
ipv6 = st.ip_addresses(v=6).map(str)
names = st.text("abcdefgh0123456789.@-", min_size=1, max_size=15)
numbers = st.integers(0, 2**32 - 1)
addresses = st.one_of(
    st.builds(LedgerAddress, names, ipv4, st.integers(0, 32), st.just("") | ipv4),
    st.builds(LedgerAddress, names, ipv6, st.integers(0, 128), st.just("") | ipv6),
)
routes = st.one_of(
    st.builds(
        LedgerRoute, st.just(4), ipv4, st.integers(0, 32), numbers, numbers, st.integers(0, 255)
    ),
    st.builds(
        LedgerRoute, st.just(6), ipv6, st.integers(0, 128), numbers, numbers, st.integers(0, 255)
    ),
)
ledgers = st.builds(
    Ledger,
    addresses=st.frozensets(addresses),
    services=st.frozensets(
        st.builds(
            ServiceKey,
            st.sampled_from(["TCP", "UDP", "SCTP"]),
            ipv4 | ipv6,
            st.integers(0, 65_535),
            st.just(0),
        )
        | st.builds(marked, st.integers(1, 2**32 - 1), st.sampled_from([4, 6]))
    ),
    routes=st.frozensets(routes),
    rules=st.frozensets(st.builds(LedgerRule, st.sampled_from([4, 6]), numbers)),
    firewall=st.booleans(),
    sync_daemon=st.booleans(),
)


@given(ledgers)
def test_what_is_written_is_read(ledger: Ledger) -> None:
    assert decode(encode(ledger)) == (ledger, None)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    ledger, wrong = decode(data)
    assert ledger == Ledger()
    assert wrong is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda children: st.lists(children) | st.dictionaries(st.text(max_size=10), children),
    max_leaves=10,
)
ENTRY_FIELDS = ("address", "prefix", "interface", "peer", "protocol", "port")
ROUTE_FIELDS = LedgerRoute._fields
entry_like = st.fixed_dictionaries({}, optional=dict.fromkeys(ENTRY_FIELDS, json_values | ipv4))
route_like = st.fixed_dictionaries(dict.fromkeys(ROUTE_FIELDS, json_values | ipv4 | st.just(4)))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "addresses": st.lists(entry_like) | json_values,
            "services": json_values,
            "routes": st.lists(route_like) | json_values,
            "rules": json_values,
            "firewall": json_values,
            "sync_daemon": json_values,
        },
    )
)
def test_any_document_is_read_without_an_exception(document: object) -> None:
    ledger, _ = decode(json.dumps(document).encode())
    assert decode(encode(ledger)) == (ledger, None)


@pytest.mark.parametrize(
    "entry",
    [
        {"address": "192.0.2.1", "prefix": 33, "interface": "eth0"},
        {"address": "192.0.2.1", "prefix": True, "interface": "eth0"},
        {"address": "192.0.2.01", "prefix": 32, "interface": "eth0"},
        {"address": "2001:db8::1", "prefix": 129, "interface": "eth0"},
        {"address": "2001:DB8::1", "prefix": 64, "interface": "eth0"},
        {"address": "192.0.2.1", "prefix": 32, "interface": "eth0", "peer": "2001:db8::1"},
        {"address": "192.0.2.1", "prefix": 32, "interface": "a-name-of-16-byte"},
        {"address": "192.0.2.1", "prefix": 32, "interface": ""},
        {"address": "192.0.2.1", "prefix": 32},
        7,
    ],
)
def test_a_malformed_entry_is_left_out_and_the_others_are_kept(entry: object) -> None:
    good = {"address": "192.0.2.9", "prefix": 32, "interface": "eth0"}
    ledger, wrong = decode(json.dumps({"addresses": [entry, good], "services": []}).encode())
    assert ledger.addresses == {LedgerAddress("eth0", "192.0.2.9", 32)}
    assert wrong is not None
    assert "1 entries" in wrong


@pytest.mark.parametrize(
    "change",
    [
        {"family": 5},
        {"family": 6},
        {"family": True},
        {"address": "10.0.0.00"},
        {"prefix_length": 33},
        {"table": -1},
        {"metric": None},
        {"protocol": 256},
        {"more": 1},
    ],
)
def test_a_malformed_route_is_left_out(change: dict[str, object]) -> None:
    good = LedgerRoute(4, "10.0.0.0", 8, 254, 0, 18)
    document = {"addresses": [], "services": [], "routes": [good._asdict() | change]}
    ledger, wrong = decode(json.dumps(document).encode())
    assert ledger == Ledger()
    assert wrong is not None


def test_version_1_is_read() -> None:
    address = {"address": "192.0.2.9", "prefix": 32, "interface": "eth0"}
    document = {"version": 1, "addresses": [address], "services": []}
    expected = Ledger(addresses=frozenset({LedgerAddress("eth0", "192.0.2.9", 32)}))
    assert decode(json.dumps(document).encode()) == (expected, None)


def test_ledger_of_a_configuration_has_routes_rules_firewall_and_sync_daemon() -> None:
    instance = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "virtual_ipaddress": ["192.0.2.99/32 peer 192.0.2.98"],
        "virtual_ipaddress_excluded": ["2001:db8::9/64"],
        "virtual_routes": ["198.51.100.0/24 via 192.0.2.254 table 7 metric 9"],
        "virtual_rules": ["from 192.0.2.99 lookup 7 preference 1000"],
        "no_accept": True,
    }
    document = {
        "global_defs": {"lvs_sync_daemon": {"interface": "eth0", "inst": "VI_1"}},
        "static_ipaddress": ["203.0.113.1/32 dev eth1"],
        "static_routes": ["2001:db8:1::/48 via 2001:db8::1"],
        "vrrp_instances": {"VI_1": instance},
    }
    ledger = of_config(configuration.load(json.dumps(document)))
    assert ledger == Ledger(
        addresses=frozenset(
            {
                LedgerAddress("eth0", "192.0.2.99", 32, "192.0.2.98"),
                LedgerAddress("eth0", "2001:db8::9", 64),
                LedgerAddress("eth1", "203.0.113.1", 32),
            }
        ),
        routes=frozenset(
            {
                LedgerRoute(4, "198.51.100.0", 24, 7, 9, 18),
                LedgerRoute(6, "2001:db8:1::", 48, 254, 1024, 18),
            }
        ),
        rules=frozenset({LedgerRule(4, 1000)}),
        firewall=True,
        sync_daemon=True,
    )
    assert decode(encode(ledger)) == (ledger, None)


def test_ledger_of_a_configuration_has_every_address_and_service() -> None:
    ledger = of_config(config("192.0.2.99/24", "192.0.2.98/32 dev eth1", web=virtual_server(1)))
    assert ledger.addresses == {
        LedgerAddress("eth0", "192.0.2.99", 24),
        LedgerAddress("eth1", "192.0.2.98", 32),
    }
    assert ledger.services == {ServiceKey("TCP", "192.0.2.80", 80)}
