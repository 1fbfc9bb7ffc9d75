# SPDX-License-Identifier: GPL-3.0-or-later
"""When a process asks the kernel for a higher real-time priority by itself (max_auto_priority).

Owns that decision. Must never ask the kernel: `proc/ha_scheduling.py` does.
"""

from __future__ import annotations

from lvs_agent.core.model import Scheduling


class AutoPriority:
    """`priority` is the one in force; 0: the process has no real-time priority."""

    def __init__(self, wanted: Scheduling, priority: int) -> None:
        self._wanted = wanted
        self.priority = priority
        self._reported_cpu_ns = 0

    def late(self, late_ns: int, cpu_ns: int) -> int | None:
        """The priority to ask for, or None to leave it.

        `late_ns` is how long after a deadline the process got there, `cpu_ns` the processor time
        that it has used since its start. What it used since the last time that it was late is not
        waiting: a higher priority makes nobody compute faster. Each step is one, as keepalived's.
        """
        if late_ns < self._wanted.auto_delay_ns:
            self._reported_cpu_ns = cpu_ns
            return None
        waited_ns = late_ns - (cpu_ns - self._reported_cpu_ns)
        self._reported_cpu_ns = cpu_ns
        if waited_ns < self._wanted.auto_delay_ns or self.priority >= self._wanted.auto_priority:
            return None
        return self.priority + 1
