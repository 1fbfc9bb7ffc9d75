# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the options of quorum, panic and sorry servers.

Owns them, and what is allowed of them but rarely meant. Must never repeat a range
(`schema/quorum.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lvs_agent.config.derive import or_else
from lvs_agent.config.derive_quorum import SORRY_NAME
from lvs_agent.config.report import Report
from lvs_agent.core.ipvs.model import ServiceKey

Values = dict[str, Any]


def check(server: Values, keys: Iterable[ServiceKey], path: str, report: Report) -> None:
    """Report every broken rule about the virtual server at `path`, which has these services."""
    if server["hysteresis"] >= server["quorum"]:
        report(
            f"{path}.hysteresis",
            f"{server['hysteresis']} must be less than quorum ({server['quorum']}): otherwise the"
            " quorum is kept until nothing is left",
        )
    if server["ha_suspend"] and all(key.mark for key in keys):
        report(
            f"{path}.ha_suspend",
            "needs a virtual address, and a firewall mark has none; remove it, or write the"
            " virtual server with ip",
        )
    for name in server["real_servers"]:
        if name.partition("[")[0] == SORRY_NAME:
            report(f"{path}.real_servers.{name}", "is what sorry servers are called; rename it")


def lint(server: Values, path: str, report: Report) -> None:
    """Report what is unusual about the virtual server at `path`, which is free of errors."""
    needed = server["quorum"] + server["hysteresis"]
    real_servers = server["real_servers"].values()
    weight = sum(or_else(real["weight"], server["weight"]) for real in real_servers)
    if real_servers and weight < needed and needed > 1:
        report(
            f"{path}.quorum",
            f"is gained at {needed} (quorum + hysteresis), and all real servers together weigh"
            f" {weight}: it is never gained",
        )
    if server["sorry_server_inhibit"] and not server["sorry_server"]:
        report(f"{path}.sorry_server_inhibit", "has no effect without a sorry_server")
    if server["ha_suspend"] and server["alpha"]:
        report(
            f"{path}.ha_suspend",
            "with alpha, a director that was never master has checked nobody, and so begins with"
            " nobody when it becomes master; give up one of the two",
        )
    threshold = server["panic_threshold"]
    if threshold is not None and real_servers:
        number, unit = threshold
        if number >= (100 if unit else len(real_servers)):
            report(
                f"{path}.panic_threshold",
                f"no more than {number}{unit} of {len(real_servers)} real servers can be down: it"
                " has no effect; make it smaller",
            )
