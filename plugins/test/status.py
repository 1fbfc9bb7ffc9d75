# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what `agent_info` returns. All reading is in `module_utils`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.lvs.cluster.plugins.module_utils import _status
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import suggestion


def vrrp_active(status: Mapping[str, Any], instance: str | None = None) -> bool:
    """Whether this director is master of `instance`, or of all its instances."""
    return _all_are("MASTER", status, instance)


def vrrp_backup(status: Mapping[str, Any], instance: str | None = None) -> bool:
    """Whether this director is backup of `instance`, or of all its instances."""
    return _all_are("BACKUP", status, instance)


def vrrp_fault(status: Mapping[str, Any], instance: str | None = None) -> bool:
    """Whether `instance`, or any of the director's, is in state FAULT."""
    found = _states(status, instance)
    return "FAULT" in found.values()


def lvs_settled(status: Mapping[str, Any]) -> bool:
    """Whether the agent runs and each instance is master or knows a master."""
    return not _status.unsettled(_document(status))


def lvs_healthy(status: Mapping[str, Any]) -> bool:
    """Whether the director does all that it is to do."""
    return not _status.unhealthy(_document(status))


def _all_are(state: str, status: Mapping[str, Any], instance: str | None) -> bool:
    found = _states(status, instance)
    return bool(found) and set(found.values()) == {state}


def _states(status: Mapping[str, Any], instance: str | None) -> dict[str, str]:
    """The states by instance. A name that is not there is an error: it would be false for ever."""
    found = _status.instances(_document(status))
    if instance is None:
        return found
    if instance not in found:
        known = ", ".join(found) or "none"
        raise AnsibleFilterError(
            f"there is no VRRP instance {instance} in this status, only {known}"
            f"{suggestion(str(instance), found)}"
        )
    return {instance: found[instance]}


def _document(status: Any) -> dict[str, Any]:
    """The status itself, also out of what a task of `agent_info` registered."""
    found = status
    if isinstance(found, Mapping) and isinstance(found.get("status"), Mapping):
        found = found["status"]
    if not isinstance(found, Mapping) or not ("instances" in found or "agent" in found):
        raise AnsibleFilterError(
            "this is no status of an agent; test what lvs.cluster.agent_info returns without query"
        )
    return dict(found)


class TestModule:
    """Ansible's entry point."""

    def tests(self) -> dict[str, Callable[..., bool]]:
        return {
            "lvs_healthy": lvs_healthy,
            "lvs_settled": lvs_settled,
            "vrrp_active": vrrp_active,
            "vrrp_backup": vrrp_backup,
            "vrrp_fault": vrrp_fault,
        }
