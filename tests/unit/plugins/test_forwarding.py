# SPDX-License-Identifier: GPL-3.0-or-later
"""How virtual servers pass packets on, as far as a document tells it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils import _forwarding
from ansible_collections.lvs.cluster.plugins.plugin_utils._forwarding import Forwarding


def pool(server: Any, groups: Any = None) -> _forwarding.Pool:
    document = {"virtual_servers": {"web": server}, "virtual_server_groups": groups or {}}
    (found,) = _forwarding.pools(document)
    return found


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("NAT", Forwarding(kind="NAT")),
        ("tun", Forwarding(kind="TUN")),
        (
            "TUN type gue port 6080 csum",
            Forwarding(kind="TUN", tunnel="gue", port=6080, checksum="csum"),
        ),
        ({"method": "TUN", "type": "gre"}, Forwarding(kind="TUN", tunnel="gre")),
        # The checker refuses these; here they are nothing.
        ("", Forwarding(kind="")),
        ("BYPASS", Forwarding(kind="")),
        (7, Forwarding(kind="")),
    ],
)
def test_lb_kind_is_read_as_line_and_as_mapping(value: Any, wanted: Forwarding) -> None:
    assert _forwarding.forwarding(value) == wanted


def test_a_real_server_may_differ_from_its_virtual_server() -> None:
    found = pool(
        {
            "ip": "10.0.0.1",
            "port": 80,
            "lb_kind": "NAT",
            "real_servers": {
                "a": {"ip": "10.1.0.1", "port": 8080},
                "b": {"ip": "10.1.0.2", "lb_kind": "TUN"},
            },
            "sorry_server": {"ip": "127.0.0.1"},
        }
    )
    assert [(t.name, t.port, t.forwarding.kind, t.sorry) for t in found.targets] == [
        ("a", 8080, "NAT", False),
        ("b", 80, "TUN", False),
        ("", 80, "NAT", True),
    ]


@pytest.mark.parametrize(
    ("member", "addresses"),
    [
        ("192.0.2.10 80", ["192.0.2.10"]),
        ("192.0.2.10-12 80", ["192.0.2.10", "192.0.2.11", "192.0.2.12"]),
        ({"ip": "192.0.2.10-192.0.2.11", "port": 80}, ["192.0.2.10", "192.0.2.11"]),
        ("192.0.2.64/31 443", ["192.0.2.64", "192.0.2.65"]),
        ("2001:db8::a-c", ["2001:db8::a", "2001:db8::b", "2001:db8::c"]),
        ("192.0.2.12-10", []),
        ("nonsense", []),
        (None, []),
    ],
)
def test_the_addresses_of_a_group_are_all_of_its_members(member: Any, addresses: list[str]) -> None:
    found = pool({"group": "g"}, {"g": {"members": [member]}})
    assert [str(each) for each in found.addresses] == addresses


def test_a_network_without_end_ends() -> None:
    found = pool({"group": "g"}, {"g": {"members": ["2001:db8::/64"]}})
    assert len(found.addresses) == 4096


def test_a_mark_has_a_family_and_no_address() -> None:
    found = pool({"fwmark": 7, "ip_family": "inet6"})
    assert (found.marks, found.families, found.addresses) == ((7,), (6,), ())
    found = pool({"group": "g"}, {"g": {"members": ["fwmark 9 inet6"]}})
    assert (found.marks, found.families) == ((9,), (6,))


def test_a_group_may_mix_families() -> None:
    members = ["192.0.2.10 80", {"ip": "2001:db8::a", "port": 80}]
    found = pool({"group": "g"}, {"g": {"members": members}})
    assert found.families == (4, 6)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"virtual_servers": None},
        {"virtual_servers": {"a": None}},
        {"virtual_servers": {"a": {"ip": 7, "lb_kind": [], "real_servers": 3, "group": {}}}},
        {"virtual_servers": {"a": {"group": "g"}}, "virtual_server_groups": {"g": 7}},
        {"virtual_servers": {"a": {"group": "g"}}, "virtual_server_groups": {"g": {"members": 7}}},
        {"virtual_servers": {"a": {"real_servers": {"r": None, "s": {"ip": "x", "port": "y"}}}}},
    ],
)
def test_what_the_checker_refuses_does_not_fail_here(document: dict[str, Any]) -> None:
    list(_forwarding.pools(document))
