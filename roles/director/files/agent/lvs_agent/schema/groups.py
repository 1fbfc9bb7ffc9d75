# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of virtual addresses and firewall marks that share their real servers.

Owns those options.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Block, Kind, Option, blocks, integer

MARK = integer(
    "fwmark",
    "Mark that the firewall gives the packets (nftables: meta mark set).",
    (1, 2**32 - 1),
    example=7,
)

IP_FAMILY = Option(
    name="ip_family",
    kind=Kind.CHOICE,
    choices=("inet", "inet6"),
    doc="With fwmark: whether IPv4 or IPv6 packets are meant.",
    default_doc="inet",
)

GROUP_MEMBER = Block(
    name="virtual_server_group_member",
    doc="Addresses, or a firewall mark. keepalived's lines such as `192.0.2.10-20 80`,"
    " `192.0.2.64/28 443` or `fwmark 7 inet6` are accepted in place of the mapping.",
    line=True,
    options=(
        Option(
            name="ip",
            kind=Kind.IP_RANGE,
            doc="Address, range of addresses (`192.0.2.10-20`, `2001:db8::a-1f`) or all addresses"
            " of a network.",
            example="192.0.2.10-20",
        ),
        Option(
            name="port",
            kind=Kind.PORTS,
            doc="Port or range of ports of each of them.",
            default_doc="all ports, where persistent",
            example=80,
        ),
        MARK,
        IP_FAMILY,
    ),
)

VIRTUAL_SERVER_GROUP = Block(
    name="virtual_server_group",
    doc="Virtual addresses that share one set of real servers, checks and verdicts.",
    options=(
        blocks(
            "members",
            GROUP_MEMBER,
            "The addresses and marks. Each address with each port is a service of IPVS.",
            maximum=4096,
        ),
    ),
)
