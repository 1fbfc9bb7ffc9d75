# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's pure-Python dependencies, as wheels on the controller.

Owns the lock file's reading, fetching and the check of each wheel against the lock. Must never
accept a wheel that the lock does not name.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass

# Two wheels of a megabyte together; a slow mirror may take its time.
_FETCH_TIMEOUT_S = 300
_REQUIREMENT = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)((?:\s+--hash=sha256:[0-9a-f]{64})+)$")


class WheelsMissing(Exception):
    """The wheels cannot be had; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One line of the lock."""

    name: str
    version: str
    hashes: frozenset[str]


def read_lock(text: str) -> list[Requirement]:
    """The requirements in a lock file's `text`. Raises ValueError for a line without hashes."""
    found: list[Requirement] = []
    for raw in re.sub(r"\\\n", " ", text).splitlines():
        line = raw.split(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        match = _REQUIREMENT.match(line)
        if match is None:
            raise ValueError(f"not `name==version --hash=sha256:...`: {line}")
        hashes = frozenset(re.findall(r"sha256:([0-9a-f]{64})", match[3]))
        found.append(Requirement(name=match[1], version=match[2], hashes=hashes))
    return found


def wheels(lock: str, folders: list[str]) -> list[tuple[str, bytes]]:
    """(file name, content) of the wheels that the file `lock` wants, sorted by name.

    Looks into `folders` and fetches what is in none of them into the first that can be written.
    Raises WheelsMissing.
    """
    with open(lock, encoding="utf-8") as file:
        wanted = read_lock(file.read())
    found = _found(wanted, folders)
    if len(found) < len(wanted):
        _fetch(lock, folders)
        found = _found(wanted, folders)
    absent = [f"{each.name} {each.version}" for each in wanted if each.name not in found]
    if absent:
        raise WheelsMissing(f"pip fetched no wheel that {lock} accepts for {', '.join(absent)}")
    return sorted(found.values())


def _found(wanted: list[Requirement], folders: list[str]) -> dict[str, tuple[str, bytes]]:
    found: dict[str, tuple[str, bytes]] = {}
    for folder in folders:
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if not name.endswith(".whl"):
                continue
            with open(os.path.join(folder, name), "rb") as file:
                content = file.read()
            digest = hashlib.sha256(content).hexdigest()
            for each in wanted:
                if digest in each.hashes:
                    found.setdefault(each.name, (name, content))
    return found


def _fetch(lock: str, folders: list[str]) -> None:
    target = _writable(folders)
    with tempfile.TemporaryDirectory(dir=target, prefix=".fetch-") as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--only-binary", ":all:", "--no-input"]
        command += ["--disable-pip-version-check", "--dest", temporary, "--requirement", lock]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise WheelsMissing(_advice(lock, target, str(error))) from error
        if done.returncode != 0:
            raise WheelsMissing(_advice(lock, target, done.stderr.strip()))
        for name in os.listdir(temporary):
            os.replace(os.path.join(temporary, name), os.path.join(target, name))


def _advice(lock: str, target: str, reason: str) -> str:
    return (
        f"the agent's dependencies are not in {target} and pip cannot fetch them:\n{reason}\n"
        "On a machine with a package index run\n"
        "  python3 -m pip download --no-deps --require-hashes --only-binary :all: \\\n"
        f"    -d VENDOR -r {lock}\n"
        f"and copy the wheels in VENDOR to {target} on the controller."
    )


def _writable(folders: list[str]) -> str:
    for folder in folders:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise WheelsMissing(f"no folder for the agent's dependencies can be written: {folders}")
