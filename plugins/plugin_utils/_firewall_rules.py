# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may send a director what the agent and IPVS listen to, from the inventory.

Owns finding the peers' addresses. Knows no firewall: how a rule is said to one is the business of
`module_utils/_firewall_text.py`. Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _forwarding, _view

VRRP, AH, UDP = "vrrp", "ah", "udp"
BFD_PORT = 3784  # RFC 5881, section 4
# IP_VS_SYNC_PORT and IP_VS_SYNC_GROUP (net/netfilter/ipvs/ip_vs_sync.c).
_SYNC_PORT, _SYNC_GROUP = 8848, "224.0.0.81"
# Adverts of IPv6 come from the link-local address of an interface, which no inventory knows.
_LINK_LOCAL = "fe80::/10"

_Key = tuple[str, int, int, str]


class UnknownPeer(ValueError):
    """The inventory does not say from which address a director sends."""


def rules(
    cluster: _cluster.Cluster, director: str, further: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """What may come in to `director`, each rule with `protocol` (vrrp, ah or udp), `port` (0: it
    has none), `family`, `destination` (a multicast group, or empty for any address) and `sources`.

    Everything else of that protocol, port and destination is not for the agent. `further`:
    addresses of VRRP routers that are not in the inventory. Raises UnknownPeer.
    """
    documents = {name: _cluster.document(cluster, name) for name in cluster.directors}
    found: dict[_Key, dict[str, None]] = {}
    for key, source in (
        *_vrrp(cluster, documents, director, [str(each) for each in further]),
        *_bfd(documents[director]),
        *_sync(cluster, documents, director),
    ):
        found.setdefault(key, {})
        if source:
            found[key][source] = None
    return [
        {
            "protocol": protocol,
            "port": port,
            "family": family,
            "destination": destination,
            "sources": _sorted(sources),
        }
        for (protocol, port, family, destination), sources in sorted(found.items())
    ]


def _sorted(sources: Iterable[str]) -> list[str]:
    return sorted(sources, key=lambda each: ipaddress.ip_network(each).network_address.packed)


def _vrrp(
    cluster: _cluster.Cluster,
    documents: Mapping[str, Mapping[str, Any]],
    director: str,
    further: list[str],
) -> Iterator[tuple[_Key, str]]:
    """A key without a source opens nothing, but closes the protocol to the rest."""
    for own in _view.instances(director, documents[director]):
        authentication = own.shared.get("authentication")
        header = _is_ah(authentication)
        # AH is IPsec's too: only what goes to the group is ours alone.
        group = own.transport if header and own.transport != _view.UNICAST else ""
        if header and not group:
            continue
        key = (AH if header else VRRP, 0, own.family, group)
        yield key, ""
        for peer in own.peers:
            yield key, str(peer)
        for text in further:
            if _family(text) == own.family:
                yield key, text
        for name, document in documents.items():
            for theirs in _view.instances(name, document) if name != director else ():
                if theirs.name == own.name:
                    for source in _sources(cluster, theirs):
                        yield key, source


def _is_ah(authentication: Any) -> bool:
    words = authentication.split() if isinstance(authentication, str) else ()
    kind = words[0] if words else None
    if isinstance(authentication, Mapping):
        kind = authentication.get("auth_type")
    return str(kind).upper() == "AH"


def _sources(cluster: _cluster.Cluster, view: _view.InstanceView) -> list[str]:
    """Where the adverts of an instance of another director come from."""
    if view.source is not None:
        return [str(view.source)]
    if view.family == 6 and view.transport != _view.UNICAST:
        return [_LINK_LOCAL]
    found = _addresses(cluster, view.director, view.interface, view.family)
    if not found:
        raise UnknownPeer(
            f"the firewall of the directors has to know where the adverts of {view.name} on"
            f" {view.director} come from; give {view.director} lvs_interfaces (with"
            f" {view.interface}) or lvs_address in its host_vars"
        )
    return found


def _addresses(
    cluster: _cluster.Cluster, director: str, interface: str | None, family: int
) -> list[str]:
    """The addresses of a family of an interface; if it is not declared, the director's own."""
    declared = _view.interfaces(cluster.variable(director, "interfaces"))
    found = [each.ip for each in declared.get(interface or "", ()) if each.version == family]
    own = [each for each in _cluster.addresses_of(cluster, director) if each.version == family]
    return [str(each) for each in found or own]


def _bfd(document: Mapping[str, Any]) -> Iterator[tuple[_Key, str]]:
    for values in _view.section(document, "bfd_instances").values():
        neighbour = values.get("neighbor_ip") if isinstance(values, Mapping) else None
        address = _forwarding.address(neighbour)
        if address is not None:
            yield (UDP, BFD_PORT, address.version, ""), str(address)


def _sync(
    cluster: _cluster.Cluster, documents: Mapping[str, Mapping[str, Any]], director: str
) -> Iterator[tuple[_Key, str]]:
    own = _sync_daemon(documents[director])
    if own is None:
        return
    group = _forwarding.address(own.get("group", _SYNC_GROUP))
    port = own.get("port", _SYNC_PORT)
    if group is None or not str(port).isdigit():
        return
    key = (UDP, int(port), group.version, str(group))
    yield key, ""
    for name, document in documents.items():
        theirs = _sync_daemon(document) if name != director else None
        if theirs is None:
            continue
        interface = str(theirs.get("interface"))
        sources = _addresses(cluster, name, interface, group.version)
        if group.version == 6:
            sources = [*sources, _LINK_LOCAL]
        if not sources:
            raise UnknownPeer(
                f"the firewall of the directors has to know where {name} sends the connections of"
                f" IPVS from; give it lvs_interfaces (with {interface}) or lvs_address in its"
                " host_vars"
            )
        for source in sources:
            yield key, source


def _sync_daemon(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """`lvs_sync_daemon`, keepalived's line as well."""
    value = _view.section(document, "global_defs").get("lvs_sync_daemon")
    if isinstance(value, str) and value.split():
        words = value.split()
        return {"interface": words[0], **dict(pairwise(words[1:]))}
    return value if isinstance(value, Mapping) else None


def _family(text: str) -> int:
    """Raises UnknownPeer."""
    try:
        return ipaddress.ip_network(text).version
    except ValueError as error:
        raise UnknownPeer(f"director_firewall_peers: {text} is not an address: {error}") from error
