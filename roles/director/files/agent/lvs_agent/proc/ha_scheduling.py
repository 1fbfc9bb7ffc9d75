# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the kernel treat the ha process as its configuration says, and looks after it.

Owns what this process asked for of its scheduling. What is refused is a warning: VRRP works
without. Its real-time priority cannot take a processor away for ever: after the time that the
configuration gives, the process goes on without it until it has got back to its loop.
"""

from __future__ import annotations

from collections.abc import Callable

from lvs_agent.adapters import scheduling
from lvs_agent.core.model import Scheduling
from lvs_agent.core.scheduling import AutoPriority
from lvs_agent.proc.loop import Loop

# A process that computes too long does so again and again: that is one piece of news.
_PAUSE_NS = 60_000_000_000


class OwnScheduling:
    """`log(level, text)`. One per process, which it is about."""

    def __init__(self, loop: Loop, log: Callable[[str, str], None]) -> None:
        self._loop = loop
        self._log = log
        self._wanted: Scheduling | None = None
        self._auto = AutoPriority(Scheduling(), 0)
        self._usual_nice, self._usual_cpus = scheduling.niceness(), scheduling.cpus()
        self._exceeded = False
        self._times_exceeded = 0
        self._quiet_until_ns = 0

    def apply(self, wanted: Scheduling) -> None:
        """Ask for what `wanted` says and was not asked for before."""
        before, self._wanted = self._wanted, wanted
        if before == wanted:
            return
        self._limit(wanted)
        usual = before or Scheduling()
        if wanted.nice != usual.nice:
            self._ask_nice(self._usual_nice if wanted.nice is None else wanted.nice)
        if wanted.cpus != usual.cpus:
            self._ask_cpus(frozenset(wanted.cpus) or self._usual_cpus)
        if wanted.no_swap != usual.no_swap:
            self._ask_memory(wanted.no_swap)
        granted = self._ask_priority(wanted.priority)
        self._auto = AutoPriority(wanted, wanted.priority if granted else 0)
        self._loop.on_late = self._late if wanted.auto_priority else None

    def look(self) -> None:
        """Take the real-time priority again after it was given up. To be called by the loop."""
        wanted = self._wanted
        if wanted is None or not self._exceeded:
            return
        self._exceeded = False
        self._limit(wanted)
        now_ns = self._loop.now_ns()
        if now_ns >= self._quiet_until_ns:
            self._quiet_until_ns = now_ns + _PAUSE_NS
            self._log(
                "info",
                f"vrrp: {wanted.rttime_us / 1e6:g} s of computing in a row"
                " (vrrp_rlimit_rttime): the rest of it was done without real-time priority",
            )
        if self._auto.priority:
            self._ask_priority(self._auto.priority)

    def report(self) -> dict[str, object]:
        """For `lvsctl status --json`."""
        return {
            "realtime_priority": 0 if self._exceeded else self._auto.priority,
            "rttime_exceeded": self._times_exceeded,
        }

    def _exceed(self) -> None:
        """Between any two instructions of this process: as little as possible."""
        scheduling.ordinary()
        self._exceeded = True
        self._times_exceeded += 1

    def _late(self, late_ns: int) -> None:
        priority = self._auto.late(late_ns, scheduling.cpu_ns())
        if priority is None:
            return
        if not self._ask_priority(priority):
            self._loop.on_late = None  # the reason will stay the same
            return
        self._auto.priority = priority
        text = f"vrrp: kept waiting for {late_ns / 1e9:.3f} s: real-time priority {priority}"
        self._log("warning", f"{text} from now on (max_auto_priority)")

    def _limit(self, wanted: Scheduling) -> None:
        try:
            scheduling.limit_realtime(wanted.rttime_us, self._exceed)
        except OSError as error:
            self._warn(f"vrrp_rlimit_rttime is not in force: {error.strerror}")

    def _ask_priority(self, priority: int) -> bool:
        try:
            scheduling.realtime(priority)
        except OSError as error:
            why = f"{error.strerror}; its unit needs LimitRTPRIO={priority}"
            self._warn(f"no real-time priority {priority}: {why}")
            return False
        return True

    def _ask_nice(self, value: int) -> None:
        try:
            scheduling.nice(value)
        except OSError as error:
            why = f"{error.strerror}; its unit needs LimitNICE={value:+d}"
            self._warn(f"vrrp_priority {value} is not in force: {why}")

    def _ask_cpus(self, wanted: frozenset[int]) -> None:
        try:
            scheduling.run_on(wanted)
        except (OSError, ValueError) as error:
            numbers = " ".join(map(str, sorted(wanted)))
            there = " ".join(map(str, sorted(self._usual_cpus)))
            why = f"{error}; the agent may use {there}"
            self._warn(f"vrrp_cpu_affinity {numbers} is not in force: {why}")

    def _ask_memory(self, locked: bool) -> None:
        try:
            scheduling.lock_memory(locked=locked)
        except OSError as error:
            why = f"{error.strerror}; its unit needs LimitMEMLOCK=infinity"
            self._warn(f"vrrp_no_swap is not in force: {why}")

    def _warn(self, text: str) -> None:
        self._log("warning", f"vrrp: {text}")
