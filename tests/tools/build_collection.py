#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the collection's archive, complete: with the wheels of the agent's dependencies.

    tests/tools/build_collection.py [DIRECTORY]

Where pip reaches no index, the wheels must be in roles/director/files/vendor already. Prints the
path of the archive.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = REPOSITORY / "roles" / "director" / "files"
# A few hundred files to pack: a second, on a busy machine a few.
_TIMEOUT_S = 120


def build(directory: Path) -> Path:
    """The archive, made anew in `directory`. Raises WheelsMissing or CalledProcessError."""
    _plugin_util("_wheels").wheels(str(FILES / "requirements.lock"), [str(FILES / "vendor")])
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    command = [str(galaxy), "collection", "build", "--force", "--output-path", str(directory)]
    subprocess.run(
        [*command, str(REPOSITORY)], check=True, stdout=subprocess.DEVNULL, timeout=_TIMEOUT_S
    )
    about = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text(encoding="utf-8"))
    return directory / f"{about['namespace']}-{about['name']}-{about['version']}.tar.gz"


def _plugin_util(name: str) -> ModuleType:
    path = REPOSITORY / "plugins" / "plugin_utils" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module at {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look there
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY))
