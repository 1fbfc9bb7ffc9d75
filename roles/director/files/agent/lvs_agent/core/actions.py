# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual router wants done: the outputs of `vrrp/fsm.py`, in the order to do them.

Owns the shapes. `Hold`, `InstanceState`, `InstanceEvent`, `MasterHeard`, `GroupState` (of
`vrrp/groups.py`) and `LogLine` of `messages.py` are actions too: they go out as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from lvs_agent.core.messages import (
    GroupState,
    Hold,
    InstanceEvent,
    InstanceState,
    LogLine,
    MasterHeard,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAdvert:
    """Send an advert now; `resign`: with priority 0 instead of the effective one."""

    resign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Begin a burst of gratuitous ARP or unsolicited NA for these addresses, and what follows it.

    `repeat` None: as a new master (garp_master_repeat, garp_master_delay, refresh). Otherwise so
    many rounds as an answer to a losing advert, and as many again after garp_lower_prio_delay.
    """

    addresses: tuple[str, ...]
    repeat: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAnnouncing:
    """Forget every gratuitous ARP not yet sent: the addresses are not ours any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAddresses:
    """Ask the network who has these addresses; a foreign answer comes back as AddressClaimed."""

    addresses: tuple[str, ...]


Action = (
    SendAdvert
    | Announce
    | StopAnnouncing
    | ProbeAddresses
    | Hold
    | InstanceState
    | InstanceEvent
    | GroupState
    | MasterHeard
    | LogLine
)
