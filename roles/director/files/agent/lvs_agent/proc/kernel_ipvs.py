# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's keeper of IPVS: the table follows configuration and verdicts.

Owns what is desired now, and when the kernel is brought to it, as `kernel_ipvs_mirror.py` knows it:
changes at once, an audit every few seconds for what others did. Must never touch a service that is
neither configured nor owned, but for lvs_flush when the agent starts. Work is done in slices, so
that a takeover that is asked for in the middle of ten thousand changes waits a few milliseconds,
not for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from lvs_agent.adapters.ipvs_netlink import IpvsMissing
from lvs_agent.core.ipvs.diff import diff_service
from lvs_agent.core.ipvs.model import DeleteService, Operation, Service, ServiceKey
from lvs_agent.core.ipvs.text import describe
from lvs_agent.core.messages import OverridesOrder, PoolChange, Verdict
from lvs_agent.core.model import Config, VirtualServer
from lvs_agent.core.overrides import Entries, decode
from lvs_agent.core.pools import Pools
from lvs_agent.core.quorum import desired_service
from lvs_agent.proc import kernel_orders
from lvs_agent.proc.kernel_ipvs_mirror import IpvsMirror, Listed
from lvs_agent.proc.kernel_report import service_report
from lvs_agent.proc.loop import Loop, Timer

AUDIT_NS = 5_000_000_000
# A successor waits so long for the health process to repeat its verdicts before it touches IPVS.
VERDICTS_WAIT_NS = 3_000_000_000
RETRY_FIRST_NS = 1_000_000_000
RETRY_LAST_NS = 30_000_000_000
# About 10 ms of work in one turn of the loop (25 us to encode and apply one, 10 us to read one).
OPERATIONS_PER_TURN = 400
DESTINATIONS_PER_TURN = 1_000
_LOGGED_OPERATIONS = 5


@dataclass(slots=True)
class Drift:
    """What others did to our services, and we undid."""

    operations: int = 0
    audits: int = 0


class IpvsKeeper:
    """`owned`: services of an earlier configuration or process, to be removed when not desired;
    `on_removed` runs when that happened to some of them. `adopt`: what that process said last of
    its pools; `overrides`: what operators said; `tell` passes on what is new of the pools."""

    def __init__(
        self,
        loop: Loop,
        *,
        config: Config,
        generation: int,
        log: Callable[[str, str], None],
        on_removed: Callable[[], None],
        owned: Iterable[ServiceKey],
        restarted: bool,
        adopt: Iterable[PoolChange],
        overrides: Entries,
        tell: Callable[[PoolChange], None],
    ) -> None:
        self._loop = loop
        self._log = log
        self._on_removed = on_removed
        self._mirror = IpvsMirror(log)
        self._tell = tell
        self._pools = Pools(config, generation, adopt=adopt, overrides=overrides)
        self._servers: dict[ServiceKey, VirtualServer] = {}
        self._owned: set[ServiceKey] = set(owned)
        self._dirty: dict[ServiceKey, None] = {}
        self._to_audit: list[ServiceKey] = []
        self._listed: Listed = {}
        self._trouble: str | None = None
        self._retry_ns = RETRY_FIRST_NS
        self._work: Timer | None = None
        self._settling: Timer | None = None
        self._frozen = restarted
        # Once, and neither for a successor nor beside another program.
        self._flush = config.global_defs.lvs_flush and not restarted
        self._loaded = False
        self.drift = Drift()
        self._set_servers(config)
        delay_ns = VERDICTS_WAIT_NS if restarted else 0
        self._timer = loop.call_at(loop.now_ns() + delay_ns, self._load)

    def _set_servers(self, config: Config) -> None:
        self._servers = {
            key: server for server in config.virtual_servers for key in server.services
        }
        self._owned.update(self._servers)

    # What is told

    def verdict(self, verdict: Verdict) -> None:
        """Take note; the table follows before the loop waits again. Other generations are
        ignored."""
        now_ns = self._loop.now_ns()
        if self._pools.note(verdict, now_ns) and self._settling is None and not self._frozen:
            self._settling = self._loop.call_at(now_ns, self._settle)

    def verdicts_complete(self, generation: int) -> None:
        """Every verdict was told: a successor may begin."""
        if self._frozen and generation == self._pools.generation:
            self._timer.cancel()
            self._load()

    def _settle(self) -> None:
        """Draw the conclusions from the verdicts; what changes by them is brought in line."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        settled = self._pools.settle(self._loop.now_ns())
        for news in settled.news:
            self._tell(news)
            self._log_news(news)
        self._mark(key for one in settled.touched for key in self._servers[one].services)

    def _log_news(self, news: PoolChange) -> None:
        if news.event == "START" and news.quorum:
            return
        name = {"START": "no quorum at the start", "PANIC_OVER": "panic over"}.get(
            news.event, news.event.replace("_", " ").lower()
        )
        level = "info" if news.event in ("QUORUM_UP", "PANIC_OVER") else "warning"
        self._log(level, f"virtual_servers.{news.virtual_server}: {name}: {news.reason}")

    def reconfigure(self, config: Config, generation: int) -> None:
        """The table follows, in slices; services that are gone from `config` are removed last."""
        self._pools.reconfigure(config, generation, self._loop.now_ns())
        self._set_servers(config)
        if not self._frozen:
            self._settle()
        for standing in self._pools.standing():
            self._tell(standing)
        self._mark(self._servers)
        self._mark(sorted(self._owned - self._servers.keys()))

    def order(self, order: OverridesOrder, present: Container[str]) -> dict[str, object]:
        """Go by an operator's order, or only look what would become of it; `kernel_orders.report`
        with the connections. `present`: the addresses of the host."""
        overrides, wrong = self._pools.overrides, None
        if order.overrides:
            overrides, wrong = decode(order.overrides)
        assert wrong is None, wrong  # the supervisor encoded them
        if order.in_force:
            self._pools.override(overrides)
        if self._frozen:
            return {"error": self._trouble or "the kernel process has just been restarted"}
        self._settle()
        if self._work is not None and order.in_force:
            self._work.cancel()
            self._slice()  # at once: the report is to be true when somebody reads it
        now_ns = self._loop.now_ns()
        places = kernel_orders.places_of(order.places)
        found = kernel_orders.report(self._pools, self._servers, places, overrides, now_ns)
        touched = {identity: self._servers.get(identity) for identity, __ in places}
        servers = [server for server in touched.values() if server is not None]
        keys = [key for server in servers for key in server.services]
        self._refresh(keys)
        mirror = self._mirror
        kernel_orders.add_connections(found["places"], servers, present, mirror.connections)
        found["refused"] = [mirror.refused[key] for key in keys if key in mirror.refused]
        return found | {"trouble": self._trouble}

    @property
    def owned(self) -> frozenset[ServiceKey]:
        """What may be in the kernel because of us; for the ledger."""
        return frozenset(self._owned)

    # Making it so

    def _load(self) -> None:
        """Read what there is, then bring everything in line; for the start and after trouble."""
        if not self._frozen:
            self._settle()  # whether IPVS can be spoken to or not
        if self._flush and not self._own_everything():
            return
        if not self._owned:
            self._frozen, self._loaded = False, True
            self._schedule_audit()
            return
        try:
            self._mirror.read(self._owned)
        except (IpvsMissing, OSError) as error:
            self._in_trouble(error)
            return
        if self._frozen:
            self._frozen = False
            pools = {key: service.pool for key, service in self._mirror.known.items()}
            self._pools.adopt_kernel(pools, self._loop.now_ns())
            self._settle()
        self._recovered()
        self._loaded = True
        self._mark(self._servers)
        self._mark(sorted(self._owned - self._servers.keys()))
        self._schedule_audit()

    def _own_everything(self) -> bool:
        """Own whatever IPVS has, so that what is not configured is removed. False: IPVS cannot be
        spoken to, though it is needed."""
        try:
            foreign = self._mirror.services().keys() - self._owned
        except IpvsMissing as error:
            if self._owned:
                self._in_trouble(error)
                return False
            foreign = set()
        except OSError as error:
            self._in_trouble(error)
            return False
        self._flush = False
        self._owned |= foreign
        if foreign:
            shown = ", ".join(str(key) for key in sorted(foreign)[:_LOGGED_OPERATIONS])
            rest = len(foreign) - _LOGGED_OPERATIONS
            more = f" and {rest} more" if rest > 0 else ""
            self._log("warning", f"IPVS: lvs_flush removes {shown}{more}")
        return True

    def _mark(self, keys: Iterable[ServiceKey]) -> None:
        """Bring `keys` in line before the loop waits again."""
        self._dirty.update(dict.fromkeys(keys))
        if self._loaded and self._work is None and self._dirty:
            self._work = self._loop.call_at(self._loop.now_ns(), self._slice)

    def _slice(self) -> None:
        self._work = None
        batch: dict[ServiceKey, list[Operation]] = {}
        size = 0
        while self._dirty and size < OPERATIONS_PER_TURN:
            key = next(iter(self._dirty))
            del self._dirty[key]
            batch[key] = self._operations(key)
            size += len(batch[key])
        if not self._bring(batch):
            return
        self._mark(())

    def _operations(self, key: ServiceKey) -> list[Operation]:
        known = self._mirror.known.get(key)
        if key not in self._servers:
            return [DeleteService(key)] if known is not None and key in self._owned else []
        return diff_service(self._desired(key), known)

    def _desired(self, key: ServiceKey) -> Service:
        server = self._servers[key]
        return desired_service(server, key, self._pools.pool(server.identity))

    def _bring(self, batch: dict[ServiceKey, list[Operation]]) -> bool:
        """Apply it; False: IPVS is unusable."""
        try:
            self._mirror.bring(batch, self._operations)
        except (IpvsMissing, OSError) as error:
            self._in_trouble(error)
            return False
        known = self._mirror.known
        gone = {key for key in batch if key not in self._servers and key not in known}
        if gone:
            self._owned -= gone
            self._on_removed()
        return True

    def _in_trouble(self, error: Exception) -> None:
        """IPVS cannot be spoken to: try again with back-off. Addresses are not affected."""
        text = str(error) if isinstance(error, IpvsMissing) else f"IPVS: {error}"
        if text != self._trouble:
            self._trouble = text
            self._log("error", text)
        self._loaded = False
        self._mirror.close()
        self._timer.cancel()
        self._timer = self._loop.call_at(self._loop.now_ns() + self._retry_ns, self._load)
        self._retry_ns = min(2 * self._retry_ns, RETRY_LAST_NS)

    def _recovered(self) -> None:
        if self._trouble is not None:
            self._log("info", "IPVS works again")
        self._trouble = None
        self._retry_ns = RETRY_FIRST_NS

    # The audit

    def _schedule_audit(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_at(self._loop.now_ns() + AUDIT_NS, self._audit)

    def _audit(self) -> None:
        """List the services, then look at ours, a slice in each turn of the loop."""
        if not self._owned:
            self._schedule_audit()
            return
        try:
            self._listed = self._mirror.services()
        except (IpvsMissing, OSError) as error:
            self._in_trouble(error)
            return
        self._to_audit = [key for key in self._owned if key in self._servers or key in self._listed]
        self._audit_slice()

    def _audit_slice(self) -> None:
        looked_at = 0
        while self._to_audit and looked_at < DESTINATIONS_PER_TURN:
            key = self._to_audit.pop()
            try:
                looked_at += 1 + self._audit_one(key)
            except (IpvsMissing, OSError) as error:
                self._in_trouble(error)
                return
            if not self._loaded:
                return
        if self._to_audit:
            self._timer = self._loop.call_at(self._loop.now_ns(), self._audit_slice)
            return
        self.drift.audits += 1
        self._schedule_audit()

    def _audit_one(self, key: ServiceKey) -> int:
        """Compare one service with the kernel's, repair it; how many destinations it has."""
        self._mirror.look_at(key, self._listed)
        operations = self._operations(key)
        if operations:
            if key not in self._dirty and key not in self._mirror.refused:
                self._count_drift(operations)
            self._bring({key: operations})
        known = self._mirror.known.get(key)
        return len(known.pool) if known else 0

    def _count_drift(self, operations: list[Operation]) -> None:
        self.drift.operations += len(operations)
        shown = [describe(operation) for operation in operations[:_LOGGED_OPERATIONS]]
        rest = len(operations) - len(shown)
        text = "; ".join(shown) + (f"; and {rest} more" if rest else "")
        self._log("warning", f"IPVS was changed by somebody else; repairing: {text}")

    # The end, and the status

    def remove_all(self) -> list[str]:
        """Remove every owned service; what went wrong. Without IPVS there is nothing to remove."""
        self._timer.cancel()
        self._loaded = False
        return self._mirror.remove(self._owned)

    def _refresh(self, keys: Iterable[ServiceKey]) -> None:
        if not self._loaded:
            return
        try:
            self._mirror.refresh(keys)
        except (IpvsMissing, OSError) as error:
            self._in_trouble(error)

    def rows(self) -> Iterator[dict[str, object]]:
        """Services, destinations and verdicts for the status; each as it is when its turn comes."""
        self._refresh(tuple(self._mirror.known))
        for key, server in tuple(self._servers.items()):
            pool = None
            if key == server.identity:
                pool = self._pools.report(server, self._loop.now_ns())
            yield service_report(
                key,
                server,
                self._mirror.known.get(key),
                self._mirror.counters(key),
                error=self._mirror.refused.get(key) or self._trouble,
                pool=pool,
            )
