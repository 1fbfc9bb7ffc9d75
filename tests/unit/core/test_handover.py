# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving an instance away: what is waited for, when it is over, what comes next."""

from __future__ import annotations

from typing import Any

import pytest
from lvs_agent.core.handover import Handover, Next
from lvs_agent.core.messages import InstanceState, MasterHeard
from vrrp_builders import S, instance

NOW = 1000 * S


class Bench:
    """A handover of `names`, all MASTER here, with a clock."""

    def __init__(self, *names: str, force: bool = False, timeout_s: int = 30, **of: Any) -> None:
        self.names = names or ("a",)
        members = [instance(name=name, version=3, **of) for name in self.names]
        self.states: dict[str, InstanceState] = {}
        self.masters: dict[str, MasterHeard] = {}
        self.now_ns = NOW
        for name in self.names:
            self.becomes("MASTER", name)
        self.handover = Handover(members, force=force, timeout_ns=timeout_s * S, now_ns=NOW)

    def becomes(self, state: str, name: str = "a") -> None:
        self.states[name] = InstanceState(
            instance=name, state=state, previous="", priority=1, reason=""
        )
        self.masters.pop(name, None)

    def hears(self, name: str = "a") -> None:
        self.masters[name] = MasterHeard(instance=name, address="10.0.0.7", priority=100)

    def look(self) -> Next:
        return self.handover.look(self.states, self.masters, self.now_ns)

    def late(self) -> Next:
        """At the next deadline."""
        self.now_ns = self.handover.deadline_ns
        return self.look()


def test_it_is_done_when_the_peer_is_heard_and_not_before() -> None:
    bench = Bench()
    assert bench.look() is Next.WAIT
    bench.becomes("BACKUP")
    assert bench.look() is Next.WAIT
    bench.hears()
    assert bench.look() is Next.DONE


def test_an_instance_that_cannot_work_here_is_nobodys_to_wait_for() -> None:
    bench = Bench()
    bench.becomes("FAULT")
    assert bench.look() is Next.DONE


def test_nobody_preempts_so_it_is_never_let_go() -> None:
    """Master_Down_Interval of priority 1 at one second, and a slack."""
    bench = Bench()
    assert bench.late() is Next.FAILED
    assert 3.99 * S < bench.now_ns - NOW < 5 * S
    assert "it was never let go" in bench.handover.error


def test_forced_it_resigns_after_that_and_fails_when_it_is_master_again() -> None:
    bench = Bench(force=True)
    assert bench.late() is Next.RESIGN
    assert bench.look() is Next.WAIT  # the word has not arrived yet
    bench.becomes("BACKUP")
    assert bench.look() is Next.WAIT
    bench.becomes("MASTER")
    assert bench.look() is Next.FAILED
    assert "taken back" in bench.handover.error


@pytest.mark.parametrize("settings", [{"preempt": False}, {"preempt_delay_ns": 300 * S}])
def test_where_nobody_preempts_at_once_it_resigns_at_once(settings: dict[str, Any]) -> None:
    bench = Bench(**settings)
    assert bench.look() is Next.RESIGN
    bench.becomes("BACKUP")
    bench.hears()
    assert bench.look() is Next.DONE


def test_who_resigned_and_says_nothing_more_has_failed_after_a_bound() -> None:
    bench = Bench(preempt=False)
    assert bench.look() is Next.RESIGN
    bench.becomes("BACKUP")
    assert bench.late() is Next.FAILED
    assert bench.now_ns - NOW < 2 * S


def test_a_sync_group_is_elsewhere_when_all_members_are() -> None:
    bench = Bench("a", "b")
    for name in ("a", "b"):
        assert bench.look() is Next.WAIT
        bench.becomes("BACKUP", name)
        bench.hears(name)
    assert bench.look() is Next.DONE


def test_the_time_limit_ends_it() -> None:
    bench = Bench(timeout_s=1)
    assert bench.late() is Next.FAILED
    assert bench.now_ns - NOW == S
    assert "time limit of 1.000 s" in bench.handover.error


def test_without_a_word_of_the_ha_process_it_ends_too() -> None:
    bench = Bench()
    bench.states.clear()
    assert bench.look() is Next.WAIT
    assert bench.late() is Next.FAILED
