# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which kind a change of the configuration is: documents before and after."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from lvs_agent import config
from lvs_agent.core.change import Change, change
from lvs_agent.proc.configuration import public_text

DOCUMENT: dict[str, Any] = {
    "global_defs": {"router_id": "LVS1"},
    "static_ipaddress": ["10.9.0.1/24 dev eth0"],
    "vrrp_instances": {
        "VI_1": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "priority": 150,
            "virtual_ipaddress": ["172.16.1.99/24"],
            "virtual_routes": ["10.1.0.0/16 via 172.16.1.1 dev eth0"],
        }
    },
    "virtual_servers": {
        "web": {
            "ip": "172.16.1.99",
            "port": 80,
            "real_servers": {
                "w1": {"ip": "172.16.1.3", "weight": 1, "tcp_check": {}},
                "w2": {"ip": "172.16.1.4", "weight": 1, "tcp_check": {}},
            },
        }
    },
}
VIP = "vrrp_instances.VI_1.virtual_ipaddress"
WEIGHT = "virtual_servers.web.real_servers.w1.weight"

# Each: what is set to what (None: removed), and the kind of all of it together.
CASES: tuple[tuple[dict[str, Any], Change], ...] = (
    ({}, Change.NONE),
    ({"vrrp_instances.VI_1.state": "BACKUP"}, Change.NONE),  # says nothing new: the default
    ({WEIGHT: 5}, Change.WEIGHTS),
    ({WEIGHT: 0, "virtual_servers.web.real_servers.w2.weight": 9}, Change.WEIGHTS),
    ({VIP: ["172.16.1.99/24", "172.16.1.100/24"]}, Change.ADDRESSES),
    ({VIP: ["172.16.1.98/24"]}, Change.ADDRESSES),
    ({"vrrp_instances.VI_1.virtual_ipaddress_excluded": ["10.2.0.1/24"]}, Change.ADDRESSES),
    ({"vrrp_instances.VI_1.virtual_routes": None}, Change.ADDRESSES),
    ({"vrrp_instances.VI_1.virtual_rules": ["from 10.2.0.0/24 table 9"]}, Change.ADDRESSES),
    ({"static_ipaddress": None}, Change.ADDRESSES),
    ({VIP: ["172.16.1.98/24"], WEIGHT: 5}, Change.ADDRESSES),
    ({"vrrp_instances.VI_1.priority": 90}, Change.STRUCTURE),
    ({"vrrp_instances.VI_1.advert_int": 2}, Change.STRUCTURE),
    ({"vrrp_instances.VI_1": None}, Change.STRUCTURE),
    ({"virtual_servers.web.real_servers.w2": None}, Change.STRUCTURE),
    ({"virtual_servers.web.real_servers.w2.ip": "172.16.1.5"}, Change.STRUCTURE),
    ({"virtual_servers.web.real_servers.w2.tcp_check": {"connect_port": 81}}, Change.STRUCTURE),
    ({"virtual_servers.web.lb_algo": "wrr"}, Change.STRUCTURE),
    ({"virtual_servers.web.quorum": 2}, Change.STRUCTURE),
    ({"virtual_servers.web.port": 81}, Change.STRUCTURE),
    ({"global_defs.router_id": "LVS2"}, Change.STRUCTURE),
    ({WEIGHT: 5, "virtual_servers.web.lb_algo": "wrr"}, Change.STRUCTURE),
)


def edited(edits: dict[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    for path, value in edits.items():
        *parents, key = path.split(".")
        at = document
        for parent in parents:
            at = at[parent]
        if value is None:
            del at[key]
        else:
            at[key] = value
    return document


def public(document: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(public_text(config.from_document(document)))
    return shown


@pytest.mark.parametrize(("edits", "kind"), CASES, ids=lambda value: str(value)[:60])
def test_the_kind_is_that_of_the_greatest_part_either_way(
    edits: dict[str, Any], kind: Change
) -> None:
    before, after = public(DOCUMENT), public(edited(edits))
    assert change(before, after) is kind
    assert change(after, before) is kind
