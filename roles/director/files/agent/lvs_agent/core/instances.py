# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instance of a new configuration is which of the old one.

Owns that pairing, for every process alike. Must never need more than the two configurations: each
process comes to the same answer by itself.

A virtual router is told by what the network sees of it: interface, family, VRID, and its multicast
group. Its name and version may change. Unicast instances may share all of that if their peers
differ; those are told apart by their peers, and where these change completely by their names.
"""

from __future__ import annotations

from collections.abc import Iterable

from lvs_agent.core.model import VrrpInstance

# Interface, family, VRID, and the multicast group or "unicast".
Place = tuple[str, int, int, str]
UNICAST = "unicast"


def place_of(instance: VrrpInstance) -> Place:
    """Where an instance is. Only unicast ones may share a place."""
    where = UNICAST if instance.peers else instance.mcast_group
    return (instance.interface, instance.family, instance.virtual_router_id, where)


def former_names(before: Iterable[VrrpInstance], after: Iterable[VrrpInstance]) -> dict[str, str]:
    """The name that each instance of `after` had in `before`; new ones are left out.

    What is left out of `before` does not change the answer for the rest if it was nobody's former
    instance.
    """
    places: dict[Place, tuple[list[VrrpInstance], list[VrrpInstance]]] = {}
    for side, instances in enumerate((before, after)):
        for instance in instances:
            places.setdefault(place_of(instance), ([], []))[side].append(instance)
    names: dict[str, str] = {}
    for old, new in places.values():
        names.update(_paired(old, new))
    return names


def _paired(old: list[VrrpInstance], new: list[VrrpInstance]) -> dict[str, str]:
    """The pairs of one place: by most peers in common, by name, by being the last ones left."""
    names: dict[str, str] = {}

    def pair(one: VrrpInstance, former: VrrpInstance) -> None:
        names[one.name] = former.name
        old.remove(former)
        new.remove(one)

    common = [
        (len(_peers(one) & _peers(former)), one, former)
        for one in new
        for former in old
        if len(old) > 1 or len(new) > 1
    ]
    # A stable sort: the order of the documents decides between equals.
    for shared, one, former in sorted(common, key=lambda each: -each[0]):
        if shared and one in new and former in old:
            pair(one, former)
    for former in list(old):
        for one in list(new):
            if one.name == former.name:
                pair(one, former)
    if len(old) == len(new) == 1:
        pair(new[0], old[0])
    return names


def _peers(instance: VrrpInstance) -> frozenset[str]:
    return frozenset(peer.address for peer in instance.peers)
