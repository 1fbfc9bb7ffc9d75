# SPDX-License-Identifier: GPL-3.0-or-later
"""How the kernel treats the process that speaks VRRP; part of global_defs.

Owns those options, which have keepalived's names.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Kind, Option, flag, integer

# sched(7): the real-time priorities, and nice values.
_REALTIME = (1, 99)
_NICE = (-20, 19)

SCHEDULING = (
    integer(
        "vrrp_rt_priority",
        "Real-time priority (SCHED_RR) of the process that speaks VRRP.",
        _REALTIME,
        default=20,
    ),
    integer(
        "vrrp_rlimit_rttime",
        "Processor time without a wait after which that process goes on without its real-time"
        " priority, until it is back in its loop.",
        (1, 5_000_000),
        default=100_000,
        unit="us",
    ),
    integer(
        "vrrp_priority",
        "Its nice value, for as long as it has no real-time priority.",
        _NICE,
        default_doc="as the agent was started",
    ),
    integer(
        "max_auto_priority",
        "How high the agent may raise that real-time priority by itself, one step whenever the host"
        " kept the process waiting for min_auto_priority_delay. 0 and -1: never.",
        (-1, 99),
        default=0,
    ),
    integer(
        "min_auto_priority_delay",
        "How long the process must have been kept waiting for that.",
        (1, 10_000_000),
        default=1_000_000,
        unit="us",
    ),
    flag("vrrp_no_swap", "Keep that process's memory from being swapped out (mlockall)."),
    Option(
        name="vrrp_cpu_affinity",
        kind=Kind.CPUS,
        doc="Processors that it runs on, by their numbers.",
        default_doc="all that the agent may use",
        example="0 1",
    ),
)
