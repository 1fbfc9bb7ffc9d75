# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for virtual and static addresses.

Owns what an address can be, on which interface, with what beside it, and that it is there once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from lvs_agent.config import derive
from lvs_agent.config.addresses import family_of
from lvs_agent.config.report import Report

_IPV4_ONLY = ("brd", "label")
_IPV6_ONLY = ("home", "nodad", "mngtmpaddr")
_LISTS = ("virtual_ipaddress", "virtual_ipaddress_excluded")
_LIMITED_BROADCAST = 2**32 - 1

Values = dict[str, Any]


def check(values: Values, report: Report) -> None:
    """Report every broken rule about addresses in `values`."""
    for name, instance in values["vrrp_instances"].items():
        _instance(instance, f"vrrp_instances.{name}", values["global_defs"], report)
    for index, address in enumerate(values["static_ipaddress"]):
        _static(address, f"static_ipaddress[{index}]", report)
    _unique(values, report)


def _instance(instance: Values, path: str, global_defs: Values, report: Report) -> None:
    family = derive.family(instance)
    for which in _LISTS:
        for index, address in enumerate(instance[which]):
            where = f"{path}.{which}[{index}]"
            text = address["address"][0]
            if which == "virtual_ipaddress" and family_of(text) != family:
                report(
                    f"{where}.address",
                    f"{text} is not IPv{family} as the first address is, and adverts carry one"
                    " family; move it to virtual_ipaddress_excluded, or to an instance of its own",
                )
            _address(address, where, report)
            _device(address, instance, where, report)
            _label(address, derive.device(address, instance, global_defs), where, report)


def _static(address: Values, path: str, report: Report) -> None:
    _address(address, path, report)
    if address["dev"] is None:
        report(f"{path}.dev", "is required (example: eth0)")
        return
    if address["use_vmac"]:
        report(f"{path}.use_vmac", "is for addresses of instances; remove it")
    _label(address, address["dev"], path, report)


def _address(address: Values, path: str, report: Report) -> None:
    ip = ipaddress.ip_address(address["address"][0])
    if (
        (ip.is_multicast and not address["autojoin"])
        or ip.is_loopback
        or ip.is_unspecified
        or (ip.version == 4 and int(ip) == _LIMITED_BROADCAST)
        or getattr(ip, "ipv4_mapped", None) is not None
    ):
        report(f"{path}.address", f"{ip} cannot be a virtual address")
    for name in _IPV4_ONLY if ip.version == 6 else _IPV6_ONLY:
        if address[name]:
            other = 4 if ip.version == 6 else 6
            report(f"{path}.{name}", f"is for IPv{other} only; remove it")
    if address["peer"] and family_of(address["peer"]) != ip.version:
        report(f"{path}.peer", f"{address['peer']} is not IPv{ip.version} as the address is")
    if address["mngtmpaddr"] and address["address"][1] != 64:
        report(f"{path}.mngtmpaddr", "needs prefix length 64")


def _device(address: Values, instance: Values, path: str, report: Report) -> None:
    if not address["use_vmac"]:
        return
    if instance["use_vmac"] is None:
        report(f"{path}.use_vmac", "the instance has no VMAC; set its use_vmac: true")
    elif address["dev"] not in (None, instance["interface"]):
        report(
            f"{path}.dev",
            f"the instance's VMAC is on {instance['interface']}; for one on {address['dev']} make"
            " an instance there, and join the two in a sync group",
        )


def _label(address: Values, device: str, path: str, report: Report) -> None:
    label = address["label"]
    if label and label != device and not label.startswith(f"{device}:"):
        report(f"{path}.label", f"{label!r} must be {device!r}, or begin with '{device}:'")


def _unique(values: Values, report: Report) -> None:
    seen: dict[tuple[str, str], str] = {}
    for path, address, device in _all(values):
        text = address["address"][0]
        # A link-local address is one per link (RFC 4291, section 2.5.6).
        link = device if text.startswith("fe80:") else ""
        other = seen.setdefault((text, link), path)
        if other != path:
            report(path, f"{text} is already in {other}; remove one of the two")


def _all(values: Values) -> Iterator[tuple[str, Values, str]]:
    """(path, address, interface) of all addresses."""
    for name, instance in values["vrrp_instances"].items():
        for which in _LISTS:
            for index, address in enumerate(instance[which]):
                device = derive.device(address, instance, values["global_defs"])
                yield f"vrrp_instances.{name}.{which}[{index}]", address, device
    for index, address in enumerate(values["static_ipaddress"]):
        yield f"static_ipaddress[{index}]", address, address["dev"] or ""
