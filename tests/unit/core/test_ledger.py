# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's text, also when somebody else wrote it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.ipvs.model import ServiceKey
from lvs_agent.core.ledger import Ledger, LedgerAddress, decode, encode, of_config
from unit.core.kernel_examples import config, virtual_server

ipv4 = st.ip_addresses(v=4).map(str)
ledgers = st.builds(
    Ledger,
    addresses=st.frozensets(
        st.builds(
            LedgerAddress,
            st.text("abcdefgh0123456789.@-", min_size=1, max_size=15),
            ipv4,
            st.integers(0, 32),
        )
    ),
    services=st.frozensets(
        st.builds(ServiceKey, st.sampled_from(["TCP", "UDP"]), ipv4, st.integers(0, 65_535))
    ),
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
ENTRY_FIELDS = ("address", "prefix", "interface", "protocol", "port")
entry_like = st.fixed_dictionaries({}, optional=dict.fromkeys(ENTRY_FIELDS, json_values | ipv4))


@given(
    st.fixed_dictionaries(
        {}, optional={"addresses": st.lists(entry_like) | json_values, "services": json_values}
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
        {"address": "2001:db8::1", "prefix": 32, "interface": "eth0"},
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


def test_ledger_of_a_configuration_has_every_address_and_service() -> None:
    ledger = of_config(config("192.0.2.99/24", "192.0.2.98/32 dev eth1", web=virtual_server(1)))
    assert ledger.addresses == {
        LedgerAddress("eth0", "192.0.2.99", 24),
        LedgerAddress("eth1", "192.0.2.98", 32),
    }
    assert ledger.services == {ServiceKey("TCP", "192.0.2.80", 80)}
