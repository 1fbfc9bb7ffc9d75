# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ha process is told of interfaces, and when.

Owns the comparison with what it was told last, and interface_up_down_delays. Must never change an
interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from lvs_agent.core import addresses as rules
from lvs_agent.core.host import Changes
from lvs_agent.core.link_delay import LinkDelay
from lvs_agent.core.messages import LinkState
from lvs_agent.core.model import Config
from lvs_agent.proc.kernel_watch import HostWatcher
from lvs_agent.proc.loop import Loop, Timer


class LinkTeller:
    """`on_link` hears of every configured interface at first and at each change.

    One that `is_broken` (a VMAC that is not ours) is told as if it were not there.
    """

    def __init__(
        self,
        loop: Loop,
        watcher: HostWatcher,
        *,
        config: Config,
        on_link: Callable[[LinkState], None],
        is_broken: Callable[[str], object],
    ) -> None:
        self._loop = loop
        self._watcher = watcher
        self._on_link = on_link
        self._is_broken = is_broken
        self._sent: dict[str, LinkState] = {}
        self._delays: dict[str, LinkDelay] = {}
        self._timer: Timer | None = None
        self._take(config)

    def _take(self, config: Config) -> None:
        self._interfaces = rules.interfaces(config)
        self._virtual = rules.placed(config)
        self._vmacs = {i.vmac.interface for i in config.vrrp_instances if i.vmac is not None}
        self._sources: dict[str, tuple[str, ...]] = {}
        for instance in config.vrrp_instances:
            if instance.source is not None:
                known = self._sources.get(instance.interface, ())
                if instance.source not in known:
                    self._sources[instance.interface] = (*known, instance.source)
        configured = {d.interface: d for d in config.global_defs.interface_delays}
        self._delays = {
            name: self._delays.get(name) or LinkDelay(delay.down_ns, delay.up_ns)
            for name, delay in configured.items()
        }
        for name, delay in configured.items():
            self._delays[name].change(delay.down_ns, delay.up_ns)

    def reconfigure(self, config: Config) -> None:
        """Tell of all interfaces of the new configuration."""
        self._take(config)
        self._sent = {n: state for n, state in self._sent.items() if n in self._interfaces}
        self.send(everything=True)

    def settle(self, changes: Changes) -> None:
        """Tell of what changed; addresses count too, they may be the source of adverts."""
        if changes.everything or changes.links:
            self.send(everything=False)
            return
        links = self._watcher.host.links
        names = {links[index].name for index in changes.indexes() if index in links}
        self._tell([name for name in self._interfaces if name in names], everything=False)

    def send(self, *, everything: bool) -> None:
        """Tell of configured interfaces: all, or those that changed since they were told."""
        self._tell(self._interfaces, everything=everything)

    def _tell(self, names: tuple[str, ...] | list[str], *, everything: bool) -> None:
        for name in names:
            state = self._state(name)
            if everything or self._sent.get(name) != state:
                self._sent[name] = state
                self._on_link(state)
        self._wait()

    def _state(self, name: str) -> LinkState:
        if name in self._vmacs and self._is_broken(name):
            return LinkState(interface=name, index=0, running=False, primary=None, mac=None)
        sources = self._sources.get(name, ())
        state = self._watcher.host.link_state(name, self._virtual, sources)
        if name in self._vmacs and state.index:
            # Its addresses are the virtual router's, none of them is this host's.
            state = dataclasses.replace(state, primary=None, primary6=None)
        delay = self._delays.get(name)
        if delay is not None:
            counts = delay.observe(state.index, state.running, self._loop.now_ns())
            if counts != state.running:
                state = dataclasses.replace(state, running=counts)
        return state

    def _wait(self) -> None:
        deadlines = [d.deadline_ns for d in self._delays.values() if d.deadline_ns is not None]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = (
            self._loop.call_at(min(deadlines), lambda: self.send(everything=False))
            if deadlines
            else None
        )

    def states(self) -> list[LinkState]:
        """For the status: as they are told."""
        return [self._state(name) for name in self._interfaces]
