# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a virtual router: the inputs of `vrrp/fsm.py`.

Owns the shapes. `HoldApplied`, `ProcessDied` and `ProcessRestarted` of the kernel process are
events too, and so is the supervisor's `StepDown`, as they come from `messages.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from lvs_agent.core.messages import HoldApplied, ProcessDied, ProcessRestarted, StepDown
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.packet import Advert


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceUp:
    """All interfaces of the instance run; `primary` is the address of the adverts' one.

    Repeated whenever something about them changed.
    """

    primary: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceDown:
    """The instance cannot work; `reason` says which interface lacks what, or which tracker failed,
    or which member of its sync group cannot work."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertReceived:
    """An advert that passed every check of `vrrp/receive.py`. `source`: unsigned integer."""

    source: int
    advert: Advert


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerExpired:
    """`deadline_ns` has passed, and what the sockets had received by then has been handled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockGap:
    """The host slept for `gap_ns`: CLOCK_BOOTTIME went on, CLOCK_MONOTONIC did not."""

    gap_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncementNeeded:
    """Neighbours may have a wrong idea of these addresses: a new MAC, or back after a removal."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigured:
    """The same virtual router (`core/instances.py`) with other settings.

    `priority` is the effective one under them; None: that of the instance.
    """

    instance: VrrpInstance
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChanged:
    """The effective priority is `priority` now; `reason` says what weighs."""

    priority: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressClaimed:
    """A host with the foreign `mac` answered for one of our virtual addresses."""

    address: str
    mac: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """The sync group becomes master: every member had come to want it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """Another member of the sync group is not master any more, so this one may not be either."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """Resign and release; nothing but acknowledgements follows (RFC 9568 section 6.4)."""


Event = (
    InterfaceUp
    | InterfaceDown
    | AdvertReceived
    | TimerExpired
    | ClockGap
    | AnnouncementNeeded
    | Reconfigured
    | PriorityChanged
    | AddressClaimed
    | TakeOver
    | Yield
    | Shutdown
    | StepDown
    | HoldApplied
    | ProcessDied
    | ProcessRestarted
)
