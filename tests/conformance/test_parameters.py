# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections 6.1 and 6.2: what a configuration may say, what it means unsaid, and the intervals."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from conformance.bench import S, backup, by_standard, every_standard, every_version_3, settings
from conformance.reference import GROUP, IPV6, RFC3768, Standard
from lvs_agent import config
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.timers import master_down_ns, skew_ns

ADDRESSES = {4: ["10.0.0.100/24", "10.0.0.101/24"], 6: ["fe80::100/64", "2001:db8::100/64"]}


def document(standard: Standard, **changes: Any) -> dict[str, Any]:
    """An instance with what has no default; a change to None leaves an option out."""
    web: dict[str, Any] = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "version": str(standard.version),
        "virtual_ipaddress": ADDRESSES[standard.family],
    } | changes
    return {key: value for key, value in web.items() if value is not None}


def load(**documents: dict[str, Any]) -> tuple[VrrpInstance, ...]:
    """The instances as the agent runs them."""
    return config.load(json.dumps({"vrrp_instances": documents})).vrrp_instances


def one(standard: Standard, **changes: Any) -> VrrpInstance:
    (instance,) = load(web=document(standard, **changes))
    return instance


def refused(option: str, **documents: dict[str, Any]) -> str:
    """The one error, which is about `option`."""
    with pytest.raises(config.ConfigRejected) as caught:
        load(**documents)
    (error,) = [str(each) for each in caught.value.errors]
    assert option in error.split(": ")[0]
    return error


@every_standard
@pytest.mark.parametrize("vrid", [1, 255])
def test_vrid_from_1_to_255(standard: Standard, vrid: int) -> None:
    assert one(standard, virtual_router_id=vrid).virtual_router_id == vrid


@every_standard
@pytest.mark.parametrize("vrid", [-1, 0, 256])
def test_vrid_outside_is_refused(standard: Standard, vrid: int) -> None:
    refused("virtual_router_id", web=document(standard, virtual_router_id=vrid))


@every_standard
def test_vrid_has_no_default(standard: Standard) -> None:
    refused("virtual_router_id", web=document(standard, virtual_router_id=None))


@every_standard
def test_vrid_is_unique_on_an_interface(standard: Standard) -> None:
    other = {4: ["10.0.0.200"], 6: ["fe80::200"]}[standard.family]
    refused(
        "virtual_router_id",
        web=document(standard),
        mail=document(standard, virtual_ipaddress=other),
    )


@every_standard
def test_vrid_may_repeat_on_another_interface(standard: Standard) -> None:
    other = {4: ["10.1.0.200"], 6: ["fe80::200"]}[standard.family]
    web, mail = load(
        web=document(standard),
        mail=document(standard, virtual_ipaddress=other, interface="eth1"),
    )
    assert web.virtual_router_id == mail.virtual_router_id


@every_standard
@pytest.mark.parametrize("priority", [1, 254, 255])
def test_priority_from_1_to_255(standard: Standard, priority: int) -> None:
    assert one(standard, priority=priority).priority == priority


@every_standard
@pytest.mark.parametrize("priority", [-1, 0, 256])
def test_priority_outside_is_refused(standard: Standard, priority: int) -> None:
    refused("priority", web=document(standard, priority=priority))


@every_standard
def test_priority_is_100_unless_said(standard: Standard) -> None:
    assert one(standard).priority == 100


@every_standard
def test_virtual_router_has_its_addresses(standard: Standard) -> None:
    found = [f"{each.address}/{each.prefix_length}" for each in one(standard).addresses]
    assert found == ADDRESSES[standard.family]


@every_standard
def test_virtual_router_needs_an_address(standard: Standard) -> None:
    refused("virtual_ipaddress", web=document(standard, virtual_ipaddress=None))
    refused("virtual_ipaddress", web=document(standard, virtual_ipaddress=[]))


@every_version_3
def test_families_do_not_mix(standard: Standard) -> None:
    mixed = [*ADDRESSES[standard.family], ADDRESSES[10 - standard.family][1]]
    refused("virtual_ipaddress", web=document(standard, virtual_ipaddress=mixed))


@by_standard(*IPV6)
def test_first_ipv6_address_that_is_not_link_local_is_warned_of(standard: Standard) -> None:
    def warned(addresses: list[str]) -> bool:
        text = json.dumps(
            {"vrrp_instances": {"web": document(standard, virtual_ipaddress=addresses)}}
        )
        return any("link-local" in str(each) for each in config.lint(text))

    assert not warned(ADDRESSES[6])
    assert warned(ADDRESSES[6][::-1])


@by_standard(*IPV6)
def test_strict_mode_refuses_a_first_address_that_is_not_link_local(standard: Standard) -> None:
    assert one(standard, strict_mode=True).strict_mode
    turned = document(standard, strict_mode=True, virtual_ipaddress=ADDRESSES[6][::-1])
    assert "link-local" in refused("virtual_ipaddress", web=turned)


@every_standard
def test_packets_are_accepted_unless_said_otherwise(standard: Standard) -> None:
    assert one(standard).accept is True
    assert one(standard, no_accept=True).accept is False


@every_standard
def test_strict_mode_accepts_packets_for_the_owner_alone(standard: Standard) -> None:
    assert one(standard, strict_mode=True).accept is False
    assert one(standard, strict_mode=True, priority=255).accept is True


@by_standard(RFC3768)
def test_interval_of_version_2_is_whole_seconds(standard: Standard) -> None:
    for seconds in (1, 255):
        assert one(standard, advert_int=seconds).advert_int_ns == seconds * S
    for seconds in (0.5, 1.5, 256):
        refused("advert_int", web=document(standard, advert_int=seconds))


@every_version_3
def test_interval_of_version_3_has_12_bits(standard: Standard) -> None:
    for centiseconds in (1, 100, 4095):
        found = one(standard, advert_int=centiseconds / 100).advert_int_ns
        assert found == centiseconds * S // 100
    for seconds in (0.001, 0.015, 40.96, 41):
        refused("advert_int", web=document(standard, advert_int=seconds))


@every_standard
def test_interval_is_1_s_unless_said(standard: Standard) -> None:
    assert one(standard).advert_int_ns == S


@every_standard
def test_preemption_is_on_unless_said(standard: Standard) -> None:
    assert one(standard).preempt is True
    assert one(standard, nopreempt=True).preempt is False


@every_standard
def test_owner_without_preemption_is_refused(standard: Standard) -> None:
    refused("nopreempt", web=document(standard, priority=255, nopreempt=True))


@every_standard
def test_default_group_is_that_of_iana(standard: Standard) -> None:
    assert one(standard).mcast_group == GROUP[standard.family]


@every_standard
@pytest.mark.parametrize("priority", [1, 100, 254, 255])
@pytest.mark.parametrize("interval", [S // 100, S, 40 * S])
def test_skew_time(standard: Standard, priority: int, interval: int) -> None:
    base = S if standard.version == 2 else interval
    assert skew_ns(standard.version, priority, interval) == (256 - priority) * base // 256


@by_standard(RFC3768)
def test_skew_of_version_2_does_not_depend_on_the_interval(standard: Standard) -> None:
    assert skew_ns(2, 100, S) == skew_ns(2, 100, 255 * S) == 609_375_000


@every_version_3
def test_one_step_of_priority_counts_at_the_shortest_interval(standard: Standard) -> None:
    steps = [skew_ns(standard.version, priority, S // 100) for priority in range(1, 256)]
    assert all(more - less >= 39_062 for more, less in pairwise(steps))


@every_standard
def test_higher_priority_waits_less(standard: Standard) -> None:
    waits = [backup(settings(standard, priority=each)).due_ns() or 0 for each in range(1, 255)]
    assert waits == sorted(set(waits), reverse=True)


@every_standard
@pytest.mark.parametrize("priority", [1, 100, 254])
@pytest.mark.parametrize("interval", [S, 40 * S])
def test_down_interval(standard: Standard, priority: int, interval: int) -> None:
    skew = (256 - priority) * (S if standard.version == 2 else interval) // 256
    assert master_down_ns(standard.version, priority, interval) == 3 * interval + skew
    router = backup(settings(standard, priority=priority, advert_int_ns=interval))
    assert router.due_ns() == 3 * interval + skew
