# SPDX-License-Identifier: GPL-3.0-or-later
"""What trackers and tracked interfaces make of an instance: its effective priority, or FAULT.

Owns the arithmetic (keepalived's, with its bounds). Must never keep anything: the same states give
the same standing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lvs_agent.core.messages import LinkState, TrackerState
from lvs_agent.core.model import (
    SyncGroup,
    TrackerKind,
    Tracking,
    TrackInterface,
    VrrpInstance,
)
from lvs_agent.core.vrrp.timers import OWNER_PRIORITY

# What one tracker may add or take: more than that is the distance between 1 and 254 anyway.
_WEIGHT_MOST = 253
LOWEST_PRIORITY, _HIGHEST = 1, OWNER_PRIORITY - 1

# By kind and name.
TrackerStates = Mapping[tuple[str, str], TrackerState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`faults`: what makes the instance FAULT; `waiting`: what it must hear of before it begins;
    `unweighed`: what may still change the priority, in the same way.

    `weights` says for people what makes the priority differ from the configured one.
    """

    priority: int
    faults: tuple[str, ...]
    waiting: tuple[str, ...]
    unweighed: tuple[str, ...]
    weights: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why the priority is what it is."""
        return "; ".join(self.weights) or "no tracker weighs"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """Of one tracker. `name` is what it is called in messages. `waiting` for its result because
    that may be FAULT, `unweighed` because it may weigh something."""

    name: str
    weight: int = 0
    fault: str | None = None
    waiting: bool = False
    unweighed: bool = False


def standing(
    instance: VrrpInstance,
    group: SyncGroup | None,
    trackers: TrackerStates,
    links: Mapping[str, LinkState],
) -> Standing:
    """How `instance` stands. An owner (priority 255) is never weighted, but can be FAULT.

    In a sync group the members' own weights count only with sync_group_tracking_weight: else one
    member could be worth more than its sibling, and the group could not agree with its peer.
    Weights of the group itself count for every member alike.
    """
    own = _effects(instance.trackers, instance.track_interfaces, trackers, links)
    shared: list[_Effect] = []
    if group is not None:
        if not group.tracking_weight:
            own = [_without_weight(effect) for effect in own]
        shared = _effects(group.trackers, group.track_interfaces, trackers, links)
    effects = [*own, *shared]
    weights = [] if instance.priority == OWNER_PRIORITY else [e for e in effects if e.weight]
    priority = instance.priority
    if weights:
        total = priority + sum(effect.weight for effect in weights)
        priority = min(max(total, LOWEST_PRIORITY), _HIGHEST)
    return Standing(
        priority=priority,
        faults=tuple(effect.fault for effect in effects if effect.fault is not None),
        waiting=tuple(effect.name for effect in effects if effect.waiting),
        unweighed=tuple(effect.name for effect in effects if effect.unweighed),
        weights=tuple(f"{effect.name}: {effect.weight:+d}" for effect in weights),
    )


def _without_weight(effect: _Effect) -> _Effect:
    return _Effect(name=effect.name, fault=effect.fault, waiting=effect.waiting)


def _effects(
    trackings: Iterable[Tracking],
    interfaces: Iterable[TrackInterface],
    trackers: TrackerStates,
    links: Mapping[str, LinkState],
) -> list[_Effect]:
    found = [_tracker_effect(each, trackers.get((each.kind, each.name))) for each in trackings]
    found += [_interface_effect(each, links.get(each.interface)) for each in interfaces]
    return found


def _tracker_effect(tracking: Tracking, state: TrackerState | None) -> _Effect:
    name = f"{tracking.kind} {tracking.name}"
    if state is None or state.up is None:
        return _without_result(name, tracking.weight)
    if tracking.kind is TrackerKind.FILE:
        return _file_effect(tracking, name, state.value)
    verdict = "up" if state.up else "down"
    said = f"{name} is {verdict}" + (f" ({state.reason})" if state.reason else "")
    return _weigh(tracking, state.up, said)


def _interface_effect(tracked: TrackInterface, link: LinkState | None) -> _Effect:
    name = f"tracked interface {tracked.interface}"
    if link is None:
        return _without_result(name, tracked.weight)
    up = link.index != 0 and link.running
    said = f"{name} is up" if up else f"{name} is down"
    if link.index == 0:
        said = f"{name} does not exist"
    return _weigh(tracked, up, said)


def _without_result(name: str, weight: int) -> _Effect:
    """A weight weighs nothing then, and what can be FAULT is waited for."""
    return _Effect(name=name, waiting=weight == 0, unweighed=weight != 0)


def _weigh(tracking: Tracking | TrackInterface, up: bool, said: str) -> _Effect:
    """A positive weight counts while it is up, a negative one while it is down; reversed, what
    counts has the other sign, as in keepalived."""
    weight = tracking.weight
    if weight == 0:
        return _Effect(name=said, fault=None if up != tracking.reverse else said)
    signed = -weight if tracking.reverse else weight
    return _Effect(name=said, weight=signed if up == (weight > 0) else 0)


def _file_effect(tracking: Tracking, name: str, value: int) -> _Effect:
    """The file's number times the weight; weight 0: any number but 0 is FAULT."""
    said = f"{name} contains {value}"
    if tracking.weight == 0:
        good = (value == 0) != tracking.reverse
        return _Effect(name=said, fault=None if good else said)
    weight = value * (-tracking.weight if tracking.reverse else tracking.weight)
    if weight < -_WEIGHT_MOST:
        return _Effect(name=said, fault=f"{said}, which weighs {weight}")
    return _Effect(name=said, weight=min(weight, _WEIGHT_MOST))
