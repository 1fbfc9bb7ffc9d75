# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the options of virtual servers and real servers.

Owns them; `rules_pools.py` has those about real servers. Must never repeat a range (`schema/`).
"""

from __future__ import annotations

import ipaddress
from typing import Any

from lvs_agent.config import derive_ipvs, rules_pools, rules_quorum
from lvs_agent.config.report import Report, suggestion
from lvs_agent.core.ipvs.model import ServiceKey

# What says whose packets are meant: one of these.
_WAYS = ("ip", "fwmark", "group")
# Of one virtual server: more than that nobody means.
_SERVICES_LIMIT = 4096
# Of all together: what the ledger has room for (core/ledger.py), and what a status of some 300
# bytes each may tell (FRAME_LIMIT, core/wire.py).
_ALL_SERVICES_LIMIT = 16_384
_DESTINATIONS_LIMIT = 65_536
_FEWER = (
    "mark the packets by a firewall rule and use fwmark, or leave out the port where persistent"
)

Values = dict[str, Any]


class ServersRules:
    """The rules about virtual servers, one after the other: some are between them.

    `values`: the document with defaults filled in, but for its virtual servers.
    """

    def __init__(self, values: Values, report: Report) -> None:
        self._groups: Values = values["virtual_server_groups"]
        self._synchronised = values["global_defs"]["lvs_sync_daemon"] is not None
        self._report = report
        self._broken = {
            name for name, group in self._groups.items() if not _members(name, group, report)
        }
        self._seen: dict[ServiceKey, str] = {}
        self._destinations = 0
        self._full = False

    def check(self, name: str, server: Values) -> None:
        """Report every broken rule about this one."""
        path, groups, report = f"virtual_servers.{name}", self._groups, self._report
        _options(server, path, report)
        if self._full or server["group"] in self._broken:
            return
        if not _is_said_once(server, groups, path, report):
            return
        keys = derive_ipvs.services(server, groups)
        _unique(keys, name, self._seen, report)
        self._destinations += len(keys) * len(server["real_servers"])
        if not _fit(len(self._seen), self._destinations, name, report):
            self._full = True
            return
        _addresses(server, keys, path, report)
        _ports(server, keys, path, report)
        _families(server, keys, path, report)
        rules_quorum.check(server, keys, path, report)
        mixed = rules_pools.check(server, keys, path, report)
        if mixed and self._synchronised:
            # net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_genl_set_cmd() and ip_vs_genl_new_daemon()
            report(
                mixed,
                "the kernel does not synchronise connections (lvs_sync_daemon) while addresses of"
                " real and virtual servers are of different families; give up one of the two",
            )


def _members(name: str, group: Values, report: Report) -> bool:
    """Whether each member of a group is an address or a mark."""
    path = f"virtual_server_groups.{name}.members"
    if not group["members"]:
        report(path, "is empty; name an address or a firewall mark")
    whole = bool(group["members"])
    for index, member in enumerate(group["members"]):
        where = f"{path}[{index}]"
        if (member["ip"] is None) == (member["fwmark"] is None):
            report(where, "needs either ip or fwmark")
            whole = False
        elif member["fwmark"] is not None and member["port"] is not None:
            report(f"{where}.port", "has no effect: the firewall marks by port; remove it")
        elif member["ip"] is not None and member["ip_family"] is not None:
            report(f"{where}.ip_family", "is told by the address; remove it")
    return whole


def _is_said_once(server: Values, groups: Values, path: str, report: Report) -> bool:
    said = [way for way in _WAYS if server[way] is not None]
    if len(said) != 1:
        wanted = "ip (a virtual address), fwmark or group"
        if not said:
            report(f"{path}.ip", f"is required: say {wanted}")
        else:
            report(f"{path}.{said[1]}", f"cannot be beside {said[0]}; say one of {wanted}")
        return False
    for option in ("port", "ip_family"):
        allowed = {"port": "ip", "ip_family": "fwmark"}[option]
        if server[option] is not None and said != [allowed]:
            report(f"{path}.{option}", f"belongs to {allowed}, not to {said[0]}; remove it")
    if said != ["group"]:
        return True
    if server["group"] not in groups:
        hint = suggestion(server["group"], groups)
        report(f"{path}.group", f"there is no virtual_server_group {server['group']}{hint}")
        return False
    count = derive_ipvs.services_count(server, groups)
    if count > _SERVICES_LIMIT:
        report(
            f"{path}.group",
            f"makes {count} services, of which {_SERVICES_LIMIT} is the limit; {_FEWER}",
        )
        return False
    return True


def _fit(services: int, destinations: int, name: str, report: Report) -> bool:
    """Whether all of the services so far, the last being `name`'s, are not too many."""
    if services <= _ALL_SERVICES_LIMIT and destinations <= _DESTINATIONS_LIMIT:
        return True
    report(
        f"virtual_servers.{name}",
        f"with those before it makes {services} services and {destinations} destinations of IPVS;"
        f" the limits are {_ALL_SERVICES_LIMIT} and {_DESTINATIONS_LIMIT}; {_FEWER}",
    )
    return False


def _unique(
    keys: tuple[ServiceKey, ...], name: str, seen: dict[ServiceKey, str], report: Report
) -> None:
    for key in keys:
        other = seen.setdefault(key, name)
        if other != name:
            report(f"virtual_servers.{name}", f"{key} is already that of {other}; merge the two")
            return  # a group may share hundreds


def _addresses(server: Values, keys: tuple[ServiceKey, ...], path: str, report: Report) -> None:
    option = "ip" if server["group"] is None else "group"
    for key in keys:
        address = ipaddress.ip_address(key.address)
        if not key.mark and (address.is_multicast or address.is_unspecified):
            report(f"{path}.{option}", f"{address} cannot be a virtual address")
            return  # a group may have hundreds


def _ports(server: Values, keys: tuple[ServiceKey, ...], path: str, report: Report) -> None:
    bare = next((key for key in keys if not key.port and not key.mark), None)
    if bare is None or server["persistence_timeout"]:
        return
    report(
        f"{path}.port" if server["group"] is None else f"{path}.group",
        f"is required{'' if server['group'] is None else f' for {bare.address}'}, since only a"
        " persistent virtual server (persistence_timeout) can take all ports",
    )


def _families(server: Values, keys: tuple[ServiceKey, ...], path: str, report: Report) -> None:
    granularity = server["persistence_granularity"]
    if granularity is None:
        return
    families = {key.family for key in keys}
    where = f"{path}.persistence_granularity"
    if 4 in families and granularity[0] > 32:
        report(where, f"must be from 1 to 32 for IPv4, not {granularity[0]}")
    if 6 in families and granularity[1]:
        report(where, "a netmask is for IPv4; give IPv6 a prefix length, such as 64")


def _options(server: Values, path: str, report: Report) -> None:
    """What the options of scheduling and persistence ask of each other."""
    for option in derive_ipvs.FLAG_OPTIONS:
        scheduler = option.partition("_")[0]
        if not server[option]:
            continue
        if scheduler != "flag" and server["lb_algo"] != scheduler:
            report(
                f"{path}.{option}",
                f"belongs to the scheduler {scheduler}, not to {server['lb_algo']}; set lb_algo:"
                f" {scheduler}, or remove it",
            )
    marked = server["fwmark"] is not None or server["group"] is not None
    if server["ops"] and server["protocol"] != "UDP":
        hint = " (with fwmark, protocol says what the mark is on)" if marked else ""
        report(f"{path}.ops", f"is for UDP, not for {server['protocol']}{hint}; remove it")
    if server["ops"] and server["persistence_timeout"]:
        report(f"{path}.ops", "remembers nothing, so nothing persists; remove persistence_timeout")
    for option in ("persistence_granularity", "persistence_engine"):
        if server[option] is not None and not server["persistence_timeout"]:
            report(f"{path}.{option}", "needs a persistence_timeout, such as 360; set it")
    if server["persistence_engine"] == "sip" and server["protocol"] != "UDP":
        report(f"{path}.persistence_engine", "sip reads UDP; set protocol: UDP")
