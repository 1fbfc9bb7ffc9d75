# SPDX-License-Identifier: GPL-3.0-or-later
"""Track groups: instances whose fate depends on what the host has always (static_*).

Owns which interface such an entry stands for, and the rules about it. The agent puts back what
somebody removes, as keepalived does; what cannot be put back is what is on an interface that is
down. So, as in keepalived, to track an entry is to track its interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from lvs_agent.config.report import Report, suggestion

Values = dict[str, Any]

# Section -> the option that has the interface.
_SECTIONS = {"static_ipaddress": "dev", "static_routes": "dev", "static_rules": "iif"}
_VIRTUAL = (
    "virtual_ipaddress", "virtual_ipaddress_excluded", "virtual_routes", "virtual_rules",
)  # fmt: skip


class Entry(NamedTuple):
    """`option` has the interface."""

    path: str
    values: Values
    option: str


def entries(values: Values) -> Iterator[Entry]:
    """The static entries that name a track group."""
    for section, option in _SECTIONS.items():
        for index, one in enumerate(values[section]):
            if one["track_group"] is not None:
                yield Entry(f"{section}[{index}]", one, option)


def interfaces(instance: str, values: Values) -> tuple[str, ...]:
    """The interfaces that the instance depends on by its track groups, each once."""
    found = (
        entry.values[entry.option]
        for entry in entries(values)
        if instance in values["track_groups"][entry.values["track_group"]]["group"]
    )
    return tuple(dict.fromkeys(found))


def check(values: Values, report: Report) -> None:
    """Report every broken rule about track groups in `values`."""
    for name, group in values["track_groups"].items():
        for index, member in enumerate(group["group"]):
            if member not in values["vrrp_instances"]:
                hint = suggestion(member, values["vrrp_instances"])
                path = f"track_groups.{name}.group[{index}]"
                report(path, f"there is no VRRP instance {member}{hint}")
    for path, one, option in entries(values):
        name = one["track_group"]
        if name not in values["track_groups"]:
            hint = suggestion(name, values["track_groups"]) or "; describe it in track_groups"
            report(f"{path}.track_group", f"there is no {name} in track_groups{hint}")
        if one["no_track"]:
            report(f"{path}.track_group", "no_track says the opposite; remove one of the two")
        if one[option] is None and not path.startswith("static_ipaddress"):  # dev is required there
            report(f"{path}.track_group", f"needs {option}: its interface is what is tracked")
    for name, instance in values["vrrp_instances"].items():
        for option in _VIRTUAL:
            for index, one in enumerate(instance[option]):
                if one["track_group"] is not None:
                    path = f"vrrp_instances.{name}.{option}[{index}].track_group"
                    report(path, "is for static entries; an instance tracks its own in any case")
