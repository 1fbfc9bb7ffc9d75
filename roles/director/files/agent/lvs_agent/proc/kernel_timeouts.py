# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's keeper of IPVS's connection timeouts (lvs_timeouts).

Owns setting them, and putting the former ones back. Without lvs_timeouts it asks the kernel
nothing. What fails is logged and tried again at each audit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lvs_agent.adapters import ipvs_timeouts
from lvs_agent.adapters.ipvs_netlink import Ipvs, IpvsMissing
from lvs_agent.core.ipvs import timeouts
from lvs_agent.core.ipvs.timeouts import TimeoutsMade
from lvs_agent.core.model import Config
from lvs_agent.proc.loop import Loop

AUDIT_NS = 5_000_000_000


@dataclass(slots=True)
class Drift:
    """How often somebody else's timeouts were replaced by the configured ones."""

    put_back: int = 0


class TimeoutsKeeper:
    """What was there before us is in a file of `directory`, so that it outlives this process."""

    def __init__(
        self, loop: Loop, *, config: Config, log: Callable[[str, str], None], directory: Path
    ) -> None:
        self._loop = loop
        self._log = log
        self._directory = directory
        self._ipvs = Ipvs()
        self._configured = config.global_defs.timeouts
        self._made, wrong = ipvs_timeouts.read(directory)
        if wrong:
            log("warning", f"{wrong}; the timeouts from before us are not known")
        self._settled = False  # they were as wanted at the last look
        self._error: str | None = None
        self.drift = Drift()
        loop.call_at(loop.now_ns(), self._audit)

    def reconfigure(self, config: Config) -> None:
        """Apply the difference."""
        self._configured = config.global_defs.timeouts
        self._settled = False
        self._bring()

    def release_all(self) -> list[str]:
        """Put the former timeouts back; what went wrong."""
        self._configured = None
        try:
            self._restore()
        except IpvsMissing:
            return []
        except OSError as error:
            return [f"lvs_timeouts: {error.strerror or error}"]
        return []

    def _audit(self) -> None:
        self._loop.call_at(self._loop.now_ns() + AUDIT_NS, self._audit)
        self._bring()

    def _bring(self) -> None:
        try:
            if self._configured is None:
                self._restore()
            else:
                self._set()
            error = None
        except (IpvsMissing, OSError) as failure:
            error = str(failure)
        if error is not None and error != self._error:
            self._log("error", f"lvs_timeouts: {error}; trying again")
        elif error is None and self._error is not None:
            self._log("info", "lvs_timeouts works again")
        self._error = error

    def _set(self) -> None:
        """Raises IpvsMissing, OSError."""
        assert self._configured is not None
        found = self._ipvs.timeouts()
        before = found if self._made is None else self._made.before
        wanted = timeouts.wanted(self._configured, before)
        made = TimeoutsMade(before=before, set=wanted)
        if made != self._made:
            ipvs_timeouts.write(self._directory, made)  # before anything of it is done
            self._made = made
        if found == wanted:
            self._settled = True
            return
        if self._settled:
            self.drift.put_back += 1
            self._log("warning", f"IPVS timeouts were changed by somebody else: {found}; repairing")
        self._ipvs.set_timeouts(wanted)
        self._settled = True

    def _restore(self) -> None:
        """Raises IpvsMissing, OSError."""
        if self._made is None:
            return
        self._ipvs.set_timeouts(timeouts.restored(self._made, self._ipvs.timeouts()))
        ipvs_timeouts.write(self._directory, None)
        self._made = None

    def report(self) -> dict[str, object]:
        """`timeouts` of the status; empty when none are configured."""
        if self._configured is None:
            return {}
        made = self._made
        return {
            "set": None if made is None else made.set._asdict(),
            "before": None if made is None else made.before._asdict(),
            "error": self._error,
        }
