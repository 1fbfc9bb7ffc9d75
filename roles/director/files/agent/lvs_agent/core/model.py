# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration as the agent works with it: complete, checked, frozen.

Owns the shapes only. Must never hold a default (they are in `schema/`) or a rule (they are in
`config/rules.py`): a value of these types exists only after `config.load` accepted a document.
Durations are integer nanoseconds, addresses canonical text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from lvs_agent.core.checks import Check, MiscCheck
from lvs_agent.core.ipvs.model import Endpoint, ServiceKey, ServiceSettings, Tunnel
from lvs_agent.core.policy import USUAL_POOL, USUAL_SERVER, PoolPolicy, ServerPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run: no shell. `user` None: the agent's own; `group` None: that of the user.

    At the time limit it is killed; 0 is none, for programs that are to run for ever. `secure`:
    not when somebody but root and its user could have changed it.
    """

    argv: tuple[str, ...]
    user: str | None
    timeout_ns: int
    secure: bool = False
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fifo:
    """A named pipe that gets one line per event, and the program that reads it, if any."""

    path: str
    reader: Command | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Where alerts go. `security`: "none", "starttls" or "tls". `login` is (user, password)."""

    recipients: tuple[str, ...]
    sender: str
    server: str
    port: int
    connect_timeout_ns: int
    helo_name: str | None
    security: str
    login: tuple[str, bytes] | None
    batch_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDaemon:
    """IPVS connection synchronisation (lvs_sync_daemon). `instance` None: both halves run."""

    interface: str
    instance: str | None
    sync_id: int
    maxlen: int | None
    port: int | None
    ttl: int | None
    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LvsTimeouts:
    """IPVS's connection timeouts (lvs_timeouts); None: as the kernel has it."""

    tcp_s: int | None
    tcpfin_s: int | None
    udp_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceDelay:
    """How long an interface must be down, or up, before that counts (interface_up_down_delays)."""

    interface: str
    down_ns: int
    up_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """How the kernel is to treat the ha process (sched(7)).

    `nice` None: as it is. `rttime_us`: processor time in a row that the real-time `priority` is
    for. `auto_priority`: how high the process may raise it by itself, after having been kept
    waiting for `auto_delay_ns`; 0: not at all. `cpus` empty: all that there are.
    """

    priority: int = 20
    rttime_us: int = 100_000
    nice: int | None = None
    auto_priority: int = 0
    auto_delay_ns: int = 1_000_000_000
    no_swap: bool = False
    cpus: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalDefs:
    """What holds for the whole agent. `router_id` None: the host's name. `lvs_flush`: what others
    have in IPVS is removed once, at the start."""

    router_id: str | None
    startup_delay_ns: int = 0
    delay_after_boot_ns: int = 0
    dynamic_interfaces: bool = True
    mail: Mail | None = None
    notify_fifo: Fifo | None = None
    vrrp_notify_fifo: Fifo | None = None
    lvs_notify_fifo: Fifo | None = None
    mail_faults: bool = True
    sync_daemon: SyncDaemon | None = None
    timeouts: LvsTimeouts | None = None
    interface_delays: tuple[InterfaceDelay, ...] = ()
    scheduling: Scheduling = Scheduling()
    lvs_flush: bool = False
    json_dump_file: str | None = None
    state_dump_file: str | None = None
    stats_dump_file: str | None = None
    json_version: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class VirtualAddress:
    """An address as the kernel gets it (`struct ifaddrmsg`, rtnetlink(7)), IPv4 or IPv6.

    `preferred_lft_s` None: for ever. `track` False (no_track): when somebody removes it, it stays
    away.
    """

    address: str
    prefix_length: int
    interface: str
    broadcast: str | None = None
    label: str | None = None
    scope: str = "global"
    peer: str | None = None
    home: bool = False
    nodad: bool = False
    mngtmpaddr: bool = False
    noprefixroute: bool = False
    autojoin: bool = False
    preferred_lft_s: int | None = None
    track: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHop:
    """One path of a route."""

    via: str | None
    interface: str | None
    weight: int = 1
    onlink: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route (ip-route(8)). `kind`: unicast, blackhole, unreachable, prohibit or throw.

    `destination` is (address, prefix length); ("0.0.0.0", 0) or ("::", 0) is the default route.
    """

    family: int
    kind: str
    destination: tuple[str, int]
    next_hops: tuple[NextHop, ...]
    table: int = 254
    source: str | None = None
    metric: int | None = None
    scope: str | None = None
    mtu: int | None = None
    advmss: int | None = None
    protocol: int = 18  # keepalived's own in iproute2's rt_protos, which we share
    track: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A routing policy rule (ip-rule(8)). `action`: lookup, blackhole, unreachable, prohibit."""

    family: int
    preference: int
    action: str
    table: int | None = None
    source: tuple[str, int] | None = None
    destination: tuple[str, int] | None = None
    input_interface: str | None = None
    output_interface: str | None = None
    fwmark: tuple[int, int] | None = None
    tos: int | None = None
    inverted: bool = False
    ip_protocol: int | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None
    suppress_prefix_length: int | None = None
    track: bool = True


class TrackerKind(StrEnum):
    """What an instance's fate can depend on, besides its interfaces."""

    SCRIPT = "script"
    PROCESS = "process"
    FILE = "file"
    BFD = "bfd"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackScript:
    """A command that is run again and again (vrrp_script)."""

    name: str
    command: Command
    interval_ns: int
    rise: int
    fall: int
    init_fail: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFile:
    """A file with a number in it (track_file). `init_value` is written when it is missing."""

    name: str
    path: str
    init_value: int | None
    overwrite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackProcess:
    """Processes that must run (vrrp_track_process): at least `quorum`, at most `quorum_max`.

    `arguments` None: any. `partial`: the arguments only begin so. `full_command`: compare the
    whole command line's first word instead of the process name.
    """

    name: str
    process: str
    arguments: tuple[str, ...] | None
    partial: bool
    full_command: bool
    quorum: int
    quorum_max: int | None
    fork_delay_ns: int
    terminate_delay_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BfdInstance:
    """A BFD session (RFC 5880). Intervals in ns; `source` None: chosen by the system."""

    name: str
    neighbor: str
    source: str | None
    min_rx_ns: int
    min_tx_ns: int
    idle_tx_ns: int
    multiplier: int
    passive: bool
    ttl: int  # sent TTL / hop limit
    max_hops: int  # received TTL must be >= 255 - max_hops


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """How an instance or sync group uses a tracker.

    `weight` 0: its failure is FAULT. Otherwise the weight is added to the priority (positive:
    while up; negative: while down), with `reverse` its opposite. With weight 0 `reverse` exchanges
    up and down. For a file, the weight multiplies its number.
    """

    kind: TrackerKind
    name: str
    weight: int
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackInterface:
    """A tracked interface; the weight as in Tracking."""

    interface: str
    weight: int
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """The commands to run at events of an instance or sync group; `always` is keepalived's notify.

    `always` gets four words more: INSTANCE or GROUP, the name, the state, the priority (0 for a
    group).
    """

    master: Command | None = None
    backup: Command | None = None
    fault: Command | None = None
    stop: Command | None = None
    deleted: Command | None = None
    always: Command | None = None
    master_rx_lower_pri: Command | None = None
    dual_active: Command | None = None
    priority_changes: bool = False
    mail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PassAuthentication:
    """VRRP v2 type 1: `data` is the 8 bytes on the wire."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AhAuthentication:
    """VRRP v2 type 2, IPsec AH with HMAC-MD5-96 (RFC 2338 section 5.3.6.3, RFC 2402, RFC 2403)."""

    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnicastPeer:
    """A router that adverts go to and are accepted from, with the TTL that is accepted."""

    address: str
    min_ttl: int = 0
    max_ttl: int = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Vmac:
    """A macvlan interface with the virtual router's MAC on top of the instance's interface.

    `xmit_base`: adverts still leave by the interface itself.
    """

    interface: str
    mac: str
    xmit_base: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VrrpInstance:
    """A virtual router.

    `family` 4 or 6 is the adverts'. `source`: the adverts' source address; None: the interface's
    primary (IPv6: link-local) address. `peers` not empty: unicast. Addresses with use_vmac are on
    the VMAC's interface already. `excluded` are held but not advertised.
    """

    name: str
    interface: str
    virtual_router_id: int
    priority: int
    version: int
    advert_int_ns: int
    preempt: bool
    preempt_delay_ns: int
    addresses: tuple[VirtualAddress, ...]
    garp_master_repeat: int
    garp_master_delay_ns: int
    garp_master_refresh_ns: int
    v3_checksum_as_v2: bool
    mcast_group: str
    family: int = 4
    authentication: PassAuthentication | AhAuthentication | None = None
    source: str | None = None
    track_source: bool = False
    peers: tuple[UnicastPeer, ...] = ()
    unicast_ttl: int = 255
    check_unicast_src: bool = False
    unicast_fault_no_peer: bool = False
    vmac: Vmac | None = None
    excluded: tuple[VirtualAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    accept: bool = True
    promote_secondaries: bool = False
    garp_master_refresh_repeat: int = 1
    garp_lower_prio_repeat: int = 5
    garp_lower_prio_delay_ns: int = 5_000_000_000
    garp_interval_ns: int = 0
    gna_interval_ns: int = 0
    lower_prio_no_advert: bool = False
    higher_prio_send_advert: bool = False
    down_timer_adverts: int = 3
    skip_check_adv_addr: bool = False
    strict_mode: bool = False
    owner_ignore_adverts: bool = False
    dual_active_probe_ns: int = 0
    track_interfaces: tuple[TrackInterface, ...] = ()
    track_primary: bool = True
    trackers: tuple[Tracking, ...] = ()
    notify: Notify = Notify()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncGroup:
    """Instances that are master together or not at all (vrrp_sync_group).

    `tracking_weight` (sync_group_tracking_weight): weighted trackers of the members count too.
    """

    name: str
    members: tuple[str, ...]
    track_interfaces: tuple[TrackInterface, ...] = ()
    trackers: tuple[Tracking, ...] = ()
    tracking_weight: bool = False
    notify: Notify = Notify()


class RealServer(NamedTuple):
    """A real server of one virtual server; up when all `checks` pass, or when it has none.

    `endpoint` tells it from the others of its virtual server; its port 0 is that of each service.
    `forwarding` "NAT", "DR" or "TUN"; thresholds of 0 are none.

    A named tuple, not a dataclass: there may be 65,536, which are made, compared and handed to
    other processes with every reload, and a tuple does that in C.
    """

    name: str
    endpoint: Endpoint
    weight: int
    checks: tuple[Check, ...]
    forwarding: str = "DR"
    tunnel: Tunnel | None = None
    upper_threshold: int = 0
    lower_threshold: int = 0
    policy: ServerPolicy = USUAL_SERVER


@dataclass(frozen=True, slots=True, kw_only=True)
class SorryServer:
    """A server that answers while the quorum is lost; as a real server otherwise. `name` is for
    verdicts: no real server has it."""

    name: str
    endpoint: Endpoint
    checks: tuple[Check, ...] = ()
    weight: int = 1  # it is alone among its kind: any weight above 0 gives it all
    forwarding: str = "DR"
    tunnel: Tunnel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServer:
    """One pool of real servers behind one or more IPVS services (virtual_server_group).

    `protocol` "TCP", "UDP" or "SCTP". `group` is the name of the virtual_server_group, if any.
    """

    name: str
    protocol: str
    services: tuple[ServiceKey, ...]  # at least one, no two alike
    settings: ServiceSettings
    real_servers: tuple[RealServer, ...]
    sorry_servers: tuple[SorryServer, ...] = ()  # the first that is healthy answers
    group: str | None = None
    policy: PoolPolicy = USUAL_POOL

    @property
    def servers(self) -> tuple[RealServer | SorryServer, ...]:
        """All that checks, and so verdicts, can be about."""
        return (*self.real_servers, *self.sorry_servers)

    @property
    def identity(self) -> ServiceKey:
        """What makes it the same virtual server in another configuration."""
        return self.services[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything. Tuples keep the document's order; names are unique within each."""

    global_defs: GlobalDefs
    vrrp_instances: tuple[VrrpInstance, ...]
    virtual_servers: tuple[VirtualServer, ...]
    sync_groups: tuple[SyncGroup, ...] = ()
    scripts: tuple[TrackScript, ...] = ()
    files: tuple[TrackFile, ...] = ()
    processes: tuple[TrackProcess, ...] = ()
    bfd_instances: tuple[BfdInstance, ...] = ()
    # The MISC_CHECKs of all virtual servers that name a user, each once.
    programs: tuple[MiscCheck, ...] = ()
    static_addresses: tuple[VirtualAddress, ...] = ()
    static_routes: tuple[Route, ...] = ()
    static_rules: tuple[Rule, ...] = ()
