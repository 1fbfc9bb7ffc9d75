# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated director: its power, its clock, its ha process and what that one can reach.

Owns the order in which the process sees things: adverts wait in a bounded socket while it stands
still, words of the other processes in a channel, and both come before expired timers, as in
`proc/loop.py`. Must never decide what the protocol decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from lvs_agent.core.actions import Announce, SendAdvert
from lvs_agent.core.events import Event, Shutdown
from lvs_agent.core.messages import Hold, InstanceEvent, InstanceState, TrackerState
from lvs_agent.core.model import Config, TrackerKind, VrrpInstance
from sim.cluster import FILE, SCRIPT, own_address
from sim.core_port import HaProcess, Outputs, action_in_words, in_words, number_of
from sim.kernel import KernelProcess
from vrrp_builders import MS, S

if TYPE_CHECKING:
    from sim.world import World

# Adverts that fit into the socket's buffer (adapters/vrrp_socket.py: some 300).
INBOX = 300
# How late a healthy process handles a timer: one processing slot.
SLOT_NS = MS // 2
# The supervisor's rule for adoption (core/supervise.py): the last heartbeat may be so old.
_HEARTBEAT_NS = 250 * MS
# The track process hears of a new ha process, and tells it how everything is.
_TRACKERS_TOLD_NS = 3 * MS
# A smaller gap between the clocks is not told (proc/ha.py).
_CLOCK_GAP_NS = 100 * MS


class Host:
    """Host `index` of the world; `sources[n]` is its address on the network of virtual router n."""

    def __init__(self, world: World, index: int, config: Config) -> None:
        self.world = world
        self.index = index
        self.name = "abcde"[index]
        self.config = config
        instances = config.vrrp_instances
        self._addresses = [
            own_address(each.family, number, index) for number, each in enumerate(instances)
        ]
        self.sources = [int(ip_address(each)) for each in self._addresses]
        self.trackers = [_script(up=True), _file(0)] if instances[0].trackers else []
        self.process: HaProcess | None = None
        self.running = False  # power is on and the agent runs
        self.suspended = False
        self.suspensions = 0
        self.frozen = False
        self.links_up = [True] * len(instances)
        self.links_known = [False] * len(instances)
        # When something last befell this host, or stopped doing so.
        self.disturbed_ns = 0
        self.states: dict[str, str] = {}
        # What operators want, by virtual router: on disk, so it outlives everything.
        self.overrides: dict[int, str] = {}
        self.kernel = KernelProcess(self)
        # Host's monotonic clock = world's clock - offset. Never the same on two hosts.
        self._offset_ns = -int(world.random.random() * 1000 * S)
        self._slept_ns = 0
        self._life = 0
        self._armed_ns: int | None = None
        self._inbox: list[tuple[int, bytes]] = []
        self._channel: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._asleep: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    # How it is.

    @property
    def instances(self) -> tuple[VrrpInstance, ...]:
        """Its configuration of every virtual router."""
        return self.config.vrrp_instances

    @property
    def awake(self) -> bool:
        """The process can do something now."""
        return not (self.frozen or self.suspended)

    def local_ns(self) -> int:
        """The host's monotonic clock."""
        return self.world.timeline.now_ns - self._offset_ns

    def reachable(self, number: int) -> bool:
        """Its interface of that segment receives frames."""
        return self.running and not self.suspended and self.links_up[number]

    def disturb(self) -> None:
        """Something befalls the host, or ends: what it does now is judged from now on."""
        self.disturbed_ns = self.world.timeline.now_ns

    # Its life.

    def start(self) -> None:
        """The agent starts."""
        self.disturb()
        self.running = True
        self.frozen = self.suspended = False
        self.states.clear()
        self.kernel.start()
        self._fork(frozenset())

    def _fork(self, adopt: frozenset[str]) -> None:
        self._life += 1
        self._armed_ns = None
        self._inbox.clear()
        self._channel.clear()
        self.frozen = False
        self.links_known = [False] * len(self.instances)
        self.process = HaProcess(self.config, self._addresses, self.local_ns(), adopt)
        self.world.watch.process_born(self)
        for number, state in self.overrides.items():
            self.process.override(number, state, self.local_ns())
        self._arm()
        if self.trackers:
            told_ns = self.world.later(_TRACKERS_TOLD_NS)
            self.world.timeline.at(told_ns, self._tell_trackers, self._life)

    def _tell_trackers(self, life: int) -> None:
        """The track process says everything to a new ha process."""
        if life == self._life:
            for state in self.trackers:
                self.message(self.tracker, state)

    def _process_gone(self) -> None:
        self.process = None
        self._life += 1
        self._inbox.clear()
        self._channel.clear()
        self.frozen = False
        self.world.watch.process_gone(self)

    def power_cut(self) -> None:
        """Nothing is left but the configuration."""
        self.disturb()
        self.running = self.suspended = False
        self._asleep.clear()
        self._process_gone()
        self.kernel.end()

    def stop(self) -> None:
        """An orderly end: ha hands over, then the kernel process removes what is left."""
        assert self.process is not None
        self.disturb()
        self._carry_out(self.process.tell_all(Shutdown(), self.local_ns()))
        self._process_gone()
        self.running = False
        self.world.timeline.at(self.world.timeline.now_ns + S // 2, self._stopped, self._life)

    def _stopped(self, life: int) -> None:
        if life == self._life:
            self.kernel.end()

    def kill_ha(self) -> None:
        """The ha process alone dies; the addresses stay."""
        self.disturb()
        self._process_gone()
        if self.kernel.alive:
            self.kernel.ha_died()

    def fork_ha(self, silent_ns: int | None) -> None:
        """The supervisor's successor. `silent_ns`: the age of the last heartbeat; None: it hung."""
        if not self.running or self.process is not None:
            return
        if self.suspended:
            self.when_awake(self.fork_ha, silent_ns)
            return
        self.disturb()
        least_ns = min(each.advert_int_ns for each in self.instances) + _HEARTBEAT_NS
        if silent_ns is None or silent_ns >= least_ns:
            self.states.clear()
        masters = (name for name, state in self.states.items() if state == "MASTER")
        self._fork(frozenset(masters))
        self.kernel.send_links()

    def freeze(self) -> None:
        """SIGSTOP, or a host too busy: the process stands still, its sockets fill."""
        self.disturb()
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        self.disturb()
        self.frozen = False
        self._wake()

    def suspend(self) -> None:
        """The whole host stands still, its monotonic clock too."""
        self.disturb()
        self.suspended = True
        self.suspensions += 1

    def resume(self, slept_ns: int) -> None:
        """The host goes on; CLOCK_BOOTTIME knows how long it slept."""
        self.disturb()
        self.suspended = False
        self._offset_ns += slept_ns
        self._slept_ns += slept_ns
        # What was armed is due so much later by the world's clock.
        self._armed_ns = None
        asleep, self._asleep = self._asleep, []
        for work, arguments in asleep:
            work(*arguments)
        self._wake()

    def when_awake(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do it when the host goes on after its suspension."""
        self._asleep.append((work, arguments))

    # What the process sees.

    def _wake(self) -> None:
        if self.process is None or not self.awake:
            return
        channel, self._channel = self._channel, []
        inbox, self._inbox = self._inbox, []
        words_first = self.world.random.random() < 0.5  # as epoll has it
        if words_first:
            self._read_channel(channel)
        for number, datagram in inbox:
            self._receive(number, datagram)
        if not words_first:
            self._read_channel(channel)
        self._expire()

    def _read_channel(self, channel: list[tuple[Callable[..., None], tuple[Any, ...]]]) -> None:
        for work, arguments in channel:
            work(*arguments)

    def arrive(self, number: int, datagram: bytes) -> None:
        """A frame of the network reaches the interface."""
        if self.process is None or not self.reachable(number) or not self.links_known[number]:
            return
        if self.awake:
            self._receive(number, datagram)
        elif len(self._inbox) < INBOX:
            self._inbox.append((number, datagram))

    def _receive(self, number: int, datagram: bytes) -> None:
        process = self.process
        assert process is not None
        self._tell_clock_gap()
        outputs = process.receive(number, datagram, self.local_ns())
        if self.world.trace is not None:
            self.world.note(f"{self.name}{number} hears {in_words(datagram)}")
        self.world.watch.examined(self, number, datagram, taken=outputs is not None)
        if outputs is not None:
            self._carry_out(outputs)

    def message(self, work: Callable[..., None], *arguments: Any) -> None:
        """A word of another process: read now, or when the process goes on; lost without one."""
        if self.process is None:
            return
        if self.awake and not self._channel:
            work(*arguments)
        else:
            self._channel.append((work, arguments))

    def tell(self, number: int, event: Event) -> None:
        """An event for one virtual router."""
        assert self.process is not None
        if self.world.trace is not None:
            self.world.note(f"{self.name}{number} is told {event}")
        self._carry_out(self.process.tell(number, event, self.local_ns()))

    def tell_all(self, event: Event) -> None:
        """An event for the whole process."""
        assert self.process is not None
        if self.world.trace is not None:
            self.world.note(f"{self.name} is told {event}")
        self.world.watch.told(self, event)
        self._carry_out(self.process.tell_all(event, self.local_ns()))

    def link_reported(self, number: int, up: bool) -> None:
        """The kernel process says how an interface is."""
        assert self.process is not None
        if self.links_known[number] and not up:
            self._inbox = [each for each in self._inbox if each[0] != number]
        self.links_known[number] = up
        if self.world.trace is not None:
            self.world.note(f"{self.name}{number} is told that its interface is {up=}")
        self._carry_out(self.process.link(number, up, self.local_ns()))

    def tracker(self, state: TrackerState) -> None:
        """The track process says how something is."""
        assert self.process is not None
        self.disturb()
        if self.world.trace is not None:
            self.world.note(f"{self.name} is told {state.name}: {state.up=} {state.value=}")
        self._carry_out(self.process.tracker(state, self.local_ns()))

    def track(self, *, up: bool | None = None, value: int | None = None) -> None:
        """The script's result or the file's number changes."""
        script, file = self.trackers
        if up is not None:
            self.trackers = [changed := _script(up=up), file]
        if value is not None:
            self.trackers = [script, changed := _file(value)]
        self.disturb()
        self.message(self.tracker, changed)

    def override(self, number: int, state: str) -> None:
        """An operator's word, for good."""
        self.overrides[number] = state
        self.disturb()
        self.message(self._override, number, state)

    def _override(self, number: int, state: str) -> None:
        assert self.process is not None
        self.disturb()
        self.world.note(f"{self.name}{number} is told by its operator: {state}")
        self._carry_out(self.process.override(number, state, self.local_ns()))

    def overridden(self, number: int) -> set[str]:
        """What counts for a virtual router: all that is said of its sync group. Owners are free."""
        numbers = range(len(self.instances)) if self.world.grouped else (number,)
        if any(self.instances[each].priority == 255 for each in numbers):
            return set()
        return {self.overrides.get(each, "ordinary") for each in numbers} - {"ordinary"}

    def step_down(self, number: int) -> None:
        """An operator's order to resign."""
        assert self.process is not None
        self.disturb()
        self.world.note(f"{self.name}{number} is told to resign")
        self._tell_clock_gap()
        outputs = self.process.step_down(number, self.local_ns())
        self._carry_out(outputs)
        if outputs:  # none of a backup, such as one that has just learned that it slept
            self.world.watch.stepped_down(self, number)

    def reload(self, instances: tuple[VrrpInstance, ...]) -> None:
        """A new configuration: the kernel process first, then ha."""
        self.config = replace(self.config, vrrp_instances=instances)
        if not self.running:
            return
        self.disturb()
        for number in range(len(instances)):
            self.kernel.reconfigure(number)
        self.message(self._reconfigure, self.config)

    def _reconfigure(self, config: Config) -> None:
        process = self.process
        assert process is not None
        self.disturb()
        if self.world.trace is not None:
            for instance in config.vrrp_instances:
                self.world.note(
                    f"{self.name} reloads {instance.name}: priority {instance.priority}, interval"
                    f" {instance.advert_int_ns // MS} ms, preempt {instance.preempt}, delay"
                    f" {instance.preempt_delay_ns // MS} ms, {len(instance.addresses)} addresses"
                )
        self._carry_out(process.reconfigure(config, self.local_ns()))

    # Time.

    def _tell_clock_gap(self) -> None:
        if self._slept_ns >= _CLOCK_GAP_NS:
            gap_ns, self._slept_ns = self._slept_ns, 0
            assert self.process is not None
            self.world.note(f"{self.name} learns that it slept {gap_ns // MS} ms")
            self._carry_out(self.process.clock_gap(gap_ns, self.local_ns()))

    def _arm(self) -> None:
        process = self.process
        deadline_ns = None if process is None else process.deadline_ns
        if deadline_ns is None:
            return
        due_ns = deadline_ns + self._offset_ns
        if self._armed_ns is not None and self._armed_ns <= due_ns:
            return
        self._armed_ns = due_ns
        world = self.world
        start_ns = max(due_ns, world.timeline.now_ns)
        late_ns = int(world.random.random() * SLOT_NS)
        world.timeline.at(start_ns + late_ns, self._tick, self._life, due_ns)

    def _tick(self, life: int, armed_ns: int) -> None:
        if life != self._life or armed_ns != self._armed_ns:
            return
        self._armed_ns = None
        if self.awake:
            self._expire()

    def _expire(self) -> None:
        process = self.process
        assert process is not None
        deadline_ns, now_ns = process.deadline_ns, self.local_ns()
        if deadline_ns is not None and deadline_ns <= now_ns:
            self._tell_clock_gap()
            if self.world.trace is not None:
                self.world.note(f"{self.name} timer, {(now_ns - deadline_ns) // 1000} us late")
            self._carry_out(process.expire(now_ns))
        else:
            self._arm()

    # What the process does.

    def _carry_out(self, outputs: Outputs) -> None:
        world, watch = self.world, self.world.watch
        for name, action in outputs:
            number = number_of(name)
            if world.trace is not None:
                world.note(f"{self.name}{name[1:]}   {action_in_words(action)}")
            if number is None:
                continue  # about a sync group, for people
            match action:
                case SendAdvert(resign=resign):
                    self._send(number, resign)
                case Hold():
                    watch.asked(self, number, action)
                    self.kernel.request(number, action)
                case InstanceState(state=state):
                    self.states[name] = state
                    watch.state(self, number, state)
                case Announce():
                    watch.announced(self, number)
                case InstanceEvent(event=event):
                    watch.event(self, number, event)
                case _:
                    pass
        if outputs:
            watch.turn_over(self)
        self._arm()

    def _send(self, number: int, resign: bool) -> None:
        process, world = self.process, self.world
        assert process is not None
        datagram = process.datagram(number, resign)
        world.watch.advert(self, number, 0 if resign else process.priority(number))
        if self.links_up[number]:
            world.segments[number].transmit(self, datagram)


def _script(*, up: bool) -> TrackerState:
    return TrackerState(kind=TrackerKind.SCRIPT, name=SCRIPT, up=up, value=0, reason="")


def _file(value: int) -> TrackerState:
    return TrackerState(kind=TrackerKind.FILE, name=FILE, up=True, value=value, reason="")
