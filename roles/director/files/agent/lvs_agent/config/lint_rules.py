# SPDX-License-Identifier: GPL-3.0-or-later
"""What is allowed and rarely meant.

Owns the warnings about one director's document; those that need the other directors are the
controller's. Must never refuse anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_agent.config import derive, lint_ipvs, rules_quorum
from lvs_agent.config.report import Report
from lvs_agent.config.rules_routes import holders
from lvs_agent.config.rules_strict import first_is_link_local

# Below this a busy host may be late by more than the three intervals that others wait.
_SHORT_ADVERT_INT_S = 0.1
# What one advert can carry: a count of 8 bits; for IPv6 what fits into 1,500 bytes of MTU.
_ADVERT_ADDRESSES = {4: 255, 6: 90}
_TRACKING = ("track_interface", *derive.TRACKER_SECTIONS)

Values = dict[str, Any]


def check(values: Values, document: Values, report: Report) -> None:
    """Report what is unusual in `values`, the document with defaults filled in, free of errors.

    `document` is the same as the user wrote it.
    """
    for name, instance in values["vrrp_instances"].items():
        path = f"vrrp_instances.{name}"
        said = document["vrrp_instances"][name]
        for option, message in (
            *_election(instance, said),
            *_security(instance),
            *_addresses(instance, values["global_defs"]),
            *_owner(instance, values),
        ):
            report(f"{path}.{option}", message)
    _sync_groups(values, report)
    _trackers(values, report)
    _delays(values, report)
    _rules(values, report)
    _mail(values, report)
    for name, server in values["virtual_servers"].items():
        rules_quorum.lint(server, f"virtual_servers.{name}", report)
    lint_ipvs.check(values, report)


def _election(instance: Values, said: Values) -> Iterator[tuple[str, str]]:
    if said.get("priority") is None:
        yield (
            "priority",
            f"is not set, so it is {instance['priority']}; give each director its own, the highest"
            " to the one that is to be master",
        )
    if instance["state"] == "MASTER" and not derive.preempt(instance):
        yield (
            "state",
            "with nopreempt whoever is master first stays it, so state MASTER promises too much;"
            " say state: BACKUP on every director",
        )
    if instance["advert_int"] < _SHORT_ADVERT_INT_S:
        yield (
            "advert_int",
            f"{instance['advert_int']} s leaves a busy host no time: a delay of three intervals"
            f" makes a second master; {_SHORT_ADVERT_INT_S} s or more is safe",
        )


def _security(instance: Values) -> Iterator[tuple[str, str]]:
    authentication = instance["authentication"]
    if authentication is None:
        return
    what = (
        "PASS is readable by everybody on the network"
        if authentication["auth_type"] == "PASS"
        else "AH as VRRP has it can be replayed"
    )
    yield (
        "authentication",
        f"{what}: it guards against mistakes, not against attackers; keep others off the network"
        " of the adverts",
    )


def _addresses(instance: Values, global_defs: Values) -> Iterator[tuple[str, str]]:
    family = derive.family(instance)
    count, room = len(instance["virtual_ipaddress"]), _ADVERT_ADDRESSES[family]
    if count > room:
        yield (
            "virtual_ipaddress",
            f"an advert has room for {room} of the {count} addresses; move the rest to"
            " virtual_ipaddress_excluded, or to an instance of their own",
        )
    # In strict mode it is an error.
    if family == 6 and not first_is_link_local(instance):
        yield (
            "virtual_ipaddress",
            "the first IPv6 address should be link-local, such as fe80::51/64 (RFC 9568, section"
            " 5.2.9): other routers may ignore the adverts, and hosts have no stable next hop",
        )


def _weighted(option: str, holder: Values, values: Values) -> bool:
    """Whether any tracker that `holder` uses by `option` changes its priority."""
    return any(derive.tracking(option, use, values)[0] for use in holder[option])


def _owner(instance: Values, values: Values) -> Iterator[tuple[str, str]]:
    if instance["priority"] != derive.OWNER:
        return
    yield (
        "priority",
        "255 is for the router whose own address the virtual one is (RFC 9568, section 5.2.4): it"
        " becomes master at once, beside any other; use 254 or less",
    )
    for option in _TRACKING:
        if _weighted(option, instance, values):
            yield option, "weights have no effect on priority 255; use 254 or less"


def _sync_groups(values: Values, report: Report) -> None:
    for name, group in values["vrrp_sync_groups"].items():
        path = f"vrrp_sync_groups.{name}"
        members = {member: values["vrrp_instances"][member] for member in group["group"]}
        if len(members) == 1:
            report(f"{path}.group", "has one member, which needs no group; remove it")
        priorities = {member: one["priority"] for member, one in members.items()}
        if len(set(priorities.values())) > 1:
            shown = ", ".join(f"{member} {number}" for member, number in priorities.items())
            report(
                f"{path}.group",
                f"its members have different priorities ({shown}), so they may want different"
                " masters and follow the slowest; give them the same",
            )
        if group["sync_group_tracking_weight"]:
            continue
        for member, one in members.items():
            for option in _TRACKING:
                if _weighted(option, one, values):
                    report(
                        f"vrrp_instances.{member}.{option}",
                        f"weights have no effect within the sync group {name}; set its"
                        " sync_group_tracking_weight: true, or track in the group",
                    )


def _trackers(values: Values, report: Report) -> None:
    users = [*values["vrrp_instances"].values(), *values["vrrp_sync_groups"].values()]
    checks = {section: kind for kind, (__, section) in derive.CHECK_SECTIONS.items()}
    for option, section in derive.TRACKER_SECTIONS.items():
        used = {use["name"] for user in users for use in user[option]}
        kind = checks.get(section)
        if kind is not None:
            used |= _checked(kind, values)
        for name in values[section]:
            if name not in used:
                also = f", or to a {kind} of a real server" if kind else ""
                report(f"{section}.{name}", f"nothing depends on it; add it to a {option}{also}")
    for name, script in values["vrrp_scripts"].items():
        if script["timeout"] is not None and script["timeout"] > script["interval"]:
            report(
                f"vrrp_scripts.{name}.timeout",
                f"{script['timeout']} s is longer than the interval ({script['interval']} s): a"
                " hanging run delays the next one; make the interval longer",
            )


def _checked(kind: str, values: Values) -> set[str]:
    """The trackers that checks of this kind name."""
    option, __ = derive.CHECK_SECTIONS[kind]
    servers = values["virtual_servers"].values()
    holders = (
        holder
        for server in servers
        for holder in (server, *server["real_servers"].values(), *server["sorry_server"])
    )
    return {check[option] for holder in holders for check in holder[kind]}


def _delays(values: Values, report: Report) -> None:
    """A link that is down for longer than others wait must not count as up."""
    for interface, delay in values["interface_up_down_delays"].items():
        for name, instance in values["vrrp_instances"].items():
            adverts = derive.inherited(instance, values["global_defs"])["down_timer_adverts"]
            limit = (adverts - 1) * instance["advert_int"]
            if instance["interface"] == interface and delay["down"] >= limit > 0:
                report(
                    f"interface_up_down_delays.{interface}.down",
                    f"{delay['down']} s is as long as the others wait for {name}'s adverts"
                    f" ({limit} s): two masters meet when the link comes back; make it shorter",
                )


def _rules(values: Values, report: Report) -> None:
    seen: dict[tuple[int, int], str] = {}
    for path, rule in holders(values, "virtual_rules", "static_rules"):
        preference = rule["preference"]
        if preference is None:
            report(
                path,
                "has no preference and gets one from 31000 on, which moves when a rule is added"
                " before it; give it its own",
            )
            continue
        other = seen.setdefault((derive.rule_family(rule), preference), path)
        if other != path:
            report(
                path,
                f"preference {preference} is that of {other} too: which comes first depends on"
                " which is added first; give each its own",
            )


def _mail(values: Values, report: Report) -> None:
    global_defs = values["global_defs"]
    users = {
        f"{section}.{name}": one
        for section in ("vrrp_instances", "vrrp_sync_groups")
        for name, one in values[section].items()
    }
    usual = derive.or_else(global_defs["smtp_alert_vrrp"], global_defs["smtp_alert"])
    asked = [path for path, one in users.items() if one["smtp_alert"]]
    if not global_defs["notification_email"]:
        for path in asked:
            report(f"{path}.smtp_alert", "nobody gets the mail; set notification_email")
        if global_defs["smtp_server"] is not None:
            report("global_defs.smtp_server", "nobody gets mail; set notification_email")
    elif users and not usual and not asked:
        report(
            "global_defs.notification_email",
            "no mail tells of VRRP: as in keepalived, it has to be asked for; set smtp_alert: true",
        )
