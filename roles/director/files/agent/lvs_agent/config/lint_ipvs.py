# SPDX-License-Identifier: GPL-3.0-or-later
"""What is allowed for virtual servers, and rarely meant.

Owns those warnings. Must never refuse anything.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.report import Report

Values = dict[str, Any]

# Bits that these two name; no scheduler of the kernel knows another one.
_NAMED_FLAGS = {
    ("sh", "flag_1"): "sh_fallback",
    ("sh", "flag_2"): "sh_port",
    ("mh", "flag_1"): "mh_fallback",
    ("mh", "flag_2"): "mh_port",
}


def check(values: Values, report: Report) -> None:
    """Report what is unusual in `values`, the document with defaults filled in, free of errors."""
    used = {server["group"] for server in values["virtual_servers"].values()}
    for name in values["virtual_server_groups"]:
        if name not in used:
            report(f"virtual_server_groups.{name}", "no virtual server has it as its group")
    for name, server in values["virtual_servers"].items():
        path = f"virtual_servers.{name}"
        _flags(server, path, report)
        if server["lb_algo"] == "fo" and _same_weights(server):
            report(
                f"{path}.lb_algo",
                "fo sends everything to the real server of the highest weight, and all have the"
                " same; give each its own",
            )


def _flags(server: Values, path: str, report: Report) -> None:
    for option in ("flag_1", "flag_2", "flag_3"):
        if not server[option]:
            continue
        scheduler = server["lb_algo"]
        name = _NAMED_FLAGS.get((scheduler, option))
        if name is None:
            report(f"{path}.{option}", f"the scheduler {scheduler} of Linux does nothing with it")
        else:
            report(f"{path}.{option}", f"is {name} of the scheduler {scheduler}; say that instead")


def _same_weights(server: Values) -> bool:
    weights = [
        server["weight"] if real["weight"] is None else real["weight"]
        for real in server["real_servers"].values()
    ]
    return len(weights) > 1 and len(set(weights)) == 1
