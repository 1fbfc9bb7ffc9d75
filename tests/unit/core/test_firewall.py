# SPDX-License-Identifier: GPL-3.0-or-later
"""What the firewall table holds back."""

from __future__ import annotations

import json
from typing import Any

from lvs_agent import config as configuration
from lvs_agent.core.firewall import Firewall, needed, parts, wanted
from lvs_agent.core.model import Config


def config(**instances: dict[str, Any]) -> Config:
    common = {"interface": "eth0", "priority": 100, "version": 3}
    return configuration.load(
        json.dumps(
            {
                "vrrp_instances": {
                    name: common | {"virtual_router_id": number} | instance
                    for number, (name, instance) in enumerate(instances.items(), 1)
                }
            }
        )
    )


def test_nothing_is_needed_with_accept_and_without_vmac() -> None:
    plain = config(a={"virtual_ipaddress": ["192.0.2.9"]})
    assert not needed(plain)
    assert parts(plain) == {}


def test_owner_accepts_whatever_is_configured() -> None:
    owner = config(a={"virtual_ipaddress": ["192.0.2.9"], "no_accept": True, "priority": 255})
    assert not needed(owner)


def test_addresses_are_closed_while_an_instance_with_no_accept_holds_them() -> None:
    made = parts(
        config(
            a={
                "virtual_ipaddress": ["192.0.2.9"],
                "virtual_ipaddress_excluded": ["2001:db8::9"],
                "no_accept": True,
            },
            b={"virtual_ipaddress": ["192.0.2.10"], "no_accept": True},
            c={"virtual_ipaddress": ["192.0.2.11"]},
        )
    )
    assert wanted(made, set()) == Firewall()
    assert wanted(made, {"a", "c"}) == Firewall(
        closed4=frozenset({"192.0.2.9"}), closed6=frozenset({"2001:db8::9"})
    )
    assert wanted(made, {"a", "b"}).closed4 == {"192.0.2.9", "192.0.2.10"}


def test_vmac_is_quiet_unless_its_instance_is_held() -> None:
    made = parts(config(a={"virtual_ipaddress": ["192.0.2.9"], "use_vmac": "vrrp.1"}))
    assert wanted(made, set()) == Firewall(vmacs=frozenset({"vrrp.1"}), quiet=frozenset({"vrrp.1"}))
    assert wanted(made, {"a"}) == Firewall(vmacs=frozenset({"vrrp.1"}))


def test_difference_names_only_sets_that_have_some() -> None:
    one = Firewall(closed4=frozenset({"192.0.2.9", "192.0.2.10"}))
    assert one.without(Firewall(closed4=frozenset({"192.0.2.9"}))) == {
        "closed4": frozenset({"192.0.2.10"})
    }
    assert one.without(one) == {}
