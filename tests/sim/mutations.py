# SPDX-License-Identifier: GPL-3.0-or-later
"""Planted bugs: what the simulation has to find, or it is worth nothing.

Owns the mutations of the core, each a patch for the time of a `with` block. Every one is a mistake
that somebody could make, or that implementations of VRRP have made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock
from weakref import WeakKeyDictionary

from lvs_agent.core.actions import SendAdvert
from lvs_agent.core.events import (
    AdvertReceived,
    InterfaceDown,
    InterfaceUp,
    TimerExpired,
)
from lvs_agent.core.messages import Hold, HoldApplied, ProcessDied, StepDown
from lvs_agent.core.vrrp import fsm, groups, packet, router, timers
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.packet import Checksum
from lvs_agent.core.vrrp.router import Actions, Router, State

Handler = Callable[[VirtualRouter, Any, int], Actions]
Change = Callable[[Handler], Handler]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A planted bug. `caught_by`: the invariants that it may break; `seeds`: within so many."""

    name: str
    caught_by: tuple[str, ...]
    seeds: int
    planted: Callable[[], Any]


@contextmanager
def _handler(state: State, event: type, change: Change) -> Iterator[None]:
    """One entry of the state machine's table is another function."""
    table = fsm._TABLE
    with mock.patch.dict(table, {(state, event): change(table[state, event])}):
        yield


@contextmanager
def _together(*parts: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(part)
        yield


def _without(actions: Actions, kind: type, **having: object) -> Actions:
    """`actions` less those of a kind."""
    return tuple(
        each
        for each in actions
        if not (
            isinstance(each, kind)
            and all(getattr(each, name) == value for name, value in having.items())
        )
    )


def _equal_priority_loses(handler: Handler) -> Handler:
    """Comparison with > instead of >=: an equal of ours is treated as lower."""

    def handle(self: VirtualRouter, event: AdvertReceived, now_ns: int) -> Actions:
        if event.advert.priority == self.priority:
            lower = replace(event.advert, priority=max(1, self.priority - 1))
            event = replace(event, advert=lower)
        return handler(self, event, now_ns)

    return handle


def _address_not_compared(handler: Handler) -> Handler:
    """Of two masters of equal priority none gives way."""

    def handle(self: VirtualRouter, event: AdvertReceived, now_ns: int) -> Actions:
        if event.advert.priority == self.priority:
            return ()
        return handler(self, event, now_ns)

    return handle


def _priority_zero_ignored(handler: Handler) -> Handler:
    def handle(self: VirtualRouter, event: AdvertReceived, now_ns: int) -> Actions:
        return () if event.advert.priority == 0 else handler(self, event, now_ns)

    return handle


def _timer_not_reset(handler: Handler) -> Handler:
    """The master's advert is heard, and the timer runs on."""

    def handle(self: VirtualRouter, event: AdvertReceived, now_ns: int) -> Actions:
        before = self._timer_ns
        actions = handler(self, event, now_ns)
        if event.advert.priority:
            self._timer_ns = before
        return actions

    return handle


def _interval_not_learned(handler: Handler) -> Handler:
    """The advert's interval is looked at as if it were ours."""

    def handle(self: VirtualRouter, event: AdvertReceived, now_ns: int) -> Actions:
        ours = replace(event.advert, advert_int_ns=self.instance.advert_int_ns)
        return handler(self, replace(event, advert=ours), now_ns)

    return handle


def _hold_kept_when_losing(handler: Handler) -> Handler:
    def handle(self: VirtualRouter, event: AdvertReceived, now_ns: int) -> Actions:
        return _without(handler(self, event, now_ns), Hold, hold=False)

    return handle


def _fault_keeps_addresses(handler: Handler) -> Handler:
    """A new process whose interface is down says nothing about what the last one held."""

    def handle(self: VirtualRouter, event: InterfaceDown, now_ns: int) -> Actions:
        return _without(handler(self, event, now_ns), Hold, hold=False)

    return handle


def _stale_answer_taken(handler: Handler) -> Handler:
    """Any answer of the kernel process is taken for the one to the last question."""

    def handle(self: VirtualRouter, event: HoldApplied, now_ns: int) -> Actions:
        return handler(self, replace(event, sequence=self._sequence), now_ns)

    return handle


def _kernel_death_ignored(handler: Handler) -> Handler:
    def handle(self: VirtualRouter, event: ProcessDied, now_ns: int) -> Actions:
        return ()

    return handle


def _resign_in_silence() -> Any:
    resign = Router._resign

    def silent(self: Router, state: State, reason: str, now_ns: int) -> Actions:
        return _without(resign(self, state, reason, now_ns), SendAdvert, resign=True)

    return mock.patch.object(Router, "_resign", silent)


def _answer_not_awaited() -> Any:
    hold = Router._hold

    def trusting(self: Router, wanted: bool, now_ns: int) -> Hold:
        asked = hold(self, wanted, now_ns)
        self.acknowledged, self._hold_by_ns = wanted, None
        return asked

    return mock.patch.object(Router, "_hold", trusting)


def _promise_after_its_time() -> Any:
    """Past the limit of an unconfirmed hold an advert is still answered with one."""

    def always(self: Router, now_ns: int) -> Actions:
        self._last_advert_ns = now_ns
        return (SendAdvert(),)

    return mock.patch.object(Router, "_advert", always)


def _wall_clock() -> Any:
    """How long a backup has waited is measured with the wall clock."""
    set_timer = Router._set_timer
    began: WeakKeyDictionary[Router, int] = WeakKeyDictionary()

    def remember(self: Router, delay_ns: int | None, now_ns: int) -> None:
        began[self] = time.time_ns()
        set_timer(self, delay_ns, now_ns)

    def change(handler: Handler) -> Handler:
        def handle(self: VirtualRouter, event: TimerExpired, now_ns: int) -> Actions:
            waited_ns = time.time_ns() - began[self]
            if waited_ns < 0:
                self._set_timer(self.master_down_ns, now_ns)
                return ()
            return handler(self, event, now_ns)

        return handle

    return _together(
        mock.patch.object(Router, "_set_timer", remember),
        _handler(State.BACKUP, TimerExpired, change),
    )


def _resigned_for_good(handler: Handler) -> Handler:
    """Who resigns by order waits for a master that never was."""

    def handle(self: VirtualRouter, event: StepDown, now_ns: int) -> Actions:
        actions = handler(self, event, now_ns)
        self._set_timer(3600 * 1_000_000_000, now_ns)
        return actions

    return handle


def _override_forgotten(self: Router, overridden: bool, now_ns: int) -> None:
    """Held and given away routers preempt like all others."""


def _interface_back_unnoticed(handler: Handler) -> Handler:
    def handle(self: VirtualRouter, event: InterfaceUp, now_ns: int) -> Actions:
        return ()

    return handle


def _skewless(version: int, priority: int, interval_ns: int) -> int:
    return 0


def _one_wish_is_enough(self: groups.Coordinator) -> bool:
    return all(m.state is State.BACKUP for m in self.members) and any(
        m.wish is not None for m in self.members
    )


def _left_behind(*_: object) -> None:
    """A member that loses does not take its siblings along."""


def _every_checksum_right(*_: object) -> Checksum:
    return Checksum.MESSAGE


def _backup(event: type, change: Change) -> Callable[[], Any]:
    return lambda: _handler(State.BACKUP, event, change)


def _master(event: type, change: Change) -> Callable[[], Any]:
    return lambda: _handler(State.MASTER, event, change)


_I1, _I2, _I3, _I4 = (
    "I1 one active",
    "I2 brief dual-active",
    "I3 no empty promise",
    "I4 nothing left",
)
_I5, _I6 = "I5 wall clock", "I6 single frame"
_ANNOUNCE = "I3 announce after acknowledgement"
_HANDOVER = "handover"

MUTATIONS = (
    Mutation(
        name="a backup treats an equal priority as lower (> for >=)",
        caught_by=(_I1, _I2, _I6),
        seeds=20,
        planted=_backup(AdvertReceived, _equal_priority_loses),
    ),
    Mutation(
        name="the address does not decide between equal masters",
        caught_by=(_I1, _I2),
        seeds=20,
        planted=_master(AdvertReceived, _address_not_compared),
    ),
    Mutation(
        name="skew ignored",
        caught_by=(_HANDOVER,),
        seeds=20,
        planted=lambda: _together(
            mock.patch.object(timers, "skew_ns", _skewless),
            mock.patch.object(router, "skew_ns", _skewless),
        ),
    ),
    Mutation(
        name="no parting advert",
        caught_by=(_HANDOVER,),
        seeds=10,
        planted=_resign_in_silence,
    ),
    Mutation(
        name="priority 0 ignored by a backup",
        caught_by=(_HANDOVER,),
        seeds=20,
        planted=_backup(AdvertReceived, _priority_zero_ignored),
    ),
    Mutation(
        name="the master's interval not learned",
        caught_by=(_I1, _I2, _I6),
        seeds=60,
        planted=_backup(AdvertReceived, _interval_not_learned),
    ),
    Mutation(
        name="the timer of a backup not reset by adverts",
        caught_by=(_I1, _I2, _I6, "no overtaking"),
        seeds=10,
        planted=_backup(AdvertReceived, _timer_not_reset),
    ),
    Mutation(
        name="addresses kept after losing",
        caught_by=(_I4, "I1 the active one has the addresses"),
        seeds=10,
        planted=_master(AdvertReceived, _hold_kept_when_losing),
    ),
    Mutation(
        name="addresses of the process before kept in FAULT",
        caught_by=(_I4,),
        seeds=200,
        planted=lambda: _handler(State.INIT, InterfaceDown, _fault_keeps_addresses),
    ),
    Mutation(
        name="the kernel's acknowledgement not awaited",
        caught_by=(_ANNOUNCE, _I3),
        seeds=10,
        planted=_answer_not_awaited,
    ),
    Mutation(
        name="an answer to an older question taken",
        caught_by=(_ANNOUNCE, _I3),
        seeds=100,
        planted=_master(HoldApplied, _stale_answer_taken),
    ),
    Mutation(
        name="death of the kernel process ignored",
        caught_by=(_ANNOUNCE, _I3),
        seeds=100,
        planted=_master(ProcessDied, _kernel_death_ignored),
    ),
    Mutation(
        name="an advert after the limit of an unconfirmed hold",
        caught_by=(_I3,),
        seeds=400,
        planted=_promise_after_its_time,
    ),
    Mutation(
        name="an interface that comes back not noticed",
        caught_by=(_I1, "I1 everybody is back"),
        seeds=20,
        planted=lambda: _handler(State.FAULT, InterfaceUp, _interface_back_unnoticed),
    ),
    Mutation(
        name="a timer by the wall clock",
        caught_by=(_I5, _HANDOVER),
        seeds=20,
        planted=_wall_clock,
    ),
    Mutation(
        name="a sync group takes over when one member may",
        caught_by=(_I1, _I2, _I6, _HANDOVER),
        seeds=100,
        planted=lambda: mock.patch.object(
            groups.Coordinator, "wishes", property(_one_wish_is_enough)
        ),
    ),
    Mutation(
        name="a member of a sync group left behind",
        caught_by=("sync group in step",),
        seeds=20,
        planted=lambda: mock.patch.object(groups.Coordinator, "_leave", _left_behind),
    ),
    Mutation(
        name="who resigns by order does not take back",
        caught_by=("never nobody's", _I1),
        seeds=60,
        planted=_master(StepDown, _resigned_for_good),
    ),
    Mutation(
        name="a held router preempts",
        caught_by=("no overtaking", _I6, _I1),
        seeds=100,
        planted=lambda: mock.patch.object(Router, "set_overridden", _override_forgotten),
    ),
    Mutation(
        name="checksums not verified",
        caught_by=("I6 corrupted frames only", _I6),
        seeds=10,
        planted=lambda: mock.patch.object(packet, "_checksum_reading", _every_checksum_right),
    ),
)
