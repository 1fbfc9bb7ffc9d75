# SPDX-License-Identifier: GPL-3.0-or-later
"""What several statements of a keepalived.conf mean together.

Owns two things: what keepalived itself corrects when it has read everything, each with a notice;
and its defaults where ours differ, which the document then says, so that it behaves the same. The
sections of virtual servers are in `completion_servers.py`.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.derive import TRACKER_SECTIONS
from lvs_agent.keepalived import (
    completion_addresses,
    completion_instance,
    completion_servers,
    completion_static,
)
from lvs_agent.keepalived.families import family, family_of, version
from lvs_agent.keepalived.translate import Translator
from lvs_agent.keepalived.translate_special import DEFAULT_INTERFACE
from lvs_agent.schema import dumps

Values = dict[str, Any]

_USUAL_INTERFACE = "eth0"  # keepalived's default_interface
_REQUIRED = {
    "vrrp_instances": ("virtual_router_id", "interface"),
    "vrrp_scripts": ("script",),
    "vrrp_track_files": ("file",),
    "vrrp_track_processes": ("process",),
    "bfd_instances": ("neighbor_ip",),
    "vrrp_sync_groups": ("group",),
}


def complete(document: Values, translator: Translator) -> None:
    """Change `document`, as it was read, into what the agent takes."""
    global_defs = document.setdefault("global_defs", {})
    _unusable(document, translator)
    for name, instance in document.get("vrrp_instances", {}).items():
        _instance(f"vrrp_instances.{name}", instance, global_defs, translator)
    _sync_groups(document, translator)
    for section in ("vrrp_instances", "vrrp_sync_groups"):
        for name, values in document.get(section, {}).items():
            _trackers(f"{section}.{name}", values, document, translator)
    _static_addresses(document, global_defs.pop(DEFAULT_INTERFACE, _USUAL_INTERFACE))
    completion_static.complete(document, translator)
    completion_addresses.complete(document, translator)
    completion_servers.complete(document, translator)
    _versions(document, global_defs)
    _mail(global_defs, translator)
    _dumps(global_defs, translator)
    if translator.commands and "script_user" not in global_defs:
        translator.note(
            "global_defs", translator.commands[0], "scripts run as the agent's own user, without"
            " privileges, where script_user names nobody; keepalived has keepalived_script, or"
            " else root",
        )  # fmt: skip
    for section in [name for name, values in document.items() if not values]:
        del document[section]


def _unusable(document: Values, translator: Translator) -> None:
    """Named blocks that lack what they cannot do without; keepalived leaves them out, too."""
    for section, required in _REQUIRED.items():
        named = document.get(section, {})
        for name in list(named):
            missing = [option for option in required if not named[name].get(option)]
            if missing:
                path = f"{section}.{name}"
                message = f"{name} lacks {' and '.join(missing)}: it is left out"
                translator.note(path, translator.positions[path], message)
                del named[name]


def _instance(path: str, instance: Values, global_defs: Values, translator: Translator) -> None:
    strict = bool(instance.get("strict_mode", global_defs.get("vrrp_strict")))
    completion_instance.correct(path, instance, version(instance, global_defs), strict, translator)
    _one_family(path, instance, translator)
    if not instance.get("virtual_ipaddress"):
        instance.pop("virtual_ipaddress", None)
        instance["no_virtual_ipaddress"] = True


def _one_family(path: str, instance: Values, translator: Translator) -> None:
    lines = instance.get("virtual_ipaddress") or []
    if len({family_of(line) for line in lines}) < 2:
        return
    wanted = family_of(lines[0])
    kept = []
    for index, line in enumerate(lines):
        if family_of(line) == wanted:
            kept.append(line)
            continue
        where = translator.positions[f"{path}.virtual_ipaddress[{index}]"]
        translator.note(
            path, where, f"{line} is left out, as in keepalived: it is of another family than the"
            " first; put it into virtual_ipaddress_excluded",
        )  # fmt: skip
    instance["virtual_ipaddress"] = kept


def _versions(document: Values, global_defs: Values) -> None:
    """The checksum of version 3 over IPv4, whose default differs."""
    instances = document.get("vrrp_instances", {}).values()
    if any(version(one, global_defs) == 3 and family(one) == 4 for one in instances):
        global_defs.setdefault("v3_checksum_as_v2", False)
    else:
        global_defs.pop("v3_checksum_as_v2", None)  # of nothing


def _mail(global_defs: Values, translator: Translator) -> None:
    """Without a server keepalived sends no mail."""
    if "notification_email" in global_defs and "smtp_server" not in global_defs:
        del global_defs["notification_email"]
        where = translator.positions["global_defs.notification_email"]
        translator.note(
            "global_defs", where, "notification_email is left out: without smtp_server nobody would"
            " deliver the mail",
        )  # fmt: skip


def _dumps(global_defs: Values, translator: Translator) -> None:
    """Files in /tmp are where others see them from now on."""
    for name in dumps.NAMES:
        path = global_defs.get(name, "")
        if path.startswith(dumps.PRIVATE):
            global_defs[name] = f"{dumps.PUBLIC}/{path.rpartition('/')[2]}"
            translator.note(
                "global_defs", translator.positions[f"global_defs.{name}"], f"{name} {path} becomes"
                f" {global_defs[name]}: the agent has a /tmp of its own; tell those who read it",
            )  # fmt: skip


def _sync_groups(document: Values, translator: Translator) -> None:
    groups = document.get("vrrp_sync_groups", {})
    instances = document.get("vrrp_instances", {})
    for name in list(groups):
        path = f"vrrp_sync_groups.{name}"
        members = groups[name]["group"]
        for missing in [one for one in members if one not in instances]:
            where = translator.positions[path]
            translator.note(path, where, f"there is no instance {missing}: the group is without it")
        groups[name]["group"] = [one for one in members if one in instances]
        if not groups[name]["group"]:
            translator.note(
                path, translator.positions[path], f"{name} has no members: it is left out"
            )
            del groups[name]


def _trackers(path: str, values: Values, document: Values, translator: Translator) -> None:
    """Trackers that are used and not there; keepalived goes on without them."""
    for option, section in TRACKER_SECTIONS.items():
        uses = values.get(option)
        if uses is None:
            continue
        kept = []
        for index, use in enumerate(uses):
            name = use.partition(" ")[0] if isinstance(use, str) else use["name"]
            here = f"{path}.{option}[{index}]"
            if why := translator.not_yet(document, section, name, here):
                where = translator.positions[here]
                translator.note(path, where, f"{option} {name} is left out: {why}")
            else:
                kept.append(use)
        if kept:
            values[option] = kept
        else:
            del values[option]


def _static_addresses(document: Values, interface: str) -> None:
    """keepalived's default_interface for those that name none."""
    lines = document.get("static_ipaddress", [])
    for index, line in enumerate(lines):
        if isinstance(line, str) and "dev" not in line.split():
            lines[index] = f"{line} dev {interface}"
