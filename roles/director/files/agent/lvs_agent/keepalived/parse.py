# SPDX-License-Identifier: GPL-3.0-or-later
"""A keepalived.conf, and all that it includes, as a tree of statements.

Owns nothing but the order of the steps: `text` (lines without comments), `reader` (pieces,
everything expanded), `blocks` (the tree).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lvs_agent.keepalived.blocks import tree
from lvs_agent.keepalived.grammar import Files, Grammar, Host
from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.reader import Reader
from lvs_agent.keepalived.tree import Parsed


def parse(
    path: str,
    files: Files,
    *,
    config_id: str | None = None,
    grammar: Grammar | None = None,
    environment: Mapping[str, str] | None = None,
    random: Callable[[int, int], int] | None = None,
) -> Parsed:
    """Read the file as keepalived would, and say what is not as it should be.

    Without a config id, lines for one are left out, and lines for all but one are kept.
    `environment` is for ${_ENV NAME}; `random` gets the lowest and the highest number for
    ${_RANDOM}, which is the lowest without it. Raises Unreadable for what is no configuration, and
    for what exceeds `limits`.
    """
    host = Host(config_id, environment or {}, random)
    notes = Notes()
    pieces = Reader(files, host, notes).pieces(path)
    statements = tree(pieces, grammar or Grammar(), notes)
    return Parsed(statements, notes.all())
