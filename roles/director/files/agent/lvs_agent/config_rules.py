# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between options: what each value alone cannot tell.

Owns cross-field checks of one director's configuration. Must never repeat a range (schema.py) nor
look at other directors (the controller compares them).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

Report = Callable[[str, str], None]

# RFC 3768, section 5.3.7: whole seconds in 8 bits.
# RFC 9568, section 5.2.7: centiseconds in 12 bits.
V2_ADVERT_INT_MAXIMUM_S = 255
V3_ADVERT_INT_MAXIMUM_CS = 4095


def check(values: dict[str, Any], report: Report) -> None:
    """Report every broken rule in `values`, the document with defaults filled in."""
    group = values["global_defs"]["vrrp_mcast_group4"]
    if not ipaddress.IPv4Address(group).is_multicast:
        report(
            "global_defs.vrrp_mcast_group4",
            f"{group} is not a multicast address; use one within 224.0.0.0/4, such as 224.0.0.18",
        )
    for name, instance in values["vrrp_instances"].items():
        _instance(instance, values["global_defs"], f"vrrp_instances.{name}", report)
    _unique_virtual_routers(values["vrrp_instances"], report)
    _unique_addresses(values["vrrp_instances"], report)
    for name, server in values["virtual_servers"].items():
        _virtual_server(server, f"virtual_servers.{name}", report)
    _unique_services(values["virtual_servers"], report)


def _instance(
    instance: dict[str, Any], global_defs: dict[str, Any], path: str, report: Report
) -> None:
    version = instance["version"] or global_defs["vrrp_version"]
    _advert_int(instance["advert_int"], version, f"{path}.advert_int", report)
    if version == "3" and instance["authentication"]:
        report(
            f"{path}.authentication",
            "VRRP version 3 has no authentication; remove it, or set version: 2",
        )
    if instance["priority"] == 255 and instance["nopreempt"]:
        report(
            f"{path}.nopreempt",
            "an address owner (priority 255) always preempts (RFC 9568, section 6.1); "
            "use a priority below 255",
        )
    if instance["nopreempt"] and instance["preempt_delay"]:
        report(f"{path}.preempt_delay", "has no effect with nopreempt; remove one of the two")
    for index, address in enumerate(instance["virtual_ipaddress"]):
        where = f"{path}.virtual_ipaddress[{index}]"
        ip = ipaddress.IPv4Address(address["address"][0])
        if ip.is_multicast or ip.is_loopback or ip.is_unspecified or int(ip) == 2**32 - 1:
            report(f"{where}.address", f"{ip} cannot be a virtual address")
        _label(address, instance["interface"], f"{where}.label", report)


def _advert_int(seconds: float, version: str, path: str, report: Report) -> None:
    if version == "2":
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


def _label(address: dict[str, Any], interface: str, path: str, report: Report) -> None:
    device = address["dev"] or interface
    label = address["label"]
    if label and label != device and not label.startswith(f"{device}:"):
        report(path, f"{label!r} must be {device!r}, or begin with '{device}:'")


def _unique_virtual_routers(instances: dict[str, Any], report: Report) -> None:
    seen: dict[tuple[str, int], str] = {}
    for name, instance in instances.items():
        key = (instance["interface"], instance["virtual_router_id"])
        other = seen.setdefault(key, name)
        if other != name:
            report(
                f"vrrp_instances.{name}.virtual_router_id",
                f"{key[1]} on {key[0]} is already that of {other}; give each its own",
            )


def _unique_addresses(instances: dict[str, Any], report: Report) -> None:
    seen: dict[str, str] = {}
    for name, instance in instances.items():
        for index, address in enumerate(instance["virtual_ipaddress"]):
            path = f"vrrp_instances.{name}.virtual_ipaddress[{index}]"
            ip = address["address"][0]
            other = seen.setdefault(ip, path)
            if other != path:
                report(path, f"{ip} is already in {other}; remove one of the two")


def _virtual_server(server: dict[str, Any], path: str, report: Report) -> None:
    if server["protocol"] == "UDP" and _needs_tcp(server):
        # UDP services may well be checked over TCP, on the port that the check names.
        for where in _checks_without_port(server, path):
            report(
                where, "checks a UDP service over TCP; give it the connect_port of a TCP service"
            )
    _http_words(server, path, report)
    seen: dict[tuple[str, int], str] = {}
    for name, real in server["real_servers"].items():
        port = real["port"] or server["port"]
        where = f"{path}.real_servers.{name}"
        other = seen.setdefault((real["ip"], port), where)
        if other != where:
            report(where, f"{real['ip']}:{port} is already {other}; remove one of the two")
        if server["lb_kind"] == "DR":
            _same_port(port, server, f"{where}.port", report)
    sorry = server["sorry_server"]
    if sorry:
        _same_port(sorry["port"] or server["port"], server, f"{path}.sorry_server.port", report)


def _same_port(port: int, server: dict[str, Any], path: str, report: Report) -> None:
    """Direct routing forwards the packet as it is, so it cannot change the port."""
    if port != server["port"]:
        report(
            path,
            f"direct routing cannot change the port: {port} must be {server['port']}, or be"
            " left out",
        )


def _http_words(server: dict[str, Any], path: str, report: Report) -> None:
    """What goes into a request line or a Host header must be one ASCII word."""
    _http_word(server["virtualhost"], f"{path}.virtualhost", report)
    for where, holder in _check_holders(server, path):
        for index, check in enumerate(holder["http_get"]):
            for number, url in enumerate(check["url"]):
                place = f"{where}.http_get[{index}].url[{number}]"
                _http_word(url["virtualhost"], f"{place}.virtualhost", report)
                _http_word(url["path"], f"{place}.path", report)
                if not url["path"].startswith("/"):
                    report(f"{place}.path", f"{url['path']!r} must begin with /")


def _http_word(text: str | None, path: str, report: Report) -> None:
    if text is not None and (not text.isascii() or " " in text):
        report(path, f"{text!r} must be ASCII without blanks; encode others as %20 and the like")


def _needs_tcp(server: dict[str, Any]) -> bool:
    return any(
        holder["http_get"] or holder["tcp_check"] for _, holder in _check_holders(server, "")
    )


def _checks_without_port(server: dict[str, Any], path: str) -> list[str]:
    return [
        f"{where}.{kind}[{index}]"
        for where, holder in _check_holders(server, path)
        for kind in ("http_get", "tcp_check")
        for index, one in enumerate(holder[kind])
        if one["connect_port"] is None
    ]


def _check_holders(server: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    """Where checks can be said: the virtual server and each real server, with their paths."""
    real_servers = server["real_servers"].items()
    return [(path, server), *((f"{path}.real_servers.{name}", real) for name, real in real_servers)]


def _unique_services(servers: dict[str, Any], report: Report) -> None:
    seen: dict[tuple[str, int, str], str] = {}
    for name, server in servers.items():
        key = (server["ip"], server["port"], server["protocol"])
        other = seen.setdefault(key, name)
        if other != name:
            report(
                f"virtual_servers.{name}",
                f"{key[2]} {key[0]}:{key[1]} is already that of {other}; merge the two",
            )
