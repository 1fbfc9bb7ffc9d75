# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document needs of the host beyond the agent's usual, closed room.

Owns reading that from a document. Must never decide whether a host may have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _real_server, _view
from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import DEFAULTS

AGENT_USER = "lvs-agent"


def script_users(document: Mapping[str, Any]) -> list[str]:
    """The users that scripts run as, sorted: others than the agent's own, and that one too where it
    is to have another group."""
    own = ([AGENT_USER], [AGENT_USER, AGENT_USER])
    return sorted({names[0] for names in _users(document) if names not in own})


def _users(document: Mapping[str, Any]) -> Iterator[list[str]]:
    """USER, or USER and GROUP, of everything that says it."""
    own = _global_defs(document).get("script_user")
    scripts = _mappings(document.get("vrrp_scripts"))
    programs = _checks(document, "misc_check")
    for value in (own, *(one.get("user") for one in (*scripts, *programs))):
        names = value.replace(":", " ").split() if isinstance(value, str) else []
        if names:
            yield names


def tracks_processes(document: Mapping[str, Any]) -> bool:
    """Whether the agent has to see the processes of other users."""
    return bool(document.get("vrrp_track_processes"))


# Room for the priority that the agent takes by itself, and below the kernel's own threads.
_REALTIME = 50


def process_limits(document: Mapping[str, Any]) -> dict[str, str]:
    """What the unit has to allow the process that speaks VRRP: directives of systemd.exec(5)."""
    said = _global_defs(document)
    priorities = (said.get("vrrp_rt_priority"), said.get("max_auto_priority"))
    limits = {"LimitRTPRIO": str(max(_REALTIME, *map(_number, priorities)))}
    nice = _number(said.get("vrrp_priority"))
    if nice < 0:
        limits["LimitNICE"] = str(nice)
    if said.get("vrrp_no_swap") is True:
        limits["LimitMEMLOCK"] = "infinity"
    return limits


def vrrp_modules(document: Mapping[str, Any]) -> list[str]:
    """Kernel modules of VMAC interfaces, and of the firewall rules for them and for no_accept."""
    instances = list(_mappings(document.get("vrrp_instances")))
    vmacs = any(_has_vmac(instance) for instance in instances)
    strict = bool(_global_defs(document).get("vrrp_strict"))
    closed = any(_is_closed(instance, strict) for instance in instances)
    return [*(["macvlan"] if vmacs else []), *(["nf_tables"] if vmacs or closed else [])]


def uses_ipvs(document: Mapping[str, Any]) -> bool:
    """Whether the agent programs IPVS at all."""
    return bool(document.get("virtual_servers") or _global_defs(document).get("lvs_sync_daemon"))


def ipvs_modules(document: Mapping[str, Any]) -> list[str]:
    """ip_vs first, then schedulers and persistence engines; none without a service.

    The kernel would load both by itself, but not for a process that may not load modules.
    """
    if not uses_ipvs(document):
        return []
    servers = list(_mappings(document.get("virtual_servers")))
    default = DEFAULTS["virtual_server.lb_algo"]
    schedulers = {str(server.get("lb_algo") or default).lower() for server in servers}
    engines = {str(server.get("persistence_engine") or "").lower() for server in servers} - {""}
    return [
        "ip_vs",
        *sorted(f"ip_vs_{name}" for name in schedulers),
        *sorted(f"ip_vs_pe_{name}" for name in engines),
    ]


# Against flows that go on to a real server that is dead: its connections end with the next packet,
# and persistent clients of a real server with weight 0 get another one. conn_reuse_mode 1 is the
# kernel's own: a client that uses its port again is balanced again.
_IPVS_SYSCTLS = {"conn_reuse_mode": 1, "expire_nodest_conn": 1, "expire_quiescent_template": 1}


# All groups, as systemd itself sets it: what the number of the agent's group is, only the host
# knows, and a range of that one alone would take the permission from whoever has it there now.
_PING = {"net.ipv4.ping_group_range": "0 2147483647"}


def sysctls(
    director: _real_server.Director, others: Mapping[str, Any], own: Mapping[str, Any]
) -> dict[str, str]:
    """Kernel parameters that a director needs.

    `others`: net.ipv4.vs.* that the inventory wants otherwise; `own`: whatever else it wants.
    """
    found: dict[str, Any] = {}
    if uses_ipvs(director.document):
        ipvs = {**_IPVS_SYSCTLS, **({"backup_only": 1} if is_real_server(director) else {})}
        found |= {f"net.ipv4.vs.{name}": each for name, each in {**ipvs, **others}.items()}
    found |= _forwarding_sysctls(director)
    if pings(director.document):
        found |= _PING
    return {name: str(int(each) if isinstance(each, bool) else each)
            for name, each in {**found, **own}.items()}  # fmt: skip


def _forwarding_sysctls(director: _real_server.Director) -> dict[str, int]:
    """With NAT a director is the router of its real servers (ip-sysctl.rst)."""
    families = {
        target.address.version
        for pool in director.pools
        for target in pool.targets
        if target.forwarding.kind == "NAT" and target.address and not target.address.is_loopback
    }
    found: dict[str, int] = {}
    if 4 in families:
        found["net.ipv4.ip_forward"] = 1
        # A redirect would send a real server's answers past us, to the client's router. The
        # greater of `all` and an interface's own value holds.
        names = {view.interface for view in _view.instances("", director.document)} - {None}
        keys = sorted({"all", *(str(name).replace(".", "/") for name in names)})
        found |= {f"net.ipv4.conf.{key}.send_redirects": 0 for key in keys}
    if 6 in families:
        found["net.ipv6.conf.all.forwarding"] = 1
    return found


def pings(document: Mapping[str, Any]) -> bool:
    """Whether a check of any virtual, real or sorry server is a ping, over IPv4 or IPv6."""
    return any(True for _check in _checks(document, "ping_check"))


def _checks(document: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    """The checks of this kind, of all virtual, real and sorry servers.

    A check without options is one too; only nothing, or an empty list, is none.
    """
    for server in _mappings(document.get("virtual_servers")):
        sorry = server.get("sorry_server")
        holders = [
            server,
            *_mappings(server.get("real_servers")),
            *(sorry if isinstance(sorry, list) else [sorry]),
        ]
        for holder in holders:
            found = holder.get(kind) if isinstance(holder, Mapping) else None
            for one in found if isinstance(found, list) else [found]:
                if found is not None:
                    yield one if isinstance(one, Mapping) else {}


def is_real_server(director: _real_server.Director) -> bool:
    """Whether a virtual server of the director has the director itself as a real server."""
    return any(
        target.address in director.own
        for pool in director.pools
        for target in pool.targets
        if not target.sorry
    )


def _has_vmac(instance: Mapping[str, Any]) -> bool:
    return instance.get("use_vmac") not in (None, False)


def _is_closed(instance: Mapping[str, Any], strict: bool) -> bool:
    """Whether it may have to refuse packets to its addresses. A strict owner of them does not,
    but a module too many is no harm."""
    if instance.get("no_accept") or instance.get("accept") is False:
        return True
    own = instance.get("strict_mode")
    return instance.get("accept") is None and bool(strict if own is None else own)


def _global_defs(document: Mapping[str, Any]) -> Mapping[str, Any]:
    value = document.get("global_defs")
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    for item in value.values() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping):
            yield item


def _number(value: Any) -> int:
    """A whole number, or 0: what else there is, the checker refuses with its own words."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
