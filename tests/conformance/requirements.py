# SPDX-License-Identifier: GPL-3.0-or-later
"""Every requirement of RFC 3768, 5798 and 9568, in the order of the sections.

Owns nothing: the tables are beside it. `LEAD_INS` has the key words that are no requirements.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance import (
    requirements_messages,
    requirements_operation,
    requirements_overview,
    requirements_packet,
    requirements_parameters,
    requirements_states,
)
from conformance.requirement import Place, Requirement

ALL: tuple[Requirement, ...] = (
    *requirements_overview.REQUIREMENTS,
    *requirements_packet.REQUIREMENTS,
    *requirements_parameters.REQUIREMENTS,
    *requirements_states.REQUIREMENTS,
    *requirements_messages.REQUIREMENTS,
    *requirements_operation.REQUIREMENTS,
)

# Key words in capitals that define the words, or that stand before a list whose items are listed
# here one by one (as "step" where they have no word of their own). By RFC and section.
LEAD_INS = {
    ("3768", "1"): 10,
    ("3768", "6.4.2"): 1,
    ("3768", "6.4.3"): 1,
    ("3768", "7.2"): 1,
    ("5798", "1.4"): 10,
    ("5798", "6.4.2"): 1,
    ("5798", "6.4.3"): 1,
    ("5798", "7.2"): 1,
    ("9568", "1.5"): 11,
    ("9568", "6.4.2"): 1,
    ("9568", "6.4.3"): 1,
    ("9568", "7.2"): 1,
}


def by_place() -> Iterator[tuple[Place, Requirement]]:
    """Each place with its requirement, as the RFCs are read."""
    pairs = [(place, requirement) for requirement in ALL for place in requirement.places]
    yield from sorted(pairs, key=lambda pair: pair[0].order)
