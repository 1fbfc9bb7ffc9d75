# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of virtual servers and real servers as values: quorum, panic, who is told.

Owns the shapes only, like `core/model.py`, of which they are a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvs_agent.core.model import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class PanicThreshold:
    """More real servers down than this is a panic: a number of them, or a share in per cent.

    `window_ns`: real servers that failed within this time failed together. It is one round of
    their checks, the time in which a common cause shows on all of them.
    """

    number: int | None = None
    per_cent: int | None = None
    window_ns: int

    def exceeded(self, down: int, configured: int) -> bool:
        """Whether `down` of `configured` real servers are more than that."""
        if self.per_cent is not None:
            return down * 100 > self.per_cent * configured
        return self.number is not None and down > self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPolicy:
    """How a virtual server takes what its checks find.

    `quorum` and `hysteresis` are sums of weights. `sorry_inhibit`: a sorry server that is not
    needed stays in IPVS with weight 0. `omega`: an end of the agent is told as going down.
    `ha_suspend`: no checks while the virtual address is elsewhere.
    """

    quorum: int = 1
    hysteresis: int = 0
    panic: PanicThreshold | None = None
    sorry_inhibit: bool = False
    ha_suspend: bool = False
    omega: bool = False
    quorum_up: Command | None = None
    quorum_down: Command | None = None
    mail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPolicy:
    """How one real server is treated.

    `inhibit` (inhibit_on_failure): dead, it stays in IPVS with weight 0, so that its connections
    are not cut off.
    """

    inhibit: bool = False
    notify_up: Command | None = None
    notify_down: Command | None = None
    mail: bool = False


USUAL_POOL = PoolPolicy()
USUAL_SERVER = ServerPolicy()
