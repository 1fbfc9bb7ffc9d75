# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told of what, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.messages import GroupState, InstanceEvent, InstanceState
from lvs_agent.core.model import (
    Command,
    Config,
    GlobalDefs,
    Notify,
    SyncGroup,
)
from lvs_agent.core.notify import (
    CROWD_LIMIT,
    QUEUE_LIMIT,
    Alert,
    Line,
    Notifications,
    Run,
    RunQueue,
)
from vrrp_builders import S, instance


def command(name: str) -> Command:
    return Command(argv=(f"/etc/lvs/{name}",), user=None, timeout_ns=S)


ALL = Notify(
    master=command("master"),
    backup=command("backup"),
    fault=command("fault"),
    stop=command("stop"),
    deleted=command("deleted"),
    always=command("notify"),
    master_rx_lower_pri=command("rx"),
    dual_active=command("dual"),
    priority_changes=True,
    mail=True,
)


def config(notify: Notify = ALL) -> Config:
    return Config(
        global_defs=GlobalDefs(router_id="drct1"),
        vrrp_instances=(instance(name="VI_1", notify=notify),),
        virtual_servers=(),
        sync_groups=(SyncGroup(name="G", members=("VI_1",), notify=notify),),
    )


def state(now: str, previous: str = "BACKUP") -> InstanceState:
    return InstanceState(
        instance="VI_1", state=now, previous=previous, priority=150, reason="timer"
    )


def event(name: str) -> InstanceEvent:
    return InstanceEvent(instance="VI_1", event=name, priority=120, reason="because")


def programs(told: object) -> list[tuple[str, ...]]:
    return [(*one.command.argv, *one.more) for one in told if isinstance(one, Run)]  # type: ignore[attr-defined]


def lines(told: object) -> list[str]:
    return [one.text for one in told if isinstance(one, Line)]  # type: ignore[attr-defined]


def alerts(told: object) -> list[str]:
    return [one.subject for one in told if isinstance(one, Alert)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("now", "word", "program"),
    [
        ("MASTER", "MASTER", "master"),
        ("BACKUP", "BACKUP", "backup"),
        ("FAULT", "FAULT", "fault"),
        ("INIT", "STOP", "stop"),
    ],
)
def test_change_of_state_runs_its_own_command_and_then_the_general_one(
    now: str, word: str, program: str
) -> None:
    told = Notifications(config()).told(state(now))
    assert programs(told) == [
        (f"/etc/lvs/{program}",),
        ("/etc/lvs/notify", "INSTANCE", "VI_1", word, "150"),
    ]
    assert lines(told) == [f'INSTANCE "VI_1" {word} 150']
    assert alerts(told) == [f"VRRP instance VI_1 is now {word}"]


def test_faults_are_not_mailed_where_that_is_not_wanted() -> None:
    plain = config()
    quiet = replace(plain, global_defs=replace(plain.global_defs, mail_faults=False))
    notifications = Notifications(quiet)
    assert alerts(notifications.told(state("FAULT"))) == []
    assert alerts(notifications.told(state("BACKUP"))) != []


def test_sync_group_has_commands_of_its_own() -> None:
    news = GroupState(group="G", state="MASTER", previous="BACKUP", priority=150, reason="")
    told = Notifications(config()).told(news)
    assert programs(told)[1] == ("/etc/lvs/notify", "GROUP", "G", "MASTER", "0")
    assert lines(told) == ['GROUP "G" MASTER 0']


def test_without_commands_or_mail_only_the_fifos_are_told() -> None:
    told = Notifications(config(Notify())).told(state("MASTER"))
    assert [type(one) for one in told] == [Line]


def test_removed_instance_is_told_of_after_the_configuration_has_forgotten_it() -> None:
    notifications = Notifications(config())
    notifications.update(replace(config(), vrrp_instances=(), sync_groups=()))
    assert notifications.told(state("INIT", "MASTER")) == ()
    told = notifications.told(event("DELETED"))
    assert programs(told) == [
        ("/etc/lvs/deleted",),
        ("/etc/lvs/notify", "INSTANCE", "VI_1", "DELETED", "120"),
    ]


def test_removal_runs_the_fault_command_where_there_is_none_for_it() -> None:
    notifications = Notifications(config(replace(ALL, deleted=None, always=None)))
    notifications.update(replace(config(), vrrp_instances=(), sync_groups=()))
    assert programs(notifications.told(event("DELETED"))) == [("/etc/lvs/fault",)]


def test_priority_changes_are_told_only_where_asked_for() -> None:
    told = Notifications(config()).told(event("MASTER_PRIORITY"))
    assert lines(told) == ['INSTANCE "VI_1" MASTER_PRIORITY 120']
    quiet = Notifications(config(replace(ALL, priority_changes=False)))
    assert quiet.told(event("MASTER_PRIORITY")) == ()


def test_losing_advert_and_dual_active_run_their_commands() -> None:
    notifications = Notifications(config())
    assert programs(notifications.told(event("MASTER_RX_LOWER_PRI"))) == [("/etc/lvs/rx",)]
    told = notifications.told(event("DUAL_ACTIVE"))
    assert programs(told) == [("/etc/lvs/dual",)]
    assert alerts(told) == ["VRRP instance VI_1: dual active"]
    over = notifications.told(event("DUAL_ACTIVE_OVER"))
    assert programs(over) == []
    assert alerts(over) == ["VRRP instance VI_1: dual active over"]


@pytest.mark.parametrize("word", ["GIVEN_AWAY", "HELD", "ORDINARY"])
def test_what_an_operator_sets_is_told_to_everybody(word: str) -> None:
    told = Notifications(config()).told(event(word))
    assert [each.text for each in told if isinstance(each, Line)]
    (run,) = (each for each in told if isinstance(each, Run))
    assert run.more[2] == word
    assert alerts(told) == [f"VRRP instance VI_1: {word.replace('_', ' ').lower()}"]


def test_unknown_names_of_another_configuration_are_no_news() -> None:
    notifications = Notifications(config())
    assert notifications.told(replace(state("MASTER"), instance="other")) == ()


def run(key: str, number: int = 0, *, crowd: bool = False) -> Run:
    return Run(key=key, command=command(str(number)), more=(), crowd=crowd)


def test_commands_of_one_instance_run_one_after_the_other_those_of_two_side_by_side() -> None:
    queue = RunQueue()
    assert queue.add(run("a", 1)) == run("a", 1)
    assert queue.add(run("a", 2)) is None
    assert queue.add(run("b", 3)) == run("b", 3)
    assert queue.ended(run("a", 1)) == (run("a", 2),)
    assert queue.ended(run("a", 2)) == ()
    assert queue.ended(run("b", 3)) == ()
    assert not len(queue)


def test_storm_leaves_out_the_oldest_commands_and_counts_them() -> None:
    queue = RunQueue()
    for number in range(QUEUE_LIMIT + 4):
        queue.add(run("a", number))
    assert queue.dropped == 3
    assert queue.ended(run("a")) == (run("a", 4),)  # 0 ran; 1 to 3 were left out


def test_next_of_a_crowd_starts_when_one_has_ended() -> None:
    queue = RunQueue()
    runs = [run(f"{number}", crowd=True) for number in range(CROWD_LIMIT + 2)]
    started = [one for one in runs if queue.add(one)]
    assert started == runs[:CROWD_LIMIT]
    assert queue.add(run("instance")) == run("instance")
    assert queue.ended(runs[0]) == (runs[CROWD_LIMIT],)
    assert queue.ended(runs[1]) == (runs[CROWD_LIMIT + 1],)
    assert queue.ended(runs[2]) == ()


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=200))
def test_of_a_crowd_only_so_many_run_at_once_all_do_in_the_end_and_others_do_not_wait(
    steps: list[tuple[int, bool]],
) -> None:
    queue, running, ran = RunQueue(), [], []
    added: list[Run] = []
    for number, (key, ends) in enumerate(steps):
        crowd = key > 3
        one = run(f"{key}", number, crowd=crowd)
        added.append(one)
        busy = any(other.key == one.key for other in running)
        started = queue.add(one)
        assert crowd or busy or started == one
        running += [started] if started else []
        if ends and running:
            ended = running.pop(0)
            ran.append(ended)
            running += queue.ended(ended)
        assert sum(other.crowd for other in running) <= CROWD_LIMIT
        assert len({other.key for other in running}) == len(running)
    while running:
        ended = running.pop(0)
        ran.append(ended)
        running += queue.ended(ended)
    assert not len(queue)
    assert len(ran) + queue.dropped == len(added)
    for key in {one.key for one in ran}:
        order = [int(one.command.argv[0].rpartition("/")[2]) for one in ran if one.key == key]
        assert order == sorted(order)
