# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracked processes (vrrp_track_process): which processes count, and whether enough of them run.

Owns matching, quorum and the delays. Must never look at a process itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from lvs_agent.core.messages import TrackerState
from lvs_agent.core.model import TrackerKind, TrackProcess

# The kernel cuts a process's name to 15 bytes (TASK_COMM_LEN, linux/sched.h).
_COMM_BYTES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process: `name` as in /proc/PID/comm, `arguments` as in /proc/PID/cmdline.

    Kernel threads and zombies have no arguments and are not given to `matches`.
    """

    pid: int
    name: str
    arguments: tuple[str, ...]


def matches(tracked: TrackProcess, running: Running) -> bool:
    """Whether this process is one of those that are tracked."""
    if tracked.full_command:
        if not running.arguments or running.arguments[0] != tracked.process:
            return False
    elif running.name != tracked.process.rpartition("/")[2][:_COMM_BYTES]:
        return False
    if tracked.arguments is None:
        return True
    rest = running.arguments[1:]
    if not tracked.partial:
        return rest == tracked.arguments
    count = len(tracked.arguments)
    if rest[: max(0, count - 1)] != tracked.arguments[:-1]:
        return False
    # The last word only begins so: that is what "partial" is for.
    return count == 0 or (len(rest) >= count and rest[count - 1].startswith(tracked.arguments[-1]))


class ProcessTracker:
    """How many run, and whether that is enough for long enough. `up` None: never counted."""

    def __init__(self, tracked: TrackProcess) -> None:
        self.tracked = tracked
        self.up: bool | None = None
        self.count = 0
        self._changing_at_ns: int | None = None

    def update(self, tracked: TrackProcess) -> None:
        """Go on with other settings."""
        self.tracked = tracked

    @property
    def deadline_ns(self) -> int | None:
        """When `counted` is to be called again though nothing changed."""
        return self._changing_at_ns

    def counted(self, count: int, now_ns: int) -> TrackerState | None:
        """So many run now; the state, if it is another one."""
        self.count = count
        tracked = self.tracked
        enough = count >= tracked.quorum and (
            tracked.quorum_max is None or count <= tracked.quorum_max
        )
        if enough is self.up:
            self._changing_at_ns = None
            return None
        if self.up is not None:
            delay_ns = tracked.fork_delay_ns if enough else tracked.terminate_delay_ns
            if self._changing_at_ns is None:
                self._changing_at_ns = now_ns + delay_ns
            if now_ns < self._changing_at_ns:
                return None
        self._changing_at_ns = None
        self.up = enough
        return self.state()

    def state(self) -> TrackerState:
        """What ha is told."""
        tracked = self.tracked
        wanted = f"at least {tracked.quorum}"
        if tracked.quorum_max is not None:
            wanted += f" and at most {tracked.quorum_max}"
        return TrackerState(
            kind=TrackerKind.PROCESS,
            name=tracked.name,
            up=self.up,
            value=0,
            reason=f"{self.count} of {tracked.process} run, wanted are {wanted}",
        )
