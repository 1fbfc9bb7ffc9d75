# SPDX-License-Identifier: GPL-3.0-or-later
"""What a keepalived.conf and our configuration say differently, for those who move from one to the
other.

Owns which parts of the two belong together: names are not the same, since keepalived has none for
virtual servers. Must never show a secret.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from lvs_agent.cli.plan import differences
from lvs_agent.core.model import Config, VrrpInstance
from lvs_agent.proc import configuration

_Document = dict[str, Any]
_Key = Callable[[_Document], object]


def against(theirs: Config, ours: Config) -> tuple[str, ...]:
    """A line for each difference: `- path` is keepalived's only, `+ path` ours only, and `~ path:
    theirs -> ours`. The paths have our names where both have the same thing."""
    before, after = _public(theirs), _public(ours)
    _rename(before["vrrp_instances"], after["vrrp_instances"], _virtual_router)
    _rename(before["virtual_servers"], after["virtual_servers"], _service)
    by_name = {server["name"]: server for server in after["virtual_servers"]}
    for server in before["virtual_servers"]:
        same = by_name.get(server["name"], {})
        _rename(server["real_servers"], same.get("real_servers", []), _endpoint)
        _rename(server["sorry_servers"], same.get("sorry_servers", []), _endpoint)
        server["group"] = same.get("group", server["group"])
    for document in (before, after):
        _take_apart(document)
    return (*differences(before, after, ""), *_other_secrets(theirs, ours))


def _public(accepted: Config) -> _Document:
    document: _Document = json.loads(configuration.public_text(accepted))
    return document


def _rename(theirs: list[_Document], ours: list[_Document], key: _Key) -> None:
    """Give what is the same by `key` our name; another of that name must not be taken for it."""
    names = {key(one): one["name"] for one in ours}
    taken = {one["name"] for one in ours}
    for one in theirs:
        other = f"{one['name']} (keepalived's)" if one["name"] in taken else one["name"]
        one["name"] = names.get(key(one), other)


def _take_apart(document: _Document) -> None:
    """So that one address more is told as that one, not as two long lists."""
    for instance in document["vrrp_instances"]:
        for part in ("addresses", "excluded"):
            instance[part] = {
                f"{one['address']}/{one['prefix_length']} on {one['interface']}": one
                for one in instance[part]
            }
    for server in document["virtual_servers"]:
        server["services"] = {
            " ".join(str(word) for word in one.values()): one for one in server["services"]
        }


def _virtual_router(instance: _Document) -> object:
    return instance["interface"], instance["virtual_router_id"], instance["family"]


def _service(server: _Document) -> object:
    return tuple(server["services"][0].values())


def _endpoint(server: _Document) -> object:
    return tuple(server["endpoint"].values())


def _other_secrets(theirs: Config, ours: Config) -> Iterator[str]:
    def same(instance: VrrpInstance) -> object:
        return instance.interface, instance.virtual_router_id, instance.family

    before = {same(one): one.authentication for one in theirs.vrrp_instances}
    for one in ours.vrrp_instances:
        there = before.get(same(one))
        if there is not None and one.authentication is not None and there != one.authentication:
            yield f"~ vrrp_instances.{one.name}.authentication: another password"
