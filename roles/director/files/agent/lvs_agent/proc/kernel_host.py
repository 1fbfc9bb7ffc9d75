# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's host: interfaces and addresses behind one door.

Owns the order among the keepers: a VMAC before the addresses on it, the addresses before what ha
is told; backwards at the end. Must never decide anything itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lvs_agent.adapters import adoption
from lvs_agent.core.host import Changes, Host
from lvs_agent.core.ledger import Ledger
from lvs_agent.core.messages import AddressesLost, LinkState
from lvs_agent.core.model import Config
from lvs_agent.proc.kernel_addresses import AddressKeeper
from lvs_agent.proc.kernel_link_states import LinkTeller
from lvs_agent.proc.kernel_links import LinkKeeper
from lvs_agent.proc.kernel_report import link_report
from lvs_agent.proc.kernel_watch import HostWatcher
from lvs_agent.proc.loop import Loop


class HostKeeper:
    """Opens its sockets at once; raises OSError when it cannot. Changes nothing before `start`.

    `on_link` hears of every configured interface at first and at each change; `on_lost` of
    addresses of held instances that were away for a moment; those in `on_settled` of every change
    of the host, after the repairs made here.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        config: Config,
        log: Callable[[str, str], None],
        on_link: Callable[[LinkState], None],
        on_lost: Callable[[AddressesLost], None],
        restarted: bool,
        directory: Path,
    ) -> None:
        self._log = log
        self._watcher = HostWatcher(loop, log, self._settle, self._audit)
        self._links = LinkKeeper(self._watcher, config=config, log=log, directory=directory)
        self._addresses = AddressKeeper(
            self._watcher,
            config=config,
            log=log,
            on_lost=on_lost,
            restarted=restarted,
            shared=lambda: adoption.is_ordered(directory),
        )
        self._teller = LinkTeller(
            loop,
            self._watcher,
            config=config,
            on_link=on_link,
            is_broken=self._links.error_of,
        )
        self.on_settled: list[Callable[[Changes], None]] = []

    @property
    def host(self) -> Host:
        """The picture; another object after each full reading."""
        return self._watcher.host

    def start(self) -> None:
        """Make VMACs, add static addresses, watch; to be called once the ledger is written."""
        self._links.start()
        for error in self._addresses.start():
            self._log("error", error)
        self._watcher.start()
        self._watcher.catch_up()
        self._watcher.settle()

    # Addresses: see AddressKeeper

    def sweep(self, ledger: Ledger) -> list[str]:
        """See AddressKeeper; before `start`."""
        return self._addresses.sweep(ledger)

    def hold(self, name: str, hold: bool) -> str | None:
        """See AddressKeeper."""
        self._watcher.give_way()
        return self._addresses.hold(name, hold)

    def held(self) -> list[str]:
        """See AddressKeeper."""
        return self._addresses.held()

    def expect_news(self) -> None:
        """See AddressKeeper."""
        self._addresses.expect_news()

    def release_silent(self) -> list[str]:
        """See AddressKeeper."""
        return self._addresses.release_silent()

    def send_links(self, *, everything: bool) -> None:
        """See LinkTeller.send."""
        self._teller.send(everything=everything)

    # Change and end

    def reconfigure(self, config: Config, former_names: Mapping[str, str]) -> list[str]:
        """Apply the difference; what went wrong."""
        self._links.reconfigure(config)
        errors = self._addresses.reconfigure(config, former_names)
        errors += self._links.drop_unwanted()
        self._watcher.catch_up()
        self._teller.reconfigure(config)
        return errors

    def release_all(self) -> list[str]:
        """Give up all addresses, static ones too; what went wrong."""
        return self._addresses.release_all()

    def remove_links(self) -> list[str]:
        """Remove VMACs and put interface settings back, after `release_all`; what went wrong."""
        return self._links.remove_all()

    # Watching

    def _settle(self, changes: Changes) -> None:
        self._links.settle(changes)
        self._addresses.settle(changes)
        self._teller.settle(changes)
        for one in self.on_settled:
            one(changes)

    def _audit(self) -> None:
        self._links.allow_repairs()
        self._addresses.allow_repairs()

    def report(self) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        """Interfaces and addresses for the status."""
        links = [
            link_report(state, self._links.error_of(state.interface))
            for state in self._teller.states()
        ]
        return links, self._addresses.report()

    def drift(self) -> dict[str, int]:
        """What others did to interfaces and addresses, counted."""
        addresses, links = self._addresses.drift, self._links.drift
        return {
            "addresses_put_back": addresses.addresses_put_back,
            "addresses_removed": addresses.addresses_removed,
            "addresses_duplicate": addresses.addresses_duplicate,
            "vmacs_put_back": links.vmacs_put_back,
            "interface_settings_put_back": links.settings_put_back,
            "netlink_overruns": self._watcher.overruns,
        }
