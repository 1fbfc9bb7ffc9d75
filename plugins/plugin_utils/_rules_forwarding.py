# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for how packets get to real servers, and answers back to clients.

Owns what takes both ends to see: the networks of directors and real servers, what moves together
with what. Pure; one director's document by itself is judged by the agent's checker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _cluster,
    _real_server,
    _view,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._forwarding import Address
from ansible_collections.lvs.cluster.plugins.plugin_utils._locate import locate
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import Problem
from ansible_collections.lvs.cluster.plugins.plugin_utils._real_server import Director, Use


def check(cluster: Cluster, documents: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Everything wrong with forwarding."""
    directors = _cluster.directors(cluster, documents)
    for host in cluster.real_servers:
        uses = list(_real_server.uses(directors, _cluster.addresses_of(cluster, host)))
        yield from _way_back(cluster, host, uses)
        yield from _one_gateway(cluster, host, uses)
        yield from _direct(cluster, host, uses)
        yield from _gre(cluster, host, uses)
    for director in directors:
        yield from _marks(cluster, director)
        if _is_real_server(director):
            yield from _balancing_itself(cluster, director)


def _way_back(cluster: Cluster, host: str, uses: list[Use]) -> Iterator[Problem]:
    """NAT: answers must pass the director that the clients' packets came by."""
    if cluster.variable(host, "nat_route", "service") == "none":
        return
    for use in uses:
        if use.target.forwarding.kind != "NAT":
            continue
        director, address = use.director, use.target.address
        gateway = _real_server.inner_address(use)
        if gateway is None:
            yield Problem(
                where=locate(cluster, director.name, use.target.path),
                message=f"no virtual address of {director.name} is in the network of {host}"
                f" ({address}), so answers cannot come back through the directors; add one of that"
                " network to a VRRP instance, or set lvs_nat_route: none where another router"
                " sends them back",
            )
            continue
        together = _real_server.moving_together(director.document, use.pool.addresses)
        inner = _real_server.moving_together(director.document, [gateway])
        if together and not together & inner:
            path = f"vrrp_instances.{min(inner)}.virtual_ipaddress"
            yield Problem(
                where=locate(cluster, director.name, path),
                message=f"answers of {use.pool.name} go back through {gateway}"
                f" ({', '.join(sorted(inner))}), and its clients come to"
                f" {use.pool.addresses[0]} ({', '.join(sorted(together))}): both must always be on"
                " the same director; put them into one of vrrp_sync_groups",
            )


def _one_gateway(cluster: Cluster, host: str, uses: list[Use]) -> Iterator[Problem]:
    """A packet that a real server sends does not tell which virtual server it belongs to."""
    first: dict[Address, tuple[Address, Use]] = {}
    for use in uses:
        gateway = _real_server.inner_address(use) if use.target.forwarding.kind == "NAT" else None
        if gateway is None or use.target.address is None:
            continue
        known, other = first.setdefault(use.target.address, (gateway, use))
        if known != gateway:
            yield Problem(
                where=locate(cluster, use.director.name, use.target.path),
                message=f"{host} ({use.target.address}) would need {gateway} as its way back here,"
                f" and {known} for {other.pool.name} on {other.director.name}; let both virtual"
                " servers move together, or give the real server two addresses",
            )


def _direct(cluster: Cluster, host: str, uses: list[Use]) -> Iterator[Problem]:
    """Direct routing leaves the packet as it is, so it can only go to a neighbour."""
    for use in uses:
        address = use.target.address
        declared = [each for listed in use.director.interfaces.values() for each in listed]
        known = [each for each in declared if address and each.version == address.version]
        if use.target.forwarding.kind != "DR" or not known:
            continue
        if not any(address in each.network for each in known):
            yield Problem(
                where=locate(cluster, use.director.name, use.target.path),
                message=f"{host} ({address}) is in no network of {use.director.name}"
                f" ({', '.join(str(each.network) for each in known)}): direct routing cannot reach"
                " it; use lb_kind TUN, correct the address, or add the network to lvs_interfaces",
            )


def _gre(cluster: Cluster, host: str, uses: list[Use]) -> Iterator[Problem]:
    first: Use | None = None
    for use in uses:
        forwarding = use.target.forwarding
        if forwarding.kind != "TUN" or forwarding.tunnel != "gre":
            continue
        first = first or use
        if forwarding.checksum != first.target.forwarding.checksum:
            yield Problem(
                where=locate(cluster, use.director.name, use.target.path),
                message=f"{host} gets GRE with checksum {forwarding.checksum} here, and"
                f" {first.target.forwarding.checksum} from {first.pool.name} on"
                f" {first.director.name}; it can take only one of the two, so say the same",
            )


def _marks(cluster: Cluster, director: Director) -> Iterator[Problem]:
    known = _real_server.marked(cluster.variable(director.name, "fwmark_addresses"))
    for pool in director.pools:
        if not any(target.forwarding.kind in ("DR", "TUN") for target in pool.targets):
            continue
        for mark in pool.marks:
            if mark not in known:
                yield Problem(
                    where=locate(cluster, director.name, pool.path),
                    message=f"the mark {mark} does not tell which addresses the real servers must"
                    f" have; say it in lvs_fwmark_addresses, such as {mark}: [172.16.1.254]",
                    warning=True,
                )


def _is_real_server(director: Director) -> bool:
    return any(
        target.address in director.own and not target.sorry
        for pool in director.pools
        for target in pool.targets
    )


def _balancing_itself(cluster: Cluster, director: Director) -> Iterator[Problem]:
    """A director with a real server that is a director.

    What the master sends to the backup must not be balanced there again. The kernel leaves it
    alone if net.ipv4.vs.backup_only is 1 and the sync daemon runs as backup and not as master;
    both hold for all of its IPVS, so everything must move together.
    """
    section = _view.section(director.document, "global_defs")
    instance = _followed(section.get("lvs_sync_daemon"))
    if instance is None:
        yield Problem(
            where=locate(cluster, director.name, "global_defs.lvs_sync_daemon"),
            message=f"{director.name} is a director and a real server: what the master sends it"
            " must not be balanced again, and the kernel tells by the sync daemon whether it is"
            " backup; set it to an interface with inst and the VRRP instance, such as"
            " `eth0 inst VI_1`",
        )
        return
    followed = _real_server.together_with(director.document, instance)
    for pool in director.pools:
        for target in pool.targets:
            if target.address in director.own and target.forwarding.kind not in ("DR", ""):
                yield Problem(
                    where=locate(cluster, director.name, target.path),
                    message=f"{director.name} is a director, and can be a real server with lb_kind"
                    f" DR only, not {target.forwarding.kind}",
                )
        together = _real_server.moving_together(director.document, pool.addresses)
        if together and not together & followed:
            yield Problem(
                where=locate(cluster, director.name, pool.path),
                message=f"moves with {', '.join(sorted(together))}, and lvs_sync_daemon follows"
                f" {instance}: {director.name} is a real server too and balances nothing while"
                f" {instance} is backup; put the instances into one of vrrp_sync_groups",
            )
    if str(cluster.variable(director.name, "ipvs_sysctls", {}).get("backup_only", 1)) == "0":
        variable = cluster.variable_name(director.name, "ipvs_sysctls")
        yield Problem(
            where=f"{cluster.shared}: {variable}.backup_only",
            message=f"must not be 0: {director.name} is a director and a real server, and would"
            " balance again what another director sends it",
        )


def _followed(value: Any) -> str | None:
    """The instance that the sync daemon follows, from keepalived's line too."""
    if isinstance(value, str):
        words = value.split()
        value = dict(zip(words[1::2], words[2::2], strict=False))
    found = value.get("inst") if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else None
