# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the health process whose checks pause (ha_suspend).

Owns looking again whenever the host's addresses change. Must never decide: `core/suspend.py` does.
"""

from __future__ import annotations

from collections.abc import Callable

from lvs_agent.core import suspend
from lvs_agent.core.host import Host
from lvs_agent.core.messages import Suspended
from lvs_agent.core.model import Config


class SuspendTeller:
    """`host` gives the picture of now; `tell` reaches the health process."""

    def __init__(
        self, config: Config, host: Callable[[], Host], tell: Callable[[Suspended], None]
    ) -> None:
        self._config = config
        self._host = host
        self._tell = tell
        self._told: tuple[str, ...] | None = None

    def look(self) -> None:
        """The host, or the configuration, may be another: tell what changes by it."""
        now = self._suspended()
        if now != self._told:
            self._told = now
            self._tell(Suspended(virtual_servers=now))

    def reconfigure(self, config: Config) -> None:
        """Go by another configuration."""
        self._config = config
        self.look()

    def repeat(self) -> None:
        """There is a new health process."""
        self._told = None
        self.look()

    def _suspended(self) -> tuple[str, ...]:
        if not suspend.wanted(self._config):
            return ()
        return suspend.suspended(self._config, {a.address for a in self._host().addresses()})

    def report(self) -> list[str]:
        """The names, for the status."""
        return list(self._told or ())
