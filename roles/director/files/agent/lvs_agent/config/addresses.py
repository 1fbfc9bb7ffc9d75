# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as users write them: IPv4 and IPv6, with and without prefix; MAC addresses.

Owns those notations, and gives canonical text. Must never judge what an address is used for.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Any

from lvs_agent.config.report import Report, describe, example
from lvs_agent.schema import Kind, Option

_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
DEFAULT = "default"  # the destination of a default route, whose family other words tell


def family_of(address: str) -> int:
    """4 or 6, of canonical text."""
    return 6 if ":" in address else 4


def _is_plain_ipv4(text: str) -> bool:
    """Whether it is four decimal numbers without leading zeros, and so canonical as it is.

    inet_pton(3) takes nothing else; there may be 65,536 of them, and `ipaddress` needs 20 times as
    long.
    """
    try:
        socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def _ipv4(option: Option, value: Any, path: str, report: Report) -> Any:
    try:
        if isinstance(value, str):
            return str(ipaddress.IPv4Address(value))
    except ValueError:
        pass
    report(path, f"must be an IPv4 address, not {describe(value)}{example(option)}")
    return None


def _ip(option: Option, value: Any, path: str, report: Report) -> Any:
    if isinstance(value, str):
        if _is_plain_ipv4(value):
            return value
        try:
            if "%" not in value:
                return str(ipaddress.ip_address(value))
        except ValueError:
            pass
    report(path, f"must be an IP address, not {describe(value)}{_zone(value)}{example(option)}")
    return None


# More services than anybody writes on purpose, and what the kernel takes in a second.
ADDRESSES_LIMIT = 4096


def _ip_range(option: Option, value: Any, path: str, report: Report) -> Any:
    """The addresses that are meant, as a tuple of canonical text."""
    try:
        if isinstance(value, str) and "%" not in value:
            return _listed(value)
    except OverflowError:
        report(path, f"{value} has more than {ADDRESSES_LIMIT} addresses; use a firewall mark")
        return ()
    except ValueError:
        pass
    wanted = "an IP address, a range such as 192.0.2.10-20, or a network"
    report(path, f"must be {wanted}, not {describe(value)}{_zone(value)}")
    return ()


def _listed(text: str) -> tuple[str, ...]:
    """The addresses of ADDRESS, ADDRESS-LAST or NETWORK. Raises ValueError, OverflowError."""
    start, dash, last = text.partition("-")
    if dash:
        first = ipaddress.ip_address(start)
        separator = ":" if first.version == 6 else "."
        if separator not in last:  # keepalived's short form: the last part of the address alone
            last = f"{start.rpartition(separator)[0]}{separator}{last}"
        count = int(ipaddress.ip_address(last)) - int(first) + 1
        if count < 1 or ipaddress.ip_address(last).version != first.version:
            raise ValueError(text)
    else:
        network = ipaddress.ip_network(text)
        first, count = network.network_address, network.num_addresses
    if count > ADDRESSES_LIMIT:
        raise OverflowError(text)
    return tuple(str(first + offset) for offset in range(count))


def _netmask(option: Option, value: Any, path: str, report: Report) -> Any:
    """(prefix length, whether it was written as a mask)."""
    try:
        if isinstance(value, str) and "." in value:
            return ipaddress.IPv4Network(f"0.0.0.0/{value}").prefixlen, True
        length = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else 0
        if 1 <= length <= 128:
            return length, False
    except ValueError:
        pass
    wanted = "a netmask such as 255.255.255.0, or a prefix length from 1 to 128"
    report(path, f"must be {wanted}, not {describe(value)}")
    return None


def _cidr(option: Option, value: Any, path: str, report: Report) -> Any:
    """(address, prefix length)."""
    try:
        if isinstance(value, str) and "%" not in value:
            return _split(value)
    except ValueError:
        pass
    wanted = "an IP address with an optional prefix length"
    report(path, f"must be {wanted}, not {describe(value)}{_zone(value)}{example(option)}")
    return None


def _split(text: str) -> tuple[str, int]:
    """ADDRESS[/LENGTH] as canonical address and length. Raises ValueError."""
    host, slash, length = text.partition("/")
    if slash and not (length.isascii() and length.isdigit()):
        interface = ipaddress.ip_interface(text)  # the length as a netmask
        return str(interface.ip), interface.network.prefixlen
    address = ipaddress.ip_address(host)
    bits = int(length) if slash else address.max_prefixlen
    if bits > address.max_prefixlen:
        raise ValueError(text)
    return str(address), bits


def _prefix(option: Option, value: Any, path: str, report: Report) -> Any:
    """(network, prefix length); the default route is (DEFAULT, 0)."""
    if value in (DEFAULT, "all", "any"):
        return DEFAULT, 0
    try:
        if isinstance(value, str) and "%" not in value:
            interface = ipaddress.ip_interface(value)
            network = interface.network
            if interface.ip != network.network_address:
                # The kernel refuses it: fib_valid_key_len() in net/ipv4/fib_trie.c.
                report(path, f"{value} has bits beyond its prefix length; write {network}")
                return None
            return str(network.network_address), network.prefixlen
    except ValueError:
        pass
    report(path, f"must be a network such as 192.168.9.0/24, or {DEFAULT}, not {describe(value)}")
    return None


def _broadcast(option: Option, value: Any, path: str, report: Report) -> Any:
    return value if value in ("+", "-") else _ipv4(option, value, path, report)


def _mac(option: Option, value: Any, path: str, report: Report) -> Any:
    text = value.lower().replace("-", ":") if isinstance(value, str) else ""
    if not _MAC.fullmatch(text):
        report(path, f"must be a MAC address such as 00:00:5e:00:01:33, not {describe(value)}")
        return None
    if int(text[:2], 16) & 1 or text == "00:00:00:00:00:00":
        report(path, f"{text} cannot be the address of an interface")
        return None
    return text


def _zone(value: Any) -> str:
    """What to say of fe80::1%eth0."""
    if isinstance(value, str) and "%" in value:
        return "; leave out the interface behind the %"
    return ""


ADDRESS_CHECKS: dict[Kind, Callable[[Option, Any, str, Report], Any]] = {
    Kind.IPV4: _ipv4,
    Kind.IP: _ip,
    Kind.IP_RANGE: _ip_range,
    Kind.NETMASK: _netmask,
    Kind.CIDR: _cidr,
    Kind.PREFIX: _prefix,
    Kind.BROADCAST: _broadcast,
    Kind.MAC: _mac,
}
