# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's keepers of what an instance holds, behind one door.

Owns the order among them: firewall, addresses, routes and rules, sync daemon; backwards at the
end. Must never decide anything itself. Only an address that the kernel refuses is an error for ha;
the other keepers log theirs and try again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lvs_agent.adapters import adoption, sweep
from lvs_agent.core import firewall
from lvs_agent.core import ledger as ledgers
from lvs_agent.core.instances import former_names
from lvs_agent.core.ledger import Ledger
from lvs_agent.core.messages import AddressesLost, LinkState
from lvs_agent.core.model import Config
from lvs_agent.proc.kernel_firewall import FirewallKeeper
from lvs_agent.proc.kernel_host import HostKeeper
from lvs_agent.proc.kernel_routes import RouteKeeper
from lvs_agent.proc.kernel_sync import SyncKeeper
from lvs_agent.proc.kernel_timeouts import TimeoutsKeeper
from lvs_agent.proc.loop import Loop


class Keepers:
    """Opens its sockets at once; raises OSError when it cannot.

    Removes what `before` says a dead agent left (unless `restarted`), calls `write_ledger`, and
    only then adds something. `on_link`, `on_lost`: see HostKeeper.
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
        before: Ledger,
        write_ledger: Callable[[], None],
    ) -> None:
        self._config = config
        self._names = _names(config)
        shared = partial(adoption.is_ordered, directory)
        self.host = HostKeeper(
            loop,
            config=config,
            log=log,
            on_link=on_link,
            on_lost=on_lost,
            restarted=restarted,
            directory=directory,
        )
        if not restarted:
            for error in self._sweep(before):
                log("error", f"sweep: {error}")
        write_ledger()
        # Before the VMACs: they are not to say a word.
        self._firewall = FirewallKeeper(loop, config=config, log=log, restarted=restarted)
        self.host.start()
        self._routes = RouteKeeper(loop, config=config, log=log, restarted=restarted, shared=shared)
        self._sync = SyncKeeper(loop, config=config, log=log, restarted=restarted, shared=shared)
        self._timeouts = TimeoutsKeeper(loop, config=config, log=log, directory=directory)
        self.host.on_settled.append(lambda _changes: self._routes.host_changed())

    def _sweep(self, before: Ledger) -> list[str]:
        """What is configured still, the keepers bring in line themselves."""
        errors = self.host.sweep(before)
        now = ledgers.of_config(self._config)
        sweep.remove_rules(before.rules - now.rules, errors)
        sweep.remove_routes(before.routes - now.routes, errors)
        if before.sync_daemon and not now.sync_daemon:
            sweep.stop_sync_daemon(errors)
        if before.firewall and not firewall.needed(self._config):
            sweep.remove_firewall(errors)
        return errors

    def hold(self, name: str, hold: bool, acknowledge: Callable[[str | None], None]) -> None:
        """Take or give up everything of an instance. `acknowledge` is called as soon as the
        addresses are there, or gone, with None or with what is wrong with them; after a failure to
        take them nothing of the instance is held."""
        if name not in self._names:
            acknowledge(self.host.hold(name, hold))  # which knows what to say
            return
        if not hold:
            acknowledge(self._release(name))
            return
        self._firewall.before(name, True)
        error = self.host.hold(name, True)
        acknowledge(error)
        if error is not None:
            self._release(name)
            return
        self._firewall.after(name, True)
        self._routes.hold(name, True)
        self._sync.hold(name, True)

    def _release(self, name: str) -> str | None:
        self._sync.hold(name, False)
        self._routes.hold(name, False)
        self._firewall.before(name, False)
        error = self.host.hold(name, False)
        self._firewall.after(name, False)
        return error

    def release_silent(self) -> list[str]:
        """Give up every instance that ha did not speak of since `host.expect_news`; their names."""
        names = self.host.release_silent()
        for name in names:
            self._release(name)
        return names

    def reconfigure(self, config: Config) -> list[str]:
        """Apply the difference; what went wrong with the addresses."""
        names = former_names(self._config.vrrp_instances, config.vrrp_instances)
        self._config = config
        self._names = _names(config)
        self._firewall.reconfigure(config, names)
        errors = self.host.reconfigure(config, names)
        self._routes.reconfigure(config, names)
        self._sync.reconfigure(config, names)
        self._timeouts.reconfigure(config)
        return errors

    def release_all(self) -> list[str]:
        """Remove everything but VMAC interfaces and the firewall; what went wrong."""
        for name in self.host.held():
            self._firewall.before(name, False)
        errors = self._timeouts.release_all() + self._sync.release_all()
        errors += self._routes.release_all()
        return errors + self.host.release_all()

    def remove_links(self) -> list[str]:
        """Remove VMAC interfaces, then the firewall that kept them silent; what went wrong."""
        return self.host.remove_links() + self._firewall.release_all()

    def report(self) -> dict[str, object]:
        """`links`, `addresses`, `routes`, `rules`, `firewall`, `sync_daemon`, `timeouts`."""
        links, addresses = self.host.report()
        routes, rules = self._routes.report()
        return {
            "links": links,
            "addresses": addresses,
            "routes": routes,
            "rules": rules,
            "firewall": self._firewall.report(),
            "sync_daemon": self._sync.report(),
            "timeouts": self._timeouts.report(),
        }

    def drift(self) -> dict[str, int]:
        """What others did, and was undone, counted."""
        return {
            **self.host.drift(),
            "routes_put_back": self._routes.drift.put_back,
            "routes_removed": self._routes.drift.removed,
            "firewall_put_back": self._firewall.drift.put_back,
            "sync_daemon_put_back": self._sync.drift.put_back,
            "timeouts_put_back": self._timeouts.drift.put_back,
        }


def _names(config: Config) -> frozenset[str]:
    return frozenset(one.name for one in config.vrrp_instances)
