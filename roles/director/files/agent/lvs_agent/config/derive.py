# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from several options together, for rules, warnings and the builder alike.

Owns those derivations, so that all three agree. Takes checked values; must never reject anything.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.addresses import DEFAULT, family_of
from lvs_agent.schema import INHERITED
from lvs_agent.schema.inherited import PREFIX

OWNER = 255  # the priority of the address owner (RFC 9568, section 5.2.4)

_ANYWHERE = {4: ("0.0.0.0", 0), 6: ("::", 0)}

Values = dict[str, Any]

# Option of an instance or sync group -> the section that holds the trackers it names.
TRACKER_SECTIONS = {
    "track_script": "vrrp_scripts",
    "track_process": "vrrp_track_processes",
    "track_file": "vrrp_track_files",
    "track_bfd": "bfd_instances",
}

# Check -> its option that names a tracker, and the section that holds those.
CHECK_SECTIONS = {
    "file_check": ("track_file", "vrrp_track_files"),
    "bfd_check": ("name", "bfd_instances"),
}

# Preferences for rules that name none: above what people give (1000 and the like), below the
# kernel's own rule for the table main (32766).
ASSIGNED_PREFERENCES = range(31_000, 32_766)

# vrrp_min_garp: one request per address, and one burst.
_MIN_GARP = {"garp_master_repeat": 1, "garp_master_delay": 0}


def or_else(value: Any, otherwise: Any) -> Any:
    """`value`, or `otherwise` where it is not set."""
    return otherwise if value is None else value


def family(instance: Values) -> int:
    """4 or 6: the family of the adverts. The first virtual address tells it."""
    for address in instance["virtual_ipaddress"]:
        return family_of(address["address"][0])
    for name in ("unicast_src_ip", "mcast_src_ip", "mcast_dst_ip"):
        if instance[name]:
            return family_of(instance[name])
    for peer in instance["unicast_peer"]:
        return family_of(peer["address"])
    return 4


def version(instance: Values, global_defs: Values) -> int:
    """2 or 3. IPv6 was never in version 2."""
    if instance["version"]:
        return int(instance["version"])
    return 3 if family(instance) == 6 else int(global_defs["vrrp_version"])


def strict(instance: Values, global_defs: Values) -> bool:
    """Whether the instance may do only what the RFCs allow."""
    return bool(or_else(instance["strict_mode"], global_defs["vrrp_strict"]))


def preempt(instance: Values) -> bool:
    """Preempt_Mode (RFC 9568, section 6.1), said in either of keepalived's two ways."""
    return not instance["nopreempt"] and instance["preempt"] is not False


def accept(instance: Values, global_defs: Values) -> bool:
    """Accept_Mode (RFC 9568, section 6.1)."""
    if instance["no_accept"]:
        return False
    usual = not strict(instance, global_defs) or instance["priority"] == OWNER
    return bool(or_else(instance["accept"], usual))


def mcast_group(instance: Values, global_defs: Values) -> str:
    """The multicast group of the adverts."""
    group: str = (
        instance["mcast_dst_ip"]
        or (global_defs["vrrp_mcast_group6" if family(instance) == 6 else "vrrp_mcast_group4"])
    )
    return group


def source(instance: Values) -> str | None:
    """The adverts' source address, if one is said. keepalived's two names mean the same."""
    chosen: str | None = instance["unicast_src_ip"] or instance["mcast_src_ip"]
    return chosen


def vmac_name(instance: Values, global_defs: Values) -> str:
    """The name of the VMAC interface; only where use_vmac is set."""
    if instance["use_vmac"]["name"]:
        return str(instance["use_vmac"]["name"])
    six = "6" if family(instance) == 6 else ""
    return f"{global_defs['vmac_prefix']}{six}.{instance['virtual_router_id']}"


def vmac_mac(instance: Values) -> str:
    """The MAC address of the VMAC (RFC 9568, section 7.3); only where use_vmac is set."""
    fourth = 2 if family(instance) == 6 else 1
    usual = f"00:00:5e:00:{fourth:02x}:{instance['virtual_router_id']:02x}"
    return str(instance["use_vmac"]["mac"] or usual)


def xmit_base(instance: Values) -> bool:
    """Unicast adverts need the real MAC address: keepalived insists on it as well."""
    return bool(or_else(instance["vmac_xmit_base"], bool(instance["unicast_peer"])))


def device(address: Values, instance: Values, global_defs: Values) -> str:
    """The interface that a virtual address goes to."""
    # The virtual MAC is one of the instance's family (RFC 9568, section 7.3); so in keepalived.
    alike = family_of(address["address"][0]) == family(instance)
    on_vmac = address["use_vmac"] or (alike and not address["dev"])
    if instance["use_vmac"] is not None and on_vmac:
        return vmac_name(instance, global_defs)
    return str(address["dev"] or instance["interface"])


def inherited(instance: Values, global_defs: Values) -> Values:
    """The options of INHERITED, as they hold for the instance."""
    values = {option.name: _inherited(option.name, instance, global_defs) for option in INHERITED}
    for name, like in (
        ("garp_lower_prio_repeat", "garp_master_repeat"),
        ("garp_lower_prio_delay", "garp_master_delay"),
    ):
        values[name] = or_else(values[name], values[like])
    if strict(instance, global_defs):
        # RFC 3768, section 6.4.3 discards such an advert in silence; RFC 9568, section 6.4.3
        # answers it with an advert. Neither repeats gratuitous ARP.
        values["garp_lower_prio_repeat"] = 0
        values["lower_prio_no_advert"] = version(instance, global_defs) == 2
        values["owner_ignore_adverts"] = True
    return values


def _inherited(name: str, instance: Values, global_defs: Values) -> Any:
    if instance[name] is not None:
        return instance[name]
    if global_defs["vrrp_min_garp"] and name in _MIN_GARP:
        return _MIN_GARP[name]
    return global_defs[f"{PREFIX}{name}"]


def tracking(option: str, use: Values, document: Values) -> tuple[int, bool]:
    """(weight, reverse) of a use of a tracker: its own, else those of the tracker's block."""
    block = document[TRACKER_SECTIONS[option]][use["name"]] if option in TRACKER_SECTIONS else use
    return (
        or_else(use["weight"], block["weight"]),
        or_else(use["reverse"], block["reverse"]),
    )


def route_family(route: Values) -> int:
    """4 or 6, told by any address of the route, else by its family."""
    texts = [route["to"][0], route["via"], route["src"]]
    texts += [hop["via"] for hop in route["nexthop"]]
    return _family(texts, route)


def rule_family(rule: Values) -> int:
    """4 or 6, told by any address of the rule, else by its family."""
    return _family([each[0] for each in (rule["from"], rule["to"]) if each], rule)


def prefix(said: tuple[str, int], family_: int) -> tuple[str, int]:
    """A destination or source with `default` put into addresses."""
    return _ANYWHERE[family_] if said[0] == DEFAULT else said


def _family(texts: list[str | None], values: Values) -> int:
    for text in texts:
        if text and text != DEFAULT:
            return family_of(text)
    return 6 if values["family"] == "inet6" else 4
