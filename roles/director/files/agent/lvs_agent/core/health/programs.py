# SPDX-License-Identifier: GPL-3.0-or-later
"""The MISC_CHECKs that name a user, which the track process runs for the health process.

Owns how the two speak of a check: by a name that says what it is, and that both find in their own
configuration. What is run, as whom and for how long is never part of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lvs_agent.core.checks import MiscCheck
from lvs_agent.core.model import Command, VirtualServer

# Half of a SHA-256: nobody chooses both of two programs to be taken for each other.
_NAME_CHARACTERS = 32


def programs_of(servers: Iterable[VirtualServer]) -> tuple[MiscCheck, ...]:
    """Those of `servers`, each once."""
    checks = (check for server in servers for one in server.servers for check in one.checks)
    return tuple(
        dict.fromkeys(
            check for check in checks if isinstance(check, MiscCheck) and check.user is not None
        )
    )


def name_of(check: MiscCheck, digest: Callable[[bytes], str]) -> str:
    """The same in every process and after every reload, for equal checks and for no others.
    `digest` gives a hexadecimal SHA-256."""
    return digest(repr(check).encode())[:_NAME_CHARACTERS]


def command_of(check: MiscCheck) -> Command:
    """What is run."""
    return Command(
        argv=check.argv,
        user=check.user,
        group=check.group,
        timeout_ns=check.timeout_ns,
        secure=check.secure,
    )
