# SPDX-License-Identifier: GPL-3.0-or-later
"""The MISC_CHECKs that name a user, which the track process runs for the health process.

Owns which these are, and what is run for them.
"""

from __future__ import annotations

from collections.abc import Iterable

from lvs_agent.core.checks import MiscCheck
from lvs_agent.core.model import Command, VirtualServer


def programs_of(servers: Iterable[VirtualServer]) -> tuple[MiscCheck, ...]:
    """Those of `servers`, each once."""
    checks = (check for server in servers for one in server.servers for check in one.checks)
    return tuple(
        dict.fromkeys(
            check for check in checks if isinstance(check, MiscCheck) and check.user is not None
        )
    )


def command_of(check: MiscCheck) -> Command:
    """What is run."""
    return Command(
        argv=check.argv,
        user=check.user,
        group=check.group,
        timeout_ns=check.timeout_ns,
        secure=check.secure,
    )
