# SPDX-License-Identifier: GPL-3.0-or-later
"""All virtual routers and sync groups of one director.

Owns what they have in common: the interfaces and trackers that decide whether a router may work and
with which priority, who begins when, and that the members of a sync group stay in step. Must never
decide an election: that is each router's `fsm.py`. No socket, no clock.

Everything returns the actions to do, each with the name of the instance that it is for ("" for a
sync group), in the order to do them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lvs_agent.core.actions import Action, Announce
from lvs_agent.core.events import (
    AnnouncementNeeded,
    Event,
    InterfaceDown,
    PriorityChanged,
    Reconfigured,
    Shutdown,
    TimerExpired,
)
from lvs_agent.core.instances import former_names
from lvs_agent.core.messages import (
    InstanceEvent,
    InstanceOverride,
    LinkState,
    StepDown,
    TrackerState,
)
from lvs_agent.core.model import Config, VrrpInstance
from lvs_agent.core.overrides_vrrp import OverrideState, strongest
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.groups import Coordinator
from lvs_agent.core.vrrp.report import group_report, instance_report
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.timers import OWNER_PRIORITY, seconds
from lvs_agent.core.vrrp.unit import Condition, Unit

Outputs = tuple[tuple[str, Action], ...]


class VrrpStack:
    """The stack of one process.

    `adopt`: the names of the instances that were MASTER in the ha process before, which has just
    died. `since_boot_ns`: how long the host is up at `now_ns`, None if that is not to matter.
    `restarted`: the agent has been running already, so nobody waits for startup_delay.
    """

    def __init__(
        self,
        config: Config,
        now_ns: int,
        *,
        adopt: frozenset[str] = frozenset(),
        since_boot_ns: int | None = None,
        restarted: bool = False,
    ) -> None:
        self._born_ns = now_ns
        self._units: dict[VirtualRouter, Unit] = {}
        self._by_name: dict[str, Unit] = {}
        self._groups: dict[str, Coordinator] = {}
        self._links: dict[str, LinkState] = {}
        self._trackers: dict[tuple[str, str], TrackerState] = {}
        self._stopping = False
        self._outputs: list[tuple[str, Action]] = []
        self.routers: Mapping[str, VirtualRouter] = {}
        self._start_ns = self._first_start_ns(config, now_ns, since_boot_ns, restarted)
        self._delayed = self._start_ns > now_ns
        self._apply(config, now_ns, adopt)

    @staticmethod
    def _first_start_ns(
        config: Config, now_ns: int, since_boot_ns: int | None, restarted: bool
    ) -> int:
        settings = config.global_defs
        start_ns = now_ns if restarted else now_ns + settings.startup_delay_ns
        if since_boot_ns is not None and settings.delay_after_boot_ns:
            start_ns = max(start_ns, now_ns - since_boot_ns + settings.delay_after_boot_ns)
        return start_ns

    # Time.

    def deadline_ns(self, name: str) -> int | None:
        """When TimerExpired of this instance is due; None for never."""
        unit = self._by_name[name]
        least = unit.router.deadline_ns
        if unit.group is not None:
            least = _earlier(least, unit.group.deadline_ns)
        if self._delayed and unit.router.state is State.INIT:
            least = _earlier(least, self._start_ns)
        return least

    @property
    def deadline(self) -> int | None:
        """The earliest of all."""
        least = None
        for name in self._by_name:
            least = _earlier(least, self.deadline_ns(name))
        return least

    # What comes in.

    def handle(self, name: str, event: Event, now_ns: int) -> Outputs:
        """An event of one instance. TimerExpired may come early; then nothing happens."""
        unit = self._by_name[name]
        if isinstance(event, TimerExpired):
            if self._delayed and now_ns >= self._start_ns:
                self._delayed = False
                self._refresh(now_ns)
            due_ns = unit.router.deadline_ns
            if due_ns is not None and due_ns <= now_ns:
                self._feed(unit, event, now_ns)
            if unit.group is not None:
                self._settle(unit.group, now_ns)  # perhaps it was the group's time
        elif unit.group is None:
            self._feed(unit, event, now_ns)
        else:
            before = unit.concern
            self._feed(unit, event, now_ns)
            if unit.concern != before:
                self._settle(unit.group, now_ns)
            elif any(
                isinstance(action, Announce) and action.repeat for __, action in self._outputs
            ):
                self._announce_siblings(unit, unit.group, now_ns)
        return self._take()

    def handle_all(self, event: Event, now_ns: int) -> Outputs:
        """An event of the whole process. After Shutdown nothing begins again."""
        self._stopping |= isinstance(event, Shutdown)
        for unit in self._units.values():
            self._feed(unit, event, now_ns)
        for group in self._groups.values():
            self._settle(group, now_ns)
        return self._take()

    def link(self, link: LinkState, now_ns: int) -> Outputs:
        """An interface as it is now."""
        self._links[link.interface] = link
        self._refresh(now_ns)
        return self._take()

    def tracker(self, state: TrackerState, now_ns: int) -> Outputs:
        """A tracker's word. "No result yet" (`up` None) replaces no result."""
        key = (state.kind, state.name)
        if state.up is None and key in self._trackers:
            return ()
        self._trackers[key] = state
        self._refresh(now_ns)
        return self._take()

    # What operators want.

    def override(self, override: InstanceOverride, now_ns: int) -> Outputs:
        """An operator gives the instance away, holds it, or leaves it to elections again.

        Given away, it has the lowest priority and overtakes nobody: it is master only while nobody
        else is there. Held, it overtakes nobody. What is said of a member counts for its whole sync
        group, which could not stay in step otherwise. An owner (priority 255) knows neither.
        """
        unit = self._by_name.get(override.instance)
        if unit is None:
            return ()
        unit.override = None if override.state == OverrideState.ORDINARY else override
        self._refresh(now_ns)
        return self._take()

    def step_down(self, order: StepDown, now_ns: int) -> Outputs:
        """Resign by order, with the whole sync group; whoever is not master has nothing to do."""
        unit = self._by_name.get(order.instance)
        if unit is None or self._stopping:
            return ()
        for each in [unit] if unit.group is None else self._members(unit.group):
            self._feed(each, order, now_ns)
        if unit.group is not None:
            self._settle(unit.group, now_ns)
        return self._take()

    def _override_in_force(self, unit: Unit) -> InstanceOverride | None:
        members = [unit] if unit.group is None else self._members(unit.group)
        if any(each.router.instance.priority == OWNER_PRIORITY for each in members):
            return None
        return strongest(each.override for each in members)

    # Configuration.

    def retire(self, config: Config, now_ns: int) -> Outputs:
        """Shut down what `config` does not have any more; `configure` does so too.

        Apart, because a name may come back as another virtual router, and what is said of the old
        one must not be taken for the new.
        """
        kept = set(self._former_names(config).values())
        for unit in [unit for unit in self._units.values() if unit.name not in kept]:
            self._feed(unit, Shutdown(), now_ns)
            gone = InstanceEvent(
                instance=unit.name,
                event="DELETED",
                priority=unit.router.priority,
                reason="it is not configured any more",
            )
            self._outputs.append((unit.name, gone))
            del self._units[unit.router]
            if unit.group is not None:
                unit.group.update(
                    unit.group.group, [m for m in unit.group.members if m is not unit.router]
                )
        self._index()
        return self._take()

    def configure(self, config: Config, now_ns: int) -> Outputs:
        """Go on with these settings: the same virtual router (`core/instances.py`) keeps its
        state."""
        retired = self.retire(config, now_ns)
        self._apply(config, now_ns, frozenset())
        return (*retired, *self._take())

    def _apply(self, config: Config, now_ns: int, adopt: frozenset[str]) -> None:
        self._forget_trackers(config)
        changed: list[tuple[Unit, VrrpInstance]] = []
        former = self._former_names(config)
        by_name: dict[str, Unit] = {}
        for instance in config.vrrp_instances:
            name = former.get(instance.name)
            if name is None:
                unit = Unit(VirtualRouter(instance, now_ns, adopt=instance.name in adopt))
            else:
                unit = self._by_name[name]
                if unit.router.instance != instance:
                    changed.append((unit, instance))
            by_name[instance.name] = unit
        self._units = {unit.router: unit for unit in by_name.values()}  # in the document's order
        self._form_groups(config, by_name, now_ns)
        for unit, instance in changed:
            found = unit.weigh(instance, self._trackers, self._links)
            event = Reconfigured(instance=instance, priority=found.priority)
            self._feed(unit, event, now_ns, name=instance.name)
        self._index()
        self._refresh(now_ns)

    def _former_names(self, config: Config) -> dict[str, str]:
        before = [unit.router.instance for unit in self._units.values()]
        return former_names(before, config.vrrp_instances)

    def _forget_trackers(self, config: Config) -> None:
        """One that comes back later is another one."""
        trackings = [each for instance in config.vrrp_instances for each in instance.trackers]
        trackings += [each for group in config.sync_groups for each in group.trackers]
        used = {(each.kind.value, each.name) for each in trackings}
        self._trackers = {key: state for key, state in self._trackers.items() if key in used}

    def _index(self) -> None:
        self._by_name = {unit.name: unit for unit in self._units.values()}
        self.routers = {name: unit.router for name, unit in self._by_name.items()}

    def _form_groups(self, config: Config, by_name: Mapping[str, Unit], now_ns: int) -> None:
        for unit in self._units.values():
            unit.group = None
        groups: dict[str, Coordinator] = {}
        for settings in config.sync_groups:
            members = [by_name[name] for name in settings.members]
            routers = [unit.router for unit in members]
            group = self._groups.get(settings.name)
            if group is None:
                group = Coordinator(settings, routers, now_ns)
            else:
                group.update(settings, routers)
            for unit in members:
                unit.group = group
            groups[settings.name] = group
            self._match_adoption(routers)
        self._groups = groups
        for unit in self._units.values():
            unit.router.set_grouped(unit.group is not None, now_ns)

    @staticmethod
    def _match_adoption(members: list[VirtualRouter]) -> None:
        """A group was master only if every member was; what died in between begins anew."""
        if not all(member.adopting for member in members):
            for member in members:
                member.forget_adoption()

    # Who may work, and with which priority.

    def _refresh(self, now_ns: int) -> None:
        """Judge every instance again, and tell those whose condition has changed."""
        if self._stopping:
            return
        for unit in self._units.values():
            self._judge(unit, now_ns)
        self._tell(self._units.values(), now_ns)
        for group in self._groups.values():
            self._settle(group, now_ns)

    def _judge(self, unit: Unit, now_ns: int) -> None:
        """Look at one instance again; a new priority is told at once."""
        unit.in_force = self._override_in_force(unit)
        unit.router.set_overridden(unit.in_force is not None, now_ns)
        found = unit.weigh(unit.router.instance, self._trackers, self._links)
        if found.priority != unit.router.priority:
            changed = PriorityChanged(priority=found.priority, reason=found.reason)
            self._feed(unit, changed, now_ns)
        delays: tuple[str, ...] = ()
        if self._delayed:
            delay = seconds(self._start_ns - self._born_ns)
            delays = (f"{delay} after the start (startup_delay, delay_after_boot)",)
        unit.judge(self._links, delays)

    def _tell(self, units: Iterable[Unit], now_ns: int) -> None:
        for unit in units:
            event = self._event_for(unit, now_ns)
            if event is not None and event != unit.told:
                unit.told = event
                self._feed(unit, event, now_ns)

    def _event_for(self, unit: Unit, now_ns: int) -> Condition:
        """The condition of a member is that of its group; None: nothing can be said yet."""
        if unit.group is None or isinstance(unit.own, InterfaceDown):
            self._limit_adoption(unit.router, now_ns)
            return unit.own
        for sibling in self._members(unit.group):
            reason = sibling.blocked
            if reason is not None and sibling is not unit:
                text = f"sync group {unit.group_name}: {sibling.name} is in FAULT: {reason}"
                return InterfaceDown(reason=text)
        if unit.router.adopting and any(one.own is None for one in self._members(unit.group)):
            return None  # all go on as master together
        self._limit_adoption(unit.router, now_ns)
        return unit.own

    def _members(self, group: Coordinator) -> list[Unit]:
        return [self._units[member] for member in group.members]

    def _limit_adoption(self, router: VirtualRouter, now_ns: int) -> None:
        """After a Master_Down_Interval of silence the others have a new master by now."""
        if router.adopting and now_ns - self._born_ns > router.master_down_ns:
            router.forget_adoption()

    # Sync groups.

    def _settle(self, group: Coordinator, now_ns: int) -> None:
        """Bring a group in step after an event of a member."""
        if not self._stopping:
            # A takeover may have failed, or be tried again: the siblings' condition follows.
            self._tell(self._members(group), now_ns)

        def feed(router: VirtualRouter, event: Event) -> None:
            self._feed(self._units[router], event, now_ns)

        change = group.settle(now_ns, feed)
        if change is not None:
            self._outputs.append(("", change))

    def _announce_siblings(self, unit: Unit, group: Coordinator, now_ns: int) -> None:
        """A second master of one member was one of all, whether it is heard of there or not."""
        for sibling in self._members(group):
            if sibling is not unit:
                held = (*sibling.router.instance.addresses, *sibling.router.instance.excluded)
                event = AnnouncementNeeded(addresses=tuple(each.address for each in held))
                self._feed(sibling, event, now_ns)

    # Outputs.

    def _feed(self, unit: Unit, event: Event, now_ns: int, name: str | None = None) -> None:
        name = unit.name if name is None else name
        for action in unit.router.handle(event, now_ns):
            self._outputs.append((name, action))

    def _take(self) -> Outputs:
        outputs, self._outputs = tuple(self._outputs), []
        return outputs

    # What is seen.

    def siblings(self, name: str) -> tuple[str, ...]:
        """The names of all members of the instance's sync group; its own without one."""
        group = self._by_name[name].group
        return (name,) if group is None else tuple(m.instance.name for m in group.members)

    def instance_reports(self, now_ns: int) -> list[dict[str, object]]:
        """The part "instances" of the status, in the document's order."""
        return [
            instance_report(
                unit.router,
                unit.standing,
                unit.waiting,
                unit.group_name,
                now_ns,
                override=unit.in_force,
            )
            for unit in self._units.values()
        ]

    def group_reports(self, now_ns: int) -> list[dict[str, object]]:
        """The part "sync_groups" of the status."""
        return [group_report(group, now_ns) for group in self._groups.values()]

    def report(self, now_ns: int) -> dict[str, object]:
        """Both parts."""
        return {
            "instances": self.instance_reports(now_ns),
            "sync_groups": self.group_reports(now_ns),
        }


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
