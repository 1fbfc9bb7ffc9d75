# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what the state machines ask for: the way out of the ha process.

Owns the order of doing and the counters. Must never decide about the protocol, nor open a socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from lvs_agent.core.actions import Action, Announce, ProbeAddresses, SendAdvert, StopAnnouncing
from lvs_agent.core.messages import (
    GroupState,
    Hold,
    InstanceEvent,
    InstanceState,
    LogLine,
    MasterHeard,
    Message,
)
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.journal import RateLimit, left_out
from lvs_agent.core.vrrp.router import State
from lvs_agent.proc.ha_wire import Wire
from lvs_agent.proc.loop import Loop

# State changes and the like, per instance and level: enough for an incident, too few to fill a
# disk when a neighbour makes us change again and again.
_LINES_PER_MINUTE = 30


class Executor:
    """`unconfirmed` has (instance, sequence) of every Hold that the kernel did not answer yet.

    `routers(name)` finds the state machine that counts what became of an action; None: it is gone.
    """

    def __init__(
        self,
        loop: Loop,
        wire: Wire,
        routers: Callable[[str], VirtualRouter | None],
        to_kernel: Callable[[Message], None],
        to_supervisor: Callable[[Message], None],
    ) -> None:
        self._loop = loop
        self._wire = wire
        self._routers = routers
        self._to_kernel = to_kernel
        self._to_supervisor = to_supervisor
        self._lines = RateLimit(_LINES_PER_MINUTE)
        self.unconfirmed: dict[str, int] = {}
        wire.on_frames = self._count_frames

    def do(self, name: str, action: Action, now_ns: int) -> None:
        """Carry out one action of the instance `name`; "" for a sync group."""
        match action:
            case SendAdvert(resign=resign):
                self._send_advert(name, resign)
            case Hold(instance=instance, sequence=sequence):
                self.unconfirmed[instance] = sequence
                self._to_kernel(action)
            case Announce(addresses=addresses, repeat=repeat):
                self._wire.announce(name, addresses, repeat, now_ns)
            case StopAnnouncing():
                self._wire.stop_announcing(name)
            case ProbeAddresses(addresses=addresses):
                self._wire.probe(name, addresses)
            case InstanceState() | GroupState():
                self._to_supervisor(action)
                self._log_transition(name, action)
            case InstanceEvent() | MasterHeard():
                self._to_supervisor(action)
            case LogLine(level=level, text=text):
                self._log_limited(name, level, text)
            case _:
                assert_never(action)

    def confirmed(self, name: str, sequence: int) -> None:
        """The kernel process answered a Hold; only the answer to the last one counts."""
        if self.unconfirmed.get(name) == sequence:
            del self.unconfirmed[name]

    def _send_advert(self, name: str, resign: bool) -> None:
        router = self._routers(name)
        if router is None:
            return
        sent, error = self._wire.send_advert(name, priority=router.priority, resign=resign)
        statistics = router.statistics
        if sent:
            statistics.adverts_sent += 1
            statistics.priority_zero_sent += resign
        if error is not None:
            statistics.send_errors += 1
            text = f"vrrp {name} ({router.instance.interface}): advert not sent: {error}"
            self._log_limited(name, "error", text)

    def _count_frames(self, name: str, sent: int, failed: int) -> None:
        router = self._routers(name)
        if router is not None:
            router.statistics.gratuitous_arps_sent += sent
            router.statistics.gratuitous_arp_errors += failed

    def _log_transition(self, name: str, change: InstanceState | GroupState) -> None:
        router = self._routers(name) if isinstance(change, InstanceState) else None
        if isinstance(change, GroupState):
            who = f"sync group {change.group}"
        elif router is None:
            who = name
        else:
            instance = router.instance
            who = f"{name} ({instance.interface}, VRID {instance.virtual_router_id})"
        level = "warning" if change.state == State.FAULT else "info"
        text = f"vrrp {who}: {change.previous} -> {change.state}: {change.reason}"
        self._log_limited(name, level, text)

    def _log_limited(self, name: str, level: str, text: str) -> None:
        count = self._lines.admit((name, level), self._loop.now_ns())
        if count is not None:
            self._to_supervisor(LogLine(level=level, text=text + left_out(count)))
