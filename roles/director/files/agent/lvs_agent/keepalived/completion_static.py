# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived makes of track groups, and of the entries that name them.

Owns that part of `completion.py`: what keepalived leaves out is left out, with its notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_agent.keepalived.completion_addresses import mapping
from lvs_agent.keepalived.translate import Translator
from lvs_agent.schema import VIRTUAL_IPADDRESS, VIRTUAL_ROUTE, VIRTUAL_RULE

Values = dict[str, Any]

_BLOCKS = {
    "static_ipaddress": VIRTUAL_IPADDRESS,
    "static_routes": VIRTUAL_ROUTE,
    "static_rules": VIRTUAL_RULE,
    "virtual_ipaddress": VIRTUAL_IPADDRESS,
    "virtual_ipaddress_excluded": VIRTUAL_IPADDRESS,
    "virtual_routes": VIRTUAL_ROUTE,
    "virtual_rules": VIRTUAL_RULE,
}


def complete(document: Values, translator: Translator) -> None:
    """Change `document` into what keepalived would have of it."""
    _groups(document, translator)
    for section, path, lines in _lists(document):
        for index, line in enumerate(lines):
            values = mapping(_BLOCKS[section], line)
            if "track_group" not in values:
                continue
            here = f"{path}[{index}]"
            why = _why_not(section, values, document, translator, here)
            if why is not None:
                name = values["track_group"]
                message = f"track_group {name} is left out, as in keepalived: {why}"
                translator.note(path, translator.positions[here], message)
                lines[index] = _without(line)


def _without(line: str | Values) -> str | Values:
    """The line without its track group, in the form that it has."""
    if isinstance(line, str):
        words = line.split()
        at = words.index("track_group")
        return " ".join(words[:at] + words[at + 2 :])
    return {name: value for name, value in line.items() if name != "track_group"}


def _groups(document: Values, translator: Translator) -> None:
    groups = document.get("track_groups", {})
    instances = document.get("vrrp_instances", {})
    for name in list(groups):
        path = f"track_groups.{name}"
        where = translator.positions[path]
        members = groups[name].get("group") or []
        for missing in [one for one in members if one not in instances]:
            translator.note(path, where, f"there is no instance {missing}: the group is without it")
        groups[name]["group"] = [one for one in members if one in instances]
        if not groups[name]["group"]:
            translator.note(path, where, f"{name} has no members: it is left out")
            del groups[name]


def _lists(document: Values) -> Iterator[tuple[str, str, list[Any]]]:
    """(kind, path, lines) of all that could name a group."""
    for section in _BLOCKS:
        yield section, section, document.get(section) or []
    for name, instance in document.get("vrrp_instances", {}).items():
        for section in _BLOCKS:
            yield section, f"vrrp_instances.{name}.{section}", instance.get(section) or []


def _why_not(
    section: str, values: Values, document: Values, translator: Translator, here: str
) -> str | None:
    if section.startswith("virtual"):
        return "it is for static entries"
    if values.get("no_track"):
        return "no_track says the opposite"
    option = "iif" if section == "static_rules" else "dev"
    if not values.get(option):
        return "without an interface there is nothing to track"
    return translator.not_yet(document, "track_groups", values["track_group"], here)
