# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what the state machines ask for: the way out of the ha process.

Owns sending and its counters. Must never decide about the protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from lvs_agent.adapters.arp import Sent
from lvs_agent.core.actions import Action, Announce, SendAdvert, StopAnnouncing
from lvs_agent.core.messages import Hold, InstanceState, LogLine, Message
from lvs_agent.core.vrrp.journal import RateLimit, left_out
from lvs_agent.core.vrrp.router import State
from lvs_agent.proc.ha_member import Member
from lvs_agent.proc.ha_ports import Ports
from lvs_agent.proc.loop import Loop

# State changes and the like, per instance and level: enough for an incident, too few to fill a
# disk when a neighbour makes us change again and again.
_LINES_PER_MINUTE = 30


class Executor:
    """`unconfirmed` has (instance, sequence) of every Hold that the kernel did not answer yet."""

    def __init__(
        self,
        loop: Loop,
        ports: Ports,
        to_kernel: Callable[[Message], None],
        to_supervisor: Callable[[Message], None],
    ) -> None:
        self._loop = loop
        self._ports = ports
        self._to_kernel = to_kernel
        self._to_supervisor = to_supervisor
        self._lines = RateLimit(_LINES_PER_MINUTE)
        self.unconfirmed: dict[str, int] = {}

    def do(self, member: Member, action: Action, now_ns: int) -> None:
        """Carry out one action of `member`'s state machine."""
        match action:
            case SendAdvert(resign=resign):
                self._send_advert(member, resign)
            case Hold(instance=name, sequence=sequence):
                self.unconfirmed[name] = sequence
                self._to_kernel(action)
            case Announce(addresses=addresses):
                member.announcer.start(addresses, now_ns)
                member.announce_alarm.set(member.announcer.deadline_ns)
            case StopAnnouncing():
                member.announcer.stop()
            case InstanceState():
                self._to_supervisor(action)
                self._log_transition(member, action)
            case LogLine(level=level, text=text):
                self._log_limited(member, level, text)
            case _:
                assert_never(action)

    def confirmed(self, name: str, sequence: int) -> None:
        """The kernel process answered a Hold; only the answer to the last one counts."""
        if self.unconfirmed.get(name) == sequence:
            del self.unconfirmed[name]

    def _send_advert(self, member: Member, resign: bool) -> None:
        datagram = member.resignation if resign else member.datagram
        if datagram is None:
            return  # no address known yet: nothing was ever advertised
        instance, statistics = member.instance, member.router.statistics
        error = self._ports.send(instance.interface, datagram, instance.mcast_group4)
        if error is None:
            statistics.adverts_sent += 1
            statistics.priority_zero_sent += resign
            return
        statistics.send_errors += 1
        text = f"vrrp {instance.name} ({instance.interface}): advert not sent: {error}"
        self._log_limited(member, "error", text)

    def _send_frames(self, member: Member, addresses: list[str], now_ns: int) -> None:
        statistics = member.router.statistics
        for at, address in enumerate(addresses):
            interface, frame = member.frames.get(address, ("", b""))
            match self._ports.send_frame(interface, frame):
                case Sent.YES:
                    statistics.gratuitous_arps_sent += 1
                case Sent.FAILED:
                    statistics.gratuitous_arp_errors += 1
                case Sent.CONGESTED:
                    member.announcer.congested(addresses[at:], now_ns)
                    return

    def _log_transition(self, member: Member, change: InstanceState) -> None:
        instance = member.instance
        where = f"{instance.interface}, VRID {instance.virtual_router_id}"
        level = "warning" if change.state == State.FAULT else "info"
        states = f"{change.previous} -> {change.state}"
        text = f"vrrp {instance.name} ({where}): {states}: {change.reason}"
        self._log_limited(member, level, text)

    def _log_limited(self, member: Member, level: str, text: str) -> None:
        count = self._lines.admit((member.instance.name, level), self._loop.now_ns())
        if count is not None:
            self._to_supervisor(LogLine(level=level, text=text + left_out(count)))

    def announce(self, member: Member) -> None:
        """Send the slice of gratuitous ARP that is due."""
        announcer, now_ns = member.announcer, self._loop.now_ns()
        due_ns = announcer.deadline_ns
        if due_ns is not None and due_ns <= now_ns:
            self._send_frames(member, announcer.take(now_ns), now_ns)
        member.announce_alarm.set(announcer.deadline_ns)
