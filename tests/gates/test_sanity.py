# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test finds nothing in the collection as a user gets it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from gates.commands import REPOSITORY, attempt, run

# ansible-test keeps a virtual environment for each of its tests below HOME; here they are made
# once, and go with .venv.
HOME = REPOSITORY / ".venv" / "ansible-test"
# The locale of the machine is no business of the collection; and all warnings are told again last.
NOT_OURS = ("Using locale", "Reviewing previous")


@pytest.fixture
def environment() -> dict[str, str]:
    """A home that has the pip which ansible-test would fetch, and the user's pip configuration."""
    cache = HOME / ".ansible" / "test" / "cache"
    version = _pip_version()
    shim = cache / f"get_pip_{version.replace('.', '_')}.py"
    if not shim.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        unpacked = shim.with_suffix("")
        run("pip", "install", "--no-deps", "--target", unpacked, f"pip=={version}", cwd=cache)
        shutil.copyfile(Path(__file__).with_name("get_pip.py"), shim)
    return {
        "HOME": str(HOME),
        "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config")),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        "PIP_NO_COMPILE": "1",  # most of what is installed is never imported
    }


def _pip_version() -> str:
    spec = find_spec("ansible_test")
    assert spec is not None
    assert spec.submodule_search_locations
    source = Path(spec.submodule_search_locations[0], "_internal", "python_requirements.py")
    found = re.search(r"\bpip='([0-9.]+)'", source.read_text(encoding="utf-8"))
    assert found is not None, f"{source} does not say which pip ansible-test wants"
    return found[1]


def test_ansible_test_finds_nothing(installed: Path, environment: dict[str, str]) -> None:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    done = attempt(
        "ansible-test", "sanity", "--local", "--python", python, cwd=installed, **environment
    )
    told = [
        line
        for line in done.stdout.splitlines()
        if line.startswith(("ERROR", "FATAL", "WARNING"))
        and not any(each in line for each in NOT_OURS)
    ]
    assert told == [], "\n".join(told)  # a test that it leaves out is a warning too
    assert done.returncode == 0, done.stdout
