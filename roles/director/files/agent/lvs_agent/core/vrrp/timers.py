# SPDX-License-Identifier: GPL-3.0-or-later
"""The times of the protocol, in integer nanoseconds.

Owns the arithmetic. Must never read a clock. Integer division happens last: a priority step at
T = 10 ms is 39,062 ns, which coarser units round to nothing.
"""

from __future__ import annotations

from lvs_agent.core.vrrp.packet import SECOND_NS

OWNER_PRIORITY = 255
# How long adverts may promise an address that the kernel has not confirmed: one interval, but
# time enough for a netlink batch of a thousand addresses, and never longer than a second.
_HOLD_LEAST_NS = 100_000_000
_HOLD_MOST_NS = SECOND_NS
RETRY_FIRST_NS = SECOND_NS
RETRY_MOST_NS = 30 * SECOND_NS


def skew_ns(version: int, priority: int, interval_ns: int) -> int:
    """Skew_Time. `interval_ns` is the master's; version 2 does not use it.

    RFC 3768 section 6.1: (256 - priority) / 256 seconds. RFC 9568 section 6.1: that part of
    Active_Adver_Interval.
    """
    base_ns = SECOND_NS if version == 2 else interval_ns
    return (256 - priority) * base_ns // 256


def master_down_ns(version: int, priority: int, interval_ns: int, adverts: int = 3) -> int:
    """Master_Down_Interval (RFC 9568: Active_Down_Interval): three intervals and the skew.

    `adverts`: another number of intervals than three (down_timer_adverts, not in the RFCs).
    """
    return adverts * interval_ns + skew_ns(version, priority, interval_ns)


def unheeded_ns(version: int, interval_ns: int) -> int:
    """How long a router that has resigned by order waits for another one's advert.

    The skew of the lowest priority, 1, and a margin for what a slower host needs until its advert
    is here: a quarter of the interval, at least 50 ms and at most 250 ms. Whoever takes over by the
    protocol has been heard by then.
    """
    margin_ns = min(max(interval_ns // 4, 50_000_000), 250_000_000)
    return skew_ns(version, 1, interval_ns) + margin_ns


def hold_limit_ns(advert_int_ns: int) -> int:
    """How long a master advertises without an acknowledged hold of its addresses."""
    return min(max(advert_int_ns, _HOLD_LEAST_NS), _HOLD_MOST_NS)


def next_retry_ns(previous_ns: int) -> int:
    """Back-off after failed takeovers: 1 s, doubling to 30 s; `previous_ns` 0 for the first."""
    return min(max(2 * previous_ns, RETRY_FIRST_NS), RETRY_MOST_NS)


def seconds(duration_ns: int) -> str:
    """A duration for people: "3.609 s"."""
    return f"{duration_ns / SECOND_NS:.3f} s"
