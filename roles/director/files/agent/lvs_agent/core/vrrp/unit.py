# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual router as the stack sees it: the router, its sync group, and how it stands.

Owns the judgement whether the instance, taken by itself, may work: its interfaces and its trackers.
Must never tell the router: the group may have a say in it, so that is the stack's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lvs_agent.core.events import InterfaceDown, InterfaceUp
from lvs_agent.core.messages import InstanceOverride, LinkState
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.overrides_vrrp import OverrideState, in_words
from lvs_agent.core.vrrp.advertising import sending_interface
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.groups import Coordinator
from lvs_agent.core.vrrp.links import condition
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.timers import OWNER_PRIORITY
from lvs_agent.core.vrrp.tracking import LOWEST_PRIORITY, Standing, TrackerStates, standing

Condition = InterfaceUp | InterfaceDown | None


class Unit:
    """`own`: its condition taken by itself; None: it waits for what `waiting` names.

    `told`: the condition that its router was told last. `override`: what an operator said of this
    instance; `in_force`: what counts, which for a member of a sync group may be said of another.
    """

    __slots__ = (
        "group",
        "in_force",
        "override",
        "own",
        "router",
        "standing",
        "told",
        "waiting",
    )

    def __init__(self, router: VirtualRouter) -> None:
        self.router = router
        self.group: Coordinator | None = None
        self.standing = Standing(
            priority=router.instance.priority, faults=(), waiting=(), unweighed=(), weights=()
        )
        self.own: Condition = None
        self.waiting: tuple[str, ...] = ()
        self.told: Condition = None
        self.override: InstanceOverride | None = None
        self.in_force: InstanceOverride | None = None

    @property
    def name(self) -> str:
        """The instance's."""
        return self.router.instance.name

    @property
    def group_name(self) -> str | None:
        """The sync group's."""
        return None if self.group is None else self.group.group.name

    def weigh(
        self, instance: VrrpInstance, trackers: TrackerStates, links: Mapping[str, LinkState]
    ) -> Standing:
        """Set and give `standing`, by the settings of `instance`."""
        settings = None if self.group is None else self.group.group
        found = standing(instance, settings, trackers, links)
        override = self.in_force
        given_away = override is not None and override.state == OverrideState.GIVEN_AWAY
        if override is not None and given_away and instance.priority != OWNER_PRIORITY:
            found = replace(found, priority=LOWEST_PRIORITY, weights=(in_words(override),))
        self.standing = found
        return found

    def judge(self, links: Mapping[str, LinkState], delays: tuple[str, ...]) -> None:
        """Set `own` and `waiting`. `delays` keep an instance in INIT that could begin otherwise.

        A router that works already goes on while a new tracker has no result.
        """
        found, instance = self.standing, self.router.instance
        self.own, self.waiting = condition(instance, links), ()
        if self.own is None:
            names = (instance.interface, sending_interface(instance))
            unknown = next(name for name in names if name not in links)
            self.waiting = (f"the first report of interface {unknown}",)
        elif isinstance(self.own, InterfaceUp) and found.faults:
            self.own = InterfaceDown(reason="; ".join(found.faults))
        elif isinstance(self.own, InterfaceUp) and self.router.state in (State.INIT, State.FAULT):
            # A master that goes on with less than it had would lose an election for nothing.
            trackers = found.waiting + (found.unweighed if self.router.adopting else ())
            results = tuple(f"the first result of {name}" for name in trackers)
            self.waiting = (*results, *delays)
            if self.waiting:
                self.own = None

    @property
    def blocked(self) -> str | None:
        """Why a member keeps its whole group in FAULT; None: it does not."""
        if isinstance(self.own, InterfaceDown):
            return self.own.reason
        return self.router.transition.reason if self.router.retrying else None

    @property
    def concern(self) -> tuple[State, bool, bool]:
        """What a sync group needs to know of a member."""
        return (self.router.state, self.router.wish is None, self.router.retrying)
