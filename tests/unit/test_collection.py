# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection says of itself agrees with what is in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
ON_TARGETS = ("modules", "module_utils")
# What any ansible-core brings along.
WITH_ANSIBLE = {"ansible", "ansible_collections", "jinja2", "packaging", "yaml"}


def _load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _documentation(module: Path) -> Any:
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION":
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{module} has no DOCUMENTATION")


def test_module_defaults_for_the_group_reach_every_module() -> None:
    group = _load("meta/runtime.yml")["action_groups"]["all"]
    modules = sorted(path.stem for path in PLUGINS.glob("modules/[!_]*.py"))
    assert modules
    assert group == modules


def test_module_defaults_for_the_agents_group_reach_what_speaks_with_the_agent() -> None:
    group = _load("meta/runtime.yml")["action_groups"]["agent"]
    assert group == sorted(
        path.stem
        for path in PLUGINS.glob("modules/[!_]*.py")
        if "socket" in _documentation(path).get("options", {})
    )


def test_an_action_plugin_is_the_controller_side_of_a_module() -> None:
    for path in PLUGINS.glob("action/*.py"):
        assert (PLUGINS / "modules" / path.name).is_file(), path


def test_controller_side_imports_what_requirements_name_and_nothing_else() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = {re.split(r"[<>=!~\[;]", line)[0].strip() for line in lines if line.strip()}
    named = {name for name in named if not name.startswith("#")}
    assert not any(name.startswith("ansible") for name in named)
    controller = [
        path
        for path in PLUGINS.rglob("*.py")
        if path.relative_to(PLUGINS).parts[0] not in ON_TARGETS
    ]
    assert controller
    known = WITH_ANSIBLE | named | set(sys.stdlib_module_names)
    foreign = {path.name: _imported(path) - known for path in controller}
    assert {name: found for name, found in foreign.items() if found} == {}


def test_all_that_names_the_version_names_the_same() -> None:
    version = _load("galaxy.yml")["version"]
    environment = _load("execution-environment.yml")
    archive = f"lvs-cluster-{version}.tar.gz"
    assert [each["src"] for each in environment["additional_build_files"]] == [archive]
    assert [each["name"] for each in environment["dependencies"]["galaxy"]["collections"]] == [
        f"collections/{archive}"
    ]


def test_readme_has_what_galaxy_and_certification_ask_for() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    wanted = [
        "Description", "Requirements", "Installation", "Use cases", "Testing", "Support",
        "Release notes", "Related information", "Licence",
    ]  # fmt: skip
    assert [title for title in titles if title in wanted] == wanted


@pytest.mark.parametrize("folder", sorted((ROOT / "roles").iterdir()), ids=lambda path: path.name)
def test_a_role_has_a_page_and_describes_its_entry_points(folder: Path) -> None:
    assert (folder / "README.md").is_file()
    specs = yaml.safe_load((folder / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    for name, entry in specs["argument_specs"].items():
        assert entry["short_description"], name
        assert entry["description"], name


def test_fragments_are_restructuredtext() -> None:
    """``Like this``: a changelog knows nothing of the markup of plugins' documentation."""
    for path in sorted((ROOT / "changelogs" / "fragments").glob("*.yml")):
        found = re.findall(r"\b[BCEIMOPUV]\([^)]*\)", path.read_text(encoding="utf-8"))
        assert found == [], f"{path.name}: write it between double backticks"


def test_the_reference_is_what_the_source_says_now() -> None:
    command = [sys.executable, "-B", str(ROOT / "tests" / "tools" / "reference.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, f"run `make generate`\n{done.stdout}{done.stderr}"
