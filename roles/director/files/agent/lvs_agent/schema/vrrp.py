# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP instances and sync groups.

Owns their options. What an instance takes from `global_defs` is named in `default_doc`.
"""

from __future__ import annotations

from lvs_agent.schema.addresses import VIRTUAL_IPADDRESS, VIRTUAL_ROUTE, VIRTUAL_RULE
from lvs_agent.schema.inherited import INHERITED
from lvs_agent.schema.kinds import Block, Kind, Option, blocks, command, flag, integer, seconds
from lvs_agent.schema.notify import NOTIFY_OPTIONS, NOTIFY_PRIORITY_CHANGES
from lvs_agent.schema.tracking import TRACKING_OPTIONS

AUTHENTICATION = Block(
    name="authentication",
    doc="VRRP version 2 authentication. It guards against mistakes, not against attackers: PASS"
    " travels in clear text, and AH packets can be replayed (RFC 3768 removed both).",
    options=(
        Option(
            name="auth_type",
            kind=Kind.CHOICE,
            choices=("PASS", "AH"),
            required=True,
            doc="PASS: a password in the packet. AH: IPsec authentication header (HMAC-MD5-96).",
        ),
        Option(
            name="auth_pass",
            kind=Kind.STRING,
            required=True,
            secret=True,
            minimum=1,
            maximum=64,
            doc="The password; its first 8 bytes count.",
            example="zrs66zrs",
        ),
    ),
)

UNICAST_PEER = Block(
    name="unicast_peer",
    doc="Another director, to reach without multicast: its address, keepalived's line such as"
    " `172.16.1.2 min_ttl 254`, or this mapping.",
    line=True,
    options=(
        Option(
            name="address", kind=Kind.IP, required=True, doc="Its address.", example="172.16.1.2"
        ),
        integer("min_ttl", "Lowest TTL of its adverts to accept.", (0, 255), default=0),
        integer("max_ttl", "Highest TTL of its adverts to accept.", (0, 255), default=255),
    ),
)

USE_VMAC = Block(
    name="use_vmac",
    doc="A macvlan interface with the virtual router's own MAC address (RFC 9568, section 7.3):"
    " true, its name, keepalived's line such as `vrrp.51 00:00:5e:00:01:33`, or this mapping.",
    line=True,
    flag=True,
    options=(
        Option(
            name="name",
            kind=Kind.INTERFACE,
            doc="Name of the interface.",
            default_doc="vrrp.VRID, or vrrp6.VRID for IPv6",
            example="vrrp.51",
        ),
        Option(
            name="mac",
            kind=Kind.MAC,
            doc="Its MAC address.",
            default_doc="00:00:5e:00:01:VRID, or 00:00:5e:00:02:VRID for IPv6",
        ),
    ),
)


_TIMING = (
    integer(
        "priority",
        "The highest priority becomes master. 255 is the address owner.",
        (1, 255),
        default=100,
    ),
    seconds(
        "advert_int",
        "Interval between adverts. Version 2: whole seconds, 1 to 255. Version 3: 0.01 to"
        " 40.95 in steps of 0.01.",
        (0.01, 255),
        default=1,
    ),
    Option(
        name="version",
        kind=Kind.CHOICE,
        choices=("2", "3"),
        doc="VRRP version on the wire. IPv6 needs 3.",
        default_doc="3 for IPv6, else global_defs.vrrp_version",
    ),
    Option(
        name="authentication",
        kind=Kind.BLOCK,
        block=AUTHENTICATION,
        doc="Version 2 only.",
    ),
    flag("nopreempt", "Leave a working master of lower priority in place."),
    flag("preempt", "The opposite of nopreempt.", default=None, default_doc="not nopreempt"),
    seconds(
        "preempt_delay",
        "How long to wait, with a master of lower priority at work, before taking over.",
        (0, 1000),
        default=0,
    ),
)

_TRANSPORT = (
    Option(
        name="unicast_src_ip",
        kind=Kind.IP,
        doc="Source address of the adverts.",
        default_doc="the interface's primary address; link-local for IPv6",
        example="172.16.1.1",
    ),
    Option(
        name="unicast_peer",
        kind=Kind.BLOCKS,
        block=UNICAST_PEER,
        minimum=1,
        maximum=255,
        doc="The other directors, where multicast does not work: adverts go to each of them.",
    ),
    integer("unicast_ttl", "TTL of unicast adverts.", (1, 255), default=255),
    flag(
        "unicast_fault_no_peer",
        "Without unicast_peer: FAULT, in place of multicast.",
    ),
    flag("track_src_ip", "FAULT while the source address is not on the interface."),
    Option(
        name="mcast_src_ip",
        kind=Kind.IP,
        doc="As unicast_src_ip, for multicast.",
        default_doc="the interface's primary address; link-local for IPv6",
    ),
    Option(
        name="mcast_dst_ip",
        kind=Kind.IP,
        doc="Multicast group of the adverts.",
        default_doc="global_defs.vrrp_mcast_group4, or 6",
    ),
    Option(
        name="use_vmac",
        kind=Kind.BLOCK,
        block=USE_VMAC,
        doc="Hold the addresses under the virtual router's own MAC address.",
    ),
    flag(
        "vmac_xmit_base",
        "Send the adverts from the interface below the VMAC.",
        default=None,
        default_doc="true with unicast_peer, else false",
    ),
)

_ADDRESSES = (
    Option(
        name="virtual_ipaddress",
        kind=Kind.BLOCKS,
        block=VIRTUAL_IPADDRESS,
        minimum=1,
        maximum=1000,
        doc="The virtual addresses, all of one family. The first IPv6 address should be"
        " link-local (RFC 9568, section 5.2.9). At least one, unless no_virtual_ipaddress.",
    ),
    flag("no_virtual_ipaddress", "There is none: something else moves the address."),
    Option(
        name="virtual_ipaddress_excluded",
        kind=Kind.BLOCKS,
        block=VIRTUAL_IPADDRESS,
        maximum=10_000,
        doc="Further addresses, of any family, that move along but are not in the adverts, which"
        " have little room.",
    ),
    blocks("virtual_routes", VIRTUAL_ROUTE, "Routes that the master has.", maximum=1000),
    blocks(
        "virtual_rules", VIRTUAL_RULE, "Routing policy rules that the master has.", maximum=1000
    ),
    flag(
        "promote_secondaries",
        "Have the kernel keep the other addresses of a network when its first one goes.",
    ),
    flag(
        "accept",
        "Accept packets to the virtual addresses though they are not the host's own.",
        default=None,
        default_doc="true; with strict mode only for the address owner",
    ),
    flag("no_accept", "The opposite of accept: forward only."),
)

VRRP_INSTANCE = Block(
    name="vrrp_instance",
    doc="A virtual router: the addresses that move together between directors.",
    options=(
        Option(
            name="state",
            kind=Kind.CHOICE,
            choices=("MASTER", "BACKUP"),
            default="BACKUP",
            doc="What keepalived's users say of each director. The election by priority decides,"
            " so it has no effect; priority 255 is master at once, whatever is said here.",
        ),
        Option(
            name="interface",
            kind=Kind.INTERFACE,
            required=True,
            doc="Interface that sends and receives the adverts.",
            example="eth0",
        ),
        integer(
            "virtual_router_id",
            "VRID; the same on all directors of the instance, unique on its network. Instances with"
            " unicast_peer may share one if no peer is in both lists.",
            (1, 255),
            required=True,
            example=81,
        ),
        *_TIMING,
        *_ADDRESSES,
        *_TRANSPORT,
        *TRACKING_OPTIONS,
        flag("dont_track_primary", "A fault of the instance's own interface does not count."),
        *NOTIFY_OPTIONS,
        NOTIFY_PRIORITY_CHANGES,
        command("notify_deleted", "Run when a reload removes the instance."),
        command(
            "notify_master_rx_lower_pri",
            "Run when an advert of lower priority came while master.",
        ),
        command(
            "notify_dual_active",
            "Run when another router acts as master at the same time; not in keepalived.",
        ),
        *INHERITED,
        flag(
            "strict_mode",
            "Refuse what the RFCs do not allow.",
            default=None,
            default_doc="global_defs.vrrp_strict",
        ),
        flag(
            "v3_checksum_as_v2",
            "Version 3 over IPv4: send checksums over the VRRP message alone, as RFC 9568"
            " says. Set it to false beside keepalived, whose default includes a pseudo-header."
            " Both are accepted on receipt.",
            default=None,
            default_doc="global_defs.v3_checksum_as_v2",
        ),
        seconds(
            "dual_active_probe",
            "While master, ask this often by ARP whether somebody else has a virtual address; 0"
            " for never. Not in keepalived.",
            (0, 3600),
            default_doc="global_defs.dual_active_probe",
        ),
    ),
)

# Of each kind of group.
MEMBERS = Option(
    name="group",
    kind=Kind.STRINGS,
    required=True,
    minimum=1,
    maximum=255,
    doc="Names of the instances.",
    example=["VI_1", "VI_2"],
)

VRRP_SYNC_GROUP = Block(
    name="vrrp_sync_group",
    doc="Instances that are master together or not at all.",
    options=(
        MEMBERS,
        *TRACKING_OPTIONS,
        flag(
            "sync_group_tracking_weight",
            "The members' own trackers with a weight count too.",
        ),
        *NOTIFY_OPTIONS,
    ),
)
