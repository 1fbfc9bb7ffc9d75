# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that all parts of `lvsctl status` use: durations and places.

Owns their form.
"""

from __future__ import annotations

from typing import Any


def duration(seconds: float) -> str:
    """ "5 s", "3 min 5 s", "2 h 3 min", "4 d 2 h": the two largest units."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def place(server: dict[str, Any]) -> str:
    """ "address:port", IPv6 in brackets; without a port the address alone."""
    address, port = str(server.get("address")), server.get("port")
    text = f"[{address}]" if ":" in address else address
    return f"{text}:{port}" if port else text
