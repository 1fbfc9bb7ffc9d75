# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the host, what ha is told of it, and what a plan says."""

from __future__ import annotations

from lvs_agent.core import addresses as rules
from lvs_agent.core.host import (
    AddressChanged,
    AddressGone,
    Host,
    HostAddress,
    Link,
    LinkChanged,
    LinkGone,
)
from lvs_agent.core.ipvs.model import Destination, Endpoint, Service, ServiceKey, ServiceSettings
from lvs_agent.core.ledger import Ledger, of_config
from lvs_agent.core.plan import plan, verdicts_of_status
from unit.core.kernel_examples import config, virtual_server

RUNNING = 0x41


def address(text: str, *, index: int = 2, secondary: bool = False) -> HostAddress:
    ip, _, prefix = text.partition("/")
    return HostAddress(
        index=index,
        address=ip,
        prefix_length=int(prefix),
        broadcast=None,
        label="eth0",
        scope="global",
        secondary=secondary,
    )


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
    made.apply(AddressChanged(address=address("192.0.2.2/24", secondary=True)))
    assert made.link_state("eth0", virtual).primary == "192.0.2.2"
    made.apply(AddressChanged(address=address("198.51.100.1/24")))
    assert made.link_state("eth0", virtual).primary == "198.51.100.1"


def test_link_runs_only_when_it_is_up_with_carrier() -> None:
    states = {f: host(flags=f).link_state("eth0", frozenset()).running for f in (0, 1, 0x40, 0x41)}
    assert states == {0: False, 1: False, 0x40: False, 0x41: True}


def test_interface_that_is_gone_takes_its_addresses_with_it() -> None:
    made = host("192.0.2.2/24")
    made.apply(LinkGone(index=2))
    assert made.addresses == {}
    assert made.link_state("eth0", frozenset()).index == 0
    made.apply(AddressGone(address=address("192.0.2.2/24")))  # told late: harmless


def test_missing_and_stray_addresses_go_by_interface() -> None:
    wanted = config("192.0.2.99/32", "192.0.2.98/32", "192.0.2.97/32 dev eth9")
    made = host("192.0.2.99/32", "192.0.2.98/24")
    made.apply(LinkChanged(link=Link(index=1, name="lo", flags=RUNNING, mac=None)))
    made.apply(AddressChanged(address=address("192.0.2.98/32", index=1)))
    lost = rules.missing(wanted.vrrp_instances[0].addresses, made)
    assert [one.address for one in lost] == ["192.0.2.98"]
    stray = rules.present(rules.placed(wanted), made)
    assert {(one.index, one.address) for one in stray} == {(2, "192.0.2.99"), (2, "192.0.2.98")}


def test_plan_of_a_bare_host_lists_everything() -> None:
    wanted = config("192.0.2.99/32", web=virtual_server(1, 2))
    assert plan(wanted, host("192.0.2.2/24"), {}, Ledger(), lambda _key, _endpoint: True) == (
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
    assert plan(before, made, {key: running}, ledger, lambda _key, _endpoint: True) == ()
    assert plan(after, made, {key: running}, ledger, lambda _key, _endpoint: True) == (
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
    known = verdicts_of_status(status)
    lines = plan(
        config(web=virtual_server(1, 2)),
        host(),
        {},
        Ledger(),
        lambda key, endpoint: known.get((key, endpoint), True),
    )
    assert not any("192.0.2.11" in line for line in lines)
    assert any("192.0.2.12" in line for line in lines)
