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
        self._told: dict[str, bool] = {}

    def look(self) -> None:
        """The host, or the configuration, may be another: tell what changes by it."""
        now: dict[str, bool] = {}
        if suspend.wanted(self._config):
            present = {address.address for address in self._host().addresses()}
            now = suspend.suspended(self._config, present)
        for change in suspend.changes(self._told, now):
            self._tell(change)
        self._told = now

    def reconfigure(self, config: Config) -> None:
        """Go by another configuration."""
        self._config = config
        self.look()

    def repeat(self) -> None:
        """There is a new health process."""
        self._told = {}
        self.look()
