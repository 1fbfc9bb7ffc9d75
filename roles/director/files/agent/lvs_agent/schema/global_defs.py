# SPDX-License-Identifier: GPL-3.0-or-later
"""global_defs: what holds for the whole agent, and the defaults of the instances.

Owns those options; mail, scheduling and dump files have files of their own.
"""

from __future__ import annotations

from dataclasses import replace

from lvs_agent.schema.dumps import DUMPS
from lvs_agent.schema.inherited import INHERITED, PREFIX
from lvs_agent.schema.kinds import Block, Kind, Option, command, flag, integer, seconds
from lvs_agent.schema.mail import MAIL_OPTIONS
from lvs_agent.schema.scheduling import SCHEDULING

LVS_SYNC_DAEMON = Block(
    name="lvs_sync_daemon",
    doc="The kernel's synchronisation of IPVS connections between directors. keepalived's line"
    " such as `eth1 inst VI_1 id 51` is accepted in place of the mapping.",
    line=True,
    options=(
        Option(
            name="interface",
            kind=Kind.INTERFACE,
            required=True,
            doc="Interface to send and receive on.",
            example="eth1",
        ),
        Option(
            name="inst",
            kind=Kind.STRING,
            minimum=1,
            maximum=255,
            doc="VRRP instance to follow: its master sends, its backups receive.",
            default_doc="each director sends and receives",
        ),
        integer(
            "id",
            "Number that both sides must share.",
            (0, 255),
            default_doc="the instance's VRID, else 0",
        ),
        integer("maxlen", "Longest message.", (1, 65507), default_doc="the kernel's", unit="bytes"),
        integer("port", "UDP port.", (1, 65535), default_doc="the kernel's: 8848"),
        integer("ttl", "TTL of the messages.", (1, 255), default_doc="the kernel's: 1"),
        Option(
            name="group",
            kind=Kind.IP,
            doc="Multicast group.",
            default_doc="the kernel's: 224.0.0.81",
        ),
    ),
)

# The kernel counts in ticks: INT_MAX of them, at 1,000 a second (IP_VS_TIMEOUT, ip_vs_ctl.c).
_TIMEOUTS = (1, 2_147_483)

LVS_TIMEOUTS = Block(
    name="lvs_timeouts",
    doc="How long IPVS remembers idle connections. keepalived's line such as `tcp 7200 tcpfin 30"
    " udp 60` is accepted in place of the mapping.",
    line=True,
    options=(
        integer("tcp", "TCP.", _TIMEOUTS, default_doc="the kernel's: 900", unit="s"),
        integer("tcpfin", "TCP after a FIN.", _TIMEOUTS, default_doc="the kernel's: 120", unit="s"),
        integer("udp", "UDP.", _TIMEOUTS, default_doc="the kernel's: 300", unit="s"),
    ),
)


def _fifo(prefix: str, what: str) -> tuple[Option, Option]:
    name = f"{prefix}notify_fifo"
    return (
        Option(
            name=name,
            kind=Kind.STRING,
            minimum=2,
            maximum=107,
            doc=f"Full path of a named pipe that gets one line per event of {what}.",
            example=f"/run/lvs-agent/{prefix}notify.fifo",
        ),
        command(f"{name}_script", f"Program that reads {name}; gets its path as one word more."),
    )


_SCRIPTS = (
    Option(
        name="script_user",
        kind=Kind.STRING,
        minimum=1,
        maximum=65,
        doc="User that scripts run as, and with USER:GROUP its primary group.",
        default_doc="the agent's own, which has no privileges",
        example="keepalived_script",
    ),
    flag(
        "enable_script_security",
        "Do not run a script that somebody other than root and its user could have changed: it, or"
        " a directory above it. A track script then counts as failed.",
    ),
    seconds(
        "notify_timeout",
        "Time after which a notify script is ended. Not in keepalived.",
        (0.1, 3600),
        default=30,
    ),
    *_fifo("", "VRRP and of real servers"),
    *_fifo("vrrp_", "VRRP"),
    *_fifo("lvs_", "real servers"),
    flag("vrrp_notify_priority_changes", "Default of the instances' notify_priority_changes."),
)

# keepalived's defaults (keepalived.conf(5)); `None`: see `default_doc` below.
_INSTANCE_DEFAULTS: dict[str, tuple[object, str | None]] = {
    "garp_master_repeat": (5, None),
    "garp_master_delay": (5, None),
    "garp_master_refresh": (0, None),
    "garp_master_refresh_repeat": (1, None),
    "garp_lower_prio_repeat": (None, "garp_master_repeat"),
    "garp_lower_prio_delay": (None, "garp_master_delay"),
    "garp_interval": (0, None),
    "gna_interval": (0, None),
    "lower_prio_no_advert": (False, None),
    "higher_prio_send_advert": (False, None),
    "down_timer_adverts": (3, None),
    "skip_check_adv_addr": (False, None),
    "check_unicast_src": (False, None),
    "owner_ignore_adverts": (False, None),
}


def _instance_default(option: Option) -> Option:
    default, words = _INSTANCE_DEFAULTS[option.name]
    return replace(option, name=f"{PREFIX}{option.name}", default=default, default_doc=words)


_VRRP = (
    Option(
        name="vrrp_version",
        kind=Kind.CHOICE,
        choices=("2", "3"),
        default="2",
        doc="VRRP version of the IPv4 instances that name none. IPv6 instances have 3.",
    ),
    Option(
        name="vrrp_mcast_group4",
        kind=Kind.IPV4,
        default="224.0.0.18",
        doc="Multicast group of the adverts.",
        example="224.200.100.18",
    ),
    Option(
        name="vrrp_mcast_group6",
        kind=Kind.IP,
        default="ff02::12",
        doc="Multicast group of the adverts of IPv6 instances.",
    ),
    *(_instance_default(option) for option in INHERITED),
    flag(
        "vrrp_min_garp",
        "One gratuitous ARP request per virtual address and no second burst, where no other"
        " option says otherwise.",
    ),
    flag("vrrp_strict", "Default of the instances' strict_mode."),
    flag("v3_checksum_as_v2", "Default of the instances' v3_checksum_as_v2.", default=True),
    seconds(
        "dual_active_probe",
        "Default of the instances' dual_active_probe. Not in keepalived.",
        (0, 3600),
        default=10,
    ),
    seconds(
        "vrrp_startup_delay",
        "How long the agent waits after its start before it takes part in elections.",
        (0, 3600),
        default=0,
    ),
    seconds(
        "vrrp_delay_after_boot",
        "The same, counted from the host's boot.",
        (0, 3600),
        default=0,
    ),
    flag(
        "dynamic_interfaces",
        "An instance whose interface is missing at the start waits for it. Without, a missing one"
        " ends the start with an error. Later on interfaces may come and go in any case.",
        default=True,
    ),
    Option(
        name="vmac_prefix",
        kind=Kind.STRING,
        minimum=1,
        maximum=10,
        default="vrrp",
        doc="What the names of VMAC interfaces begin with.",
    ),
)

GLOBAL_DEFS = Block(
    name="global_defs",
    doc="What holds for the whole agent.",
    options=(
        Option(
            name="router_id",
            kind=Kind.STRING,
            minimum=1,
            maximum=255,
            doc="Name of this director in what people read; never on the wire.",
            default_doc="the host's name",
            example="drct1",
        ),
        *_VRRP,
        *MAIL_OPTIONS,
        *_SCRIPTS,
        *SCHEDULING,
        *DUMPS,
        Option(
            name="lvs_timeouts",
            kind=Kind.BLOCK,
            block=LVS_TIMEOUTS,
            doc="Timeouts of IPVS's connections; the former ones come back when the agent stops.",
            default_doc="the kernel's",
        ),
        flag(
            "lvs_flush",
            "Remove the IPVS services that are not configured here, when the agent starts; not at a"
            " reload. Without, they stay. What is configured keeps its connections.",
        ),
        Option(
            name="lvs_sync_daemon",
            kind=Kind.BLOCK,
            block=LVS_SYNC_DAEMON,
            doc="Synchronise IPVS connections, so that they outlive a takeover.",
        ),
    ),
)
