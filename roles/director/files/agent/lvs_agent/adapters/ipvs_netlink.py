# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS in the kernel: services and destinations, timeouts, and the sync daemon.

Owns the generic netlink conversation. Must never decide what to change.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lvs_agent.adapters import ipvs_answers, ipvs_codec, ipvs_sync, ipvs_timeouts
from lvs_agent.adapters.ipvs_answers import Counters
from lvs_agent.adapters.ipvs_numbers import FAMILY_NAME
from lvs_agent.adapters.netlink import (
    NLM_F_DUMP,
    Netlink,
    NetlinkError,
    Refusal,
    attribute,
    attributes,
    message,
)
from lvs_agent.core.ipvs.model import (
    Destination,
    Endpoint,
    NewDestination,
    NewService,
    Operation,
    Service,
    ServiceKey,
    ServiceSettings,
    SetDestination,
    SetService,
)
from lvs_agent.core.ipvs.sync import Half, SyncSettings
from lvs_agent.core.ipvs.timeouts import Timeouts

_NETLINK_GENERIC = 16  # linux/netlink.h; the socket module does not name it
_GENL_ID_CTRL = 16  # linux/genetlink.h
_CTRL_CMD_GETFAMILY = 3
_CTRL_ATTR_FAMILY_ID = 1
_CTRL_ATTR_FAMILY_NAME = 2


class IpvsMissing(Exception):
    """The kernel has no IPVS: its module is not loaded."""

    def __init__(self) -> None:
        super().__init__(
            "the kernel has no IPVS (module ip_vs is not loaded): run `modprobe ip_vs`;"
            " the role lvs.cluster.director does that, at boot too"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """A service as the kernel has it, with the counters of service and destinations."""

    service: Service
    counters: Counters
    destination_counters: dict[Endpoint, Counters]


class Ipvs:
    """One conversation; opened on first use, and again after the kernel lost the family."""

    def __init__(self) -> None:
        self._netlink: Netlink | None = None
        self._family = 0

    def _open(self) -> Netlink:
        if self._netlink is None:
            netlink = Netlink(_NETLINK_GENERIC)
            try:
                self._family = _resolve(netlink)
            except BaseException:
                netlink.close()
                raise
            self._netlink = netlink
        return self._netlink

    def close(self) -> None:
        """Close the socket; the next use opens it again, with a fresh family number."""
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None

    def apply(self, operations: Sequence[Operation]) -> dict[int, Refusal]:
        """Apply all in order; what was refused, by position. Raises IpvsMissing, NetlinkError."""
        if not operations:
            return {}
        netlink = self._open()
        family = self._family
        requests = [ipvs_codec.encode(family, operation) for operation in operations]
        return netlink.transact(requests)

    def service_list(self) -> dict[ServiceKey, tuple[ServiceSettings, Counters]]:
        """All services. Raises IpvsMissing, NetlinkError."""
        netlink = self._open()
        try:
            bodies = netlink.dump(ipvs_codec.services_request(self._family))
        except NetlinkError:
            self.close()  # the module may have been removed and loaded again: a new number
            raise
        decoded = (ipvs_answers.decode_service(body) for body in bodies)
        return {key: (settings, counters) for key, settings, counters in filter(None, decoded)}

    def destinations(
        self, key: ServiceKey
    ) -> tuple[dict[Endpoint, Destination], dict[Endpoint, Counters]]:
        """The pool of a service and its counters; empty when there is no such service.

        Raises IpvsMissing, NetlinkError.
        """
        netlink = self._open()
        pool: dict[Endpoint, Destination] = {}
        counters: dict[Endpoint, Counters] = {}
        for body in netlink.dump(ipvs_codec.destinations_request(self._family, key)):
            decoded = ipvs_answers.decode_destination(body)
            if decoded is not None:
                endpoint, pool[endpoint], counters[endpoint] = decoded
        return pool, counters

    def read(self, keys: Iterable[ServiceKey]) -> dict[ServiceKey, ServiceState]:
        """Those of `keys` that exist. Raises IpvsMissing, NetlinkError."""
        wanted = frozenset(keys)
        states: dict[ServiceKey, ServiceState] = {}
        for key, (settings, counters) in self.service_list().items():
            if key in wanted:
                pool, per_destination = self.destinations(key)
                states[key] = ServiceState(
                    service=Service(key=key, settings=settings, pool=pool),
                    counters=counters,
                    destination_counters=per_destination,
                )
        return states

    def timeouts(self) -> Timeouts:
        """The connection timeouts. Raises IpvsMissing, NetlinkError."""
        netlink = self._open()
        try:
            bodies = netlink.dump(ipvs_timeouts.query(self._family))
        except NetlinkError:
            self.close()
            raise
        for body in bodies:
            if (found := ipvs_timeouts.decode(body)) is not None:
                return found
        raise NetlinkError(errno.EPROTO, "IPVS does not tell its timeouts")

    def set_timeouts(self, wanted: Timeouts) -> None:
        """Change the connection timeouts. Raises IpvsMissing, NetlinkError."""
        netlink = self._open()
        refusal = netlink.transact([ipvs_timeouts.change(self._family, wanted)]).get(0)
        if refusal is not None:
            raise NetlinkError(refusal.errno, str(refusal))

    def sync_running(self) -> dict[Half, SyncSettings]:
        """The halves of the sync daemon that run. Raises IpvsMissing, NetlinkError."""
        netlink = self._open()
        try:
            bodies = netlink.dump(ipvs_sync.running_request(self._family))
        except NetlinkError:
            self.close()
            raise
        return dict(filter(None, map(ipvs_sync.decode, bodies)))

    def sync_start(self, half: Half, settings: SyncSettings) -> Refusal | None:
        """Start a half; None, or why not. Raises IpvsMissing, NetlinkError."""
        netlink = self._open()
        return netlink.transact([ipvs_sync.start(self._family, half, settings)]).get(0)

    def sync_stop(self, half: Half) -> Refusal | None:
        """Stop a half, if it runs; None, or why not. Raises IpvsMissing, NetlinkError."""
        netlink = self._open()
        refusal = netlink.transact([ipvs_sync.stop(self._family, half)]).get(0)
        return None if refusal is None or refusal.errno == errno.ESRCH else refusal


def _resolve(netlink: Netlink) -> int:
    """The number that generic netlink gave the family of IPVS."""
    name = attribute(_CTRL_ATTR_FAMILY_NAME, FAMILY_NAME.encode() + b"\0")
    for body in netlink.dump(
        message(_GENL_ID_CTRL, NLM_F_DUMP, struct.pack("=BBH", _CTRL_CMD_GETFAMILY, 1, 0) + name)
    ):
        found = dict(attributes(body, 4))
        if bytes(found.get(_CTRL_ATTR_FAMILY_NAME, b"")).rstrip(b"\0") == FAMILY_NAME.encode():
            number: int = struct.unpack_from("=H", found[_CTRL_ATTR_FAMILY_ID])[0]
            return number
    raise IpvsMissing


def explain(operation: Operation, refusal: Refusal) -> str:
    """Why the kernel refused, and what to do, where that is known."""
    if isinstance(operation, NewService | SetService) and refusal.errno == errno.ENOENT:
        scheduler, engine = operation.settings.scheduler, operation.settings.persistence_engine
        what = f"no scheduler {scheduler}: run `modprobe ip_vs_{scheduler}`"
        if engine is not None:
            what += f"; or no persistence engine {engine}: run `modprobe ip_vs_pe_{engine}`"
        return f"the kernel has {what}"
    if refusal.errno == errno.EAFNOSUPPORT:
        return "the kernel's IPVS does not know IPv6"
    if (
        isinstance(operation, NewDestination | SetDestination)
        and refusal.errno == errno.EINVAL
        and operation.key.family != operation.endpoint.family
    ):
        return f"{refusal}: another family needs TUN, and no IPVS sync daemon that runs"
    if refusal.errno == errno.EPERM:
        return "not permitted: the process needs CAP_NET_ADMIN"
    return str(refusal)
