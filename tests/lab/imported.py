# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories that lvs.cluster.import_keepalived makes of keepalived.conf files on the directors.

Owns the way to one, and what an operator changes in it by hand. The files have the mistakes that
people make in them (tests/unit/plugins/keepalived_copies).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from cluster import ROOT, Cluster

COPIES = ROOT / "tests" / "unit" / "plugins" / "keepalived_copies"
CONF = "/etc/keepalived/keepalived.conf"
SHARED = "group_vars/lvs_directors/main.yml"


def inventory(
    cluster: Cluster, name: str, folder: Path, real_servers: Mapping[str, str] | None = None
) -> Path:
    """The inventory, in `folder`, of the cluster `name` of `COPIES`, read from the directors.

    `real_servers` names those that are hosts, by address.
    """
    for copy in sorted((COPIES / name).iterdir()):
        cluster.lab.put(copy.stem, CONF, copy.read_text())
    words = ["--limit", "directors", "-e", f"keepalived_inventory={folder}"]
    words += ["-e", json.dumps({"keepalived_real_servers": real_servers or {}})]
    run = cluster.playbook(None, *words, name="lvs.cluster.import_keepalived")
    assert run.good, run.output
    return folder


def edit(folder: Path, file: str, before: str, after: str) -> None:
    """Put `after` in the place of `before`, which stands once in the inventory's file."""
    path = folder / file
    text = path.read_text()
    assert text.count(before) == 1, text
    path.write_text(text.replace(before, after))


def notes(folder: Path) -> str:
    """All comments of the inventory, in lines as long as they like to be."""
    text = "".join(path.read_text() for path in sorted(folder.rglob("*.yml")))
    said = [line.strip()[1:] for line in text.split("\n") if line.strip().startswith("#")]
    return " ".join(" ".join(said).split())
