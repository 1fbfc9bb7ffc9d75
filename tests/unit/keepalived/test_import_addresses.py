# SPDX-License-Identifier: GPL-3.0-or-later
"""What addresses, routes and VMACs become where keepalived's default is another than ours; each was
seen in kernels first (tests/lab/differential)."""

from __future__ import annotations

from typing import Any

import pytest
from keepalived_documents import exported, imported, noted


def instance(*lines: str, prefix: str = "") -> dict[str, Any]:
    """An instance with these lines in it; it is accepted."""
    text = "\n".join(lines)
    found = imported(
        f"global_defs {{\n{prefix}\n}}\n"
        f"vrrp_instance one {{\ninterface eth0\nvirtual_router_id 51\n{text}\n}}\n"
    )
    assert found.errors() == ()
    values: dict[str, Any] = found.document["vrrp_instances"]["one"]
    return values


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("2001:db8::9/64", "2001:db8::9/64 preferred_lft forever"),
        ("2001:db8::9/128", "2001:db8::9/128"),
        ("2001:db8::9", "2001:db8::9"),
        ("2001:db8::9/64 preferred_lft 5", "2001:db8::9/64 preferred_lft 5"),
    ],
)
@pytest.mark.parametrize("option", ["virtual_ipaddress", "virtual_ipaddress_excluded"])
def test_ipv6_addresses_are_preferred_unless_they_are_of_full_length(
    option: str, line: str, becomes: str
) -> None:
    found = instance(f"{option} {{\n{line}\n}}", "virtual_ipaddress {\n2001:db8::1\n}")
    assert becomes in found[option]


def test_ipv4_addresses_have_no_lifetime_as_in_keepalived() -> None:
    found = instance("virtual_ipaddress {\n192.0.2.9/24 preferred_lft 0\n}")
    assert found["virtual_ipaddress"] == [{"address": "192.0.2.9/24"}]


def test_a_prefix_that_is_too_long_is_the_longest_as_in_keepalived() -> None:
    found = instance("virtual_ipaddress {\n192.0.2.9/33\n192.0.2.10/32\n}")
    assert found["virtual_ipaddress"] == ["192.0.2.9/32", "192.0.2.10/32"]


def test_the_own_interface_is_not_tracked_twice_as_in_keepalived() -> None:
    addresses = "virtual_ipaddress {\n192.0.2.9\n}"
    found = instance("track_interface {\neth0 weight 10\neth1\n}", addresses)
    assert found["track_interface"] == ["eth1"]
    assert "track_interface" not in instance("track_interface {\neth0\n}", addresses)


def test_the_interface_below_a_vmac_stands_for_the_vmac() -> None:
    found = instance("use_vmac", "virtual_ipaddress {\n192.0.2.9/24 dev eth0\n10.0.0.9 dev eth1\n}")
    assert found["virtual_ipaddress"] == ["192.0.2.9/24 dev eth0 use_vmac", "10.0.0.9 dev eth1"]


def test_an_address_of_the_other_family_stays_on_the_interface_below_a_vmac() -> None:
    excluded = "virtual_ipaddress_excluded {\n2001:db8::9 dev eth0\n2001:db8::8\n}"
    found = instance("use_vmac", "virtual_ipaddress {\n192.0.2.9\n}", excluded)
    assert found["virtual_ipaddress_excluded"] == ["2001:db8::9 dev eth0", "2001:db8::8"]


def test_a_label_of_the_interface_below_a_vmac_is_left_out_and_said() -> None:
    text = "vrrp_instance one {\ninterface eth0\nvirtual_router_id 51\nuse_vmac\n"
    found = imported(text + "virtual_ipaddress {\n192.0.2.9 dev eth0 label eth0:1\n}\n}")
    assert found.errors() == ()
    assert [line for line, message in noted(found) if "label" in message] == [6]


def test_vmacs_of_both_families_have_the_same_name() -> None:
    six = "virtual_ipaddress {\nfe80::9\n}"
    assert instance("use_vmac", six)["use_vmac"] == {"name": "vrrp.51"}
    assert instance("use_vmac", six, prefix="vmac_prefix lb")["use_vmac"] == {"name": "lb.51"}
    assert instance("use_vmac front", six)["use_vmac"] == "front"
    assert instance("use_vmac", "virtual_ipaddress {\n192.0.2.9\n}")["use_vmac"] is True


def test_only_a_route_that_is_not_watched_may_have_a_protocol() -> None:
    found = instance(
        "virtual_ipaddress {\n192.0.2.9\n}",
        "virtual_routes {\n10.0.0.0/8 via 192.0.2.1 protocol static\n"
        "11.0.0.0/8 via 192.0.2.1 protocol static no_track\n}",
    )
    assert found["virtual_routes"] == [
        {"to": "10.0.0.0/8", "via": "192.0.2.1"},
        "11.0.0.0/8 via 192.0.2.1 protocol static no_track",
    ]


def test_our_defaults_of_ipv6_are_said_in_an_export() -> None:
    text = exported(
        {
            "vrrp_instances": {
                "six": {
                    "interface": "eth0",
                    "virtual_router_id": 51,
                    "use_vmac": True,
                    "virtual_ipaddress": ["fe80::9", {"address": "2001:db8::9/64"}],
                }
            }
        }
    )
    assert "2001:db8::9/64 preferred_lft 0" in text
    assert "use_vmac vrrp6.51" in text
