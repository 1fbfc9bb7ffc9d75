# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a bfd_instance make of the packets."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from lvs_agent import config as configuration
from netns.bfd_harness import ADDRESSES, Cable

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
A4, A6, _ = ADDRESSES["a"]
B4, B6, _ = ADDRESSES["b"]
SOURCE = "10.8.0.11"
# Addresses of b where nobody speaks BFD.
QUIET, ASKED = "10.8.0.12", "10.8.0.13"
COLUMNS = (
    *("frame.time_epoch", "ip.src", "ipv6.src", "ip.ttl", "ipv6.hlim", "bfd.sta"),
    *("bfd.desired_min_tx_interval", "bfd.required_min_rx_interval", "bfd.detect_time_multiplier"),
    "ip.dst",
)


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable()
    yield made
    made.close()


def sessions(**instances: dict[str, Any]) -> list[dict[str, Any]]:
    """The sessions of a document's bfd_instances."""
    loaded = configuration.load(json.dumps({"bfd_instances": instances}))
    return [dataclasses.asdict(each) for each in loaded.bfd_instances]


def told_microseconds(text: str) -> int:
    """tshark's interval: in microseconds, with or without words behind it."""
    return int(text.split(maxsplit=1)[0])


def test_packets_are_those_of_the_document(cable: Cable) -> None:
    cable.add_address("a", f"{SOURCE}/24")
    for address in (QUIET, ASKED):
        cable.add_address("b", f"{address}/24")
    timing = {"min_rx": 80, "min_tx": 120, "multiplier": 7}
    a = cable.runner(
        "a",
        *sessions(
            four={"neighbor_ip": B4, "source_ip": SOURCE, "ttl": 254, **timing},
            six={"neighbor_ip": B6, "hoplimit": 253},
            quiet={"neighbor_ip": QUIET, "passive": True},
            asked={"neighbor_ip": ASKED},
        ),
    )
    b = cable.runner(
        "b",
        *sessions(
            four={"neighbor_ip": SOURCE, "max_hops": 1, "min_rx": 50, "min_tx": 50},
            six={"neighbor_ip": A6, "max_hops": 1},
        ),
    )
    a.wait("four", True)
    b.wait("four", True)
    rows = cable.capture("b", 1.5, *COLUMNS)
    ours = [row for row in rows if row[1] == SOURCE and row[5] == "0x03"]
    assert ours
    assert {(row[3], row[8]) for row in ours} == {("254", "7")}
    intervals = {(told_microseconds(row[6]), told_microseconds(row[7])) for row in ours}
    assert intervals == {(120_000, 80_000)}
    assert {row[4] for row in rows if row[2] == A6} == {"253"}
    destinations = {row[9] for row in rows}
    assert ASKED in destinations
    assert QUIET not in destinations
    # Two routers away by its hop limit, and b allows one.
    assert not b.up("six")
    assert b.session("six")["counters"]["rejected"].keys() == {"ttl"}


def test_idle_interval_is_that_of_the_document(cable: Cable) -> None:
    # A neighbour that is not there: the packets go on at the idle interval, less the jitter.
    cable.runner(
        "a",
        *sessions(slow={"neighbor_ip": B4, "idle_tx": 2000}, usual={"neighbor_ip": B6}),
    )
    rows = cable.capture("b", 5.5, *COLUMNS)
    slow = [float(row[0]) for row in rows if row[1] == A4]
    usual = [float(row[0]) for row in rows if row[2] == A6]
    assert {told_microseconds(row[6]) for row in rows if row[1] == A4} == {2_000_000}
    assert min(later - one for one, later in itertools.pairwise(slow)) > 1.45
    assert len(usual) >= 4
    assert len(slow) >= 2
