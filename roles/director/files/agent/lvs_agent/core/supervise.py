# SPDX-License-Identifier: GPL-3.0-or-later
"""What the supervisor decides: whom to fork, kill, tell; when the agent is ready, sick or done.

Owns the policy over all children: respawn, hung children, adoption of instance states by a new ha
process and of pools by a new kernel process, the systemd watchdog, the order and the deadlines of
stopping, the progress of a reload.
Must never touch a process, a socket or the clock: `proc/supervisor.py` executes the actions.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from enum import StrEnum
from typing import assert_never

from lvs_agent.core.life import CONDEMNED, MS, SECOND, Do, Event, Life, Limits, ProcessState
from lvs_agent.core.messages import (
    BfdState,
    GroupState,
    Heartbeat,
    InstanceEvent,
    InstanceState,
    MasterHeard,
    Message,
    OverrideChange,
    PoolChange,
    ProcessDied,
    ProcessRestarted,
    ProgramEnded,
    ProgramWanted,
    Ready,
    Reconfigure,
    Stop,
    Verdict,
)
from lvs_agent.core.orders import (
    Abort,
    Action,
    AgentReady,
    Exit,
    Fork,
    Kill,
    Log,
    ReloadDone,
    Tell,
    describe_exit,
)

HA, KERNEL, HEALTH, TRACK = "ha", "kernel", "health", "track"
# kernel first: its LinkState is what ha waits for; then track: instances wait for its results.
NAMES = (KERNEL, HEALTH, TRACK, HA)
PEERS = {HA: (KERNEL, TRACK), KERNEL: (HA, HEALTH), HEALTH: (KERNEL,), TRACK: (HA,)}
# Who is told when one dies, and when there is another: its peers, and who speaks with it by way of
# us.
_CONCERNED = PEERS | {HEALTH: (*PEERS[HEALTH], TRACK), TRACK: (*PEERS[TRACK], HEALTH)}

LIMITS = {
    # While ha is silent nobody advertises: three lost beats are enough. Its successor begins as a
    # backup: how long it hung is not known, and another router may be about to take over.
    HA: Limits(silent_ns=SECOND, start_ns=5 * SECOND, reconfigure_ns=3 * SECOND),
    # One batch of 10,000 real servers with its dump keeps the kernel process busy for about a
    # second on a slow host. Nothing fails over because of it meanwhile.
    KERNEL: Limits(silent_ns=3 * SECOND, start_ns=15 * SECOND, reconfigure_ns=15 * SECOND),
    # Verdicts stand still while it hangs (fail-static): no hurry.
    HEALTH: Limits(silent_ns=3 * SECOND, start_ns=15 * SECOND, reconfigure_ns=15 * SECOND),
    # What its trackers said last stands while it hangs: no hurry either.
    TRACK: Limits(silent_ns=3 * SECOND, start_ns=15 * SECOND, reconfigure_ns=15 * SECOND),
}

# News for scripts and mails that wait while the track process is being replaced: a storm of a
# thousand changes; the oldest go first, because the last state of a thing matters most.
UNTOLD_LIMIT = 1000
# As many as there can be sessions in a configuration: a process that tells of more is not to fill
# the memory of this one.
BFD_STATES_LIMIT = 256

HEARTBEAT_NS = 250 * MS
TICK_NS = 100 * MS
# A tick this late means that we were held up ourselves; children share the host, so excuse them.
STALL_NS = 100 * MS

# The stop sequence: ha may take 1 s to hand over (contract with the kernel process), then kernel
# and health end; all is over within 4 s because the unit's TimeoutStopSec is 5 s.
STOP_HA_NS = 1_500 * MS
STOP_REST_NS = 1_800 * MS
STOP_LAST_NS = 300 * MS

RELOAD_NS = 20 * SECOND


class Stage(StrEnum):
    """Where the agent as a whole is."""

    STARTING = "starting"  # some child was never Ready
    RUNNING = "running"
    STOPPING_HA = "handing over"
    STOPPING_REST = "stopping"
    KILLING = "killing what did not stop"
    DONE = "done"


STOPPING = frozenset({Stage.STOPPING_HA, Stage.STOPPING_REST, Stage.KILLING, Stage.DONE})


class Supervision:
    """The whole agent's state. Every method returns the actions to execute, in order.

    `advert_ints_ns`: the advert interval of each VRRP instance. `found`: the instances that are
    held on this host at the start by another program that is to be taken over from; None: there
    is no such program.
    """

    def __init__(
        self,
        *,
        generation: int,
        advert_ints_ns: dict[str, int],
        found: tuple[str, ...] | None = None,
    ) -> None:
        self.lives = {name: Life(name, LIMITS[name]) for name in NAMES}
        self.stage = Stage.STARTING
        self.generation = generation
        self.instance_states: dict[str, InstanceState] = {}
        # By instance: who else is master, as long as this director's is not.
        self.masters: dict[str, MasterHeard] = {}
        self._pools: dict[str, PoolChange] = {}
        self._bfd_states: dict[str, BfdState] = {}
        self.news_dropped = 0
        self._news: deque[Message] = deque(maxlen=UNTOLD_LIMIT)
        self._advert_ints_ns = advert_ints_ns
        self._found = found
        self._ha_may_be_adopted = False
        self._last_tick_ns: int | None = None
        self._stop_deadline_ns = 0
        self._clean = True
        self._awaiting: set[str] = set()
        self._reload_deadline_ns = 0

    def begin(self, now_ns: int) -> tuple[Action, ...]:
        """Fork everything."""
        self._last_tick_ns = now_ns
        return tuple(action for name in NAMES for action in self._fork(name, now_ns))

    def _fork(self, name: str, now_ns: int) -> tuple[Action, ...]:
        """A new process; should that fail, the executor reports it with `died`.

        Its peers are told at once and not when it is Ready: what they send waits in the socket,
        and every millisecond counts for an advert interval that passes without a Hold.
        """
        life = self.lives[name]
        restarted = life.forks > 0
        adopt = self._adoption(now_ns) if name == HA and restarted else ()
        if name == HA:
            self.masters.clear()  # it hears for itself
        if name == HA and not restarted:
            adopt = tuple(_held_by_another(instance) for instance in self._found or ())
        life.handle(Event.FORKED, now_ns)
        found = self._found is not None and not restarted
        pools = tuple(self._pools.values()) if name == KERNEL and restarted else ()
        fork = Fork(name=name, restarted=restarted, adopt=adopt, pools=pools, found=found)
        if not restarted:
            return (fork,)
        untold = self._untold(name)
        return (fork, *untold, *self._tell_concerned(name, ProcessRestarted(name=name)))

    def _untold(self, name: str) -> tuple[Action, ...]:
        """What a new process `name` cannot know, and nobody else says again.

        track: how the pools stand, then what it has to tell. health: how the BFD sessions stood
        last, also while there is no track process.
        """
        if name == HEALTH:
            return tuple(Tell(name=HEALTH, message=one) for one in self._bfd_states.values())
        if name != TRACK:
            return ()
        standing = (replace(one, event="SAME") for one in self._pools.values())
        untold = tuple(Tell(name=TRACK, message=one) for one in (*standing, *self._news))
        self._news.clear()
        return untold

    def _adoption(self, now_ns: int) -> tuple[InstanceState, ...]:
        """The states a new ha process goes on with: none, unless no advert can be missing yet.

        A beat is up to HEARTBEAT_NS old in a healthy process, which is the slack. A process that
        hung is never adopted, whatever its beats say: its adverts may have stopped long before.
        One that ended by itself has resigned.
        """
        last_beat_ns = self.lives[HA].last_beat_ns
        if (
            not self._ha_may_be_adopted
            or last_beat_ns is None
            or now_ns - last_beat_ns >= min(self._advert_ints_ns.values(), default=0) + HEARTBEAT_NS
        ):
            self.instance_states.clear()
        return tuple(self.instance_states.values())

    def said(self, name: str, message: Message, now_ns: int) -> tuple[Action, ...]:
        """A message of a child that matters here; others are none of this module's business."""
        life = self.lives[name]
        match message:
            case Heartbeat(at_ns=at_ns):
                life.beat(at_ns, now_ns)
            case Ready(generation=generation):
                life.ready(generation, now_ns)
                return (*self._became_ready(), *self._confirmed(name))
            case InstanceState(instance=instance) if name == HA:
                self.instance_states[instance] = message
                self.masters.pop(instance, None)
                return self._pass_on(message)
            case MasterHeard(instance=instance) if name == HA:
                # Of an instance that was told of: a process cannot fill the memory with names.
                if instance in self.instance_states:
                    self.masters[instance] = message
            case GroupState() | InstanceEvent() if name == HA:
                return self._pass_on(message)
            case Verdict() if name == HEALTH:
                return self._pass_on(message)
            case PoolChange(virtual_server=server) if name == KERNEL:
                self._pools[server] = message
                return self._pass_on(message)
            case BfdState(neighbor=neighbor) if name == TRACK:
                if len(self._bfd_states) < BFD_STATES_LIMIT or neighbor in self._bfd_states:
                    self._bfd_states[neighbor] = message
                return self._tell(HEALTH, message)
            case ProgramWanted(number=number) if name == HEALTH:
                return self._tell(TRACK, message) or self._tell(HEALTH, _not_run(number))
            case ProgramEnded() if name == TRACK:
                return self._tell(HEALTH, message)
        return ()

    def _tell(self, name: str, message: Message) -> tuple[Action, ...]:
        """To `name`, if there is one to tell."""
        return (Tell(name=name, message=message),) if self.lives[name].listening else ()

    def operator_said(self, change: OverrideChange) -> tuple[Action, ...]:
        """A real server was taken out by hand, or put back: news as any other."""
        return self._pass_on(change)

    def news(self, event: InstanceEvent) -> tuple[Action, ...]:
        """Something about an instance that is to be told and that ha does not know of."""
        return self._pass_on(event)

    def _pass_on(self, news: Message) -> tuple[Action, ...]:
        """Tell the track process, or keep it for the next one."""
        if self.lives[TRACK].listening:
            return (Tell(name=TRACK, message=news),)
        self.news_dropped += len(self._news) == UNTOLD_LIMIT
        self._news.append(news)
        return ()

    def _became_ready(self) -> tuple[Action, ...]:
        if self.stage is Stage.STARTING and all(
            life.ready_since_ns is not None for life in self.lives.values()
        ):
            self.stage = Stage.RUNNING
            return (AgentReady(),)
        return ()

    def channel_lost(self, name: str, reason: str, now_ns: int) -> tuple[Action, ...]:
        """A process that cannot be spoken to is replaced. Dying closes the channel as well."""
        do = self.lives[name].handle(Event.CHANNEL_LOST, now_ns)
        actions = self._carry_out(name, do, now_ns)
        if self.stage in STOPPING or reason == "closed":
            return actions
        return (Log(level="warning", text=f"lost the channel to {name}: {reason}"), *actions)

    def died(self, name: str, exit_code: int, now_ns: int) -> tuple[Action, ...]:
        """The process is gone. `exit_code` as in `os.waitstatus_to_exitcode`: -N for signal N."""
        life = self.lives[name]
        was = life.state
        if name == HA:
            self._ha_may_be_adopted = was not in CONDEMNED and exit_code != 0
        do = life.handle(Event.DIED, now_ns)
        if self.stage in STOPPING:
            return self._died_stopping(name, was, exit_code, now_ns)
        wait_ns = (life.deadline_ns or now_ns) - now_ns
        plan = "restarting it now" if wait_ns == 0 else f"restarting it in {wait_ns / 1e9:g} s"
        log = Log(level="error", text=f"{name} died: {describe_exit(exit_code)}; {plan}")
        told = self._tell_concerned(name, ProcessDied(name=name))
        # Peers first: the fork takes milliseconds, and their timers start with this message.
        return (*told, *self._carry_out(name, do, now_ns), log)

    def _died_stopping(
        self, name: str, was: ProcessState, exit_code: int, now_ns: int
    ) -> tuple[Action, ...]:
        self.lives[name].handle(Event.STOP_TOLD, now_ns)  # no back-off: it is not to come back
        step = self._next_stop_step(now_ns)
        if was is ProcessState.STOPPING and exit_code == 0:
            return step
        self._clean = False
        text = f"{name} died while stopping: {describe_exit(exit_code)}"
        return (Log(level="error", text=text), *step)

    def _tell_concerned(self, name: str, message: Message) -> tuple[Action, ...]:
        return tuple(
            Tell(name=one, message=message) for one in _CONCERNED[name] if self.lives[one].listening
        )

    def _carry_out(self, name: str, do: Do, now_ns: int) -> tuple[Action, ...]:
        match do:
            case Do.NOTHING:
                return ()
            case Do.FORK:
                return self._fork(name, now_ns)
            case Do.ABORT:
                silence = "hung: no sign of life; SIGABRT, its traceback follows"
                return (Log(level="error", text=f"{name} {silence}"), Abort(name=name))
            case Do.KILL:
                return (Kill(name=name),)
            case Do.COMPLAIN:
                text = f"{name} survived SIGKILL: it hangs in the kernel; only a reboot may help"
                return (Log(level="error", text=text),)
        assert_never(do)

    def tick(self, now_ns: int) -> tuple[Action, ...]:
        """To be called every TICK_NS, after everything the children said has been read."""
        assert self._last_tick_ns is not None
        stall_ns = now_ns - self._last_tick_ns - TICK_NS
        self._last_tick_ns = now_ns
        actions: list[Action] = []
        for name, life in self.lives.items():
            if stall_ns > STALL_NS:
                life.excuse(stall_ns)
            if self.stage not in STOPPING or life.state in CONDEMNED:
                actions += self._carry_out(name, life.due(now_ns), now_ns)
        if self.stage in STOPPING - {Stage.DONE} and now_ns >= self._stop_deadline_ns:
            actions += self._stop_late(now_ns)
        if self._awaiting and now_ns >= self._reload_deadline_ns:
            actions += self._reload_over()
        return tuple(actions)

    def healthy(self) -> bool:
        """The systemd watchdog may be fed: every child is alive or being brought back in time.

        A child in its back-off does not count as sick: restarting the whole agent would move the
        addresses and cure nothing. One that survives SIGKILL does.
        """
        return all(life.curable for life in self.lives.values())

    # Reload.

    def reconfigure(
        self, *, configs: dict[str, bytes], advert_ints_ns: dict[str, int], now_ns: int
    ) -> tuple[Action, ...]:
        """Give every child its new configuration, in the order kernel, health, track, ha.

        kernel must know an instance before ha asks to hold its addresses. A dead child gets the
        new configuration with its birth.
        """
        self.generation += 1
        self._advert_ints_ns = advert_ints_ns
        for instance in self.instance_states.keys() - advert_ints_ns.keys():
            del self.instance_states[instance]
            self.masters.pop(instance, None)
        if self.lives[KERNEL].listening:
            self._pools.clear()  # it says anew which there are, and how they stand
        self._bfd_states.clear()  # so does track; without any word, verdicts stay
        self._awaiting = set(NAMES)
        self._reload_deadline_ns = now_ns + RELOAD_NS
        actions: list[Action] = []
        for name in NAMES:
            if self.lives[name].listening:
                message = Reconfigure(generation=self.generation, config=configs[name])
                self.lives[name].reconfigure_told(self.generation, now_ns)
                actions.append(Tell(name=name, message=message))
        return tuple(actions)

    @property
    def reloading(self) -> bool:
        """A reload waits for its confirmations."""
        return bool(self._awaiting)

    def _confirmed(self, name: str) -> tuple[Action, ...]:
        if name not in self._awaiting or self.lives[name].ready_generation != self.generation:
            return ()
        self._awaiting.discard(name)
        return () if self._awaiting else self._reload_over()

    def _reload_over(self) -> tuple[Action, ...]:
        missing = tuple(sorted(self._awaiting))
        self._awaiting.clear()
        return (ReloadDone(generation=self.generation, missing=missing),)

    # Stopping: ha hands over first, then the kernel process removes what is left; the track process
    # has heard ha's last words by then, and runs the scripts that they call for.

    def stop(self, now_ns: int) -> tuple[Action, ...]:
        """Begin the stop sequence; asking again changes nothing."""
        if self.stage in STOPPING:
            return ()
        over = self._reload_over() if self._awaiting else ()
        self.stage = Stage.STOPPING_HA
        self._stop_deadline_ns = now_ns + STOP_HA_NS
        return (*over, *self._tell_stop(HA, now_ns), *self._next_stop_step(now_ns))

    def _tell_stop(self, name: str, now_ns: int) -> tuple[Action, ...]:
        life = self.lives[name]
        told = (Tell(name=name, message=Stop()),) if life.listening else ()
        return (*told, *self._carry_out(name, life.handle(Event.STOP_TOLD, now_ns), now_ns))

    def _next_stop_step(self, now_ns: int) -> tuple[Action, ...]:
        """Go on as soon as those that are waited for are gone."""
        if self.stage is Stage.STOPPING_HA and not self.lives[HA].alive:
            return self._stop_rest(now_ns)
        if self.stage is not Stage.DONE and not any(life.alive for life in self.lives.values()):
            self.stage = Stage.DONE
            return (Exit(clean=self._clean),)
        return ()

    def _stop_rest(self, now_ns: int) -> tuple[Action, ...]:
        self.stage = Stage.STOPPING_REST
        self._stop_deadline_ns = now_ns + STOP_REST_NS
        # Without a kernel process our addresses would stay: one more is born to remove them.
        born = () if self.lives[KERNEL].alive else self._fork(KERNEL, now_ns)
        told = (self._tell_stop(name, now_ns) for name in (KERNEL, HEALTH, TRACK))
        return (*born, *(action for actions in told for action in actions))

    def _stop_late(self, now_ns: int) -> tuple[Action, ...]:
        self._clean = False
        if self.stage is Stage.STOPPING_HA:
            return (*self._kill_late((HA,), now_ns), *self._stop_rest(now_ns))
        if self.stage is Stage.STOPPING_REST:
            self.stage = Stage.KILLING
            self._stop_deadline_ns = now_ns + STOP_LAST_NS
            late = tuple(name for name, life in self.lives.items() if life.alive)
            return self._kill_late(late, now_ns)
        self.stage = Stage.DONE
        text = "some process survived SIGKILL; leaving without it"
        return (Log(level="error", text=text), Exit(clean=False))

    def _kill_late(self, names: tuple[str, ...], now_ns: int) -> tuple[Action, ...]:
        actions: list[Action] = []
        for name in names:
            actions.append(Log(level="error", text=f"{name} did not stop in time; killing it"))
            do = self.lives[name].handle(Event.STOP_LATE, now_ns)
            actions += self._carry_out(name, do, now_ns)
        return tuple(actions)


def _not_run(number: int) -> ProgramEnded:
    """The answer for a track process that there is not."""
    words = "the track process, which runs the programs of other users, is being restarted"
    return ProgramEnded(number=number, exit_code=None, timed_out=False, started=False, words=words)


def _held_by_another(instance: str) -> InstanceState:
    """As if an earlier ha process had been its master. The priority is not looked at."""
    reason = "held by another program"
    return InstanceState(
        instance=instance, state="MASTER", previous="INIT", priority=0, reason=reason
    )
