# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent's processes say to each other.

Owns the message types and, by their fields, the contract between the rooms. Must never carry
behaviour. `wire.py` turns them into bytes and back. Sender and receiver stand in each docstring.

Order on one channel is the order of sending; every message is either a full statement of a fact
(safe to repeat) or says itself what it answers (`sequence`, `request_id`).
"""

from __future__ import annotations

from dataclasses import dataclass

# Names of up to 255 characters, each of up to 6 bytes in JSON; a packet may have 212,992 bytes
# (net.core.wmem_default).
SUSPENDED_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Child -> supervisor: sockets are open, configuration `generation` is in force."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Child -> supervisor, every 250 ms from inside its event loop."""

    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigure:
    """Supervisor -> child: go by `config` as `generation`; `config_parts.py` has the bytes."""

    generation: int
    config: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Supervisor -> child: hand over and exit. ha: resign; kernel: remove all that is owned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRestarted:
    """Supervisor -> child: the process `name` is a new one; tell it again all it must know."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessDied:
    """Supervisor -> child: the process `name` is gone; a successor may come."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """ha -> kernel: the addresses of `instance` are to be held (or not).

    `sequence` grows by one per instance and message; the kernel process answers every Hold.
    """

    instance: str
    hold: bool
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldApplied:
    """kernel -> ha: answer to a Hold, after the kernel acknowledged; `error` None is success."""

    instance: str
    hold: bool
    sequence: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """kernel -> ha: an interface as it is now; sent for all at start and at each change.

    `index` 0: no such interface. `running`: administratively up with carrier, after
    interface_up_down_delays. `primary` is the first IPv4 address that is not one of our virtual
    ones, `primary6` the first such IPv6 link-local address that is not tentative, None if there is
    none. `mac` as "aa:bb:cc:dd:ee:ff". `sources`: the configured source addresses that it has.
    """

    interface: str
    index: int
    running: bool
    primary: str | None
    mac: str | None
    primary6: str | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressesLost:
    """kernel -> ha: somebody removed these addresses of a held instance; they are back.

    ha announces them again (gratuitous ARP).
    """

    instance: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """health -> kernel, and -> supervisor -> track: the state of one real server.

    Names are those of the configuration `generation`. `checked` False: no check ran yet, and it is
    to wait for one. A real server that is up by assumption, or for want of checks, is not spoken
    of, unless something else was said of it before. `weight`: what a check says in place of the
    configured weight (misc_dynamic, FILE_CHECK); None: nothing. `reason` is for people. `repeated`:
    no news, but for a track process that may not know.
    """

    generation: int
    virtual_server: str
    real_server: str
    up: bool
    checked: bool
    reason: str
    weight: int | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictsComplete:
    """health -> kernel: every Verdict there is of `generation` has been sent once."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChange:
    """kernel -> supervisor -> track: how it stands with the pool of a virtual server.

    `event`: START (the first word on it), QUORUM_UP, QUORUM_DOWN, PANIC, PANIC_OVER, or SAME: no
    news, sent for all after a reload. Times are monotonic; `panic_since_ns` None: no panic. The
    supervisor keeps the last one of each for the next kernel process (`adopt`).
    """

    virtual_server: str
    event: str
    quorum: bool
    quorum_since_ns: int
    panic_since_ns: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """kernel -> health: the checks of these virtual servers pause (ha_suspend), since none of their
    addresses is on this host; or not, which is what a health process begins with.

    Sent for all at start and to a new health process, then at each change; at most
    SUSPENDED_LIMIT names, so that a message fits a packet of the socket.
    """

    virtual_servers: tuple[str, ...]
    suspended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceState:
    """ha -> supervisor: an instance changed state. `state`: INIT, BACKUP, MASTER or FAULT.

    The supervisor keeps the last one of each for the next ha process (`adopt`): a MASTER that
    died and is back within one advert interval goes on as MASTER.
    """

    instance: str
    state: str
    previous: str
    priority: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """ha -> supervisor -> track: a sync group changed state. States as in InstanceState."""

    group: str
    state: str
    previous: str
    priority: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceEvent:
    """ha -> supervisor -> track: something worth telling that is no change of state.

    `event`: MASTER_RX_LOWER_PRI, MASTER_PRIORITY, BACKUP_PRIORITY (the effective priority changed
    to `priority`), DUAL_ACTIVE, DUAL_ACTIVE_OVER, DELETED; of the supervisor itself: GIVEN_AWAY,
    HELD, ORDINARY.
    """

    instance: str
    event: str
    priority: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceOverride:
    """Supervisor -> ha: what an operator wants of an instance in place of ordinary elections.

    `state`: given_away, held, or ordinary, which means nothing any more (`core/overrides_vrrp.py`).
    `since_s`, `expires_s`: wall clock, seconds since 1970; None: never. Sent at each change; a new
    ha process is born with all there are.
    """

    instance: str
    state: str
    owner: str
    reason: str
    since_s: int
    expires_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDown:
    """Supervisor -> ha: the master `instance`, with its sync group, resigns with priority 0.

    It takes over again at once when nobody else does.
    """

    instance: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterHeard:
    """ha -> supervisor: another router is master of `instance`; sent when that is news."""

    instance: str
    address: str
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerState:
    """track -> ha: what a tracker says. `kind` is a model.TrackerKind, `name` that of its block.

    `up` None: no result yet. `value` is a file's number, else 0. Sent for all at start, at each
    change, and again after ProcessRestarted("ha").
    """

    kind: str
    name: str
    up: bool | None
    value: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BfdState:
    """track -> supervisor -> health: how the BFD session with `neighbor` stands, for BFD_CHECKs.

    `up` None: not known (yet), which changes no verdict; with `local_error` by this host's fault.
    Sent for all at start and after a reload, and at each change. The supervisor keeps the last one
    of each for the next health process.
    """

    neighbor: str
    up: bool | None
    reason: str
    local_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramWanted:
    """health -> supervisor -> track: run the program of a MISC_CHECK that names a user, once.

    `check` is its name (`core/health/programs.py`): what is run is what the receiver's own
    configuration says. `number`: none is used twice, by any health process. Each is answered by a
    ProgramEnded of the same number, unless track dies first.
    """

    check: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEnded:
    """track -> supervisor -> health: the answer to the ProgramWanted `number`; the rest is as in
    `adapters/script.ScriptResult`."""

    number: int
    exit_code: int | None
    timed_out: bool
    started: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverridesOrder:
    """Supervisor -> kernel: these are the overrides, all of them (`overrides.encode`; no bytes:
    those that are in force).

    `in_force` False: only say what would become of the `places` (`kernel_orders.place_text`) by
    them. The kernel process answers every one with an OverridesReport.
    """

    request_id: int
    in_force: bool
    places: tuple[str, ...]
    overrides: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OverridesReport:
    """kernel -> supervisor: the answer to an OverridesOrder; `report` is a JSON object, see
    `proc/kernel_orders.py`."""

    request_id: int
    report: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideChange:
    """Supervisor -> track: an operator's word on a real server is in force, or no longer
    (`state` enabled). `reason`: by whom and why, for people."""

    virtual_server: str
    real_server: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """Child -> supervisor: a line for the journal. `level`: debug, info, warning, error."""

    level: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """Supervisor -> child: answer with StatusReply. `brief`: without what nobody reads, when there
    are thousands of real servers."""

    request_id: int
    brief: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReply:
    """Child -> supervisor: `report` is a JSON object, its shape documented in docs/status.md;
    `brief` as it was asked for."""

    request_id: int
    brief: bool
    report: bytes


Message = (
    Ready
    | Heartbeat
    | Reconfigure
    | Stop
    | ProcessRestarted
    | ProcessDied
    | Hold
    | HoldApplied
    | LinkState
    | AddressesLost
    | Verdict
    | VerdictsComplete
    | PoolChange
    | Suspended
    | InstanceState
    | GroupState
    | InstanceEvent
    | InstanceOverride
    | StepDown
    | MasterHeard
    | TrackerState
    | BfdState
    | ProgramWanted
    | ProgramEnded
    | OverridesOrder
    | OverridesReport
    | OverrideChange
    | LogLine
    | StatusRequest
    | StatusReply
)
