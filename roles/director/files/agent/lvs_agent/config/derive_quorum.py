# SPDX-License-Identifier: GPL-3.0-or-later
"""What sorry servers are called, for rules and builders alike.

Owns those names. Takes checked values; must never reject anything.
"""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]

# Beside the names of real servers, of which none may be so; several are numbered, which is also
# their path in the document.
SORRY_NAME = "sorry_server"


def sorry_names(sorry_servers: tuple[Values, ...]) -> dict[str, Values]:
    """The sorry servers by the names that verdicts and the status have for them."""
    if len(sorry_servers) == 1:
        return {SORRY_NAME: sorry_servers[0]}
    return {f"{SORRY_NAME}[{index}]": one for index, one in enumerate(sorry_servers)}
