# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of the VRRP stack: every instance's state machine, and nothing slow beside them.

Owns the event loop: brings what happens to `core/vrrp/stack.py`, and has done what that asks for.
Must never decide about the protocol. Works with CAP_NET_RAW alone; addresses are the kernel
process's, trackers and notifications the track process's.
"""

from __future__ import annotations

import gc
import socket

from lvs_agent.adapters import adoption, ledger_file
from lvs_agent.adapters.clock import asleep_ns
from lvs_agent.core.events import (
    AdvertReceived,
    AnnouncementNeeded,
    ClockGap,
    Event,
    Shutdown,
    TimerExpired,
)
from lvs_agent.core.messages import (
    AddressesLost,
    HoldApplied,
    InstanceOverride,
    LinkState,
    Message,
    ProcessDied,
    ProcessRestarted,
    StepDown,
    TrackerState,
)
from lvs_agent.core.model import Config
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.stack import Outputs, VrrpStack
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.child import Child, Start
from lvs_agent.proc.ha_executor import Executor
from lvs_agent.proc.ha_member import Alarm
from lvs_agent.proc.ha_scheduling import OwnScheduling
from lvs_agent.proc.ha_wire import Wire
from lvs_agent.proc.loop import Callback, Loop

# A handover waits so long for the kernel process to confirm that the addresses are gone.
_STOP_WAIT_NS = 1_000_000_000
# A smaller difference between two clocks is not a sleeping host but the time of reading them.
_CLOCK_GAP_NS = 100_000_000
# A timer this late may have adverts of the same moment before it in a socket.
_LATE_NS = 1_000_000


class Ha(Child):
    """The child process. `_routers` by name, as the wire and the executor know them."""

    def __init__(
        self,
        loop: Loop,
        supervisor: socket.socket,
        kernel: socket.socket,
        track: socket.socket,
        start: Start,
    ) -> None:
        super().__init__(loop, supervisor, start)
        self._scheduling = OwnScheduling(loop, self.log)
        self._scheduling.apply(start.config.global_defs.scheduling)
        self._kernel = Channel(loop, kernel, self._from_kernel, self._kernel_closed)
        self._track = Channel(loop, track, self._from_track, self._track_closed)
        self._routers: dict[str, VirtualRouter] = {}
        self._alarms: dict[VirtualRouter, Alarm] = {}
        self._wire = Wire(loop, on_event=self._feed, on_link=self._link, log=self.log)
        self._executor = Executor(
            loop, self._wire, self._routers.get, self._kernel.send, self.supervisor.send
        )
        self._stopping = False
        # The greatest of some: being interrupted while reading makes one too small.
        self._asleep_ns = max(asleep_ns() for __ in range(3))
        now_ns = loop.now_ns()
        self._stack = VrrpStack(
            start.config,
            now_ns,
            adopt=frozenset(each.instance for each in start.adopt if each.state == State.MASTER),
            since_boot_ns=now_ns + self._asleep_ns,
            restarted=start.restarted,
        )
        self._match_stack()
        for override in start.instance_overrides:
            self._do(self._stack.override(override, now_ns))
        self._arm_all()  # a start may be delayed

    def beat(self) -> None:
        self._scheduling.look()
        super().beat()

    # Configuration.

    def reconfigure(self, config: Config) -> None:
        self.config = config
        self._scheduling.apply(config.global_defs.scheduling)
        now_ns = self.loop.now_ns()
        # What goes away, by its old name and settings; then what is new.
        self._do(self._stack.retire(self.config, now_ns))
        outputs = self._stack.configure(self.config, now_ns)
        # The packets first: the state machines send at once.
        self._match_stack()
        self._do(outputs)
        self._arm_all()

    def _match_stack(self) -> None:
        """Alarms, sockets and packets for exactly what the stack has."""
        routers = self._stack.routers
        self._routers.clear()
        self._routers.update(routers)
        for router in self._alarms.keys() - set(routers.values()):
            self._alarms.pop(router).cancel()
        for router in routers.values():
            if router not in self._alarms:
                self._alarms[router] = Alarm(self.loop, self._alarm_of(router))
        self._wire.configure({router: router.instance for router in routers.values()})

    # What comes in.

    def handle(self, message: Message) -> None:
        match message:
            case ProcessDied(name="kernel") | ProcessRestarted(name="kernel"):
                if not self._stopping:
                    self._feed_all(message)
            case InstanceOverride():
                self._do(self._stack.override(message, self.loop.now_ns()))
            case StepDown(instance=name):
                if name in self._routers:
                    self._note_clock_gap()
                    # Nobody resigns for a master whose advert is already here.
                    for sibling in self._stack.siblings(name):
                        self._wire.drain(sibling)
                self._do(self._stack.step_down(message, self.loop.now_ns()))
            case _:
                pass  # of another process: what the track process said last stands

    def _kernel_closed(self, reason: str) -> None:
        self.log("error", f"the channel to the kernel process failed: {reason}")
        self._feed_all(ProcessDied(name="kernel"))

    def _track_closed(self, reason: str) -> None:
        self.log("error", f"the channel to the track process failed: {reason}")

    def _from_kernel(self, message: Message) -> None:
        match message:
            case LinkState():
                if not self._stopping:
                    self._wire.link(message)
            case HoldApplied(instance=name, sequence=sequence):
                self._executor.confirmed(name, sequence)
                self._feed(name, message)
                if self._stopping and not self._executor.unconfirmed:
                    self.finish()
            case AddressesLost(instance=name, addresses=addresses):
                self._feed(name, AnnouncementNeeded(addresses=addresses))
            case _:
                pass  # not for this process

    def _link(self, link: LinkState) -> None:
        """An interface as the wire can use it."""
        self._do(self._stack.link(link, self.loop.now_ns()))

    def _from_track(self, message: Message) -> None:
        if isinstance(message, TrackerState) and not self._stopping:
            self._do(self._stack.tracker(message, self.loop.now_ns()))

    # Time.

    def _alarm_of(self, router: VirtualRouter) -> Callback:
        return lambda: self._alarm(router.instance.name)

    def _alarm(self, name: str) -> None:
        now_ns = self.loop.now_ns()
        due_ns = self._stack.deadline_ns(name)
        if due_ns is not None and due_ns <= now_ns:
            self._note_clock_gap()
            # Before acting on silence, look whether it is one: for a sync group, everywhere.
            if self._routers[name].state is State.BACKUP or now_ns - due_ns > _LATE_NS:
                for sibling in self._stack.siblings(name):
                    self._wire.drain(sibling)
            due_ns = self._stack.deadline_ns(name)
            if due_ns is not None and due_ns <= now_ns:
                self._feed(name, TimerExpired())
        self._arm(name)

    def _arm(self, name: str) -> None:
        self._alarms[self._routers[name]].set(self._stack.deadline_ns(name))

    def _arm_all(self) -> None:
        for name in self._routers:
            self._arm(name)

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
        self._do(self._stack.handle_all(event, self.loop.now_ns()))
        self._arm_all()

    def _feed(self, name: str, event: Event) -> None:
        """An event of one instance, which may have been removed meanwhile."""
        if name not in self._routers:
            return
        if isinstance(event, AdvertReceived):
            if self._stopping:
                return
            self._note_clock_gap()
        self._do(self._stack.handle(name, event, self.loop.now_ns()))
        self._arm(name)

    def _do(self, outputs: Outputs) -> None:
        """Carry out what the stack wants, and wait for what the instances concerned wait for."""
        now_ns = self.loop.now_ns()
        for name, action in outputs:
            self._executor.do(name, action, now_ns)
        for name in {name for name, __ in outputs}:
            if name in self._stack.routers:
                self._arm(name)

    # The end.

    def stop(self) -> None:
        """Resign everywhere, release everything, and wait for the kernel process's word on it."""
        if self._stopping:
            return
        self._stopping = True
        if adoption.is_ordered(ledger_file.runtime_dir()):
            # The other program goes on as master: to resign for it would be a lie.
            self.log("info", "stopping without a word: another program is the same routers")
            self.finish()
            return
        self._feed_all(Shutdown())
        self.loop.call_at(self.loop.now_ns() + _STOP_WAIT_NS, self.finish)
        if not self._executor.unconfirmed:
            self.finish()

    def supervisor_gone(self) -> None:
        self.stop()

    def report(self, *, brief: bool) -> dict[str, object]:
        now_ns = self.loop.now_ns()
        instances = self._stack.instance_reports(now_ns)
        for report, router in zip(instances, self._stack.routers.values(), strict=True):
            counters = report["counters"]
            assert isinstance(counters, dict)
            counters.update(self._wire.counters(router.instance.name))
        return {
            "instances": instances,
            "sync_groups": self._stack.group_reports(now_ns),
            "receivers": self._wire.receivers_report(),
            "scheduling": self._scheduling.report(),
        }


def main(
    supervisor: socket.socket, kernel: socket.socket, track: socket.socket, start: Start
) -> None:
    """The life of the process; returns when it has handed over."""
    loop = Loop()
    ha = Ha(loop, supervisor, kernel, track, start)
    # What exists now stays: later collections look at the few objects made since.
    gc.collect()
    gc.freeze()
    ha.run()
