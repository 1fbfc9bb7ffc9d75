# SPDX-License-Identifier: GPL-3.0-or-later
"""The built archive has all that users need, and works where nothing else of this tree is."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import yaml
from gates.commands import REPOSITORY, attempt, run

# What a user of the archive needs. A new file or folder at the top belongs here, or into
# build_ignore of galaxy.yml.
SHIPPED = {
    "CHANGELOG.rst",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "bindep.txt",
    "changelogs",
    "docs",
    "execution-environment.yml",
    "extensions",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
}
# What ansible-test wants to know of it.
TESTS = ("tests/config.yml", "tests/sanity/")
MADE_BY_GALAXY = {"FILES.json", "MANIFEST.json"}
WHEELS = "roles/director/files/vendor/"


def _in_the_tree() -> set[str]:
    """The files of this tree but for those that git is to ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    said = subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.PIPE, timeout=60)
    names = said.stdout.decode().split("\0")
    return {name for name in names if name and (REPOSITORY / name).is_file()}


def test_it_has_what_users_need_and_nothing_else(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        packed = {entry.name for entry in opened if entry.isfile()}
    wheels = {name for name in packed if name.startswith(WHEELS)}
    wanted = {
        name for name in _in_the_tree() if name.split("/")[0] in SHIPPED or name.startswith(TESTS)
    }
    assert wanted - packed == set(), "build_ignore of galaxy.yml leaves out too much"
    assert packed - wanted - wheels - MADE_BY_GALAXY == set(), "see build_ignore of galaxy.yml"


def test_it_has_the_agents_dependencies(installed: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import _wheels\n"
        "print(*(name for name, _ in _wheels.wheels(sys.argv[2], [sys.argv[3]])))\n"
    )
    files = installed / "roles" / "director" / "files"
    said = run(
        "python", "-B", "-c", program,
        installed / "plugins" / "plugin_utils", files / "requirements.lock", files / "vendor",
        cwd=tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS="",
    )  # fmt: skip
    assert [name.split("-")[0] for name in said.split()] == ["jmespath", "pyroute2"]


def test_its_playbook_accepts_a_good_inventory_and_refuses_a_bad_one(
    collections: Path, installed: Path, tmp_path: Path
) -> None:
    inventory = installed / "playbooks" / "inventories" / "lvs_dr"
    command = ["ansible-playbook", "lvs.cluster.validate", "-i", inventory]
    environment = {"ANSIBLE_COLLECTIONS_PATH": collections, "PYTHONDONTWRITEBYTECODE": "1"}

    said = run(*command, cwd=tmp_path, **environment)
    assert "failed=0" in said

    wrong = json.dumps({"lvs_host": {"global_defs": {"vrrp_versoin": 3}}})
    refused = attempt(*command, "-e", wrong, cwd=tmp_path, **environment)
    assert refused.returncode != 0
    assert "vrrp_versoin" in refused.stdout


def test_its_modules_take_defaults_by_their_group(collections: Path, tmp_path: Path) -> None:
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/lvs.cluster.agent": {"socket": "/nowhere/control.sock"}},
        "tasks": [{"lvs.cluster.agent_info": None}],
    }
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([play]))
    python = f"ansible_python_interpreter={sys.executable}"
    done = attempt(
        "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", python, playbook,
        cwd=tmp_path, ANSIBLE_COLLECTIONS_PATH=collections,
    )  # fmt: skip
    assert done.returncode != 0
    assert "/nowhere/control.sock" in done.stdout


def test_its_documentation_is_found(collections: Path, tmp_path: Path) -> None:
    said = run(
        "ansible-doc", "--list", "lvs.cluster", cwd=tmp_path, ANSIBLE_COLLECTIONS_PATH=collections
    )
    modules = (REPOSITORY / "plugins" / "modules").glob("[!_]*.py")
    assert {f"lvs.cluster.{path.stem}" for path in modules} <= set(said.split())
