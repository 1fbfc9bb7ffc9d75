# SPDX-License-Identifier: GPL-3.0-or-later
"""THE schema: every configuration option once, with type, range, unit, default, text and example.

Owns the description of the configuration document; the role's argument specification, the role
defaults, the option tables of the documentation and the editors' JSON Schema are generated from
it. Must never read a file, look at the host or decide anything about a value beyond its own shape:
rules that involve several options are in `config_rules.py`.

Option names are keepalived's keywords (keepalived.conf(5)) in lower snake case.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# IPVS schedulers of the Linux kernel 6.1 (net/netfilter/ipvs/Kconfig).
SCHEDULERS = (
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "dh", "mh", "sed", "nq", "fo", "ovf", "twos",
)  # fmt: skip


class Kind(StrEnum):
    """What a value looks like. `seconds` is a number of seconds, fractions allowed."""

    INTEGER = "integer"
    SECONDS = "seconds"
    BOOLEAN = "boolean"
    STRING = "string"
    CHOICE = "choice"
    IPV4 = "IPv4 address"
    CIDR = "IPv4 address with optional /prefix"
    INTERFACE = "interface name"
    STATUS_CODES = "HTTP status codes"
    BLOCK = "mapping"
    BLOCKS = "list of mappings"
    NAMED_BLOCKS = "mapping of names to mappings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a block.

    `minimum`/`maximum` bound a number, or the length of a string or a list. `default` None means
    "not set"; `default_doc` says in words what then holds. `block` describes the value of the
    three block kinds.
    """

    name: str
    kind: Kind
    doc: str
    default: object = None
    default_doc: str | None = None
    required: bool = False
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    example: object = None
    secret: bool = False
    block: Block | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A mapping of options. `line` tells that keepalived's one-line form is accepted too."""

    name: str
    doc: str
    options: tuple[Option, ...]
    line: bool = False

    def option(self, name: str) -> Option | None:
        """The option called `name`, or None."""
        return next((option for option in self.options if option.name == name), None)


VIRTUAL_IPADDRESS = Block(
    name="virtual_ipaddress",
    doc="One virtual IP address. A string in keepalived's own form is accepted in place of the"
    " mapping, such as `172.16.1.99/32 brd 172.16.1.99 dev eth0 label eth0:0`.",
    line=True,
    options=(
        Option(
            name="address",
            kind=Kind.CIDR,
            required=True,
            doc="The address, with its prefix length; /32 where none is given.",
            example="172.16.1.99/32",
        ),
        Option(
            name="brd",
            kind=Kind.IPV4,
            doc="Broadcast address to set with it.",
            example="172.16.1.99",
        ),
        Option(
            name="dev",
            kind=Kind.INTERFACE,
            doc="Interface that gets the address.",
            default_doc="the instance's interface",
            example="eth0",
        ),
        Option(
            name="label",
            kind=Kind.STRING,
            doc="Address label as `ip address` shows it; starts with the interface's name.",
            minimum=1,
            maximum=15,
            example="eth0:0",
        ),
        Option(
            name="scope",
            kind=Kind.CHOICE,
            choices=("global", "site", "link", "host", "nowhere"),
            default="global",
            doc="Scope of the address.",
        ),
    ),
)

AUTHENTICATION = Block(
    name="authentication",
    doc="VRRP version 2 authentication. It travels in clear text: it guards against mistakes,"
    " not against attackers (RFC 3768 removed it for that reason).",
    options=(
        Option(
            name="auth_type",
            kind=Kind.CHOICE,
            choices=("PASS",),
            required=True,
            doc="Kind of authentication.",
        ),
        Option(
            name="auth_pass",
            kind=Kind.STRING,
            required=True,
            secret=True,
            minimum=1,
            maximum=64,
            doc="The password; the protocol carries its first 8 bytes.",
            example="zrs66zrs",
        ),
    ),
)

_GARP_OPTIONS = (
    Option(
        name="garp_master_repeat",
        kind=Kind.INTEGER,
        minimum=1,
        maximum=100,
        doc="Gratuitous ARP requests per virtual address in one burst.",
        default_doc="global_defs.vrrp_garp_master_repeat",
    ),
    Option(
        name="garp_master_delay",
        kind=Kind.SECONDS,
        unit="s",
        minimum=0,
        maximum=1000,
        doc="Delay until the second burst after becoming master; 0 for no second burst.",
        default_doc="global_defs.vrrp_garp_master_delay",
    ),
    Option(
        name="garp_master_refresh",
        kind=Kind.SECONDS,
        unit="s",
        minimum=0,
        maximum=86400,
        doc="Period of further gratuitous ARP while master; 0 for none.",
        default_doc="global_defs.vrrp_garp_master_refresh",
    ),
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
        Option(
            name="virtual_router_id",
            kind=Kind.INTEGER,
            required=True,
            minimum=1,
            maximum=255,
            doc="VRID; the same on all directors of the instance, unique on its network.",
            example=81,
        ),
        Option(
            name="priority",
            kind=Kind.INTEGER,
            minimum=1,
            maximum=255,
            default=100,
            doc="The highest priority becomes master. 255 is the address owner.",
        ),
        Option(
            name="advert_int",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0.01,
            maximum=255,
            default=1,
            doc="Interval between adverts. Version 2: whole seconds, 1 to 255. Version 3: 0.01 to"
            " 40.95 in steps of 0.01.",
        ),
        Option(
            name="version",
            kind=Kind.CHOICE,
            choices=("2", "3"),
            doc="VRRP version on the wire.",
            default_doc="global_defs.vrrp_version",
        ),
        Option(
            name="authentication",
            kind=Kind.BLOCK,
            block=AUTHENTICATION,
            doc="Version 2 only.",
        ),
        Option(
            name="nopreempt",
            kind=Kind.BOOLEAN,
            default=False,
            doc="Leave a working master of lower priority in place.",
        ),
        Option(
            name="preempt_delay",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0,
            maximum=1000,
            default=0,
            doc="How long to wait, with a master of lower priority at work, before taking over.",
        ),
        Option(
            name="virtual_ipaddress",
            kind=Kind.BLOCKS,
            block=VIRTUAL_IPADDRESS,
            required=True,
            minimum=1,
            maximum=1000,
            doc="The virtual addresses.",
        ),
        *_GARP_OPTIONS,
        Option(
            name="v3_checksum_as_v2",
            kind=Kind.BOOLEAN,
            default=True,
            doc="Version 3 over IPv4: send checksums over the VRRP message alone, as RFC 9568"
            " says. Set it to false beside keepalived, whose default includes a pseudo-header."
            " Both are accepted on receipt.",
        ),
    ),
)

_CHECK_OPTIONS = (
    Option(
        name="connect_ip",
        kind=Kind.IPV4,
        doc="Address to check.",
        default_doc="the real server's address",
    ),
    Option(
        name="connect_port",
        kind=Kind.INTEGER,
        minimum=1,
        maximum=65535,
        doc="Port to check.",
        default_doc="the real server's port",
    ),
    Option(
        name="connect_timeout",
        kind=Kind.SECONDS,
        unit="s",
        minimum=0.01,
        maximum=300,
        doc="Longest time for a connection, and for an answer after it.",
        default_doc="the virtual server's connect_timeout",
    ),
    Option(
        name="retry",
        kind=Kind.INTEGER,
        minimum=0,
        maximum=100,
        doc="Further tries after a failed one, before the real server counts as dead.",
        default_doc="the virtual server's retry",
    ),
    Option(
        name="delay_before_retry",
        kind=Kind.SECONDS,
        unit="s",
        minimum=0,
        maximum=300,
        doc="Pause before each further try.",
        default_doc="the virtual server's delay_before_retry",
    ),
    Option(
        name="delay_loop",
        kind=Kind.SECONDS,
        unit="s",
        minimum=0.05,
        maximum=86400,
        doc="Time from one check to the next.",
        default_doc="the virtual server's delay_loop",
    ),
)

URL = Block(
    name="url",
    doc="One request of an HTTP check.",
    options=(
        Option(
            name="path",
            kind=Kind.STRING,
            default="/",
            minimum=1,
            maximum=2000,
            doc="Path of the request.",
            example="/index.html",
        ),
        Option(
            name="status_code",
            kind=Kind.STATUS_CODES,
            default="200-299",
            doc="Status codes that mean healthy: numbers and ranges, separated by blanks or"
            " commas, or a list of them.",
            example="200-299 301",
        ),
        Option(
            name="virtualhost",
            kind=Kind.STRING,
            minimum=1,
            maximum=255,
            doc="Host header of the request.",
            default_doc="the virtual server's virtualhost, else the address checked",
            example="www.example.org",
        ),
    ),
)

HTTP_GET = Block(
    name="http_get",
    doc="HTTP_GET: fetches every url; healthy when each answers with an accepted status.",
    options=(
        Option(
            name="url",
            kind=Kind.BLOCKS,
            block=URL,
            required=True,
            minimum=1,
            maximum=64,
            doc="The requests, made one after the other.",
        ),
        *_CHECK_OPTIONS,
    ),
)

TCP_CHECK = Block(
    name="tcp_check",
    doc="TCP_CHECK: healthy when a connection can be made.",
    options=_CHECK_OPTIONS,
)

_CHECKS = (
    Option(
        name="http_get",
        kind=Kind.BLOCKS,
        block=HTTP_GET,
        maximum=16,
        doc="HTTP checks; one mapping or a list of them.",
    ),
    Option(
        name="tcp_check",
        kind=Kind.BLOCKS,
        block=TCP_CHECK,
        maximum=16,
        doc="TCP connection checks; one mapping or a list of them. An empty mapping checks the"
        " real server's own port.",
    ),
)

_PORT = Option(
    name="port",
    kind=Kind.INTEGER,
    minimum=1,
    maximum=65535,
    doc="Port.",
    default_doc="the virtual server's port",
)

SORRY_SERVER = Block(
    name="sorry_server",
    doc="Server that answers while every real server is dead.",
    options=(
        Option(name="ip", kind=Kind.IPV4, required=True, doc="Address.", example="127.0.0.1"),
        _PORT,
    ),
)

REAL_SERVER = Block(
    name="real_server",
    doc="A server that does the work.",
    options=(
        Option(name="ip", kind=Kind.IPV4, required=True, doc="Address.", example="172.16.1.3"),
        _PORT,
        Option(
            name="weight",
            kind=Kind.INTEGER,
            minimum=0,
            maximum=2**31 - 1,
            default=1,
            doc="Share of the load, for schedulers that weigh; 0 takes no new connections.",
        ),
        *_CHECKS,
    ),
)

VIRTUAL_SERVER = Block(
    name="virtual_server",
    doc="A service on a virtual address, balanced over real servers by IPVS.",
    options=(
        Option(
            name="ip", kind=Kind.IPV4, required=True, doc="Virtual address.", example="172.16.1.254"
        ),
        Option(
            name="port",
            kind=Kind.INTEGER,
            required=True,
            minimum=1,
            maximum=65535,
            doc="Virtual port.",
            example=80,
        ),
        Option(
            name="protocol",
            kind=Kind.CHOICE,
            choices=("TCP", "UDP"),
            default="TCP",
            doc="Transport protocol.",
        ),
        Option(
            name="lb_algo",
            kind=Kind.CHOICE,
            choices=SCHEDULERS,
            default="wlc",
            doc="IPVS scheduler (ipvsadm(8)).",
        ),
        Option(
            name="lb_kind",
            kind=Kind.CHOICE,
            choices=("DR",),
            default="DR",
            doc="Forwarding method: DR is direct routing.",
        ),
        Option(
            name="persistence_timeout",
            kind=Kind.INTEGER,
            unit="s",
            minimum=0,
            maximum=2678400,
            default=0,
            doc="How long a client stays with its real server; 0 for no persistence.",
            example=360,
        ),
        Option(
            name="delay_loop",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0.05,
            maximum=86400,
            default=60,
            doc="Time from one check of a real server to the next.",
        ),
        Option(
            name="connect_timeout",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0.01,
            maximum=300,
            default=5,
            doc="Longest time for a check's connection, and for an answer after it.",
        ),
        Option(
            name="retry",
            kind=Kind.INTEGER,
            minimum=0,
            maximum=100,
            default=1,
            doc="Further tries after a failed check.",
        ),
        Option(
            name="delay_before_retry",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0,
            maximum=300,
            default=1,
            doc="Pause before each further try (3 for HTTP checks in keepalived).",
        ),
        Option(
            name="virtualhost",
            kind=Kind.STRING,
            minimum=1,
            maximum=255,
            doc="Host header of the HTTP checks.",
            default_doc="the address checked",
        ),
        *_CHECKS,
        Option(
            name="sorry_server",
            kind=Kind.BLOCK,
            block=SORRY_SERVER,
            doc="Answers while every real server is dead.",
        ),
        Option(
            name="real_servers",
            kind=Kind.NAMED_BLOCKS,
            block=REAL_SERVER,
            minimum=0,
            maximum=65536,
            default={},
            doc="The real servers, each under a name of your choice. Checks said at the virtual"
            " server are those of every real server that names none of its own.",
        ),
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
        Option(
            name="vrrp_version",
            kind=Kind.CHOICE,
            choices=("2", "3"),
            default="2",
            doc="VRRP version of the instances that name none.",
        ),
        Option(
            name="vrrp_mcast_group4",
            kind=Kind.IPV4,
            default="224.0.0.18",
            doc="Multicast group of the adverts.",
            example="224.200.100.18",
        ),
        Option(
            name="vrrp_garp_master_repeat",
            kind=Kind.INTEGER,
            minimum=1,
            maximum=100,
            default=5,
            doc="Gratuitous ARP requests per virtual address in one burst.",
        ),
        Option(
            name="vrrp_garp_master_delay",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0,
            maximum=1000,
            default=5,
            doc="Delay until the second burst after becoming master; 0 for no second burst.",
        ),
        Option(
            name="vrrp_garp_master_refresh",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0,
            maximum=86400,
            default=0,
            doc="Period of further gratuitous ARP while master; 0 for none.",
        ),
    ),
)

DOCUMENT = Block(
    name="document",
    doc="The agent's configuration document.",
    options=(
        Option(
            name="global_defs",
            kind=Kind.BLOCK,
            block=GLOBAL_DEFS,
            default={},
            doc=GLOBAL_DEFS.doc,
        ),
        Option(
            name="vrrp_instances",
            kind=Kind.NAMED_BLOCKS,
            block=VRRP_INSTANCE,
            default={},
            maximum=4096,
            doc="VRRP instances by name.",
        ),
        Option(
            name="virtual_servers",
            kind=Kind.NAMED_BLOCKS,
            block=VIRTUAL_SERVER,
            default={},
            maximum=16384,
            doc="Virtual servers, each under a name of your choice.",
        ),
    ),
)
