# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom: the pure core nothing but the standard library, and not all of that."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "roles/director/files/agent/lvs_agent"
IMPURE = {
    "asyncio", "ctypes", "fcntl", "io", "logging", "multiprocessing", "os", "pathlib", "random",
    "secrets", "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile",
    "threading", "time",
}  # fmt: skip


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found, f"nothing to look at in {folder}"
    return found


@pytest.mark.parametrize("path", files(AGENT / "core"), ids=lambda path: path.stem)
def test_core_imports_only_itself_and_the_pure_part_of_the_standard_library(path: Path) -> None:
    for name in imports(path):
        top = name.partition(".")[0]
        if top == "lvs_agent":
            assert name.startswith("lvs_agent.core"), name
        else:
            assert top in sys.stdlib_module_names, name
            assert top not in IMPURE, name


@pytest.mark.parametrize("path", files(AGENT / "keepalived"), ids=lambda path: path.stem)
def test_what_knows_keepalived_opens_no_file_and_runs_nothing(path: Path) -> None:
    """A file may be given by anybody, and is read in a test without a file system."""
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "lvs_agent":
            assert rest.partition(".")[0] in {"keepalived", "config", "core", "schema"}, name
        else:
            assert top in sys.stdlib_module_names, name
            assert top not in IMPURE, name


@pytest.mark.parametrize("path", files(AGENT / "adapters"), ids=lambda path: path.stem)
def test_adapters_do_not_import_processes_or_commands(path: Path) -> None:
    for name in imports(path):
        assert not name.startswith("lvs_agent.cli"), name
        assert not name.startswith("lvs_agent.proc") or name == "lvs_agent.proc.loop", name


@pytest.mark.parametrize("path", files(ROOT / "plugins"), ids=lambda path: path.stem)
def test_plugins_do_not_import_the_agent(path: Path) -> None:
    assert not any(name.partition(".")[0] == "lvs_agent" for name in imports(path))


def test_only_a_configuration_is_unpickled_and_only_by_children() -> None:
    """What another process than the supervisor says must never be."""
    runs_what_it_reads = {"pickle", "marshal", "shelve"}
    users = {path for path in files(AGENT) if imports(path) & runs_what_it_reads}
    assert {path.stem for path in users} == {"config_parts"}
    unpackers = {path.stem for path in files(AGENT) if "unpack(packed)" in path.read_text()}
    assert unpackers == {"child"}
    assert not any("config_parts.unpack" in path.read_text() for path in files(AGENT))
