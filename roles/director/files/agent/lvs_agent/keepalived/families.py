# SPDX-License-Identifier: GPL-3.0-or-later
"""Address family and VRRP version of an instance whose values are not checked yet."""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]


def version(instance: Values, global_defs: Values) -> int:
    """2 or 3, as `config.derive.version` says, of values that are not checked yet."""
    if instance.get("version"):
        return int(instance["version"])
    if family(instance) == 6:
        return 3
    return int(global_defs.get("vrrp_version") or 2)


def family(instance: Values) -> int:
    """4 or 6, by the first virtual address, else by the addresses of the adverts."""
    for line in instance.get("virtual_ipaddress") or ():
        return family_of(line)
    for option in ("unicast_src_ip", "mcast_src_ip"):
        if instance.get(option):
            return 6 if ":" in instance[option] else 4
    return 4


def family_of(line: str | Values) -> int:
    address = line.partition(" ")[0] if isinstance(line, str) else str(line["address"])
    return 6 if ":" in address else 4
