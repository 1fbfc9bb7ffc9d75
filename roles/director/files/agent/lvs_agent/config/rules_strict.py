# SPDX-License-Identifier: GPL-3.0-or-later
"""Strict mode: what the RFCs do not allow is an error.

Owns that list, which follows keepalived's vrrp_strict. Must never apply to an instance without it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from lvs_agent.config import derive
from lvs_agent.config.report import Report

Values = dict[str, Any]


def check(values: Values, report: Report) -> None:
    """Report what strict mode forbids."""
    for name, instance in values["vrrp_instances"].items():
        if derive.strict(instance, values["global_defs"]):
            for option, why in _forbidden(instance, values["global_defs"]):
                message = f"strict mode: {why}; change it, or turn strict_mode off"
                report(f"vrrp_instances.{name}.{option}", message)


def _forbidden(instance: Values, global_defs: Values) -> Iterator[tuple[str, str]]:
    """(option, why) of everything in `instance` that the RFCs do not allow."""
    version = derive.version(instance, global_defs)
    owner = instance["priority"] == derive.OWNER
    if not instance["virtual_ipaddress"]:
        yield "virtual_ipaddress", "a virtual router has an address (RFC 9568, section 5.2.5)"
    if instance["unicast_peer"] or instance["unicast_fault_no_peer"]:
        yield "unicast_peer", "adverts are multicast (RFC 9568, section 5.1)"
    if instance["authentication"]:
        yield "authentication", "RFC 3768, section 5.3.6 has none"
    if instance["preempt_delay"]:
        yield "preempt_delay", "no RFC has a delay of preemption"
    if instance["accept"] and not owner and version == 2:
        yield "accept", "RFC 3768, section 6.4.3 accepts packets for the address owner only"
    if instance["state"] == "MASTER" and not owner:
        yield "state", "only the address owner (priority 255) starts as master"
    if instance["vmac_xmit_base"]:
        yield "vmac_xmit_base", "adverts come from the virtual MAC address (RFC 9568, section 7.2)"
    if instance["use_vmac"] and instance["use_vmac"]["mac"]:
        yield "use_vmac.mac", "RFC 9568, section 7.3 says which it is"
    yield from _timing(instance, global_defs)
    yield from _link_local(instance)


def _timing(instance: Values, global_defs: Values) -> Iterator[tuple[str, str]]:
    if instance["garp_lower_prio_repeat"] or global_defs["vrrp_garp_lower_prio_repeat"]:
        yield "garp_lower_prio_repeat", "no RFC repeats gratuitous ARP after a losing advert"
    down_timer = derive.inherited(instance, global_defs)["down_timer_adverts"]
    if down_timer != 3:
        yield "down_timer_adverts", "three intervals of silence (RFC 9568, section 6.1)"
    if derive.or_else(
        instance["higher_prio_send_advert"], global_defs["vrrp_higher_prio_send_advert"]
    ):
        yield "higher_prio_send_advert", "who hears a higher priority is silent"
    if instance["lower_prio_no_advert"] and derive.version(instance, global_defs) == 3:
        yield "lower_prio_no_advert", "RFC 9568, section 6.4.3 answers with an advert"
    if instance["owner_ignore_adverts"] is False:
        yield "owner_ignore_adverts", "the owner hears no adverts"


def _link_local(instance: Values) -> Iterator[tuple[str, str]]:
    if derive.family(instance) == 6 and not first_is_link_local(instance):
        yield "virtual_ipaddress", "the first IPv6 address is link-local (RFC 9568, section 5.2.9)"


def first_is_link_local(instance: Values) -> bool:
    """Whether the first virtual address is IPv6 link-local; True if there is none."""
    for address in instance["virtual_ipaddress"]:
        return ipaddress.ip_address(address["address"][0]).is_link_local
    return True
