# SPDX-License-Identifier: GPL-3.0-or-later
"""What virtual servers and real servers are called that keepalived knows by address only.

Owns those names: they are told by the configuration alone, so that they stay the same whatever
else changes in the file.
"""

from __future__ import annotations


def virtual_server(words: list[str], protocol: str | None) -> str:
    """The name of `virtual_server WORDS`: 192.0.2.1:80, [2001:db8::1]:53/udp, fwmark-7, or the
    name of the group."""
    kind = "" if protocol in (None, "TCP") else f"/{protocol.lower()}"
    if words[0] == "fwmark":
        return f"fwmark-{words[1]}"
    if words[0] == "group":
        return f"{words[1]}{kind}"
    return endpoint(words[0], words[1] if len(words) > 1 else None) + kind


def endpoint(address: str, port: str | None) -> str:
    """ADDRESS:PORT, with IPv6 addresses in brackets; the address alone without a port."""
    if port in (None, "0"):
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
