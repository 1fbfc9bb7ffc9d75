# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become the frozen `Config`.

Owns unit conversion and what one option takes from another ("the virtual server's port"). Must
never reject anything: whatever arrives here passed the schema and the rules.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.core.model import (
    Check,
    Config,
    GlobalDefs,
    HttpCheck,
    HttpUrl,
    RealServer,
    SorryServer,
    TcpCheck,
    VirtualAddress,
    VirtualServer,
    VrrpInstance,
)

# The authentication data of RFC 2338, section 5.3.10: 8 bytes, padded with zeros.
_AUTH_PASS_BYTES = 8


def build(values: dict[str, Any]) -> Config:
    """The configuration in `values`, the checked document with defaults filled in."""
    global_defs = values["global_defs"]
    return Config(
        global_defs=GlobalDefs(
            router_id=global_defs["router_id"],
            vrrp_mcast_group4=global_defs["vrrp_mcast_group4"],
        ),
        vrrp_instances=tuple(
            _instance(name, instance, global_defs)
            for name, instance in values["vrrp_instances"].items()
        ),
        virtual_servers=tuple(
            _virtual_server(name, server) for name, server in values["virtual_servers"].items()
        ),
    )


def nanoseconds(seconds: float) -> int:
    """`seconds` to the nearest microsecond: 0.01 s must not become 9,999,999 ns."""
    return round(seconds * 1_000_000) * 1000


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _instance(name: str, values: dict[str, Any], global_defs: dict[str, Any]) -> VrrpInstance:
    interface = values["interface"]
    repeat = _or(values["garp_master_repeat"], global_defs["vrrp_garp_master_repeat"])
    delay = _or(values["garp_master_delay"], global_defs["vrrp_garp_master_delay"])
    refresh = _or(values["garp_master_refresh"], global_defs["vrrp_garp_master_refresh"])
    return VrrpInstance(
        name=name,
        interface=interface,
        virtual_router_id=values["virtual_router_id"],
        priority=values["priority"],
        version=int(values["version"] or global_defs["vrrp_version"]),
        advert_int_ns=nanoseconds(values["advert_int"]),
        auth_pass=_auth_pass(values["authentication"]),
        preempt=not values["nopreempt"],
        preempt_delay_ns=nanoseconds(values["preempt_delay"]),
        mcast_group4=global_defs["vrrp_mcast_group4"],
        addresses=tuple(_address(item, interface) for item in values["virtual_ipaddress"]),
        garp_master_repeat=repeat,
        garp_master_delay_ns=nanoseconds(delay),
        garp_master_refresh_ns=nanoseconds(refresh),
        v3_checksum_as_v2=values["v3_checksum_as_v2"],
    )


def _auth_pass(values: dict[str, Any] | None) -> bytes | None:
    if values is None:
        return None
    text: str = values["auth_pass"]
    return text.encode()[:_AUTH_PASS_BYTES].ljust(_AUTH_PASS_BYTES, b"\0")


def _address(values: dict[str, Any], interface: str) -> VirtualAddress:
    address, prefix_length = values["address"]
    return VirtualAddress(
        address=address,
        prefix_length=prefix_length,
        interface=values["dev"] or interface,
        broadcast=values["brd"],
        label=values["label"],
        scope=values["scope"],
    )


def _virtual_server(name: str, values: dict[str, Any]) -> VirtualServer:
    sorry = values["sorry_server"]
    return VirtualServer(
        name=name,
        address=values["ip"],
        port=values["port"],
        protocol=values["protocol"],
        scheduler=values["lb_algo"],
        forwarding=values["lb_kind"],
        persistence_timeout_s=values["persistence_timeout"],
        real_servers=tuple(
            _real_server(real_name, real, values)
            for real_name, real in values["real_servers"].items()
        ),
        sorry_server=sorry
        and SorryServer(address=sorry["ip"], port=sorry["port"] or values["port"]),
    )


def _real_server(name: str, values: dict[str, Any], server: dict[str, Any]) -> RealServer:
    port = values["port"] or server["port"]
    # Checks of its own replace those said once at the virtual server.
    holder = values if values["http_get"] or values["tcp_check"] else server
    checks: list[Check] = []
    for check in holder["http_get"]:
        common = _common(check, values["ip"], port, server)
        urls = tuple(_url(url, server) for url in check["url"])
        checks.append(HttpCheck(urls=urls, **common))
    for check in holder["tcp_check"]:
        checks.append(TcpCheck(**_common(check, values["ip"], port, server)))
    return RealServer(
        name=name,
        address=values["ip"],
        port=port,
        weight=values["weight"],
        checks=tuple(dict.fromkeys(checks)),
    )


def _common(
    check: dict[str, Any], address: str, port: int, server: dict[str, Any]
) -> dict[str, Any]:
    def of(name: str) -> Any:
        return _or(check[name], server[name])

    return {
        "address": _or(check["connect_ip"], address),
        "port": _or(check["connect_port"], port),
        "connect_timeout_ns": nanoseconds(of("connect_timeout")),
        "retry": of("retry"),
        "delay_before_retry_ns": nanoseconds(of("delay_before_retry")),
        "delay_loop_ns": nanoseconds(of("delay_loop")),
    }


def _url(values: dict[str, Any], server: dict[str, Any]) -> HttpUrl:
    return HttpUrl(
        path=values["path"],
        status_codes=values["status_code"],
        virtualhost=values["virtualhost"] or server["virtualhost"],
    )
