# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real server's network has to have, as things that can be made and taken away again.

Owns which things those are, and their commands. Pure: it must never run a command.
"""

from __future__ import annotations

import ipaddress
import shlex
from typing import Any, NamedTuple

# Ours alone: a routing table, and priorities of rules before and after that of the main table.
TABLE = "5400"
_SPECIFIC, _BEFORE_MAIN, _AFTER_MAIN = "5400", "5401", "33000"
# SCTP's own: the kernel refuses a rule without a source beside one that says the rest alike.
_SPECIFIC_SCTP, _BEFORE_MAIN_SCTP = "5402", "5403"
# How a rule says "no source chosen yet". IPv6 cannot: there, a rule with any source does not match
# such a lookup (fib6_rule_match in net/ipv6/fib6_rules.c).
_UNSOURCED = {4: "0.0.0.0", 6: "all"}
NFT_TABLE = "lvs_real_server"
SCTP_SCOPE, SCTP_SCOPE_FILE = "2", "/proc/sys/net/sctp/addr_scope_policy"

# The device that takes packets out of an encapsulation, by family outside and what is inside:
# (name, kind, further words). One for all senders (RFC 2003, RFC 2784, RFC 2473, RFC 4213).
_DEVICES = {
    ("ipip", 4, 4): ("lvs-ipip", "ipip", ()),
    ("ipip", 4, 6): ("lvs-sit", "sit", ("mode", "ip6ip")),
    ("ipip", 6, 4): ("lvs-ip6tnl", "ip6tnl", ("mode", "any")),
    ("ipip", 6, 6): ("lvs-ip6tnl", "ip6tnl", ("mode", "any")),
    ("gre", 4, 4): ("lvs-gre", "gre", ()),
    ("gre", 4, 6): ("lvs-gre", "gre", ()),
    ("gre", 6, 4): ("lvs-ip6gre", "ip6gre", ()),
    ("gre", 6, 6): ("lvs-ip6gre", "ip6gre", ()),
}
_MODULES = {"ipip": "ipip", "sit": "sit", "ip6tnl": "ip6_tunnel", "gre": "ip_gre",
            "ip6gre": "ip6_gre"}  # fmt: skip
# Bytes of the headers that a tunnel puts around a packet, besides the outer IP header.
_HEADERS = {("ipip", "nocsum"): 0, ("gre", "nocsum"): 4, ("gre", "csum"): 8,
            ("gue", "nocsum"): 12, ("gue", "csum"): 12, ("gue", "remcsum"): 20}  # fmt: skip
_IP_HEADER = {4: 20, 6: 40}
_TCP_HEADER = 20


class Thing(NamedTuple):
    """Something to have. `what` names it as `_network_state` does where the host has it.

    `slot`: of two things with the same slot a host can have one only. `late`: needs the network to
    be up. `optional`: a host that cannot have it works without it, less well. A command that
    begins with "-" may fail: what it makes may be there already.
    """

    what: str
    slot: str
    start: tuple[str, ...]
    stop: str
    late: bool = False
    optional: bool = False


def kernel_modules(tunnels: list[dict[str, Any]]) -> list[str]:
    """The kernel modules that take packets out of `tunnels`."""
    found = set()
    for each in tunnels:
        found.add(_MODULES[_device(each)[1]])
        if each["type"] == "gue":
            found |= {"fou", "fou6"} if _version(each["address"]) == 6 else {"fou"}
    return sorted(found)


def things(needs: dict[str, Any], nat_route: str, mtu: dict[str, int]) -> list[Thing]:
    """Everything that `needs` asks for, in the order to make it.

    `mtu`: by address of the real server, that of its interface; empty: no MSS is to be set.
    """
    found = [_tunnel_device(each) for each in needs["tunnels"]]
    found += [_gue_port(each) for each in needs["tunnels"] if each["type"] == "gue"]
    found += [_virtual_address(each, "lo") for each in needs["virtual_addresses"]]
    for tunnel in needs["tunnels"]:
        # Not on lo: the kernel refuses what comes in by an interface without an IPv4 address if
        # rp_filter holds for it, the loose one too (fib_validate_source in net/ipv4).
        device = _device(tunnel)[0]
        found += [_virtual_address(each, device) for each in tunnel["virtual_addresses"]]
    found += list(_mss(needs, mtu))
    if nat_route != "none":
        for gateway in needs["gateways"]:
            found += _way_back(gateway, nat_route)
    return list({each.what: each for each in found}.values())


def _version(address: str) -> int:
    return ipaddress.ip_address(address).version


def _virtual_address(text: str, device: str) -> Thing:
    address = ipaddress.ip_address(text)
    place = f"{address}/{address.max_prefixlen} dev {device}"
    # The director has the same address, and that is no mistake.
    nodad = " nodad" if address.version == 6 else ""
    ip = _ip(address.version)
    return Thing(
        what=f"address {place}",
        slot=f"address {place}",
        start=(f"{ip} address replace {place}{nodad}",),
        stop=f"{ip} address delete {place}",
    )


def _ip(family: int) -> str:
    return f"ip -{family}"


def _device(tunnel: dict[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    """Name, kind and words of its device. GUE's payload is IP in IP: the port takes the UDP header
    off, the device the rest."""
    inside = "gre" if tunnel["type"] == "gre" else "ipip"
    return _DEVICES[inside, _version(tunnel["address"]), tunnel["family"]]


def _tunnel_device(tunnel: dict[str, Any]) -> Thing:
    local = ipaddress.ip_address(tunnel["address"])
    name, kind, words = _device(tunnel)
    # A GRE device without icsum drops packets with a checksum, and one with it those without.
    checksum = tunnel["type"] == "gre" and tunnel["checksum"] == "csum"
    described = f"type {kind} local {local}{' icsum' if checksum else ''}"
    extra = "".join(f" {word}" for word in (*words, *(["icsum"] if checksum else [])))
    return Thing(
        what=f"link {name} {described}",
        slot=f"link {name}",
        start=(
            f"-modprobe {_MODULES[kind]}",
            f"-ip link add {name} type {kind} local {local}{extra}",
            f"ip link set {name} up",
            # The client's address is not reached by way of this device. 2 is the loose check, and
            # the greater of `all` and this holds: 0 would do nothing where `all` is 1.
            f"sh -c 'echo 2 >/proc/sys/net/ipv4/conf/{name}/rp_filter'",
        ),
        stop=f"ip link delete {name}",
    )


def _gue_port(tunnel: dict[str, Any]) -> Thing:
    family = ipaddress.ip_address(tunnel["address"]).version
    port = tunnel["port"]
    modules = "fou fou6" if family == 6 else "fou"
    return Thing(
        what=f"gue port {port} IPv{family}",
        slot=f"gue port {port} IPv{family}",
        start=(f"-modprobe -a {modules}", f"-{_ip(family)} fou add port {port} gue"),
        stop=f"{_ip(family)} fou del port {port}",
    )


def _mss(needs: dict[str, Any], mtu: dict[str, int]) -> list[Thing]:
    """The client is to send segments that still fit when the director has wrapped them up."""
    found = []
    for family, word in ((4, "ip"), (6, "ip6")):
        tunnels = [each for each in needs["tunnels"] if each["family"] == family]
        rooms = [_room(each, mtu) for each in tunnels]
        addresses = sorted({text for each in tunnels for text in each["virtual_addresses"]})
        known = [room for room in rooms if room is not None]
        if not known or not addresses:
            continue
        size = min(known) - _IP_HEADER[family] - _TCP_HEADER
        what = f"mss {size} of {word} {' '.join(addresses)}"
        listed = ", ".join(addresses)
        rules = (
            f"add table {word} {NFT_TABLE}; delete table {word} {NFT_TABLE};"
            f" add table {word} {NFT_TABLE};"
            f" add set {word} {NFT_TABLE} addresses {{ type ipv{family}_addr; }};"
            f" add element {word} {NFT_TABLE} addresses {{ {listed} }};"
            f" add chain {word} {NFT_TABLE} output {{ type filter hook output priority -150; }};"
            f" add rule {word} {NFT_TABLE} output {word} saddr @addresses tcp flags syn"
            f" tcp option maxseg size set {size}"
        )
        found.append(
            Thing(
                what=what,
                slot=f"mss {word}",
                start=(f"nft {shlex.quote(rules)}",),
                stop=f"nft delete table {word} {NFT_TABLE}",
                # Without it the director tells clients by ICMP, which some firewalls drop.
                optional=True,
            )
        )
    return found


def _room(tunnel: dict[str, Any], mtu: dict[str, int]) -> int | None:
    """The longest packet that fits into the tunnel."""
    whole = mtu.get(tunnel["address"])
    header = _HEADERS.get((tunnel["type"], tunnel["checksum"]), 0)
    outer = _IP_HEADER[_version(tunnel["address"])]
    return None if whole is None else whole - outer - header


def _way_back(gateway: dict[str, Any], nat_route: str) -> list[Thing]:
    """Answers go through the gateway; everything else as before.

    Networks that the host knows a way to go first, so its neighbours (the directors' checks) are
    reached directly. The last rule gives a host without a default route one for this address; the
    reverse path check of what comes in from clients needs it as well.

    SCTP answers an INIT by a route that it asks for without a source, and takes the route's own
    (sctp_v4_get_dst in net/sctp/protocol.c): rules for the address do not see that.
    """
    address, version = gateway["address"], _version(gateway["address"])
    sctp = [_selector(each) for each in gateway["services"] if each["protocol"] == "sctp"]
    selectors = [""]
    if nat_route == "service":
        selectors = [_selector(each) for each in gateway["services"]]
    # An IPv6 route with a source cannot be made while that is tentative, as it is at boot.
    preferred = f" src {address}" if sctp and version == 4 else ""
    found = [_default_route(gateway["gateway"], preferred)]
    ip = _ip(version)
    for specific, before_main, source, listed in (
        (_SPECIFIC, _BEFORE_MAIN, address, selectors),
        (_SPECIFIC_SCTP, _BEFORE_MAIN_SCTP, _UNSOURCED[version], sctp),
    ):
        for words in dict.fromkeys(listed):
            found.append(
                _rule(ip, specific, source, f"{words} lookup main suppress_prefixlength 0")
            )
            found.append(_rule(ip, before_main, source, f"{words} lookup {TABLE}"))
    found.append(_rule(ip, _AFTER_MAIN, address, f" lookup {TABLE}"))
    if sctp and version == 4:
        found.append(_sctp_scope())
    return found


def _sctp_scope() -> Thing:
    """An association has the addresses that are at least as public as the client's, and knows no
    others: a real server with a private IPv4 address and a public IPv6 one would abort what comes
    to the former. 2: private ones too; 1 is the kernel's own (sctp_in_scope in
    net/sctp/bind_addr.c)."""
    return Thing(
        what=f"sctp scope {SCTP_SCOPE}",
        slot="sctp scope",
        start=("-modprobe sctp", f"sh -c 'echo {SCTP_SCOPE} >{SCTP_SCOPE_FILE}'"),
        stop=f"sh -c 'echo 1 >{SCTP_SCOPE_FILE}'",
        late=True,
        optional=True,  # the server may bring its own SCTP, and the kernel have none
    )


def _default_route(via: str, source: str) -> Thing:
    ip, place = _ip(_version(via)), f"default via {via} table {TABLE}{source}"
    return Thing(
        what=f"route {place}",
        slot=f"route IPv{_version(via)}",
        start=(f"{ip} route replace {place}",),
        stop=f"{ip} route delete default table {TABLE}",
        late=True,
    )


def _selector(service: dict[str, Any]) -> str:
    if service["protocol"] == "any" or not service["port"]:
        return "" if service["protocol"] == "any" else f" ipproto {service['protocol']}"
    return f" ipproto {service['protocol']} sport {service['port']}"


def _rule(ip: str, priority: str, source: str, rest: str) -> Thing:
    rule = f"pref {priority} from {source}{rest}"
    return Thing(
        what=f"rule {rule}",
        slot=f"rule {rule}",
        start=(f"-{ip} rule add {rule}",),
        stop=f"{ip} rule delete {rule}",
        late=True,
    )
