# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which kind the way from one configuration to another is: what an operator has to expect of it.

Owns the definition. Must never need the secrets: it looks at configurations as `lvsctl config`
shows them. The agent applies every kind without a restart.

none        nothing that the agent does would change
weights     weights of real servers or sorry servers only: edited in place, nobody is cut off
addresses   besides, what instances or the host hold: virtual and static addresses, routes, rules
structure   anything else: instances, virtual servers, real servers or checks come, go or behave
            otherwise
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_SERVERS = ("real_servers", "sorry_servers")
_HELD = ("addresses", "excluded", "routes", "rules")
_STATIC = ("static_addresses", "static_routes", "static_rules")

# A configuration as JSON values, shaped like `core/model.py`'s Config.
Document = Mapping[str, Any]


class Change(StrEnum):
    """The kinds, each more than the one before."""

    NONE = "none"
    WEIGHTS = "weights"
    ADDRESSES = "addresses"
    STRUCTURE = "structure"


def change(before: Document, after: Document) -> Change:
    """The kind of the change from `before` to `after`."""
    if before == after:
        return Change.NONE
    before, after = _without_weights(before), _without_weights(after)
    if before == after:
        return Change.WEIGHTS
    if _without_addresses(before) == _without_addresses(after):
        return Change.ADDRESSES
    return Change.STRUCTURE


def _without_weights(of: Document) -> Document:
    servers = [
        {**server, **{key: [_without(one, ("weight",)) for one in server[key]] for key in _SERVERS}}
        for server in of["virtual_servers"]
    ]
    return {**of, "virtual_servers": servers}


def _without_addresses(of: Document) -> Document:
    instances = [_without(one, _HELD) for one in of["vrrp_instances"]]
    return {**_without(of, _STATIC), "vrrp_instances": instances}


def _without(of: Document, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in of.items() if key not in keys}
