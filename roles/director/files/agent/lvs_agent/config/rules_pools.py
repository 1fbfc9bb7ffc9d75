# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules about real servers and sorry servers, and how packets get to them.

Owns them. Must never repeat a range (`schema/`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from lvs_agent.config import derive_ipvs
from lvs_agent.config.addresses import family_of
from lvs_agent.config.derive_quorum import sorry_names
from lvs_agent.config.report import Report
from lvs_agent.core.ipvs.model import Endpoint, ServiceKey
from lvs_agent.schema.checks import CHECKS

Values = dict[str, Any]

# How canonical addresses begin that may be no host's; there may be 65,536 to look at.
_SPECIAL = re.compile(r"0\.|2[2-5]\d\.|::|f[ef]")

_CHECKS_OF_PORTS = tuple(
    option.name for option in CHECKS if option.block and option.block.option("connect_port")
)


def check(server: Values, keys: tuple[ServiceKey, ...], path: str, report: Report) -> str | None:
    """Report every broken rule about the servers behind `keys`; the path of the first whose family
    is not that of its virtual server, if any."""
    _tunnel(server["lb_kind"], f"{path}.lb_kind", report)
    _unique(server, keys, path, report)
    families = {key.family for key in keys}
    family = families.pop() if len(families) == 1 else None
    usual_method, __ = derive_ipvs.forwarding(server, server)
    mixed: str | None = None
    # There may be 65,536: what most of them do not say costs nothing here.
    for where, holder in _holders(server, path):
        method, address = usual_method, holder["ip"]
        if holder["lb_kind"] is not None:
            _tunnel(holder["lb_kind"], f"{where}.lb_kind", report)
            method, __ = derive_ipvs.forwarding(holder, server)
        if _SPECIAL.match(address):
            _address(address, f"{where}.ip", report)
        if holder["port"] is not None:
            _port(holder["port"], method, keys, f"{where}.port", report)
        if family_of(address) != family:
            mixed = mixed or f"{where}.ip"
            _mixed(address, method, f"{where}.ip", report)
    for name, real in server["real_servers"].items():
        if real["lthreshold"]:
            _thresholds(real, f"{path}.real_servers.{name}", report)
    for where, name in _checks_without_port(server, derive_ipvs.common_port(keys), path).items():
        report(where, f"is required: the real server {name} has no port to check; set it")
    return mixed


def _checks_without_port(server: Values, usual: int, path: str) -> dict[str, str]:
    """Path of the option that is missing -> the first real server that lacks it."""
    found: dict[str, str] = {}
    for name, real in server["real_servers"].items():
        if real["port"] or usual:
            continue
        own = any(real[option.name] for option in CHECKS)
        where, holder = (f"{path}.real_servers.{name}", real) if own else (path, server)
        for option in _CHECKS_OF_PORTS:
            for index, check in enumerate(holder[option] or ()):
                if check["connect_port"] is None:
                    found.setdefault(f"{where}.{option}[{index}].connect_port", name)
    return found


def _holders(server: Values, path: str) -> Iterator[tuple[str, Values]]:
    for name, real in server["real_servers"].items():
        yield f"{path}.real_servers.{name}", real
    for name, sorry in sorry_names(server["sorry_server"]).items():
        yield f"{path}.{name}", sorry


def _unique(server: Values, keys: tuple[ServiceKey, ...], path: str, report: Report) -> None:
    usual = derive_ipvs.common_port(keys)
    seen: dict[Endpoint, str] = {}
    without_port: dict[str, str] = {}
    for where, real in _holders(server, path):
        endpoint = Endpoint(real["ip"], real["port"] or usual)
        other = seen.setdefault(endpoint, where)
        if other != where:
            report(where, f"{endpoint} is already {other}; remove one of the two")
        if not endpoint.port:
            without_port[endpoint.address] = where
    for endpoint, where in seen.items() if without_port else ():
        if endpoint.port and endpoint.address in without_port and len(keys) > 1:
            report(
                where,
                f"{endpoint} may be {without_port[endpoint.address]} too, which has the port of"
                " each service; name the port of both, or of neither",
            )


def _port(port: int, method: str, keys: tuple[ServiceKey, ...], path: str, report: Report) -> None:
    """Only NAT changes packets. Behind a firewall mark the port is that of the checks."""
    for key in keys:
        if port == key.port or key.mark:
            continue
        if method != "NAT":
            name = "direct routing" if method == "DR" else "a tunnel"
            wanted = f"must be {key.port}, or be left out" if key.port else "must be left out"
            report(path, f"{name} cannot change the port: {port} {wanted}")
            return
        if not key.port:
            report(path, f"cannot be {port}: the virtual server takes all ports; leave it out")
            return


def _address(text: str, path: str, report: Report) -> None:
    """net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_new_dest(): unicast, and not of one link alone."""
    address = ipaddress.ip_address(text)
    if address.is_multicast or address.is_unspecified:
        report(path, f"{text} is the address of no host; use the real server's own")
    elif address.version == 6 and address.is_link_local:
        report(path, f"{text} is link-local, where IPVS cannot send to; use a global or local one")


def _mixed(address: str, method: str, path: str, report: Report) -> None:
    """net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_genl_set_cmd(): tunnels only."""
    if method != "TUN":
        family = family_of(address)
        report(
            path,
            f"{address} is IPv{family} and the virtual server is not: {method} cannot cross that;"
            " use a real server of the same family, or lb_kind: TUN",
        )


def _tunnel(kind: Values, path: str, report: Report) -> None:
    method, encapsulation = kind["method"], kind["type"] or "ipip"
    if method != "TUN":
        for option in ("type", "port", "checksum"):
            if kind[option] is not None:
                report(f"{path}.{option}", f"belongs to TUN, not to {method}; remove it")
        return
    if encapsulation == "gue" and kind["port"] is None:
        report(f"{path}.port", "is required for gue; 6080 is usual")
    if encapsulation != "gue" and kind["port"] is not None:
        report(f"{path}.port", f"belongs to gue, not to {encapsulation}; remove it")
    checksum = kind["checksum"]
    if encapsulation == "ipip" and checksum is not None:
        report(f"{path}.checksum", "IP in IP has none; remove it, or set type: gue or gre")
    if encapsulation == "gre" and checksum == "remcsum":
        report(f"{path}.checksum", "gre has nocsum and csum; remcsum is for gue")


def _thresholds(real: Values, path: str, report: Report) -> None:
    upper, lower = real["uthreshold"], real["lthreshold"]
    if lower > upper:
        wanted = f"must not be above uthreshold ({upper})" if upper else "needs a uthreshold"
        report(f"{path}.lthreshold", f"{wanted}; set uthreshold to more than {lower}")
