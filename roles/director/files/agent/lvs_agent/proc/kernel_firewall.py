# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's keeper of its nf_tables table: no_accept, and silence of VMACs.

Owns when the table changes and its repair. Must never decide who holds: that is said by `before`
and `after`. What fails is logged and tried again at each audit: it is never a reason to give up
the addresses. Without no_accept and VMACs it asks the kernel nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lvs_agent.adapters.firewall_table import FirewallTable
from lvs_agent.core import firewall
from lvs_agent.core.firewall import Firewall
from lvs_agent.core.model import Config
from lvs_agent.proc.loop import Loop, Timer

AUDIT_NS = 5_000_000_000
# `nft -f` changes a table in several messages; one look is enough for all of them.
SETTLE_NS = 10_000_000
# As with addresses: a fight with somebody who removes the table at once must not take our time.
REPAIRS_PER_AUDIT = 20


@dataclass(slots=True)
class Drift:
    """How often somebody changed or removed the table, and it was made again."""

    put_back: int = 0


class FirewallKeeper:
    """Never raises: without nf_tables in the kernel it says so, and goes on trying.

    `restarted`: the instances may be held, and count as held until ha speaks.
    """

    def __init__(
        self, loop: Loop, *, config: Config, log: Callable[[str, str], None], restarted: bool
    ) -> None:
        self._loop = loop
        self._log = log
        self._table: FirewallTable | None = None
        self._installed: Firewall | None = None
        self._parts = firewall.parts(config)
        # Of all instances: a change of the configuration may concern those that it does not now.
        self._held = {one.name for one in config.vrrp_instances} if restarted else set[str]()
        self._error: str | None = None
        self._soon: Timer | None = None
        self._repairs = 0
        self.drift = Drift()
        if self._parts:
            self._bring(firewall.wanted(self._parts, self._held))
        loop.call_at(loop.now_ns() + AUDIT_NS, self._audit)

    # Taking and giving up

    def before(self, name: str, hold: bool) -> None:
        """To be called before an instance's addresses are added or removed."""
        if hold:
            self._held.add(name)
        if name not in self._parts:
            return
        content = firewall.wanted(self._parts, self._held)
        if not hold:
            # From now on another router may have the virtual MAC.
            silent = firewall.wanted(self._parts, self._held - {name})
            content = replace(content, quiet=silent.quiet)
        self._bring(content)

    def after(self, name: str, hold: bool) -> None:
        """To be called when they are there, or gone."""
        if hold:
            return
        self._held.discard(name)
        if name in self._parts:
            self._bring(firewall.wanted(self._parts, self._held))

    def reconfigure(self, config: Config, former_names: Mapping[str, str]) -> None:
        """Apply the difference."""
        held = self._held
        self._parts = firewall.parts(config)
        self._held = {name for name, former in former_names.items() if former in held}
        if self._parts:
            self._bring(firewall.wanted(self._parts, self._held))
        else:
            self.release_all()

    def release_all(self) -> list[str]:
        """Remove the table; what went wrong."""
        self._parts = {}
        self._installed = None
        if self._table is None:
            return []
        try:
            self._table.remove()
        except OSError as error:
            return [f"nf_tables: {error.strerror or error}"]
        self._loop.remove_reader(self._table.fileno())
        self._table.close()
        self._table = None
        return []

    # The kernel

    def _open(self) -> FirewallTable:
        if self._table is None:
            self._table = FirewallTable()
            self._loop.add_reader(self._table.fileno(), self._readable)
        return self._table

    def _bring(self, content: Firewall) -> None:
        """Make the table so: by the difference, or anew when it is not there as we left it."""
        try:
            table = self._open()
            if self._installed is not None:
                try:
                    table.change(self._installed, content)
                except OSError:
                    self._installed = None
            if self._installed is None:
                table.install(content)
        except OSError as error:
            self._installed = None
            text = f"{error.strerror or error}; no_accept and the silence of VMACs do not work"
            if self._error != text:
                self._log("error", f"nf_tables: {text}; trying again")
            self._error = text
            return
        if self._error is not None:
            self._log("info", "nf_tables works again")
        self._installed, self._error = content, None

    # Watching

    def _readable(self) -> None:
        if self._table is not None and self._table.changed() and self._soon is None:
            self._soon = self._loop.call_at(self._loop.now_ns() + SETTLE_NS, self._look)

    def _audit(self) -> None:
        self._loop.call_at(self._loop.now_ns() + AUDIT_NS, self._audit)
        self._repairs = 0
        self._look()

    def _look(self) -> None:
        """Compare with the kernel and repair."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if not self._parts or self._repairs >= REPAIRS_PER_AUDIT:
            return
        wanted = firewall.wanted(self._parts, self._held)
        if self._table is None or self._installed is None:
            self._bring(wanted)
            return
        try:
            found = self._table.read()
        except OSError as error:
            self._log("error", f"reading nf_tables: {error.strerror or error}")
            return
        if found == self._installed:
            return
        self._repairs += 1
        self.drift.put_back += 1
        self._log("warning", "table inet lvs_agent had been changed or removed; made again")
        self._installed = None
        self._bring(wanted)

    def report(self) -> dict[str, object]:
        """`firewall` of the status; empty when none is needed."""
        if not self._parts:
            return {}
        content = self._installed or Firewall()
        return {
            "table": "inet lvs_agent",
            "present": self._installed is not None,
            "error": self._error,
            **{name: sorted(elements) for name, elements in content.sets().items()},
        }
