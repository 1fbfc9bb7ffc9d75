# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS's connection timeouts: what they are to be, and what they were before us.

Owns those decisions and the text of timeouts.json. Must never talk to the kernel nor touch a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # not at run time: the sweep imports this
    from lvs_agent.core.model import LvsTimeouts

# One small object; a larger file is not ours.
BYTES_LIMIT = 4096
_LONGEST_S = 2**31 - 1


class Timeouts(NamedTuple):
    """Seconds: an idle TCP connection, one after a FIN, an idle UDP "connection"."""

    tcp: int
    tcpfin: int
    udp: int

    def __str__(self) -> str:
        return f"tcp {self.tcp} tcpfin {self.tcpfin} udp {self.udp}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutsMade:
    """What the kernel had `before` we `set` something."""

    before: Timeouts
    set: Timeouts


def wanted(configured: LvsTimeouts, before: Timeouts) -> Timeouts:
    """What is configured; the rest as it was before us."""
    return Timeouts(
        before.tcp if configured.tcp_s is None else configured.tcp_s,
        before.tcpfin if configured.tcpfin_s is None else configured.tcpfin_s,
        before.udp if configured.udp_s is None else configured.udp_s,
    )


def restored(made: TimeoutsMade, found: Timeouts) -> Timeouts:
    """The former values, but for what somebody else changed since."""
    return Timeouts(
        *(
            before if now == ours else now
            for before, ours, now in zip(made.before, made.set, found, strict=True)
        )
    )


def plan(
    configured: LvsTimeouts | None, made: TimeoutsMade | None, found: Timeouts
) -> tuple[str, ...]:
    """What a configuration would change, as a person reads it."""
    if configured is not None:
        to = wanted(configured, found if made is None else made.before)
    else:
        to = found if made is None else restored(made, found)
    return () if to == found else (f"change IPVS timeouts {found} to {to}",)


def encode(made: TimeoutsMade | None) -> bytes:
    """The file's content."""
    document = {} if made is None else {"before": list(made.before), "set": list(made.set)}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def decode(data: bytes) -> tuple[TimeoutsMade | None, str | None]:
    """What is in `data`, and what was wrong with it, for the log (None: nothing)."""
    if len(data) > BYTES_LIMIT:
        return None, f"larger than {BYTES_LIMIT} bytes"
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        return None, f"not JSON: {error}"
    if document == {}:
        return None, None
    match document:
        case {"before": list(before), "set": list(ours)} if _well(before) and _well(ours):
            return TimeoutsMade(before=Timeouts(*before), set=Timeouts(*ours)), None
    return None, "malformed"


def _well(values: list[Any]) -> bool:
    return len(values) == 3 and all(
        isinstance(v, int) and not isinstance(v, bool) and 0 < v <= _LONGEST_S for v in values
    )
