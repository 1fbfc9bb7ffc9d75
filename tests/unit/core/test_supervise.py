# SPDX-License-Identifier: GPL-3.0-or-later
"""What the supervisor decides over all children."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from lvs_agent.core.life import MS, SECOND, ProcessState
from lvs_agent.core.messages import (
    BfdState,
    Heartbeat,
    InstanceState,
    Message,
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
from lvs_agent.core.supervise import (
    BFD_STATES_LIMIT,
    NAMES,
    RELOAD_NS,
    TICK_NS,
    UNTOLD_LIMIT,
    Stage,
    Supervision,
)

MASTER = InstanceState(
    instance="VI_1", state="MASTER", previous="BACKUP", priority=150, reason="timer"
)
KILLED = -9


def started(now_ns: int = 0, *, advert_int_ns: int = SECOND) -> Supervision:
    supervision = Supervision(generation=1, advert_ints_ns={"VI_1": advert_int_ns})
    supervision.begin(now_ns)
    for name in NAMES:
        supervision.said(name, Ready(generation=1), now_ns)
        supervision.said(name, Heartbeat(at_ns=now_ns), now_ns)
    return supervision


def forks(actions: tuple[Action, ...]) -> list[Fork]:
    return [action for action in actions if isinstance(action, Fork)]


def told(actions: tuple[Action, ...]) -> list[tuple[str, Message]]:
    return [(action.name, action.message) for action in actions if isinstance(action, Tell)]


def run_ticks(
    supervision: Supervision, start_ns: int, end_ns: int, beating: tuple[str, ...] = NAMES
) -> list[Action]:
    """Ticks on time from after `start_ns` to `end_ns`; `beating` children beat at each."""
    actions: list[Action] = []
    for now_ns in range(start_ns + TICK_NS, end_ns + 1, TICK_NS):
        for name in beating:
            supervision.said(name, Heartbeat(at_ns=now_ns), now_ns)
        actions += supervision.tick(now_ns)
    return actions


def test_begin_forks_every_child_once() -> None:
    supervision = Supervision(generation=1, advert_ints_ns={})
    actions = supervision.begin(0)
    assert [fork.name for fork in forks(actions)] == ["kernel", "health", "track", "ha"]
    assert not any(fork.restarted or fork.adopt for fork in forks(actions))


def test_agent_is_ready_when_the_last_child_is() -> None:
    supervision = Supervision(generation=1, advert_ints_ns={})
    supervision.begin(0)
    assert supervision.said("ha", Ready(generation=1), 0) == ()
    assert supervision.said("kernel", Ready(generation=1), 0) == ()
    assert supervision.said("track", Ready(generation=1), 0) == ()
    assert supervision.said("health", Ready(generation=1), 0) == (AgentReady(),)
    assert supervision.said("health", Ready(generation=1), 0) == ()


def test_what_another_program_holds_is_gone_on_with_and_only_at_the_start() -> None:
    supervision = Supervision(
        generation=1, advert_ints_ns={"VI_1": SECOND, "VI_2": SECOND}, found=("VI_1",)
    )
    first = {fork.name: fork for fork in forks(supervision.begin(0))}
    assert all(fork.found and not fork.restarted for fork in first.values())
    assert [(one.instance, one.state) for one in first["ha"].adopt] == [("VI_1", "MASTER")]
    assert all(not fork.adopt for name, fork in first.items() if name != "ha")
    supervision.said("ha", Heartbeat(at_ns=0), 0)
    supervision.said("ha", replace(MASTER, state="BACKUP"), 0)
    (again,) = forks(supervision.died("ha", KILLED, 200 * MS))
    assert again.restarted
    assert not again.found
    assert [one.state for one in again.adopt] == ["BACKUP"]


def test_nothing_is_adopted_that_nobody_was_found_to_hold() -> None:
    found = Supervision(generation=1, advert_ints_ns={"VI_1": SECOND}, found=())
    assert all(fork.found and not fork.adopt for fork in forks(found.begin(0)))
    alone = Supervision(generation=1, advert_ints_ns={"VI_1": SECOND})
    assert not any(fork.found or fork.adopt for fork in forks(alone.begin(0)))


def test_dead_ha_is_forked_at_once_and_the_new_one_adopts_its_states() -> None:
    supervision = started()
    supervision.said("ha", MASTER, 0)
    actions = supervision.died("ha", KILLED, 200 * MS)
    assert forks(actions) == [Fork(name="ha", restarted=True, adopt=(MASTER,))]
    assert told(actions) == [
        ("kernel", ProcessDied(name="ha")),
        ("track", ProcessDied(name="ha")),
        ("kernel", ProcessRestarted(name="ha")),
        ("track", ProcessRestarted(name="ha")),
    ]


@pytest.mark.parametrize(
    ("advert_int_ns", "age_ns", "adopted"),
    [
        (SECOND, SECOND + 249 * MS, True),
        (SECOND, SECOND + 250 * MS, False),
        (100 * MS, 249 * MS, True),
        (100 * MS, 350 * MS, False),
    ],
)
def test_ha_is_adopted_only_while_no_advert_can_be_missing(
    advert_int_ns: int, age_ns: int, adopted: bool
) -> None:
    supervision = started(advert_int_ns=advert_int_ns)
    supervision.said("ha", MASTER, 0)
    (fork,) = forks(supervision.died("ha", KILLED, age_ns))
    assert fork.adopt == ((MASTER,) if adopted else ())


def test_shortest_advert_interval_decides_about_adoption() -> None:
    supervision = Supervision(generation=1, advert_ints_ns={"VI_1": SECOND, "VI_2": 100 * MS})
    supervision.begin(0)
    supervision.said("ha", Ready(generation=1), 0)
    supervision.said("ha", Heartbeat(at_ns=0), 0)
    supervision.said("ha", MASTER, 0)
    (fork,) = forks(supervision.died("ha", KILLED, 400 * MS))
    assert fork.adopt == ()


def test_ha_killed_because_it_hung_is_not_adopted() -> None:
    supervision = started(advert_int_ns=40 * SECOND)
    supervision.said("ha", MASTER, 0)
    actions = run_ticks(supervision, 0, 1200 * MS, ("kernel", "health"))
    assert Abort(name="ha") in actions
    assert Kill(name="ha") in actions
    (fork,) = forks(supervision.died("ha", KILLED, 1210 * MS))
    assert fork.adopt == ()


def test_ha_that_ended_by_itself_has_resigned_and_is_not_adopted() -> None:
    supervision = started()
    supervision.said("ha", MASTER, 0)
    (fork,) = forks(supervision.died("ha", 0, 1))
    assert fork.adopt == ()


def test_ha_that_dies_before_its_first_beat_is_not_adopted_again() -> None:
    supervision = started()
    supervision.said("ha", MASTER, 0)
    supervision.died("ha", KILLED, 1)
    supervision.died("ha", 1, 2)
    (fork,) = forks(supervision.tick(TICK_NS + 2)) or forks(supervision.tick(2 * TICK_NS + 2))
    assert fork.adopt == ()


def test_peers_are_told_of_a_dead_kernel_before_its_successor_is_forked() -> None:
    actions = started().died("kernel", KILLED, 1)
    kinds = [(type(action).__name__, getattr(action, "name", "")) for action in actions]
    assert kinds.index(("Tell", "ha")) < kinds.index(("Fork", "kernel"))
    assert ("ha", ProcessRestarted(name="kernel")) in told(actions)
    assert ("health", ProcessRestarted(name="kernel")) in told(actions)


def test_dead_health_concerns_the_kernel_and_track_only() -> None:
    actions = started().died("health", KILLED, 1)
    assert {name for name, _ in told(actions)} == {"kernel", "track"}
    assert forks(actions)[0].restarted


@pytest.mark.parametrize(
    ("name", "limit_ns"), [("ha", SECOND), ("kernel", 3 * SECOND), ("health", 3 * SECOND)]
)
def test_hung_child_is_found_within_its_limit_and_a_tick(name: str, limit_ns: int) -> None:
    supervision = started()
    others = tuple(other for other in NAMES if other != name)
    assert Abort(name=name) not in run_ticks(supervision, 0, limit_ns - TICK_NS, others)
    assert Abort(name=name) in run_ticks(supervision, limit_ns - TICK_NS, limit_ns, others)


@pytest.mark.parametrize("stall_ns", [400 * MS, 950 * MS, 5 * SECOND, 3600 * SECOND])
def test_stalled_supervisor_gives_children_a_fresh_period(stall_ns: int) -> None:
    """The whole host stood still: on waking nobody has beaten, and nobody is to blame."""
    supervision = started()
    run_ticks(supervision, 0, SECOND)
    woken = SECOND + stall_ns
    actions = list(supervision.tick(woken))
    actions += run_ticks(supervision, woken, woken + 2 * TICK_NS, ())
    assert not [action for action in actions if isinstance(action, Abort | Kill)]
    assert not [
        action
        for action in run_ticks(supervision, woken + 2 * TICK_NS, woken + 5 * SECOND)
        if isinstance(action, Abort | Kill)
    ]


def test_stall_does_not_make_a_stale_ha_adoptable() -> None:
    supervision = started()
    supervision.said("ha", MASTER, 0)
    supervision.tick(TICK_NS)
    supervision.tick(60 * SECOND)
    (fork,) = forks(supervision.died("ha", KILLED, 60 * SECOND))
    assert fork.adopt == ()


def test_back_off_keeps_the_watchdog_fed_but_a_stuck_child_does_not() -> None:
    supervision = started()
    for now in range(1, 6):
        supervision.died("health", 1, now)
        supervision.lives["health"].deadline_ns = now
        supervision.tick(now)
    supervision.died("health", 1, 10)
    assert supervision.lives["health"].state is ProcessState.DOWN
    assert supervision.healthy()
    run_ticks(supervision, 10, 10 * SECOND, ("kernel", "health"))
    assert supervision.lives["ha"].state is ProcessState.STUCK
    assert not supervision.healthy()


# Reload


def reconfigure(supervision: Supervision, now_ns: int = 0) -> tuple[Action, ...]:
    configs = {name: b"for " + name.encode() for name in NAMES}
    return supervision.reconfigure(configs=configs, advert_ints_ns={"VI_2": SECOND}, now_ns=now_ns)


def test_reload_goes_to_kernel_health_track_ha_in_this_order_and_ends_with_the_last_ready() -> None:
    supervision = started()
    assert told(reconfigure(supervision)) == [
        (name, Reconfigure(generation=2, config=b"for " + name.encode()))
        for name in ("kernel", "health", "track", "ha")
    ]
    assert supervision.reloading
    assert supervision.said("ha", Ready(generation=1), 1) == ()
    assert supervision.said("ha", Ready(generation=2), 1) == ()
    assert supervision.said("track", Ready(generation=2), 1) == ()
    assert supervision.said("kernel", Ready(generation=2), 1) == ()
    assert supervision.said("health", Ready(generation=2), 1) == (
        ReloadDone(generation=2, missing=()),
    )
    assert not supervision.reloading


def test_reload_that_a_child_does_not_confirm_ends_at_its_deadline() -> None:
    supervision = started()
    reconfigure(supervision)
    for name in ("kernel", "track", "ha"):
        supervision.said(name, Ready(generation=2), 1)
    done = [
        action for action in run_ticks(supervision, 0, RELOAD_NS) if isinstance(action, ReloadDone)
    ]
    assert done == [ReloadDone(generation=2, missing=("health",))]


def test_reload_drops_the_states_of_removed_instances() -> None:
    supervision = started()
    supervision.said("ha", MASTER, 0)
    reconfigure(supervision)
    (fork,) = forks(supervision.died("ha", KILLED, 1))
    assert fork.adopt == ()


def test_child_that_dies_during_a_reload_confirms_with_its_successor() -> None:
    supervision = started()
    reconfigure(supervision)
    supervision.died("kernel", KILLED, 1)
    for name in ("ha", "health", "track"):
        supervision.said(name, Ready(generation=2), 2)
    assert ReloadDone(generation=2, missing=()) in supervision.said(
        "kernel", Ready(generation=2), 3
    )


# Stopping


def test_stop_lets_ha_hand_over_before_the_others_are_told() -> None:
    supervision = started()
    assert told(supervision.stop(0)) == [("ha", Stop())]
    assert told(supervision.died("ha", 0, 1)) == [
        ("kernel", Stop()),
        ("health", Stop()),
        ("track", Stop()),
    ]
    assert supervision.died("health", 0, 2) == ()
    assert supervision.died("track", 0, 2) == ()
    assert supervision.died("kernel", 0, 3) == (Exit(clean=True),)
    assert supervision.stage is Stage.DONE


def test_second_stop_changes_nothing() -> None:
    supervision = started()
    supervision.stop(0)
    assert supervision.stop(1) == ()


@pytest.mark.parametrize("stuck", [("ha",), ("kernel",), ("health",), ("track",), NAMES])
def test_stop_ends_within_four_seconds_whoever_hangs(stuck: tuple[str, ...]) -> None:
    supervision = started()
    pending = list(supervision.stop(0))
    now_ns = 0
    done = False
    while not done and now_ns < 10 * SECOND:
        for action in pending:
            if isinstance(action, Tell) and action.message == Stop() and action.name not in stuck:
                pending += supervision.died(action.name, 0, now_ns)
        done = any(isinstance(action, Exit) for action in pending)
        now_ns += 0 if done else TICK_NS
        pending = [] if done else list(supervision.tick(now_ns))
    assert done
    assert now_ns <= 4 * SECOND


def test_hung_ha_does_not_keep_the_kernel_from_removing_addresses() -> None:
    supervision = started()
    supervision.stop(0)
    actions = run_ticks(supervision, 0, 1500 * MS, ())
    assert Kill(name="ha") in actions
    assert ("kernel", Stop()) in told(tuple(actions))


def test_stop_without_a_kernel_process_forks_one_to_remove_what_is_left() -> None:
    supervision = started()
    supervision.stop(0)
    supervision.died("kernel", KILLED, 1)
    actions = supervision.died("ha", 0, 2)
    assert forks(actions) == [Fork(name="kernel", restarted=True, adopt=())]
    assert ("kernel", Stop()) in told(actions)
    supervision.died("kernel", 0, 3)
    supervision.died("track", 0, 3)
    assert supervision.died("health", 0, 4) == (Exit(clean=False),)


def test_nobody_is_restarted_while_stopping() -> None:
    supervision = started()
    supervision.stop(0)
    assert forks(supervision.died("health", KILLED, 1)) == []
    assert forks(tuple(run_ticks(supervision, 1, 1200 * MS, ()))) == []


def test_stop_during_a_reload_answers_those_who_wait() -> None:
    supervision = started()
    reconfigure(supervision)
    assert ReloadDone(generation=2, missing=("ha", "health", "kernel", "track")) in (
        supervision.stop(1)
    )


def test_exit_is_described_in_words() -> None:
    assert describe_exit(-9) == "killed by SIGKILL"
    assert describe_exit(-63) == "killed by signal 63"
    assert describe_exit(3) == "exit status 3"


class Anything(RuleBasedStateMachine):
    """Children live, hang, die, come back in any order; the supervisor must keep its word."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.supervision = Supervision(generation=1, advert_ints_ns={"VI_1": SECOND})
        self.alive: set[str] = set()
        self.open: set[str] = set()
        self.exits = 0
        self.stopped_ns: int | None = None
        self.execute(self.supervision.begin(0))

    def execute(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            match action:
                case Fork(name=name):
                    assert name not in self.alive, "two processes of one name"
                    self.alive.add(name)
                    self.open.add(name)
                case Abort(name=name) | Kill(name=name):
                    assert name in self.alive
                case Tell(name=name):
                    assert name in self.alive
                case Exit():
                    self.exits += 1
                case AgentReady() | Log() | ReloadDone():
                    pass

    names = st.sampled_from(NAMES)

    @rule(step_ms=st.integers(0, 500))
    def time_passes(self, step_ms: int) -> None:
        self.now_ns += TICK_NS + step_ms * MS
        self.execute(self.supervision.tick(self.now_ns))

    @rule(name=names, message=st.sampled_from([Ready(generation=1), Ready(generation=2), MASTER]))
    def says(self, name: str, message: Message) -> None:
        if name in self.open:
            self.execute(self.supervision.said(name, message, self.now_ns))

    @rule(name=names)
    def beats(self, name: str) -> None:
        if name in self.open:
            self.execute(self.supervision.said(name, Heartbeat(at_ns=self.now_ns), self.now_ns))

    @rule(name=names)
    def closes(self, name: str) -> None:
        if name in self.open:
            self.open.discard(name)
            self.execute(self.supervision.channel_lost(name, "closed", self.now_ns))

    @rule(name=names, exit_code=st.sampled_from([0, 1, KILLED]))
    def dies(self, name: str, exit_code: int) -> None:
        if name in self.alive:
            self.alive.discard(name)
            self.open.discard(name)
            self.execute(self.supervision.died(name, exit_code, self.now_ns))

    @rule()
    def reloads(self) -> None:
        if self.stopped_ns is None and not self.supervision.reloading:
            self.execute(reconfigure(self.supervision, self.now_ns))

    @rule()
    def stops(self) -> None:
        if self.stopped_ns is None:
            self.stopped_ns = self.now_ns
        self.execute(self.supervision.stop(self.now_ns))

    @invariant()
    def knows_who_is_alive(self) -> None:
        believed = {name for name, life in self.supervision.lives.items() if life.alive}
        assert believed == self.alive

    @invariant()
    def exits_once_and_only_when_stopped(self) -> None:
        assert self.exits <= 1
        assert self.exits == 0 or self.stopped_ns is not None


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


# News for scripts and mails


def test_news_reach_the_track_process_in_order() -> None:
    supervision = started()
    backup = replace(MASTER, state="BACKUP", previous="MASTER")
    assert told(supervision.said("ha", MASTER, 1)) == [("track", MASTER)]
    assert told(supervision.said("ha", backup, 2)) == [("track", backup)]
    verdict = Verdict(
        generation=1, virtual_server="web", real_server="a", up=False, checked=True, reason=""
    )
    assert told(supervision.said("health", verdict, 3)) == [("track", verdict)]


def test_nobody_speaks_for_another_process() -> None:
    supervision = started()
    assert told(supervision.said("health", MASTER, 1)) == []


def test_news_wait_for_the_next_track_process() -> None:
    supervision = started()
    supervision.died("track", KILLED, 1)
    supervision.died("track", KILLED, 2)  # the second death in a row has a back-off
    for priority in range(UNTOLD_LIMIT + 5):
        assert told(supervision.said("ha", replace(MASTER, priority=priority), 3)) == []
    assert supervision.news_dropped == 5
    actions = tuple(run_ticks(supervision, 3, SECOND, ("kernel", "health", "ha")))
    assert [fork.name for fork in forks(actions)] == ["track"]
    news = [message.priority for _, message in told(actions) if isinstance(message, InstanceState)]
    assert news == list(range(5, UNTOLD_LIMIT + 5))


# Pools

DOWN = PoolChange(
    virtual_server="web",
    event="QUORUM_DOWN",
    quorum=False,
    quorum_since_ns=1,
    panic_since_ns=None,
    reason="",
)


def test_change_of_a_pool_is_passed_on_and_handed_to_the_next_kernel_process() -> None:
    supervision = started()
    assert told(supervision.said("kernel", replace(DOWN, quorum=True), 1)) != []
    assert told(supervision.said("kernel", DOWN, 2)) == [("track", DOWN)]
    assert told(supervision.said("health", DOWN, 2)) == []
    (fork,) = forks(supervision.died("kernel", KILLED, 3))
    assert fork.pools == (DOWN,)


def test_next_track_process_is_told_how_the_pools_stand_as_no_news() -> None:
    supervision = started()
    supervision.said("kernel", DOWN, 1)
    actions = supervision.died("track", KILLED, 2)
    assert ("track", replace(DOWN, event="SAME")) in told(actions)


def test_reload_forgets_pools_until_the_kernel_process_has_spoken_again() -> None:
    supervision = started()
    supervision.said("kernel", DOWN, 1)
    supervision.reconfigure(
        configs=dict.fromkeys(NAMES, b""), advert_ints_ns={"VI_1": SECOND}, now_ns=2
    )
    same = replace(DOWN, virtual_server="other", event="SAME")
    supervision.said("kernel", same, 3)
    (fork,) = forks(supervision.died("kernel", KILLED, 4))
    assert fork.pools == (same,)


def test_health_process_is_told_of_a_new_track_process() -> None:
    supervision = started()
    actions = supervision.died("track", KILLED, 2)
    assert ("health", ProcessRestarted(name="track")) in told(actions)


# Programs of other users, for checks

WANTED = ProgramWanted(check="c0ffee", number=7)
ENDED = ProgramEnded(number=7, exit_code=0, timed_out=False, started=True, words="")


def test_request_for_a_program_goes_from_health_to_track_and_its_answer_back() -> None:
    supervision = started()
    assert told(supervision.said("health", WANTED, 1)) == [("track", WANTED)]
    assert told(supervision.said("track", ENDED, 2)) == [("health", ENDED)]
    for name in ("ha", "kernel", "track"):
        assert told(supervision.said(name, WANTED, 3)) == []
    for name in ("ha", "kernel", "health"):
        assert told(supervision.said(name, ENDED, 3)) == []


def test_request_is_answered_where_there_is_no_track_process() -> None:
    supervision = started()
    supervision.died("track", KILLED, 1)
    supervision.died("track", KILLED, 2)  # the second death in a row has a back-off
    ((name, answer),) = told(supervision.said("health", WANTED, 3))
    assert (name, answer.number, answer.started) == ("health", 7, False)


def test_health_and_track_are_told_of_each_others_death_before_there_is_a_successor() -> None:
    for dead, other in (("health", "track"), ("track", "health")):
        actions = started().died(dead, KILLED, 1)
        assert (other, ProcessDied(name=dead)) in told(actions)
        kinds = [(type(action).__name__, getattr(action, "name", "")) for action in actions]
        assert kinds.index(("Tell", other)) < kinds.index(("Fork", dead))


def test_answer_for_a_health_process_that_is_no_more_is_dropped() -> None:
    supervision = started()
    supervision.died("health", KILLED, 1)
    supervision.died("health", KILLED, 2)
    assert told(supervision.said("track", ENDED, 3)) == []


# BFD sessions, for checks

SESSION = BfdState(neighbor="10.0.0.3", up=True, reason="the neighbour says Up")
OTHER = replace(SESSION, neighbor="10.0.0.4")
LOST = replace(SESSION, up=False)


def test_word_on_a_session_goes_from_track_to_health_and_from_nobody_else() -> None:
    supervision = started()
    assert told(supervision.said("track", SESSION, 1)) == [("health", SESSION)]
    assert told(supervision.said("ha", LOST, 2)) == []


def test_next_health_process_is_told_the_last_word_on_every_session() -> None:
    supervision = started()
    for word in (SESSION, OTHER, LOST):
        supervision.said("track", word, 1)
    actions = supervision.died("health", KILLED, 2)
    assert forks(actions) == [Fork(name="health", restarted=True, adopt=())]
    assert [word for word in told(actions) if word[0] == "health"] == [
        ("health", LOST), ("health", OTHER),
    ]  # fmt: skip


def test_word_while_there_is_no_health_process_waits_for_it() -> None:
    supervision = started()
    supervision.died("health", KILLED, 1)
    supervision.died("health", KILLED, 2)  # the second death in a row has a back-off
    assert told(supervision.said("track", LOST, 3)) == []
    actions = tuple(run_ticks(supervision, 3, SECOND, ("kernel", "track", "ha")))
    assert ("health", LOST) in told(actions)


def test_death_of_track_says_nothing_of_the_sessions_and_is_no_end_of_what_it_said() -> None:
    supervision = started()
    supervision.said("track", SESSION, 1)
    actions = supervision.died("track", KILLED, 2)
    assert not any(isinstance(message, BfdState) for _, message in told(actions))
    assert ("health", SESSION) in told(supervision.died("health", KILLED, 3))


def test_reload_forgets_sessions_until_track_has_spoken_again() -> None:
    supervision = started()
    supervision.said("track", SESSION, 1)
    reconfigure(supervision, 2)
    supervision.said("track", OTHER, 3)
    actions = supervision.died("health", KILLED, 4)
    assert [one for _, one in told(actions) if isinstance(one, BfdState)] == [OTHER]


def test_no_more_sessions_are_remembered_than_there_can_be() -> None:
    supervision = started()
    for number in range(2 * BFD_STATES_LIMIT):
        supervision.said("track", replace(SESSION, neighbor=f"10.1.{number // 250}.{number}"), 1)
    supervision.said("track", replace(LOST, neighbor="10.1.0.0"), 2)
    told_again = [word for word in told(supervision.died("health", KILLED, 3)) if "health" in word]
    assert len(told_again) == BFD_STATES_LIMIT
    assert ("health", replace(LOST, neighbor="10.1.0.0")) in told_again
