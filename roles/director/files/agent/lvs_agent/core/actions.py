# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual router wants done: the outputs of `vrrp/fsm.py`, in the order to do them.

Owns the shapes. `Hold`, `InstanceState` and `LogLine` of `messages.py` are actions too: they go
out as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from lvs_agent.core.messages import Hold, InstanceState, LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAdvert:
    """Multicast an advert now; `resign`: with priority 0 instead of the instance's."""

    resign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Begin a gratuitous ARP burst for these addresses, and the schedule that follows it."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAnnouncing:
    """Forget every gratuitous ARP not yet sent: the addresses are not ours any more."""


Action = SendAdvert | Announce | StopAnnouncing | Hold | InstanceState | LogLine
