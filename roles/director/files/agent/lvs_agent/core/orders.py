# SPDX-License-Identifier: GPL-3.0-or-later
"""What `supervise.py` orders and `proc/supervisor.py` executes.

Owns the shapes of the orders. Must never carry a decision.
"""

from __future__ import annotations

from dataclasses import dataclass

from lvs_agent.core.messages import InstanceState, Message, PoolChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Fork the child; `adopt` and `pools`: what a new ha, or kernel, process goes on with.

    `restarted`: an earlier process of this run did the same job. `found`: none did, but another
    program has put into the kernel what is to be gone on with.
    """

    name: str
    restarted: bool
    adopt: tuple[InstanceState, ...]
    pools: tuple[PoolChange, ...] = ()
    found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """SIGABRT: the child writes its traceback to the journal and dies."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """SIGKILL."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Send `message` to the child."""

    name: str
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReady:
    """All children are Ready for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A line for the journal. `level`: debug, info, warning, error."""

    level: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadDone:
    """A reload is over; `missing` are the processes that have not confirmed it in time."""

    generation: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The stop sequence is over. `clean`: every child ended by itself."""

    clean: bool


Action = Fork | Abort | Kill | Tell | AgentReady | Log | ReloadDone | Exit


# signal(7); the numbers are those of x86 and ARM. Any other is shown as a number.
_SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
    24: "SIGXCPU",
    31: "SIGSYS",
}


def describe_exit(exit_code: int) -> str:
    """`exit_code` in words: "exit status 1", "killed by SIGKILL" (-9)."""
    if exit_code >= 0:
        return f"exit status {exit_code}"
    return f"killed by {_SIGNALS.get(-exit_code, f'signal {-exit_code}')}"
