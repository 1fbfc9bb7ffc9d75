# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was read of all directors to the files of one inventory, with the proof.

Owns the order of the steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _cluster,
    _keepalived,
    _keepalived_cluster,
    _keepalived_comments,
    _keepalived_inventory,
    _keepalived_sources,
    _keepalived_written,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._agent_code import Failed
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived import Read
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived_cluster import Made

_NOTHING_KNOWN = _cluster.Cluster(directors=(), real_servers=(), variables={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The inventory: its files by relative path, what Ansible reads in them, and what is to be told
    of them."""

    made: Made
    files: dict[str, str]
    written: _cluster.Cluster
    notices: list[str]
    differences: list[str]


def imported(
    read: Mapping[str, Read],
    addresses: Mapping[str, Mapping[str, list[str]]] | None = None,
    inventory: _cluster.Cluster = _NOTHING_KNOWN,
    named: Mapping[str, str] | None = None,
) -> Imported:
    """One inventory of the directors that were `read`.

    `addresses` are those that the hosts have, by interface; `inventory` is what is known of the
    cluster already; `named` has names for real servers by address. Raises Failed.
    """
    order = _keepalived_sources.ordered(read, inventory.directors)
    read = {name: read[name] for name in order}
    made = _keepalived_cluster.make(
        {name: each.document for name, each in read.items()},
        _keepalived_sources.directors(read, addresses or {}, inventory),
        _keepalived_sources.real_servers(inventory, named or {}),
        _keepalived.same,
    )
    comments = _keepalived_comments.comments(made, read)
    texts = _keepalived.yaml(_keepalived_inventory.files(made, comments))
    files = {_keepalived_inventory.HOSTS: _keepalived_inventory.hosts(made), **texts}
    written = _keepalived_written.collected(files)
    _prove(made, written)
    return Imported(
        made=made,
        files=files,
        written=written,
        notices=_keepalived_comments.notices(read),
        differences=[f"{one.director}: {one.path}: {one.message}" for one in made.differences],
    )


def _prove(made: Made, written: _cluster.Cluster) -> None:
    """What the collection makes of the written inventory is what the files say. Raises Failed."""
    documents = _cluster.documents(written)
    for name, wanted in made.documents.items():
        if documents.get(name) != _keepalived_cluster.resolved(wanted, made.secrets):
            raise Failed(
                f"the inventory would not give {name} what its keepalived.conf says; nothing was"
                " written. This is a fault of lvs.cluster: please report it with the file"
            )
