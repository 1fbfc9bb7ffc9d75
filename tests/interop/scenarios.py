# SPDX-License-Identifier: GPL-3.0-or-later
"""What two speakers go through. Each scenario raises AssertionError when they do not get along.

The first speaker of a scenario is the one with the higher priority.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from interop.segment import eventually
from interop.speakers import Keepalived, Ours, Speaker

# Processes start, and threads of other scenarios run, on two shared cores.
SLACK_S = 4.0


def only(holder: Speaker, other: Speaker, timeout_s: float, what: str) -> float:
    """Wait until `holder` has the address and the other has not."""
    return eventually(lambda: holder.holds() and not other.holds(), timeout_s, what)


def settle(first: Speaker, second: Speaker) -> None:
    """Start both; the first becomes and stays active."""
    first.start()
    timeout_s = 2 * first.flavour.down_s(first.priority) + SLACK_S
    only(first, second, timeout_s, f"{type(first).__name__} is active")
    second.start()
    stays(first, second, 2 * second.flavour.down_s(second.priority) + 1)


def stays(holder: Speaker, other: Speaker, seconds: float) -> None:
    """Nothing moves for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert holder.holds(), f"{type(holder).__name__} lost the address"
        assert not other.holds(), f"{type(other).__name__} has the address too"
        time.sleep(0.05)


def handover_s(first: Speaker, second: Speaker) -> float:
    """The longest a resignation may take to have its effect."""
    del first
    return second.flavour.skew_s(second.priority) + SLACK_S


def stop(first: Speaker, second: Speaker) -> None:
    """The active router is stopped: priority 0, the other follows within the skew time."""
    settle(first, second)
    down_s = second.flavour.down_s(second.priority)
    before = time.monotonic()
    first.stop()
    only(second, first, handover_s(first, second), "the other takes over")
    if first.flavour.version == 2:  # with shorter intervals the two times are too close to tell
        assert time.monotonic() - before < down_s, "the priority 0 was not understood"
    ours = first if isinstance(first, Ours) else second
    if isinstance(ours, Ours) and ours is second:
        counters = ours.instance()["counters"]
        assert counters["priority_zero_received"] >= 1
        assert sum(counters["rejected"].values()) == 0, counters["rejected"]


def preempt(first: Speaker, second: Speaker) -> None:
    """The better router comes back and takes the address back."""
    settle(first, second)
    first.stop()
    only(second, first, handover_s(first, second), "the other takes over")
    first.start()
    timeout_s = first.flavour.down_s(first.priority) + SLACK_S
    only(first, second, timeout_s, "the better one takes it back")
    stays(first, second, 1)


def nopreempt(first: Speaker, second: Speaker) -> None:
    """The better router comes back and leaves the other alone."""
    first.preempt = second.preempt = False
    settle(first, second)
    first.stop()
    only(second, first, handover_s(first, second), "the other takes over")
    first.start()
    time.sleep(1)
    stays(second, first, 2 * first.flavour.down_s(first.priority))


def power_cut(first: Speaker, second: Speaker) -> None:
    """The active router vanishes; the other takes over after Master_Down_Interval."""
    settle(first, second)
    before = time.monotonic()
    first.segment.power_cut(first.host)
    down_s = second.flavour.down_s(second.priority)
    eventually(second.holds, down_s + SLACK_S, "the other takes over")
    took_s = time.monotonic() - before
    assert took_s > down_s - second.flavour.interval_s - 0.1, f"it did not wait: {took_s}"
    first.segment.boot(first.host)


def equal_priority(first: Speaker, second: Speaker) -> None:
    """Both active after a partition, with the same priority: the higher address wins."""
    second.priority = first.priority
    first.start()
    only(first, second, 2 * first.flavour.down_s(100) + SLACK_S, "the first is active")
    second.start()
    stays(first, second, 2 * second.flavour.down_s(100))
    segment = first.segment
    segment.unplug(first.host)
    eventually(second.holds, second.flavour.down_s(100) + SLACK_S, "both are active")
    assert first.holds()
    segment.plug(first.host)
    winner, loser = (first, second) if first.host == "b" else (second, first)
    only(winner, loser, 3 * winner.flavour.interval_s + SLACK_S, "the higher address wins")
    stays(winner, loser, 1)


Scenario = Callable[[Speaker, Speaker], None]
SCENARIOS: dict[str, Scenario] = {
    "stop": stop,
    "preempt": preempt,
    "nopreempt": nopreempt,
    "power cut": power_cut,
    "equal priority": equal_priority,
}


def complaints(peer: Speaker) -> list[str]:
    """What keepalived says about packets that it does not like."""
    if not isinstance(peer, Keepalived) or not peer.log.exists():
        return []
    words = ("checksum", "invalid", "mismatch", "bogus", "expected", "bad ", "auth")
    lines = peer.log.read_text(errors="replace").splitlines()
    return [line for line in lines if any(word in line.lower() for word in words)]
