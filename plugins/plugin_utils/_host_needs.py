# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document needs of the host beyond the agent's usual, closed room.

Owns reading that from a document. Must never decide whether a host may have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

AGENT_USER = "lvs-agent"


def script_users(document: Mapping[str, Any]) -> list[str]:
    """The users that scripts run as, other than the agent's own, sorted."""
    return sorted({user for user in _users(document) if user != AGENT_USER})


def _users(document: Mapping[str, Any]) -> Iterator[str]:
    own = _global_defs(document).get("script_user")
    scripts = _mappings(document.get("vrrp_scripts"))
    for value in (own, *(script.get("user") for script in scripts)):
        if isinstance(value, str) and value.split():
            yield value.split()[0]


def tracks_processes(document: Mapping[str, Any]) -> bool:
    """Whether the agent has to see the processes of other users."""
    return bool(document.get("vrrp_track_processes"))


def vrrp_modules(document: Mapping[str, Any]) -> list[str]:
    """Kernel modules of VMAC interfaces, and of the firewall rules for them and for no_accept."""
    instances = list(_mappings(document.get("vrrp_instances")))
    vmacs = any(_has_vmac(instance) for instance in instances)
    strict = bool(_global_defs(document).get("vrrp_strict"))
    closed = any(_is_closed(instance, strict) for instance in instances)
    return [*(["macvlan"] if vmacs else []), *(["nf_tables"] if vmacs or closed else [])]


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
