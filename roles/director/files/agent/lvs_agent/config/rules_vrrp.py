# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the options of VRRP instances.

Owns timing, versions, transport, VMAC interfaces and sync groups. Addresses, routes and trackers
have files of their own.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from lvs_agent.config import derive
from lvs_agent.config.report import Report, suggestion
from lvs_agent.config.rules_names import INTERFACE_NAME_LIMIT

# RFC 3768, section 5.3.7: whole seconds in 8 bits.
# RFC 9568, section 5.2.7: centiseconds in 12 bits.
V2_ADVERT_INT_MAXIMUM_S = 255
V3_ADVERT_INT_MAXIMUM_CS = 4095

Values = dict[str, Any]


def check(values: Values, report: Report) -> None:
    """Report every broken rule about VRRP instances and sync groups in `values`."""
    global_defs = values["global_defs"]
    for name, instance in values["vrrp_instances"].items():
        path = f"vrrp_instances.{name}"
        _version(instance, derive.version(instance, global_defs), path, report)
        _preemption(instance, path, report)
        _contradictions(instance, path, report)
        _transport(instance, derive.family(instance), path, report)
        _vmac(instance, path, report)
    _unique_virtual_routers(values, report)
    _unique_vmacs(values, report)
    _sync_groups(values, report)


def _version(instance: Values, version: int, path: str, report: Report) -> None:
    _advert_int(instance["advert_int"], version, f"{path}.advert_int", report)
    if version == 3 and instance["authentication"]:
        report(
            f"{path}.authentication",
            "VRRP version 3 has no authentication; remove it, or set version: 2",
        )
    if version == 2 and derive.family(instance) == 6:
        report(f"{path}.version", "VRRP version 2 is for IPv4 only; remove it, or say 3")


def _advert_int(seconds: float, version: int, path: str, report: Report) -> None:
    if version == 2:
        if seconds != int(seconds) or not 1 <= seconds <= V2_ADVERT_INT_MAXIMUM_S:
            report(
                path,
                f"VRRP version 2 has whole seconds from 1 to {V2_ADVERT_INT_MAXIMUM_S}, not"
                f" {seconds}; version: 3 allows shorter intervals",
            )
        return
    centiseconds = seconds * 100
    if (
        abs(centiseconds - round(centiseconds)) > 1e-6
        or not 1 <= round(centiseconds) <= V3_ADVERT_INT_MAXIMUM_CS
    ):
        report(
            path,
            f"VRRP version 3 has steps of 0.01 s from 0.01 to {V3_ADVERT_INT_MAXIMUM_CS / 100},"
            f" not {seconds}",
        )


def _preemption(instance: Values, path: str, report: Report) -> None:
    if instance["preempt"] and instance["nopreempt"]:
        report(f"{path}.preempt", "contradicts nopreempt; remove one of the two")
    nopreempt = not derive.preempt(instance)
    if instance["priority"] == derive.OWNER and nopreempt:
        report(
            f"{path}.nopreempt",
            "an address owner (priority 255) always preempts (RFC 9568, section 6.1); "
            "use a priority below 255",
        )
    if nopreempt and instance["preempt_delay"]:
        report(f"{path}.preempt_delay", "has no effect with nopreempt; remove one of the two")


def _contradictions(instance: Values, path: str, report: Report) -> None:
    if instance["accept"] and instance["no_accept"]:
        report(f"{path}.accept", "contradicts no_accept; remove one of the two")
    if instance["no_virtual_ipaddress"] and instance["virtual_ipaddress"]:
        report(f"{path}.no_virtual_ipaddress", "contradicts virtual_ipaddress; remove one of them")
    if not instance["virtual_ipaddress"] and not instance["no_virtual_ipaddress"]:
        report(
            f"{path}.virtual_ipaddress",
            "is required (example: [172.16.1.99/32]); or say no_virtual_ipaddress: true",
        )


def _transport(instance: Values, family: int, path: str, report: Report) -> None:
    for name in ("unicast_src_ip", "mcast_src_ip", "mcast_dst_ip"):
        _of_family(instance[name], family, f"{path}.{name}", report)
    source = derive.source(instance)
    if instance["mcast_src_ip"] and instance["mcast_src_ip"] != source:
        report(f"{path}.mcast_src_ip", f"contradicts unicast_src_ip ({source}); remove one of them")
    if instance["track_src_ip"] and source is None:
        report(f"{path}.track_src_ip", "needs unicast_src_ip or mcast_src_ip; set it, or remove it")
    group = instance["mcast_dst_ip"]
    if group and not ipaddress.ip_address(group).is_multicast:
        report(f"{path}.mcast_dst_ip", f"{group} is not a multicast address")
    if group and instance["unicast_peer"]:
        report(f"{path}.mcast_dst_ip", "has no effect with unicast_peer; remove one of the two")
    if instance["unicast_fault_no_peer"] and group:
        report(f"{path}.mcast_dst_ip", "contradicts unicast_fault_no_peer; remove one of the two")
    seen: set[str] = set()
    for index, peer in enumerate(instance["unicast_peer"]):
        _peer(peer, family, source, f"{path}.unicast_peer[{index}]", report)
        if peer["address"] in seen:
            report(f"{path}.unicast_peer[{index}]", f"{peer['address']} is listed twice")
        seen.add(peer["address"])


def _peer(peer: Values, family: int, source: str | None, path: str, report: Report) -> None:
    address = ipaddress.ip_address(peer["address"])
    _of_family(peer["address"], family, path, report)
    if address.is_multicast or address.is_unspecified or address.is_loopback:
        report(path, f"{address} cannot be the address of another director")
    if peer["address"] == source:
        report(path, f"{address} is the source address of this director; list the others only")
    if peer["min_ttl"] > peer["max_ttl"]:
        report(f"{path}.min_ttl", f"{peer['min_ttl']} is above max_ttl ({peer['max_ttl']})")


def _of_family(address: str | None, family: int, path: str, report: Report) -> None:
    if address is not None and (6 if ":" in address else 4) != family:
        report(path, f"{address} is not IPv{family}, as the instance's virtual addresses are")


def _vmac(instance: Values, path: str, report: Report) -> None:
    if instance["use_vmac"] is None:
        if instance["vmac_xmit_base"] is not None:
            report(f"{path}.vmac_xmit_base", "has no effect without use_vmac; remove it")
        return
    if instance["unicast_peer"] and instance["vmac_xmit_base"] is False:
        report(
            f"{path}.vmac_xmit_base",
            "unicast adverts cannot leave by the VMAC interface, which answers for no address of"
            " the host; remove it",
        )


def _unique_virtual_routers(values: Values, report: Report) -> None:
    """A VRID names one virtual router; unicast ones with peers of their own never meet."""
    seen: dict[tuple[str, int, int, str], list[str]] = {}
    instances = values["vrrp_instances"]
    for name, instance in instances.items():
        vrid, interface = instance["virtual_router_id"], instance["interface"]
        family = derive.family(instance)
        unicast = instance["unicast_peer"] or instance["unicast_fault_no_peer"]
        group = "unicast" if unicast else derive.mcast_group(instance, values["global_defs"])
        others = seen.setdefault((interface, family, vrid, group), [])
        for other in others:
            shared = _peer_addresses(instance) & _peer_addresses(instances[other])
            if not unicast or shared:
                both = f", and both have the peer {min(shared)}" if shared else ""
                report(
                    f"vrrp_instances.{name}.virtual_router_id",
                    f"{vrid} on {interface} is already that of {other}{both}; give each its own",
                )
                break
        others.append(name)


def _peer_addresses(instance: Values) -> set[str]:
    return {peer["address"] for peer in instance["unicast_peer"]}


def _unique_vmacs(values: Values, report: Report) -> None:
    instances, global_defs = values["vrrp_instances"], values["global_defs"]
    used = {instance["interface"] for instance in instances.values()}
    seen: dict[str, str] = {}
    # The kernel refuses a second macvlan with the same MAC (drivers/net/macvlan.c).
    macs: dict[tuple[str, str], str] = {}
    for name, instance in instances.items():
        if instance["use_vmac"] is None:
            continue
        path = f"vrrp_instances.{name}.use_vmac"
        vmac = derive.vmac_name(instance, global_defs)
        if len(vmac.encode()) > INTERFACE_NAME_LIMIT:
            report(path, f"{vmac} is longer than {INTERFACE_NAME_LIMIT} bytes; shorten the name")
        if vmac in used:
            report(path, f"{vmac} is an instance's interface; give the VMAC another name")
        other = seen.setdefault(vmac, name)
        if other != name:
            report(path, f"{vmac} is already that of {other}; give it a name, use_vmac: vrrp.x")
            continue
        mac = derive.vmac_mac(instance)
        other = macs.setdefault((instance["interface"], mac), name)
        if other != name:
            report(
                path,
                f"its MAC address {mac} on {instance['interface']} is already that of {other};"
                " give each instance its own virtual_router_id",
            )


def _sync_groups(values: Values, report: Report) -> None:
    holders: dict[str, str] = {}
    for name, group in values["vrrp_sync_groups"].items():
        for index, member in enumerate(group["group"]):
            path = f"vrrp_sync_groups.{name}.group[{index}]"
            if member not in values["vrrp_instances"]:
                hint = suggestion(member, values["vrrp_instances"])
                report(path, f"there is no VRRP instance {member}{hint}")
                continue
            if member in holders:
                report(path, f"{member} is already in {holders[member]}; remove one of the two")
            holders.setdefault(member, f"vrrp_sync_groups.{name}")
