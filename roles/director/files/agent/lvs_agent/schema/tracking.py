# SPDX-License-Identifier: GPL-3.0-or-later
"""Trackers: what the fate of an instance can depend on, and how it depends on it.

Owns the options of the trackers' own blocks, and of their use in instances and sync groups.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Block, Kind, Option, blocks, command, flag, integer, seconds

_WEIGHT = (-253, 253)
_FILE_WEIGHT = (-254, 254)
_DAY_S = 86400


def _weight(default: int, bounds: tuple[int, int] = _WEIGHT) -> Option:
    return integer(
        "weight",
        "0: its failure puts the instance into FAULT. Positive: added to the priority while it is"
        " well. Negative: subtracted while it is not. For a file: its number times this.",
        bounds,
        default=default,
    )


_REVERSE = flag(
    "reverse",
    "Subtract the weight where it would be added, add it where it would be subtracted. With weight"
    " 0: exchange well and not well.",
)


def _use(what: str, example: str, bounds: tuple[int, int] = _WEIGHT) -> Block:
    """How an instance or sync group names a tracker."""
    return Block(
        name=f"track_{what}",
        doc=f"A {what} to depend on: its name, keepalived's line such as `{example}`, or this"
        " mapping.",
        line=True,
        options=(
            Option(
                name="name",
                kind=Kind.STRING,
                required=True,
                minimum=1,
                maximum=255,
                doc=f"Name of the {what}.",
            ),
            integer(
                "weight", "As there.", bounds, default_doc=f"the {what}'s own weight", example=-20
            ),
            flag("reverse", "As there.", default=None, default_doc=f"the {what}'s own reverse"),
        ),
    )


TRACK_INTERFACE = Block(
    name="track_interface",
    doc="An interface to depend on: its name, keepalived's line such as `eth1 weight -20`, or this"
    " mapping.",
    line=True,
    options=(
        Option(name="name", kind=Kind.INTERFACE, required=True, doc="The interface."),
        _weight(0),
        _REVERSE,
    ),
)
TRACK_SCRIPT = _use("script", "check_nginx weight -20")
TRACK_PROCESS = _use("process", "nginx weight 10")
TRACK_FILE = _use("file", "maintenance weight 2", _FILE_WEIGHT)
TRACK_BFD = _use("bfd", "router weight 10 reverse")

# In instances and in sync groups alike. 64: more than that nobody can reason about.
TRACKING_OPTIONS = (
    blocks("track_interface", TRACK_INTERFACE, "Interfaces to depend on.", maximum=64),
    blocks("track_script", TRACK_SCRIPT, "Scripts of vrrp_scripts to depend on.", maximum=64),
    blocks("track_process", TRACK_PROCESS, "Processes to depend on.", maximum=64),
    blocks("track_file", TRACK_FILE, "Files of vrrp_track_files to depend on.", maximum=64),
    blocks("track_bfd", TRACK_BFD, "BFD sessions of bfd_instances to depend on.", maximum=64),
)

VRRP_SCRIPT = Block(
    name="vrrp_script",
    doc="A command that is run again and again; exit status 0 is well.",
    options=(
        command(
            "script",
            "What to run.",
            required=True,
            example="/usr/bin/curl -sf http://127.0.0.1/health",
        ),
        seconds("interval", "Time from one start to the next.", (0.01, _DAY_S), default=1),
        seconds(
            "timeout",
            "Time after which it is ended, which counts as a failure.",
            (0.01, _DAY_S),
            default_doc="the interval",
        ),
        _weight(0),
        _REVERSE,
        integer("rise", "Successes in a row until it is well.", (1, 1000), default=1),
        integer("fall", "Failures in a row until it is not.", (1, 1000), default=1),
        Option(
            name="user",
            kind=Kind.STRING,
            minimum=1,
            maximum=65,
            doc="User to run it as, or USER:GROUP.",
            default_doc="global_defs.script_user",
        ),
        flag("init_fail", "Before the first result it counts as failed."),
    ),
)

VRRP_TRACK_FILE = Block(
    name="vrrp_track_file",
    doc="A file with a number in it, such as a switch for maintenance. The number times the weight"
    " is added to the priority; at -254 or below, or with weight 0 and a number other than 0, the"
    " instance is in FAULT.",
    options=(
        Option(
            name="file",
            kind=Kind.STRING,
            required=True,
            minimum=2,
            maximum=4095,
            doc="Its full path.",
            example="/run/lvs-agent-maintenance",
        ),
        _weight(1, _FILE_WEIGHT),
        _REVERSE,
        integer("init_file", "Number to write when the file is missing.", (-(2**31), 2**31 - 1)),
        flag("overwrite", "Write init_file at start even if the file is there."),
    ),
)

VRRP_TRACK_PROCESS = Block(
    name="vrrp_track_process",
    doc="Processes that must run on the director.",
    options=(
        Option(
            name="process",
            kind=Kind.WORDS,
            required=True,
            maximum=64,
            doc="Name of the program, and its arguments if they matter.",
            example="nginx",
        ),
        Option(
            name="param_match",
            kind=Kind.CHOICE,
            choices=("partial", "initial"),
            doc="Either word: more arguments may follow those given, and the last may be longer."
            " With no arguments given: there must be none.",
            default_doc="exactly those given, or any if none is",
        ),
        flag("full_command", "Compare the command line's first word, not the process name."),
        _weight(0),
        _REVERSE,
        integer("quorum", "How many must run.", (1, 65535), default=1),
        integer("quorum_max", "More than this are not well.", (0, 65535), default_doc="no limit"),
        seconds(
            "fork_delay",
            "How long there must be enough of them until it is well.",
            (0, 3600),
            default_doc="delay",
        ),
        seconds(
            "terminate_delay",
            "How long there must be too few of them until it is not.",
            (0, 3600),
            default_doc="delay",
        ),
        seconds("delay", "Both delays at once.", (0, 3600), default=0),
    ),
)


def _milliseconds(name: str, doc: str, default: float) -> Option:
    return Option(
        name=name,
        kind=Kind.MILLISECONDS,
        unit="ms",
        minimum=1,
        maximum=60_000,
        default=default,
        doc=doc,
    )


BFD_INSTANCE = Block(
    name="bfd_instance",
    doc="A BFD session over one hop (RFC 5880, RFC 5881): learns within milliseconds that a"
    " neighbour is not reachable.",
    options=(
        Option(
            name="neighbor_ip",
            kind=Kind.IP,
            required=True,
            doc="Address of the neighbour.",
            example="172.16.0.1",
        ),
        Option(
            name="source_ip", kind=Kind.IP, doc="Own address.", default_doc="the kernel's choice"
        ),
        _milliseconds("min_rx", "Shortest interval that we can receive at.", 10),
        _milliseconds("min_tx", "Shortest interval that we want to send at.", 10),
        _milliseconds("idle_tx", "Interval while the session is down.", 1000),
        integer("multiplier", "Missed packets until the session is down.", (1, 255), default=5),
        flag("passive", "Send nothing before the neighbour does."),
        integer("ttl", "IPv4: TTL of the packets sent.", (1, 255), default=255),
        integer("hoplimit", "IPv6: hop limit of the packets sent.", (1, 255), default=255),
        integer(
            "max_hops",
            "How many routers a received packet may have crossed. RFC 5881, section 5, wants 0.",
            (0, 254),
            default=0,
        ),
        _weight(0),
        _REVERSE,
    ),
)
