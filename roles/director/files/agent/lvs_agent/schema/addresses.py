# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, routes and rules: what an instance puts into the kernel, or the host has always.

Owns their options. The one-line forms are read by `config/lines.py`.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Block, Kind, Option, blocks, flag, integer

SCOPES = ("global", "site", "link", "host", "nowhere")

_NO_TRACK = flag("no_track", "When somebody else removes it, leave it removed.")

_TRACK_GROUP = Option(
    name="track_group",
    kind=Kind.STRING,
    minimum=1,
    maximum=255,
    doc="Static ones only: the group in track_groups whose instances are in FAULT while its"
    " interface is down, so that it cannot be there.",
    example="G",
)

VIRTUAL_IPADDRESS = Block(
    name="virtual_ipaddress",
    doc="One IP address. A string in keepalived's own form is accepted in place of the mapping,"
    " such as `172.16.1.99/32 brd 172.16.1.99 dev eth0 label eth0:0`.",
    line=True,
    options=(
        Option(
            name="address",
            kind=Kind.CIDR,
            required=True,
            doc="The address, with its prefix length; /32 or /128 where none is given.",
            example="172.16.1.99/32",
        ),
        Option(
            name="brd",
            kind=Kind.BROADCAST,
            doc="IPv4: broadcast address to set with it; + and - stand for the network's last and"
            " first address.",
            example="172.16.1.99",
        ),
        Option(
            name="dev",
            kind=Kind.INTERFACE,
            doc="Interface that gets the address.",
            default_doc="the instance's VMAC if it has one and the address is of its family, else"
            " the instance's interface",
            example="eth0",
        ),
        flag(
            "use_vmac",
            "Put the address on the instance's VMAC although `dev` names the interface below it.",
        ),
        Option(
            name="label",
            kind=Kind.STRING,
            doc="IPv4: address label as `ip address` shows it; starts with the interface's name.",
            minimum=1,
            maximum=15,
            example="eth0:0",
        ),
        Option(
            name="scope",
            kind=Kind.CHOICE,
            choices=SCOPES,
            default_doc="link for IPv6 link-local addresses, else global",
            doc="Scope of the address.",
        ),
        Option(
            name="peer",
            kind=Kind.IP,
            doc="Address of the other end, on a point-to-point link.",
            example="172.16.1.100",
        ),
        flag("home", "IPv6: the address is a Mobile IPv6 home address."),
        flag(
            "nodad",
            "IPv6: no duplicate address detection. It would delay a takeover by seconds; VRRP"
            " itself finds duplicates. `-nodad` in the one-line form is false.",
            default=None,
            default_doc="true for IPv6",
        ),
        flag("mngtmpaddr", "IPv6: the kernel derives temporary addresses from it."),
        flag("noprefixroute", "Add no route for the address's network."),
        flag("autojoin", "Join the multicast group that the address is."),
        Option(
            name="preferred_lft",
            kind=Kind.LIFETIME,
            doc="For how long it is a preferred source address; 0: it is deprecated at once, so"
            " that connections of the host itself do not start from it.",
            default_doc="0 for virtual IPv6 addresses (but with mngtmpaddr), and for static ones"
            " with prefix length 128, else forever",
        ),
        _NO_TRACK,
        _TRACK_GROUP,
    ),
)

NEXTHOP = Block(
    name="nexthop",
    doc="One path of a route with several.",
    options=(
        Option(name="via", kind=Kind.IP, doc="Gateway.", example="172.16.0.1"),
        Option(name="dev", kind=Kind.INTERFACE, doc="Interface.", example="eth0"),
        integer("weight", "Share of the traffic.", (1, 256), default=1),
        flag("onlink", "The gateway is on the link although no address says so."),
    ),
)

VIRTUAL_ROUTE = Block(
    name="virtual_route",
    doc="A route. A line in the form of ip-route(8) is accepted in place of the mapping, such as"
    " `192.168.9.0/24 via 172.16.0.1 dev eth0 src 172.16.1.99 table 100`.",
    line=True,
    options=(
        Option(
            name="type",
            kind=Kind.CHOICE,
            choices=("unicast", "blackhole", "unreachable", "prohibit", "throw"),
            default="unicast",
            doc="What happens to the packets.",
        ),
        Option(
            name="to",
            kind=Kind.PREFIX,
            required=True,
            doc="Destination; `default` for all.",
            example="192.168.9.0/24",
        ),
        Option(name="via", kind=Kind.IP, doc="Gateway.", example="172.16.0.1"),
        Option(
            name="dev",
            kind=Kind.INTERFACE,
            doc="Interface.",
            default_doc="the kernel's choice for the gateway",
            example="eth0",
        ),
        flag("onlink", "The gateway is on the link although no address says so."),
        blocks("nexthop", NEXTHOP, "Several paths, in place of via and dev.", maximum=64),
        Option(
            name="src",
            kind=Kind.IP,
            doc="Source address of the host's own packets on this route.",
            example="172.16.1.99",
        ),
        Option(
            name="table",
            kind=Kind.TABLE,
            default=254,
            doc="Routing table: a number, or main, default or local.",
            example=100,
        ),
        integer(
            "metric",
            "Preference among routes to the same destination; lower is better.",
            (0, 2**32 - 1),
            default_doc="the kernel's: 0, or 1024 for IPv6",
        ),
        Option(name="scope", kind=Kind.CHOICE, choices=SCOPES, doc="IPv4: scope of the route."),
        integer("mtu", "Path MTU of the route.", (68, 2**32 - 1), unit="bytes"),
        integer("advmss", "TCP segment size to announce.", (1, 65535), unit="bytes"),
        Option(
            name="protocol",
            kind=Kind.PROTOCOL,
            default=18,
            doc="Origin that the route is marked with: a number, or a name of iproute2's"
            " rt_protos. 18 is keepalived's, which other tools leave alone.",
        ),
        Option(
            name="family",
            kind=Kind.CHOICE,
            choices=("inet", "inet6"),
            doc="Address family of a `default` that has no address to tell it.",
            default_doc="inet",
        ),
        _NO_TRACK,
        _TRACK_GROUP,
    ),
)

VIRTUAL_RULE = Block(
    name="virtual_rule",
    doc="A routing policy rule. A line in the form of ip-rule(8) is accepted in place of the"
    " mapping, such as `from 172.16.1.99 lookup 100 preference 1000`.",
    line=True,
    options=(
        flag("not", "The rule holds for packets that do not match."),
        Option(name="from", kind=Kind.PREFIX, doc="Source.", example="172.16.1.99/32"),
        Option(name="to", kind=Kind.PREFIX, doc="Destination.", example="192.168.9.0/24"),
        Option(name="iif", kind=Kind.INTERFACE, doc="Interface that the packet came in by."),
        Option(name="oif", kind=Kind.INTERFACE, doc="Interface that a socket is bound to."),
        Option(name="fwmark", kind=Kind.MARK, doc="Firewall mark.", example="0x10/0xff"),
        integer("tos", "Type of service of the packet.", (0, 255)),
        Option(name="ipproto", kind=Kind.IP_PROTOCOL, doc="Protocol, by name or number."),
        Option(name="sport", kind=Kind.PORTS, doc="Source port.", example="1024-65535"),
        Option(name="dport", kind=Kind.PORTS, doc="Destination port.", example="80"),
        integer(
            "preference",
            "Place among the rules; the lowest comes first. Give each rule its own.",
            (1, 32765),
            default_doc="assigned from 31000 on, with a warning",
            example=1000,
        ),
        Option(
            name="action",
            kind=Kind.CHOICE,
            choices=("lookup", "blackhole", "unreachable", "prohibit"),
            default="lookup",
            doc="What happens to the packets.",
        ),
        Option(
            name="table",
            kind=Kind.TABLE,
            doc="Routing table to look into; required for lookup.",
            example=100,
        ),
        integer(
            "suppress_prefixlength",
            "Ignore routes of this prefix length or shorter; 0 ignores the default route.",
            (0, 128),
        ),
        Option(
            name="family",
            kind=Kind.CHOICE,
            choices=("inet", "inet6"),
            doc="Address family of a rule that has no address to tell it.",
            default_doc="inet",
        ),
        _NO_TRACK,
        _TRACK_GROUP,
    ),
)
