# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators read about a real server that is not as it must be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _probe_words
from ansible_collections.lvs.cluster.plugins.module_utils._probe_words import Seen

PROBE: dict[str, Any] = {
    "real_server": "rs1",
    "kind": "DR",
    "address": "10.0.0.3",
    "virtual_address": "10.0.0.1",
    "port": 80,
    "tunnel": "ipip",
    "tunnel_port": None,
    "director": False,
    "gateway": "10.0.0.8",
}
WELL = Seen(source="172.16.0.9", arrived="eth0", inside={"eth0"}, claims=False)


@pytest.mark.parametrize(
    ("probe", "seen", "words"),
    [
        ({}, WELL._replace(claims=True), ["answers ARP requests for 10.0.0.1"]),
        ({}, WELL._replace(arrived=None), ["by direct routing (neither ping nor TCP port 80)"]),
        ({"port": 0}, WELL._replace(arrived=None), ["(no ping)"]),
        ({"kind": "TUN"}, WELL._replace(arrived=None), ["ipip tunnel", "IP protocol 4?"]),
        (
            {"kind": "TUN", "virtual_address": "2001:db8::1"},
            WELL._replace(arrived=None),
            ["IP protocol 41?"],
        ),
        (
            {"kind": "TUN", "tunnel": "gre"},
            WELL._replace(arrived=None),
            ["gre tunnel", "IP protocol 47?"],
        ),
        (
            {"kind": "TUN", "tunnel": "gue", "tunnel_port": 6080},
            WELL._replace(arrived=None),
            ["gue tunnel", "UDP port 6080?"],
        ),
        ({"kind": "NAT"}, WELL._replace(arrived=None), ["not come back through 10.0.0.8"]),
        ({"kind": "NAT"}, WELL._replace(arrived="eth1"), ["past 10.0.0.8, by eth1"]),
    ],
)
def test_a_fault_names_the_real_server_and_where_to_look(
    probe: dict[str, Any], seen: Seen, words: list[str]
) -> None:
    (fault,) = _probe_words.faults({**PROBE, **probe}, seen)
    assert fault.startswith("rs1 (10.0.0.3)")
    assert all(each in fault for each in words), fault


@pytest.mark.parametrize("kind", ["DR", "TUN", "NAT"])
def test_nothing_is_said_where_all_is_well(kind: str) -> None:
    assert _probe_words.faults({**PROBE, "kind": kind}, WELL) == []


def test_a_director_that_is_a_real_server_may_answer_arp() -> None:
    seen = WELL._replace(claims=True)
    assert _probe_words.faults({**PROBE, "director": True}, seen) == []
