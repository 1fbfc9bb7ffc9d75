# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.instances import former_names, place_of
from lvs_agent.core.model import UnicastPeer, VrrpInstance
from vrrp_builders import instance


def unicast(name: str, *peers: int, **settings: Any) -> VrrpInstance:
    """All of these have the same VRID on the same interface."""
    addresses = tuple(UnicastPeer(address=f"10.0.0.{peer}") for peer in peers)
    return instance(name=name, peers=addresses, **settings)


def test_place_is_interface_family_vrid_and_group() -> None:
    place = place_of(instance())
    assert place == ("eth0", 4, 51, "224.0.0.18")
    assert place_of(instance(name="shop", version=3, priority=1)) == place
    for other in (
        {"interface": "eth1"},
        {"family": 6},
        {"virtual_router_id": 52},
        {"mcast_group": "224.0.0.19"},
        {"peers": (UnicastPeer(address="10.0.0.6"),)},
    ):
        assert place_of(instance(**other)) != place


def test_an_instance_is_found_again_under_a_new_name() -> None:
    assert former_names([instance(name="old")], [instance(name="new")]) == {"new": "old"}


def test_a_lone_unicast_instance_may_change_all_its_peers() -> None:
    assert former_names([unicast("A", 2)], [unicast("B", 3)]) == {"B": "A"}


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        pytest.param(
            [unicast("A", 2)],
            [unicast("B", 3), unicast("A", 2)],
            {"A": "A"},
            id="a second one comes before the first",
        ),
        pytest.param(
            [unicast("A", 2), unicast("B", 3)],
            [unicast("C", 3)],
            {"C": "B"},
            id="one goes, the other is renamed",
        ),
        pytest.param(
            [unicast("A", 2), unicast("B", 3)],
            [unicast("B", 3, 4)],
            {"B": "B"},
            id="one goes, the other has a peer more",
        ),
        pytest.param(
            [unicast("A", 2), unicast("B", 3)],
            [unicast("A", 3), unicast("B", 2)],
            {"A": "B", "B": "A"},
            id="names are exchanged",
        ),
        pytest.param(
            [unicast("A", 2), unicast("B", 3)],
            [unicast("B", 5), unicast("A", 4)],
            {"A": "A", "B": "B"},
            id="all peers are renumbered",
        ),
        pytest.param(
            [unicast("A", 2, 3), unicast("B", 4)],
            [unicast("C", 4, 2, 3), unicast("D", 5)],
            {"C": "A", "D": "B"},
            id="most peers in common, then what is left",
        ),
        pytest.param(
            [unicast("A", 2), unicast("B", 3)],
            [unicast("C", 4), unicast("D", 5)],
            {},
            id="nothing in common, and more than one",
        ),
        pytest.param(
            [unicast("A", 2), instance(name="M"), unicast("V", 2, virtual_router_id=9)],
            [unicast("V", 2, virtual_router_id=9), instance(name="N"), unicast("B", 2)],
            {"B": "A", "N": "M", "V": "V"},
            id="other places do not matter",
        ),
    ],
)
def test_unicast_instances_that_share_a_vrid_are_told_apart(
    before: list[VrrpInstance], after: list[VrrpInstance], names: dict[str, str]
) -> None:
    assert former_names(before, after) == names


@st.composite
def configurations(draw: st.DrawFn) -> list[VrrpInstance]:
    """Up to four instances of one VRID, each with peers of its own."""
    count = draw(st.integers(0, 4))
    names = draw(st.permutations("ABCDE"))[:count]
    peers = draw(st.permutations(range(1, 10)))
    sizes = draw(st.lists(st.integers(1, 2), min_size=count, max_size=count))
    found, at = [], 0
    for name, size in zip(names, sizes, strict=True):
        found.append(unicast(name, *peers[at : at + size]))
        at += size
    return found


@given(before=configurations(), after=configurations())
def test_pairs_are_one_to_one_and_do_not_depend_on_what_has_gone(
    before: list[VrrpInstance], after: list[VrrpInstance]
) -> None:
    names = former_names(before, after)
    assert names.keys() <= {one.name for one in after}
    assert set(names.values()) <= {one.name for one in before}
    assert len(set(names.values())) == len(names)
    kept = [one for one in before if one.name in names.values()]
    assert former_names(kept, after) == names


@given(same=configurations(), order=st.randoms(use_true_random=False))
def test_the_order_of_a_document_does_not_matter(same: list[VrrpInstance], order: Any) -> None:
    mixed = list(same)
    order.shuffle(mixed)
    assert former_names(same, mixed) == {one.name: one.name for one in same}
