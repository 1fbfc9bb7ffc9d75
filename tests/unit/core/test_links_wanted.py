# SPDX-License-Identifier: GPL-3.0-or-later
"""VMACs and interface settings that a configuration wants, and the file with the way back."""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core import addresses as address_rules
from lvs_agent.core import links_made, links_wanted
from lvs_agent.core.host import Host
from lvs_agent.core.host_facts import Link, LinkChanged
from lvs_agent.core.links_made import Before, LinksMade
from lvs_agent.core.links_wanted import Setting, SettingKey
from lvs_agent.core.model import Config, TrackInterface, VirtualAddress, Vmac
from unit.core.kernel_examples import config

MAC = "00:00:5e:00:01:33"


def with_vmac(*addresses: str, **more: Any) -> Config:
    """VI_1 on eth0 with use_vmac: what config.load makes of it, made by hand."""
    plain = config("192.0.2.99/32")
    instance = dataclasses.replace(
        plain.vrrp_instances[0],
        vmac=Vmac(interface="vrrp.51", mac=MAC, xmit_base=False),
        addresses=tuple(
            VirtualAddress(address=text, prefix_length=64, interface="vrrp.51")
            for text in addresses
        ),
        **more,
    )
    return dataclasses.replace(plain, vrrp_instances=(instance,))


def macvlan(**more: Any) -> Link:
    values: dict[str, Any] = {
        "index": 9, "name": "vrrp.51", "flags": 0x41, "mac": MAC, "kind": "macvlan", "lower": 2,
        "mode": 1, **more,
    }  # fmt: skip
    return Link(**values)


BASE = Link(index=2, name="eth0", flags=0x41, mac="02:00:00:00:00:01")
WANTED = links_wanted.wanted_vmacs(with_vmac("192.0.2.99"))["vrrp.51"]


def test_vmac_that_is_exactly_so_is_adopted_and_another_is_not() -> None:
    assert links_wanted.is_exactly(WANTED, macvlan(), BASE)
    for other in ({"mac": "00:00:5e:00:01:34"}, {"mode": 4}, {"lower": 3}, {"kind": "ipvlan"}):
        assert not links_wanted.is_exactly(WANTED, macvlan(**other), BASE)


def test_vmac_on_a_macvlan_stands_on_what_that_one_stands_on() -> None:
    base = Link(index=5, name="eth0", flags=0x41, mac=None, kind="macvlan", lower=2)
    assert links_wanted.is_exactly(WANTED, macvlan(lower=2), base)
    assert not links_wanted.is_exactly(WANTED, macvlan(lower=5), base)


def test_base_is_told_not_to_answer_for_ipv4_and_a_vmac_without_ipv4_never_answers() -> None:
    settings = links_wanted.wanted_settings(with_vmac("192.0.2.99"))
    assert settings[SettingKey("vrrp.51", Setting.RP_FILTER)] == 0
    assert settings[SettingKey("vrrp.51", Setting.ACCEPT_LOCAL)] == 1
    assert settings[SettingKey("eth0", Setting.ARP_IGNORE)] == 1
    assert settings[SettingKey("eth0", Setting.ARP_FILTER)] == 1
    only_ipv6 = links_wanted.wanted_settings(with_vmac("2001:db8::9"))
    assert only_ipv6 == {SettingKey("vrrp.51", Setting.ARP_IGNORE): 8}
    assert links_wanted.wanted_settings(config("192.0.2.99/32")) == {}


def test_promote_secondaries_is_wanted_on_every_interface_of_the_instance() -> None:
    plain = config("192.0.2.99/32", "192.0.2.98/32 dev eth1")
    instance = dataclasses.replace(plain.vrrp_instances[0], promote_secondaries=True)
    settings = links_wanted.wanted_settings(dataclasses.replace(plain, vrrp_instances=(instance,)))
    assert settings == {
        SettingKey("eth0", Setting.PROMOTE_SECONDARIES): 1,
        SettingKey("eth1", Setting.PROMOTE_SECONDARIES): 1,
    }


def test_stricter_arp_ignore_of_the_operator_stays() -> None:
    will_do = links_wanted.will_do
    assert [v for v in (0, 1, 2, 3, 8) if will_do(Setting.ARP_IGNORE, 1, v)] == [1, 2, 8]
    assert not will_do(Setting.ARP_FILTER, 1, 0)
    assert not will_do(Setting.RP_FILTER, 0, 2)


def test_value_is_read_by_the_kernels_number() -> None:
    link = dataclasses.replace(BASE, settings=struct.pack("=23I", *range(1, 24)))
    assert links_wanted.value_of(link, Setting.RP_FILTER) == 8
    assert links_wanted.value_of(link, Setting.ACCEPT_LOCAL) == 23
    short = dataclasses.replace(BASE, settings=struct.pack("=22I", *range(22)))
    assert links_wanted.value_of(short, Setting.ACCEPT_LOCAL) is None


@pytest.mark.parametrize(("value", "names"), [(0, []), (1, ["vrrp.51"]), (2, [])])
def test_only_the_strict_filter_of_all_interfaces_is_warned_of(
    value: int, names: list[str]
) -> None:
    host = Host()
    host.apply(LinkChanged(link=macvlan()))
    wanted = with_vmac("192.0.2.99")
    assert list(links_wanted.filtered_vmacs(wanted, host, value)) == names
    assert list(links_wanted.filtered_vmacs(with_vmac("2001:db8::9"), host, value)) == []


def test_interfaces_are_all_that_an_instance_needs_and_required_ones_not_our_own() -> None:
    wanted = with_vmac("192.0.2.99", track_interfaces=(TrackInterface(interface="eth7", weight=0),))
    assert address_rules.interfaces(wanted) == ("eth0", "vrrp.51", "eth7")
    assert links_wanted.required(wanted) == ("eth0", "eth7")


MADE = LinksMade(
    vmacs={"vrrp.51": MAC},
    settings={SettingKey("eth0", Setting.ARP_IGNORE): Before(index=2, before=0, set=1)},
)


def test_what_was_made_is_read_back_as_it_was_written() -> None:
    assert links_made.decode(links_made.encode(MADE)) == (MADE, None)
    assert not LinksMade()
    assert MADE


@pytest.mark.parametrize(
    "entry",
    [
        {"interface": "x" * 16, "mac": MAC},
        {"interface": "", "mac": MAC},
        {"interface": "a\0b", "mac": MAC},
        {"interface": "eth0", "mac": "00:00:5e:00:01"},
        {"interface": "eth0"},
        None,
        7,
    ],
)
def test_malformed_interface_is_left_out_and_the_rest_is_kept(entry: object) -> None:
    document = json.loads(links_made.encode(MADE))
    document["vmacs"].append(entry)
    found, wrong = links_made.decode(json.dumps(document).encode())
    assert found == MADE
    assert wrong is not None
    assert "1 entries" in wrong


@pytest.mark.parametrize(
    "change",
    [
        {"setting": "tag"},
        {"setting": "ARP_IGNORE"},
        {"before": -1},
        {"set": True},
        {"index": 2**40},
    ],
)
def test_malformed_setting_is_left_out(change: dict[str, Any]) -> None:
    document = json.loads(links_made.encode(MADE))
    document["settings"][0] |= change
    found, wrong = links_made.decode(json.dumps(document).encode())
    assert found == LinksMade(vmacs=MADE.vmacs)
    assert wrong is not None


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    found, wrong = links_made.decode(data)
    assert wrong is not None or isinstance(found, LinksMade)


def test_file_that_is_too_large_is_rejected() -> None:
    assert links_made.decode(b" " * (links_made.BYTES_LIMIT + 1))[1] is not None
