# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the host, what ha is told of it, and what a plan says."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from lvs_agent.core import addresses as rules
from lvs_agent.core.host import ADDRESSES_LIMIT, CHANGES_LIMIT, Host
from lvs_agent.core.host_facts import (
    IFA_F_DADFAILED,
    IFA_F_DEPRECATED,
    IFA_F_NODAD,
    IFA_F_NOPREFIXROUTE,
    IFA_F_OPTIMISTIC,
    IFA_F_PERMANENT,
    IFA_F_SECONDARY,
    IFA_F_TENTATIVE,
    AddressChanged,
    AddressGone,
    HostAddress,
    Link,
    LinkChanged,
    LinkGone,
)
from lvs_agent.core.ipvs.model import Destination, Endpoint, Service, ServiceKey, ServiceSettings
from lvs_agent.core.ledger import Ledger, of_config
from lvs_agent.core.model import VirtualAddress
from lvs_agent.core.plan import plan
from lvs_agent.core.plan_pools import of_status
from unit.core.kernel_examples import config, virtual_server

RUNNING = 0x41


def address(text: str, *, ifindex: int = 2, flags: int = 0, **more: Any) -> HostAddress:
    ip, _, prefix = text.partition("/")
    return HostAddress(ifindex, ip, int(prefix), flags=flags, **{"label": "eth0", **more})


def address6(text: str, *, flags: int = 0, **more: Any) -> HostAddress:
    scope = "link" if text.startswith("fe80") else "global"
    return address(text, flags=flags, **{"label": None, "scope": scope, **more})


def host(*addresses: str, flags: int = RUNNING) -> Host:
    made = Host()
    made.apply(LinkChanged(link=Link(index=2, name="eth0", flags=flags, mac="02:00:00:00:00:01")))
    for text in addresses:
        made.apply(AddressChanged(address=address(text)))
    return made


def test_primary_is_the_first_address_that_is_not_virtual_nor_secondary() -> None:
    virtual = frozenset({("eth0", "192.0.2.99")})
    made = host("192.0.2.99/24")
    assert made.link_state("eth0", virtual).primary is None
    made.apply(AddressChanged(address=address("192.0.2.2/24", flags=IFA_F_SECONDARY)))
    assert made.link_state("eth0", virtual).primary == "192.0.2.2"
    made.apply(AddressChanged(address=address("198.51.100.1/24")))
    assert made.link_state("eth0", virtual).primary == "198.51.100.1"


def test_link_runs_only_when_it_is_up_with_carrier() -> None:
    states = {f: host(flags=f).link_state("eth0", frozenset()).running for f in (0, 1, 0x40, 0x41)}
    assert states == {0: False, 1: False, 0x40: False, 0x41: True}


def test_interface_that_is_gone_takes_its_addresses_with_it() -> None:
    made = host("192.0.2.2/24")
    made.apply(LinkGone(index=2))
    assert list(made.addresses()) == []
    assert made.link_state("eth0", frozenset()).index == 0
    made.apply(AddressGone(address=address("192.0.2.2/24")))  # told late: harmless


def test_missing_and_stray_addresses_go_by_interface() -> None:
    wanted = config("192.0.2.99/32", "192.0.2.98/32", "192.0.2.97/32 dev eth9")
    made = host("192.0.2.99/32", "192.0.2.98/24")
    made.apply(LinkChanged(link=Link(index=1, name="lo", flags=RUNNING, mac=None)))
    made.apply(AddressChanged(address=address("192.0.2.98/32", ifindex=1)))
    lost = rules.missing(wanted.vrrp_instances[0].addresses, made)
    assert [one.address for one in lost] == ["192.0.2.98"]
    stray = rules.present(rules.placed(wanted), made)
    assert {(one.ifindex, one.address) for one in stray} == {(2, "192.0.2.99"), (2, "192.0.2.98")}


def test_an_instance_is_held_where_one_of_its_addresses_is() -> None:
    both = config("192.0.2.99/32", "192.0.2.98/32")
    assert rules.held(both, host("192.0.2.99/32", "192.0.2.98/32")) == ("VI_1",)
    assert rules.held(both, host("192.0.2.98/32")) == ("VI_1",), "the other one is new"
    assert rules.held(both, host("192.0.2.98/24")) == ()
    first, second = both.vrrp_instances[0].addresses
    for addresses, found in (((first,), ()), ((), ("VI_1",))):
        one = dataclasses.replace(both.vrrp_instances[0], addresses=addresses, excluded=(second,))
        part = dataclasses.replace(both, vrrp_instances=(one,))
        assert rules.held(part, host("192.0.2.98/32")) == found, "of the adverts, if there are any"
    elsewhere = config("192.0.2.99/32 dev eth9")
    assert rules.held(elsewhere, host("192.0.2.99/32")) == ()
    instance = dataclasses.replace(both.vrrp_instances[0], addresses=())
    nothing = dataclasses.replace(both, vrrp_instances=(instance,))
    assert rules.held(nothing, host("192.0.2.99/32")) == ()


def test_link_local_address_is_told_once_it_is_usable_and_not_virtual() -> None:
    made = host()
    made.apply(AddressChanged(address6("2001:db8::1/64")))
    made.apply(AddressChanged(address6("fe80::99/64")))
    virtual = frozenset({("eth0", "fe80::99")})
    assert made.link_state("eth0", virtual).primary6 is None
    for flags in (IFA_F_TENTATIVE, IFA_F_TENTATIVE | IFA_F_DADFAILED):
        made.apply(AddressChanged(address6("fe80::1/64", flags=flags)))
        assert made.link_state("eth0", virtual).primary6 is None
    made.apply(AddressChanged(address6("fe80::1/64", flags=IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)))
    assert made.link_state("eth0", virtual).primary6 == "fe80::1"
    made.apply(AddressChanged(address6("fe80::1/64")))
    assert made.link_state("eth0", virtual).primary6 == "fe80::1"
    assert made.link_state("eth0", virtual).primary is None


def test_sources_are_those_that_the_interface_has_and_may_send_from() -> None:
    made = host("192.0.2.2/24", "192.0.2.3/32")
    made.apply(AddressChanged(address6("2001:db8::1/64", flags=IFA_F_TENTATIVE)))
    sources = ("192.0.2.3", "192.0.2.4", "2001:db8::1")
    assert made.link_state("eth0", frozenset(), sources).sources == ("192.0.2.3",)


def test_renamed_interface_is_found_by_its_new_name_only() -> None:
    made = host("192.0.2.2/24")
    made.apply(LinkChanged(link=Link(index=2, name="wan0", flags=RUNNING, mac=None)))
    assert made.link("eth0") is None
    assert made.link_state("wan0", frozenset()).primary == "192.0.2.2"
    made.apply(LinkChanged(link=Link(index=3, name="eth0", flags=RUNNING, mac=None)))
    made.apply(LinkGone(index=2))
    eth0 = made.link("eth0")
    assert eth0 is not None
    assert eth0.index == 3


def test_changes_are_told_once_and_repetitions_are_none() -> None:
    made = host("192.0.2.2/24")
    first = made.take_changes()
    assert (first.links, [one.address for one in first.changed]) == ({2}, ["192.0.2.2"])
    made.apply(AddressChanged(address("192.0.2.2/24")))
    made.apply(LinkChanged(link=Link(index=2, name="eth0", flags=RUNNING, mac="02:00:00:00:00:01")))
    assert not made.take_changes()
    made.apply(AddressGone(address("192.0.2.2/24")))
    gone = made.take_changes()
    assert gone
    assert gone.indexes() == {2}
    assert [one.address for one in gone.removed] == ["192.0.2.2"]


def test_too_many_changes_become_everything() -> None:
    made = host()
    made.take_changes()
    for n in range(CHANGES_LIMIT + 2):
        made.apply(AddressChanged(address(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32")))
    changes = made.take_changes()
    assert changes.everything
    assert changes.changed == []


def test_host_remembers_no_more_addresses_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvs_agent.core.host.ADDRESSES_LIMIT", 2)
    assert ADDRESSES_LIMIT > 2
    made = host("192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24")
    assert len(list(made.addresses())) == 2
    made.apply(AddressGone(address("192.0.2.1/24")))
    made.apply(AddressChanged(address("192.0.2.3/24")))
    assert [one.address for one in made.addresses()] == ["192.0.2.2", "192.0.2.3"]


def test_ipv4_address_may_be_there_twice_with_two_prefixes_or_peers() -> None:
    made = host("192.0.2.9/24", "192.0.2.9/32")
    made.apply(AddressChanged(address("192.0.2.9/32", peer="192.0.2.10")))
    assert len(made.at(2, "192.0.2.9")) == 3
    made.apply(AddressGone(address("192.0.2.9/32")))
    assert made.find(2, "192.0.2.9", 32) is None
    assert made.find(2, "192.0.2.9", 32, "192.0.2.10") is not None
    assert made.find(2, "192.0.2.9", 24) is not None


WANTED = VirtualAddress(address="2001:db8::9", prefix_length=64, interface="eth0", nodad=True)
OURS = IFA_F_PERMANENT | IFA_F_NODAD


@pytest.mark.parametrize(
    ("found", "exact"),
    [
        (address6("2001:db8::9/64", flags=OURS), True),
        (address6("2001:db8::9/64", flags=OURS | IFA_F_TENTATIVE), True),
        (address6("2001:db8::9/64", flags=IFA_F_NODAD), False),  # ends some day
        (address6("2001:db8::9/64", flags=IFA_F_PERMANENT), False),
        (address6("2001:db8::9/128", flags=OURS), False),
        (address6("2001:db8::9/64", flags=OURS | IFA_F_NOPREFIXROUTE), False),
        (address6("2001:db8::9/64", flags=OURS, preferred_lft_s=0), False),
        (address6("2001:db8::9/64", flags=OURS, peer="2001:db8::8"), False),
    ],
)
def test_ipv6_address_is_ours_only_with_the_same_flags_peer_and_lifetime(
    found: HostAddress, exact: bool
) -> None:
    assert rules.is_exactly(WANTED, found) is exact


def test_preferred_lifetime_that_runs_down_is_still_ours() -> None:
    wanted = dataclasses.replace(WANTED, preferred_lft_s=60)
    for left, exact in ((60, True), (12, True), (0, True), (61, False), (None, False)):
        found = address6("2001:db8::9/64", flags=OURS, preferred_lft_s=left)
        assert rules.is_exactly(wanted, found) is exact


def test_deprecated_ipv4_address_is_known_by_its_flag() -> None:
    plain = VirtualAddress(address="192.0.2.9", prefix_length=32, interface="eth0")
    fresh = address("192.0.2.9/32", flags=IFA_F_PERMANENT)
    old = address("192.0.2.9/32", flags=IFA_F_PERMANENT | IFA_F_DEPRECATED)
    for lifetime in (None, 60, 0):
        wanted = dataclasses.replace(plain, preferred_lft_s=lifetime)
        assert rules.is_exactly(wanted, old) is (lifetime == 0)
        assert rules.is_exactly(wanted, fresh) is (lifetime != 0)


def test_ipv6_address_of_an_interface_that_is_down_is_not_missing() -> None:
    made = host(flags=0)
    ipv4 = VirtualAddress(address="192.0.2.9", prefix_length=32, interface="eth0")
    assert rules.missing([WANTED, ipv4], made) == (ipv4,)
    made.apply(LinkChanged(link=Link(index=2, name="eth0", flags=RUNNING, mac=None)))
    assert rules.missing([WANTED, ipv4], made) == (WANTED, ipv4)


def test_plan_of_a_bare_host_lists_everything() -> None:
    wanted = config("192.0.2.99/32", web=virtual_server(1, 2))
    assert plan(wanted, host("192.0.2.2/24"), {}, Ledger()) == (
        "add 192.0.2.99/32 to eth0 when VI_1 becomes master",
        "add service TCP 192.0.2.80:80 scheduler rr",
        "add 192.0.2.11:80 to TCP 192.0.2.80:80 weight 1 forwarding DR",
        "add 192.0.2.12:80 to TCP 192.0.2.80:80 weight 2 forwarding DR",
    )


def test_plan_shows_only_differences_to_what_runs() -> None:
    before = config("192.0.2.99/32", "192.0.2.98/32", web=virtual_server(1))
    after = config("192.0.2.99/32", "192.0.2.97/32", web=virtual_server(3))
    key = ServiceKey("TCP", "192.0.2.80", 80)
    running = Service(
        key=key,
        settings=ServiceSettings(scheduler="rr"),
        pool={Endpoint("192.0.2.11", 80): Destination(1, "DR")},
    )
    made = host("192.0.2.2/24", "192.0.2.99/32", "192.0.2.98/32")
    ledger = of_config(before)
    assert plan(before, made, {key: running}, ledger) == ()
    assert plan(after, made, {key: running}, ledger) == (
        "remove 192.0.2.98/32 from eth0",
        "add 192.0.2.97/32 to eth0 (VI_1 is held here)",
        "change 192.0.2.11:80 of TCP 192.0.2.80:80: weight 1 -> 3",
    )


def test_plan_with_status_does_not_add_a_server_that_is_down() -> None:
    status = {
        "services": [
            {
                "protocol": "TCP",
                "address": "192.0.2.80",
                "port": 80,
                "real_servers": [{"address": "192.0.2.11", "port": 80, "up": False}, {"port": 1}],
            },
            {"protocol": "TCP", "real_servers": [{}]},
        ]
    }
    lines = plan(config(web=virtual_server(1, 2)), host(), {}, Ledger(), running=of_status(status))
    assert not any("192.0.2.11" in line for line in lines)
    assert any("192.0.2.12" in line for line in lines)


def test_plan_with_status_leaves_out_and_drains_whom_an_operator_has_taken_out() -> None:
    status = _status(True, True, True)
    rows = status["services"][0]["real_servers"]
    for row, state in zip(rows, ("drain", "disabled", "enabled"), strict=True):
        row |= {"takes_part": False, "override": {"state": state, "weight": None}}
    rows[2]["override"]["weight"] = 9
    wanted = config(web=virtual_server(1, 1, 1))
    lines = plan(wanted, host(), {}, Ledger(), running=of_status(status))
    added = [line for line in lines if line.startswith("add 192.0.2.1")]
    assert [line.split()[1::4] for line in added] == [
        ["192.0.2.11:80", "weight"],
        ["192.0.2.13:80", "weight"],
    ]
    assert [line.split()[6] for line in added] == ["0", "9"]


def _status(*up: bool, quorum: bool = True) -> dict[str, Any]:
    """Of TCP 192.0.2.80:80 with real servers from 192.0.2.11 on."""
    rows = [{"address": f"192.0.2.{n}", "port": 80, "up": each} for n, each in enumerate(up, 11)]
    key = {"protocol": "TCP", "address": "192.0.2.80", "port": 80}
    return {"services": [{**key, "quorum": {"reached": quorum}, "real_servers": rows}]}


def _plan_of(status: dict[str, Any], **server: Any) -> list[str]:
    """What is added to a service that has no real server in the kernel, by the last number."""
    wanted = config(web=virtual_server(1, 1, **server))
    lines = plan(wanted, host(), {}, Ledger(), running=of_status(status))
    prefix, suffix = "add 192.0.2.", ":80 to TCP 192.0.2.80:80 weight 1 forwarding DR"
    shown = [line.removeprefix(prefix).replace(suffix, "") for line in lines]
    return [line for line in shown if line.startswith(("11", "12"))]


CHECKED: dict[str, Any] = {"tcp_check": {}}


@pytest.mark.parametrize(
    ("status", "server", "wanted"),
    [
        # The agent is about to start: everybody is assumed up, but with alpha.
        ({}, CHECKED, ["11", "12"]),
        (
            {},
            {**CHECKED, "alpha": True},
            ["11 when its check has passed", "12 when its check has passed"],
        ),
        # New to a working virtual server.
        (_status(True), CHECKED, ["11", "12 when its check has passed"]),
        (_status(True), {}, ["11", "12"]),
        # Not new, whatever was found.
        (_status(True, True), {**CHECKED, "alpha": True}, ["11", "12"]),
        (_status(True, False), CHECKED, ["11"]),
        # Nobody else can do the work; with a sorry server it waits.
        (_status(True), {**CHECKED, "quorum": 2, "sorry": False}, ["11", "12"]),
        (_status(False, quorum=False), {**CHECKED, "sorry": False}, ["12"]),
        (_status(False, quorum=False), CHECKED, ["12 when its check has passed"]),
    ],
)
def test_plan_tells_who_waits_for_a_check(
    status: dict[str, Any], server: dict[str, Any], wanted: list[str]
) -> None:
    assert _plan_of(status, **server) == wanted


def test_plan_of_a_service_of_all_ports_tells_who_waits() -> None:
    server = virtual_server(1, sorry=False, alpha=True, tcp_check={"connect_port": 80})
    server["real_servers"]["rs11"].pop("port")
    group = {"ip": "192.0.2.80", "port": 443}
    lines = plan(config(web={**server, **group}), host(), {}, Ledger())
    assert lines[-1] == (
        "add 192.0.2.11:443 to TCP 192.0.2.80:443 weight 1 forwarding DR when its check has passed"
    )
