# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's keeper of IPVS's sync daemon (lvs_sync_daemon).

Owns starting and stopping its halves. Must never decide who holds: that is said by `hold`. What
fails is logged and tried again at each audit. Without lvs_sync_daemon it asks the kernel nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from lvs_agent.adapters.ipvs_netlink import Ipvs, IpvsMissing
from lvs_agent.core.ipvs import sync
from lvs_agent.core.ipvs.sync import Half, SyncSettings
from lvs_agent.core.model import Config
from lvs_agent.proc.loop import Loop, Timer

AUDIT_NS = 5_000_000_000


@dataclass(slots=True)
class Drift:
    """How often somebody stopped or changed a half of the daemon, and it was put right."""

    put_back: int = 0


class SyncKeeper:
    """`restarted`: the halves run on as they are until ha tells of the instance. While the host is
    `shared` with another program, they are its own where the instance is not held."""

    def __init__(
        self,
        loop: Loop,
        *,
        config: Config,
        log: Callable[[str, str], None],
        restarted: bool,
        shared: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._log = log
        self._shared = shared
        self._ipvs = Ipvs()
        self._daemon = config.global_defs.sync_daemon
        self._assumed = None if restarted else False
        self._held: dict[str, bool] = {}
        self._running: dict[Half, SyncSettings] = {}
        self._started: dict[Half, SyncSettings] = {}
        self._settled = False  # it was as wanted at the last look, and nothing else is wanted since
        self._error: str | None = None
        self._soon: Timer | None = None
        self.drift = Drift()
        self._bring_soon()
        loop.call_at(loop.now_ns() + AUDIT_NS, self._audit)

    def hold(self, name: str, hold: bool) -> None:
        """Let the half run that fits, once everything else that waits is done."""
        news = self._held.get(name) is not hold
        self._held[name] = hold
        if news and self._daemon is not None and name == self._daemon.instance:
            self._bring_soon()

    def reconfigure(self, config: Config, former_names: Mapping[str, str]) -> None:
        """Apply the difference."""
        held = self._held
        self._held = {new: held[old] for new, old in former_names.items() if old in held}
        before, self._daemon = self._daemon, config.global_defs.sync_daemon
        if self._daemon is not None:
            self._bring_soon()
        elif before is not None:
            for error in self.release_all():
                self._log("error", error)

    def release_all(self) -> list[str]:
        """Stop both halves, if they are ours; what went wrong."""
        if self._daemon is None and not self._running:
            return []
        self._daemon = None
        self._running = {}
        try:
            refusals = [(half, self._ipvs.sync_stop(half)) for half in Half]
        except IpvsMissing:
            return []
        except OSError as error:
            return [f"sync daemon: {error.strerror or error}"]
        return [f"sync daemon, {half}: {why}" for half, why in refusals if why is not None]

    def _bring_soon(self) -> None:
        self._settled = False
        if self._daemon is not None and self._soon is None:
            self._soon = self._loop.call_at(self._loop.now_ns(), self._bring)

    def _audit(self) -> None:
        self._loop.call_at(self._loop.now_ns() + AUDIT_NS, self._audit)
        self._bring()

    def _bring(self) -> None:
        """Stop what should not run, start what should."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._daemon is None:
            return
        held = self._held.get(self._daemon.instance or "", self._assumed)
        if self._daemon.instance is not None and (held is None or (not held and self._shared())):
            return
        try:
            error = self._change(sync.wanted(self._daemon, held=bool(held)))
        except (IpvsMissing, OSError) as failure:
            error = str(failure)
        if error is not None and error != self._error:
            self._log("error", f"lvs_sync_daemon: {error}; trying again")
        elif error is None and self._error is not None:
            self._log("info", "lvs_sync_daemon works again")
        self._error = error
        self._settled = error is None

    def _change(self, wanted: dict[Half, SyncSettings]) -> str | None:
        """What went wrong. Raises IpvsMissing, OSError."""
        self._running = self._ipvs.sync_running()
        stop, start = sync.changes(wanted, self._running, self._started)
        if (stop or start) and self._settled:
            self.drift.put_back += 1
            self._log("warning", "the IPVS sync daemon was changed by somebody else; repairing")
        for half in stop:
            if refusal := self._ipvs.sync_stop(half):
                return f"stopping the {half} half: {refusal}"
            del self._running[half]
            self._started.pop(half, None)
        for half, settings in start.items():
            if refusal := self._ipvs.sync_start(half, settings):
                return f"starting the {half} half on {settings.interface}: {refusal}"
            self._running[half] = self._started[half] = settings
        return None

    def report(self) -> dict[str, object]:
        """`sync_daemon` of the status; empty when none is configured."""
        if self._daemon is None:
            return {}
        return {
            "instance": self._daemon.instance,
            "running": {half.value: asdict(settings) for half, settings in self._running.items()},
            "error": self._error,
        }
