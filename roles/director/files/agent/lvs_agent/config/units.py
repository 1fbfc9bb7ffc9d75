# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as users write them, in nanoseconds. Owns the rounding."""

from __future__ import annotations


def nanoseconds(seconds: float) -> int:
    """`seconds` to the nearest microsecond: 0.01 s must not become 9,999,999 ns."""
    return round(seconds * 1_000_000) * 1000


def milliseconds(value: float) -> int:
    """`value` ms to the nearest microsecond, in nanoseconds."""
    return round(value * 1000) * 1000
