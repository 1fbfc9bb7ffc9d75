# SPDX-License-Identifier: GPL-3.0-or-later
"""The MISC_CHECKs that name a user, which the track process runs for the health process.

Owns how the two speak of a check: by a name that says what it is, and that both find in their own
configuration. What is run, as whom and for how long is never part of a request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from lvs_agent.core.checks import MiscCheck
from lvs_agent.core.model import Command, VirtualServer

_NAME_BYTES = 16


def programs_of(servers: Iterable[VirtualServer]) -> tuple[MiscCheck, ...]:
    """Those of `servers`, each once."""
    checks = (check for server in servers for one in server.servers for check in one.checks)
    return tuple(
        dict.fromkeys(
            check for check in checks if isinstance(check, MiscCheck) and check.user is not None
        )
    )


def name_of(check: MiscCheck) -> str:
    """The same in every process and after every reload, for equal checks and for no others."""
    return hashlib.blake2b(repr(check).encode(), digest_size=_NAME_BYTES).hexdigest()


def command_of(check: MiscCheck) -> Command:
    """What is run."""
    return Command(
        argv=check.argv,
        user=check.user,
        group=check.group,
        timeout_ns=check.timeout_ns,
        secure=check.secure,
    )
