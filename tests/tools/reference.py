#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/reference: a page for each plugin and role of the collection, and their index.

    tests/tools/reference.py [--check]

Owns which pages there are: whatever `ansible-doc` finds, and the playbooks. A page of what is gone
is removed. `--check` only tells which pages are stale (exit status 1).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from reference_page import COLLECTION, NOTICE, Node, file_name, plugin, role, text_of
from reference_playbook import section, summary

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "docs" / "reference"
_PLAYBOOKS = "playbooks.md"
_TITLES = {
    "role": "Roles",
    "module": "Modules",
    "inventory": "Inventory plugins",
    "lookup": "Lookup plugins",
    "filter": "Filters",
    "test": "Tests",
}
# Loads every plugin of the collection once; on a busy machine that takes seconds.
_TIMEOUT_S = 120
_INTRODUCTION = """
What the collection has, each with its options: the same that `ansible-doc -t TYPE NAME` shows. The
options of a cluster itself, which are keepalived's keywords, are in [options.md](../options.md)."""


def pages() -> dict[str, str]:
    """File names in docs/reference and what is to be in them."""
    playbooks = _playbooks()
    sections = [section(name, text) for name, text in playbooks.items()]
    found = {_PLAYBOOKS: "\n\n".join([f"# Playbooks\n\n{NOTICE}", *sections]) + "\n"}
    rows = [
        f"| [{name}]({_PLAYBOOKS}#{name.replace('.', '')}) | {summary(text)} |"
        for name, text in playbooks.items()
    ]
    index = [f"# Reference\n\n{NOTICE}\n{_INTRODUCTION}".rstrip()]
    index += ["\n".join(["## Playbooks\n", "| `ansible-playbook` | what |", "|---|---|", *rows])]
    documented = _documented()
    for kind in sorted(documented, key=lambda kind: (*_TITLES, kind).index(kind)):
        rows = []
        for name, each in sorted(documented[kind].items()):
            file = file_name(kind, name)
            found[file] = role(name, each) if kind == "role" else plugin(kind, name, each)
            rows.append(f"| [{name.removeprefix(COLLECTION + '.')}]({file}) | {_short(each)} |")
        title = _TITLES.get(kind, f"{kind.capitalize()} plugins")
        index.append("\n".join([f"## {title}\n", "| name | what |", "|---|---|", *rows]))
    return {"README.md": "\n\n".join(index) + "\n", **found}


def stale() -> list[str]:
    """The pages that are absent, differ, or are of something that is gone."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")}
    return sorted(name for name in wanted | there if wanted.get(name) != there.get(name))


def main() -> int:
    """Write or remove the stale pages, or with --check only name them."""
    if "--check" in sys.argv:
        names = stale()
        print("".join(f"stale: docs/reference/{name}\n" for name in names), end="")
        return 1 if names else 0
    wanted = pages()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _documented() -> dict[str, dict[str, Node]]:
    """What ansible-doc says, by type and name; `keyword` is of Ansible itself."""
    command = [str(Path(sys.executable).with_name("ansible-doc")), "--metadata-dump", COLLECTION]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".venv" / "collections"),
    }
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=environment, timeout=_TIMEOUT_S
    )
    everything: dict[str, dict[str, Any]] = json.loads(done.stdout)["all"]
    return {kind: each for kind, each in everything.items() if each and kind != "keyword"}


def _short(found: Node) -> str:
    doc = found["doc"] if "doc" in found else next(iter(found["entry_points"].values()))
    if "entry_points" in found:
        doc = found["entry_points"].get("main", doc)
    return text_of(doc["short_description"])


def _playbooks() -> dict[str, str]:
    return {
        f"{COLLECTION}.{path.stem}": path.read_text(encoding="utf-8")
        for path in sorted((REPOSITORY / "playbooks").glob("*.yml"))
    }


if __name__ == "__main__":
    sys.exit(main())
