# SPDX-License-Identifier: GPL-3.0-or-later
"""A command of the document becomes one that can be run: as whom, for how long, how carefully.

Owns what global_defs says for all of them. Must never look at the host's users.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.rules_names import user_and_group
from lvs_agent.config.units import nanoseconds
from lvs_agent.core.model import Command

Values = dict[str, Any]


def runs_as(own: str | None, global_defs: Values) -> tuple[str | None, str | None]:
    """User and group of what says `own`, else those of all scripts; None: the agent's own, and the
    user's."""
    text = own or global_defs["script_user"]
    return (None, None) if text is None else user_and_group(text)


def command(
    words: tuple[str, ...], global_defs: Values, *, timeout_ns: int, own_user: str | None = None
) -> Command:
    """The program `words` with its user, and with script security where that is wanted."""
    user, group = runs_as(own_user, global_defs)
    return Command(
        argv=words,
        user=user,
        group=group,
        timeout_ns=timeout_ns,
        secure=global_defs["enable_script_security"],
    )


def notify(words: tuple[str, ...] | None, global_defs: Values) -> Command | None:
    """A command that tells of something; None stays None."""
    if words is None:
        return None
    return command(words, global_defs, timeout_ns=nanoseconds(global_defs["notify_timeout"]))
