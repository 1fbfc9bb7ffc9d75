# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of the VRRP stack: every instance's state machine, and nothing slow beside them.

Owns the event loop and does what the state machines ask for. Must never decide about the protocol:
that is `core/vrrp/`. Works with CAP_NET_RAW alone; addresses are the kernel process's.
"""

from __future__ import annotations

import gc
import socket
from dataclasses import replace
from ipaddress import IPv4Address

from lvs_agent.adapters.clock import asleep_ns, request_realtime
from lvs_agent.config import load
from lvs_agent.core.events import (
    AnnouncementNeeded,
    ClockGap,
    Event,
    Reconfigured,
    Shutdown,
    TimerExpired,
)
from lvs_agent.core.messages import (
    AddressesLost,
    HoldApplied,
    LinkState,
    Message,
    ProcessDied,
    ProcessRestarted,
)
from lvs_agent.core.model import Config, VrrpInstance
from lvs_agent.core.vrrp.journal import RateLimit, left_out
from lvs_agent.core.vrrp.links import condition
from lvs_agent.core.vrrp.reasons import EXPLANATIONS, RejectReason, Remark
from lvs_agent.core.vrrp.receive import Accepted, Receiver, Rejected
from lvs_agent.core.vrrp.report import instance_report, receiver_report
from lvs_agent.core.vrrp.router import State
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.child import Child, Start
from lvs_agent.proc.ha_executor import Executor
from lvs_agent.proc.ha_member import Key, Member, key_of
from lvs_agent.proc.ha_ports import Ports
from lvs_agent.proc.loop import Loop

# A handover waits so long for the kernel process to confirm that the addresses are gone.
_STOP_WAIT_NS = 1_000_000_000
# An interface whose sockets could not be opened is tried again after this.
_REOPEN_NS = 1_000_000_000
# A smaller difference between two clocks is not a sleeping host but the time of reading them.
_CLOCK_GAP_NS = 100_000_000
# A timer this late may have adverts of the same moment before it in a socket.
_LATE_NS = 1_000_000


class Ha(Child):
    """The child process. `_members` by key; messages name instances, `_by_name` finds them."""

    def __init__(
        self, loop: Loop, supervisor: socket.socket, kernel: socket.socket, start: Start
    ) -> None:
        super().__init__(loop, supervisor, start)
        self._kernel = Channel(loop, kernel, self._from_kernel, self._kernel_closed)
        self._ports = Ports(loop, self._received)
        self._executor = Executor(loop, self._ports, self._kernel.send, self.supervisor.send)
        self._links: dict[str, LinkState] = {}
        self._receivers: dict[tuple[str, str], Receiver] = {}
        self._members: dict[Key, Member] = {}
        self._by_name: dict[str, Member] = {}
        self._reject_lines = RateLimit(1)
        self._stopping = False
        # The greatest of some: being interrupted while reading makes one too small.
        self._asleep_ns = max(asleep_ns() for _ in range(3))
        masters = {each.instance for each in start.adopt if each.state == State.MASTER}
        self._configure(start.config, masters)

    # Configuration.

    def reconfigure(self, document: str) -> None:
        self.config = load(document)
        self._configure(self.config, set())

    def _configure(self, config: Config, masters: set[str]) -> None:
        wanted = {key_of(instance): instance for instance in config.vrrp_instances}
        for key in self._members.keys() - wanted.keys():
            self._remove(key)
        for key, instance in wanted.items():
            interface, _, _, group = key
            receiver = self._receivers.setdefault((interface, group), Receiver(group))
            receiver.add(instance)
            member = self._members.get(key)
            if member is None:
                adopt = instance.name in masters
                member = self._members[key] = self._member(instance, adopt=adopt)
                member.prepare(instance, self._links)
            elif member.instance != instance:
                self._update(member, instance)
        self._by_name = {member.instance.name: member for member in self._members.values()}
        for name in self._ports.names() - self._needed():
            self._ports.close(name)
        for link in list(self._links.values()):
            self._open(link)
        for member in self._members.values():
            self._tell_interfaces(member)

    def _needed(self) -> set[str]:
        """The interfaces of all instances."""
        return set().union(*(member.interfaces() for member in self._members.values()))

    def _member(self, instance: VrrpInstance, *, adopt: bool) -> Member:
        return Member(
            instance,
            self.loop,
            adopt=adopt,
            on_alarm=self._alarm,
            on_announce=self._executor.announce,
        )

    def _update(self, member: Member, instance: VrrpInstance) -> None:
        before = member.instance
        # The packets first: the state machine sends at once.
        member.prepare(instance, self._links)
        member.announcer.update(instance)
        self._feed(member, Reconfigured(instance=instance))
        if before.name != instance.name:
            self.log("info", f"vrrp {before.name} is now called {instance.name}")

    def _remove(self, key: Key) -> None:
        member = self._members[key]
        self._feed(member, Shutdown())
        member.close()
        del self._members[key]
        interface, vrid, _, group = key
        receiver = self._receivers[interface, group]
        receiver.remove(vrid)
        if not len(receiver):
            del self._receivers[interface, group]

    # What comes in.

    def handle(self, message: Message) -> None:
        match message:
            case ProcessDied(name="kernel") | ProcessRestarted(name="kernel"):
                if not self._stopping:
                    self._feed_all(message)
            case _:
                pass  # of another process: nothing here depends on it

    def _kernel_closed(self, reason: str) -> None:
        self.log("error", f"the channel to the kernel process failed: {reason}")
        self._feed_all(ProcessDied(name="kernel"))

    def _from_kernel(self, message: Message) -> None:
        match message:
            case LinkState():
                self._link(message)
            case HoldApplied(instance=name, sequence=sequence):
                self._executor.confirmed(name, sequence)
                if (member := self._by_name.get(name)) is not None:
                    self._feed(member, message)
                self._finish_if_confirmed()
            case AddressesLost(instance=name, addresses=addresses):
                if (member := self._by_name.get(name)) is not None:
                    self._feed(member, AnnouncementNeeded(addresses=addresses))
            case _:
                pass  # not for this process

    def _link(self, link: LinkState) -> None:
        name, before = link.interface, self._links.get(link.interface)
        if before is not None and 0 != before.index != link.index != 0:
            # Deleted and made anew between two reports: what was on the old one is gone.
            self._link(replace(link, index=0, running=False))
            before = self._links[name]
        self._links[name] = link
        if self._stopping:
            return
        if before is not None and not (before.running and before.index == link.index):
            self._ports.close(name)  # memberships of a link that was gone are not trusted
        self._open(link)
        concerned = [m for m in self._members.values() if name in m.interfaces()]
        for member in concerned:
            member.prepare(member.instance, self._links)
            self._tell_interfaces(member)
            if before is not None and before.mac != link.mac:
                moved = tuple(a.address for a in member.instance.addresses if a.interface == name)
                self._feed(member, AnnouncementNeeded(addresses=moved))
        if not self._links[name].running:
            self._ports.close(name)

    def _open(self, link: LinkState) -> None:
        """Open what the instances need on `link`; if that fails, it counts as down for a while."""
        groups = [group for interface, group in self._receivers if interface == link.interface]
        primary = 0 if link.primary is None else int(IPv4Address(link.primary))
        for group in groups:
            self._receivers[link.interface, group].set_own_address(primary)
        if not link.running or link.index == 0 or link.interface not in self._needed():
            return
        try:
            self._ports.open(link.interface, link.index, groups)
        except OSError as error:
            self.log("error", f"vrrp: cannot open sockets on {link.interface}: {error}")
            self._links[link.interface] = replace(link, running=False)
            self.loop.call_at(self.loop.now_ns() + _REOPEN_NS, lambda: self._reopen(link))

    def _reopen(self, link: LinkState) -> None:
        """Try again, unless the kernel process has reported something newer."""
        if self._links.get(link.interface) == replace(link, running=False):
            self._link(link)

    def _tell_interfaces(self, member: Member) -> None:
        event = condition(member.instance, self._links)
        if event is not None:
            self._feed(member, event)

    def _received(self, interface: str, group: str, datagram: bytes) -> None:
        self._note_clock_gap()
        result = self._receivers[interface, group].examine(datagram)
        match result:
            case Accepted(instance=name, event=event, remarks=remarks):
                member = self._by_name.get(name)
                if member is None or self._stopping:
                    return
                self._feed(member, event)
                for remark in remarks:
                    self._remark(name, interface, IPv4Address(event.source), remark, "accepted")
            case Rejected(reason=reason, source=source, instance=instance):
                # Other people's virtual routers on our network are none of our business.
                if reason is not RejectReason.VIRTUAL_ROUTER_ID:
                    who = instance or f"group {group}"
                    self._remark(who, interface, IPv4Address(source), reason, "rejected")

    def _remark(
        self, who: str, interface: str, source: IPv4Address, why: RejectReason | Remark, fate: str
    ) -> None:
        count = self._reject_lines.admit((who, interface, why), self.loop.now_ns())
        if count is not None:
            text = f"vrrp {who} ({interface}): advert of {source} {fate}: {EXPLANATIONS[why]}"
            self.log("warning", text + left_out(count))

    # Time.

    def _alarm(self, member: Member) -> None:
        now_ns = self.loop.now_ns()
        due_ns = member.router.deadline_ns
        if due_ns is not None and due_ns <= now_ns:
            self._note_clock_gap()
            # Before acting on silence, look whether it is one.
            if member.router.state is State.BACKUP or now_ns - due_ns > _LATE_NS:
                self._ports.drain(member.instance.interface, member.instance.mcast_group4)
            due_ns = member.router.deadline_ns
            if due_ns is not None and due_ns <= now_ns:
                self._feed(member, TimerExpired())
        member.alarm.set(member.router.deadline_ns)

    def _note_clock_gap(self) -> None:
        """Tell every instance when the host slept, before anything is done in its new present."""
        gap_ns = asleep_ns() - self._asleep_ns
        if gap_ns < _CLOCK_GAP_NS:
            return
        self._asleep_ns += gap_ns
        self.log("warning", f"vrrp: this host was suspended for {gap_ns / 1e9:.1f} s")
        self._feed_all(ClockGap(gap_ns=gap_ns))

    # What goes out.

    def _feed_all(self, event: Event) -> None:
        for member in self._members.values():
            self._feed(member, event)

    def _feed(self, member: Member, event: Event) -> None:
        now_ns = self.loop.now_ns()
        for action in member.router.handle(event, now_ns):
            self._executor.do(member, action, now_ns)
        member.alarm.set(member.router.deadline_ns)

    # The end.

    def stop(self) -> None:
        """Resign everywhere, release everything, and wait for the kernel process's word on it."""
        if self._stopping:
            return
        self._stopping = True
        self._feed_all(Shutdown())
        self.loop.call_at(self.loop.now_ns() + _STOP_WAIT_NS, self.finish)
        self._finish_if_confirmed()

    def supervisor_gone(self) -> None:
        self.stop()

    def _finish_if_confirmed(self) -> None:
        if self._stopping and not self._executor.unconfirmed:
            self.finish()

    def report(self) -> dict[str, object]:
        now_ns = self.loop.now_ns()
        return {
            "instances": [
                instance_report(member.router, self._receivers[key[0], key[3]], now_ns)
                for key, member in self._members.items()
            ],
            "receivers": [
                receiver_report(interface, receiver)
                for (interface, _), receiver in self._receivers.items()
            ],
        }


def main(supervisor: socket.socket, kernel: socket.socket, start: Start) -> None:
    """The life of the process; returns when it has handed over."""
    refusal = request_realtime()
    loop = Loop()
    ha = Ha(loop, supervisor, kernel, start)
    if refusal is not None:
        ha.log("warning", f"vrrp: no real-time scheduling ({refusal}); set LimitRTPRIO=")
    # What exists now stays: later collections look at the few objects made since.
    gc.collect()
    gc.freeze()
    ha.run()
