# SPDX-License-Identifier: GPL-3.0-or-later
"""What a status document of the agent says about a director's health.

Owns that reading; a part that is missing or of another shape is no fault, since the document may be
of another release. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._conditions import unsettled

# How the agent names the states of an instance, and what groups and tests call them.
STATES = {"MASTER": "active", "BACKUP": "backup", "FAULT": "fault", "INIT": "init"}


def instances(status: dict[str, Any]) -> dict[str, str]:
    """The state of each VRRP instance by its name."""
    listed = status.get("instances")
    return {
        str(each["name"]): str(each.get("state"))
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and "name" in each
    }


def unhealthy(status: dict[str, Any]) -> list[str]:
    """What somebody should look after; empty when the director does all that it is to do."""
    return [*unsettled(status), *_of_agent(status), *_of_instances(status), *_of_services(status)]


def _of_agent(status: dict[str, Any]) -> Iterator[str]:
    agent = status.get("agent") or {}
    if agent.get("config_rejected"):
        yield "the configuration file was refused"
    for name in status.get("stale") or {}:
        yield f"process {name} does not answer"


def _of_instances(status: dict[str, Any]) -> Iterator[str]:
    for each in status.get("instances", []):
        rival = each.get("dual_active") or {}
        if rival.get("active"):
            yield f"instance {each.get('name')}: {rival.get('source')} is master at the same time"


def _of_services(status: dict[str, Any]) -> Iterator[str]:
    for each in status.get("services", []):
        if each.get("error"):
            yield f"virtual server {each.get('name')}: {each['error']}"
        elif each.get("in_kernel") is False:
            yield f"virtual server {each.get('name')} is not in the kernel's table"
        if (each.get("quorum") or {}).get("reached") is False:
            yield f"virtual server {each.get('name')} has too few real servers"
