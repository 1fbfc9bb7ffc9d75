#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes every file that is made from the agent's schema; `--check` only tells which are stale.

    tests/tools/generate.py [--check]

Owns the list of those files. Exit status 1 with `--check` if one differs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(Path(__file__).resolve().parent),
    str(REPOSITORY / "roles" / "director" / "files" / "agent"),
]

from lvs_generate import data, keepalived_table, options_table, role, json_schema  # noqa: E402, I001

FILES: dict[str, Callable[[], str]] = {
    "docs/keepalived.md": keepalived_table.text,
    "docs/lvs-config.schema.json": json_schema.text,
    "docs/options.md": options_table.text,
    "plugins/module_utils/_secrets.py": data.secrets,
    "plugins/plugin_utils/_schema.py": data.defaults,
    "roles/director/defaults/main.yml": role.defaults,
    "roles/director/meta/argument_specs.yml": role.argument_specs,
}


def stale(root: Path = REPOSITORY) -> list[str]:
    """The generated files that are absent or differ from what the schema gives now."""
    return [
        name
        for name, make in FILES.items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != make()
    ]


def main() -> int:
    """Write the stale files, or with --check only name them."""
    names = stale()
    for name in names:
        print(f"stale: {name}" if "--check" in sys.argv else f"written: {name}")
        if "--check" not in sys.argv:
            (REPOSITORY / name).parent.mkdir(parents=True, exist_ok=True)
            (REPOSITORY / name).write_text(FILES[name](), encoding="utf-8")
    return 1 if names and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
