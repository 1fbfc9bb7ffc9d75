# SPDX-License-Identifier: GPL-3.0-or-later
"""The BFD control packet as bytes (RFC 5880 section 4.1), and why a packet is not accepted.

Owns the layout and the checks that need no session. Must never know a session or a configuration.
Decoding network input returns a RejectReason, it never raises.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum

BFD_PORT = 3784
VERSION = 1
# Source ports: RFC 5881 section 4.
SOURCE_PORTS = range(49152, 65536)
MICROSECOND_NS = 1_000
SECOND_NS = 1_000_000_000

_PACKET = struct.Struct("!BBBBIIIII")
PACKET_BYTES = _PACKET.size
# The least authentication section has a type and a length (section 4.1).
_AUTHENTICATED_BYTES = PACKET_BYTES + 2
_MOST_MICROSECONDS = 0xFFFF_FFFF

_POLL = 0x20
_FINAL = 0x10
_CONTROL_PLANE_INDEPENDENT = 0x08
_AUTHENTICATION = 0x04
_DEMAND = 0x02
_MULTIPOINT = 0x01


class State(IntEnum):
    """Session states with their numbers on the wire."""

    ADMIN_DOWN = 0
    DOWN = 1
    INIT = 2
    UP = 3

    @property
    def label(self) -> str:
        """The name as RFC 5880 writes it: "AdminDown"."""
        return self.name.title().replace("_", "")


class Diagnostic(IntEnum):
    """Diagnostic codes that this side sends; a neighbour may send any number up to 31."""

    NONE = 0
    DETECTION_TIME_EXPIRED = 1
    NEIGHBOUR_SIGNALED_DOWN = 3
    ADMINISTRATIVELY_DOWN = 7


_DIAGNOSTICS = (
    "no diagnostic",
    "control detection time expired",
    "echo function failed",
    "neighbour signaled session down",
    "forwarding plane reset",
    "path down",
    "concatenated path down",
    "administratively down",
    "reverse concatenated path down",
)


def diagnostic_text(code: int) -> str:
    """A diagnostic code for people; 9 to 31 are reserved."""
    return _DIAGNOSTICS[code] if code < len(_DIAGNOSTICS) else f"diagnostic code {code}"


class RejectReason(StrEnum):
    """The packet had no effect. In the order of RFC 5880 section 6.8.6, then RFC 5881."""

    TRUNCATED = "truncated"
    VERSION = "version"
    LENGTH_SHORT = "length_short"
    LENGTH_LONG = "length_long"
    MULTIPLIER_ZERO = "multiplier_zero"
    MULTIPOINT = "multipoint"
    MY_DISCRIMINATOR_ZERO = "my_discriminator_zero"
    YOUR_DISCRIMINATOR_ZERO = "your_discriminator_zero"
    UNKNOWN_DISCRIMINATOR = "unknown_discriminator"
    UNKNOWN_NEIGHBOR = "unknown_neighbor"
    AUTHENTICATION = "authentication"
    TTL = "ttl"
    ADMIN_DOWN = "admin_down"


EXPLANATIONS: dict[RejectReason, str] = {
    RejectReason.TRUNCATED: "it is shorter than a BFD control packet",
    RejectReason.VERSION: "its BFD version is not 1",
    RejectReason.LENGTH_SHORT: "its length field is less than the least possible",
    RejectReason.LENGTH_LONG: "its length field says more than was received",
    RejectReason.MULTIPLIER_ZERO: "its detection multiplier is 0",
    RejectReason.MULTIPOINT: "its multipoint bit is set",
    RejectReason.MY_DISCRIMINATOR_ZERO: "its sender gives itself discriminator 0",
    RejectReason.YOUR_DISCRIMINATOR_ZERO: "it names no session of ours in a state in which the"
    " sender must know one",
    RejectReason.UNKNOWN_DISCRIMINATOR: "it names a session that does not exist here; right after"
    " a restart this is the neighbour's memory of the session before",
    RejectReason.UNKNOWN_NEIGHBOR: "no session here has its source address as neighbor; compare"
    " neighbor and source on both sides",
    RejectReason.AUTHENTICATION: "it is authenticated, and BFD authentication is not supported;"
    " switch it off on the neighbour",
    RejectReason.TTL: "its TTL shows more hops than max_hops allows, so it was routed or forged",
    RejectReason.ADMIN_DOWN: "the session is administratively down here",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPacket:
    """A control packet without authentication. Intervals in microseconds, as on the wire."""

    state: State
    diagnostic: int
    multiplier: int
    my_discriminator: int
    your_discriminator: int
    desired_min_tx_us: int
    required_min_rx_us: int
    required_min_echo_rx_us: int = 0
    poll: bool = False
    final: bool = False
    control_plane_independent: bool = False
    demand: bool = False


def microseconds(duration_ns: int) -> int:
    """An interval for the wire: rounded down, not 0 (which means something else), 32 bits."""
    return min(max(duration_ns // MICROSECOND_NS, 1), _MOST_MICROSECONDS)


def encode(packet: ControlPacket) -> bytes:
    """The 24 bytes of the packet."""
    flags = (
        (_POLL if packet.poll else 0)
        | (_FINAL if packet.final else 0)
        | (_CONTROL_PLANE_INDEPENDENT if packet.control_plane_independent else 0)
        | (_DEMAND if packet.demand else 0)
    )
    return _PACKET.pack(
        VERSION << 5 | packet.diagnostic,
        packet.state << 6 | flags,
        packet.multiplier,
        PACKET_BYTES,
        packet.my_discriminator,
        packet.your_discriminator,
        packet.desired_min_tx_us,
        packet.required_min_rx_us,
        packet.required_min_echo_rx_us,
    )


def decode(payload: bytes) -> ControlPacket | RejectReason:
    """The packet in a UDP payload of any content, or why it is none (RFC 5880 section 6.8.6).

    What follows after the packet's own length is ignored, and so is a packet's padding: the RFC
    has no rule against either.
    """
    if len(payload) < PACKET_BYTES:
        return RejectReason.TRUNCATED
    first, second, multiplier, length, mine, yours, tx, rx, echo = _PACKET.unpack_from(payload)
    if first >> 5 != VERSION:
        return RejectReason.VERSION
    if length < (_AUTHENTICATED_BYTES if second & _AUTHENTICATION else PACKET_BYTES):
        return RejectReason.LENGTH_SHORT
    if length > len(payload):
        return RejectReason.LENGTH_LONG
    if multiplier == 0:
        return RejectReason.MULTIPLIER_ZERO
    if second & _MULTIPOINT:
        return RejectReason.MULTIPOINT
    if mine == 0:
        return RejectReason.MY_DISCRIMINATOR_ZERO
    state = State(second >> 6)
    if yours == 0 and state not in (State.DOWN, State.ADMIN_DOWN):
        return RejectReason.YOUR_DISCRIMINATOR_ZERO
    if second & _AUTHENTICATION:
        return RejectReason.AUTHENTICATION
    return ControlPacket(
        state=state,
        diagnostic=first & 0x1F,
        multiplier=multiplier,
        my_discriminator=mine,
        your_discriminator=yours,
        desired_min_tx_us=tx,
        required_min_rx_us=rx,
        required_min_echo_rx_us=echo,
        poll=bool(second & _POLL),
        final=bool(second & _FINAL),
        control_plane_independent=bool(second & _CONTROL_PLANE_INDEPENDENT),
        demand=bool(second & _DEMAND),
    )
