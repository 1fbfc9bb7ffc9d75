# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become the policies of virtual servers and real servers.

Owns what a real server takes from its virtual server, and both from global_defs.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from lvs_agent.config.build_commands import notify
from lvs_agent.config.derive import or_else
from lvs_agent.config.units import nanoseconds
from lvs_agent.core.checks import Check, MiscCheck, Networked
from lvs_agent.core.model import RealServer
from lvs_agent.core.policy import PanicThreshold, PoolPolicy, ServerPolicy

Values = dict[str, Any]


def pool_policy(
    server: Values, real_servers: Iterable[RealServer], global_defs: Values
) -> PoolPolicy:
    """The policy of the virtual server with these values and real servers."""
    return PoolPolicy(
        quorum=server["quorum"],
        hysteresis=server["hysteresis"],
        panic=_panic(server, real_servers),
        sorry_inhibit=server["sorry_server_inhibit"],
        ha_suspend=server["ha_suspend"],
        omega=server["omega"],
        quorum_up=notify(server["quorum_up"], global_defs),
        quorum_down=notify(server["quorum_down"], global_defs),
        mail=_mails(server, global_defs),
    )


# What a real server may say of its policy: those that say the same have the same.
said = itemgetter("inhibit_on_failure", "notify_up", "notify_down", "smtp_alert")


def server_policy(real: Values, server: Values, global_defs: Values) -> ServerPolicy:
    """The policy of the real server with these values, of that virtual server."""
    return ServerPolicy(
        inhibit=or_else(real["inhibit_on_failure"], server["inhibit_on_failure"]),
        notify_up=notify(real["notify_up"], global_defs),
        notify_down=notify(real["notify_down"], global_defs),
        mail=or_else(real["smtp_alert"], _mails(server, global_defs)),
    )


def _mails(server: Values, global_defs: Values) -> bool:
    usual = or_else(global_defs["smtp_alert_checker"], or_else(global_defs["smtp_alert"], True))
    wanted = or_else(server["smtp_alert"], usual)
    return bool(wanted and not global_defs["no_checker_emails"])


def _panic(server: Values, real_servers: Iterable[RealServer]) -> PanicThreshold | None:
    if server["panic_threshold"] is None:
        return None
    number, unit = server["panic_threshold"]
    rounds = [_round_ns(check) for real in real_servers for check in real.checks]
    window_ns = max(rounds, default=nanoseconds(server["delay_loop"]))
    if unit:
        return PanicThreshold(per_cent=number, window_ns=window_ns)
    return PanicThreshold(number=number, window_ns=window_ns)


def _round_ns(check: Check) -> int:
    """From one result of a check to a verdict that could follow right after it, at the most."""
    match check:
        case MiscCheck():
            try_ns = check.timeout_ns
        case Networked():
            try_ns = 2 * check.connect_timeout_ns  # to connect, and for the answer
        case _:
            try_ns = 0
    return check.delay_loop_ns + (check.retry + 1) * (try_ns + check.delay_before_retry_ns)
