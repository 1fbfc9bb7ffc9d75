# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent and its dependencies as one file, the same bytes from the same sources.

Owns what goes in, the layout and the release id. Must never read the clock or depend on who
builds it: entries are sorted, times, owners and modes fixed.

Layout of a release: `lvs_agent/` and `bin/` from the agent's source, beside them the packages of
the unpacked wheels, and `RELEASE` with the id. The id is the start of the SHA-256 of the
uncompressed archive without `RELEASE`, so it does not depend on the compressor.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ID_LENGTH = 16
# The interpreter that the agent's commands name in the source.
PYTHON = "/usr/bin/python3"
_PACKAGES = ("bin", "lvs_agent")
# 1980-01-01, the earliest time that every archive format and byte code can hold.
_TIME_S = 315532800
# Cached bundles to keep: the one in use and some to go back to.
_CACHE_LIMIT = 8
_FORMAT = b"1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A built bundle: the release id and the file."""

    release: str
    path: str


def source_files(agent: str, python: str = PYTHON) -> dict[str, bytes]:
    """Path in the release -> content, of the agent's own files; its commands run under `python`."""
    found: dict[str, bytes] = {}
    for package in _PACKAGES:
        for folder, folders, names in os.walk(os.path.join(agent, package)):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in names:
                if name.endswith((".pyc", ".orig", ".rej", "~")) or name.startswith("."):
                    continue
                full = os.path.join(folder, name)
                with open(full, "rb") as file:
                    content = file.read()
                if package == "bin":
                    content = content.replace(b"#!" + PYTHON.encode(), b"#!" + python.encode(), 1)
                found[os.path.relpath(full, agent)] = content
    return found


def wheel_files(wheels: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Path in the release -> content, of unpacked wheels. Raises ValueError for a hostile one."""
    found: dict[str, bytes] = {}
    for name, content in wheels:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                parts = entry.filename.split("/")
                if entry.is_dir() or ".data" in parts[0]:
                    continue  # scripts and headers of a wheel are of no use here
                if entry.filename.startswith("/") or ".." in parts:
                    raise ValueError(f"{name} has a file outside of itself: {entry.filename}")
                found[entry.filename] = archive.read(entry)
    return found


def release_id(files: Mapping[str, bytes]) -> str:
    """The id of a release with these files."""
    return hashlib.sha256(_archive(files)).hexdigest()[:ID_LENGTH]


def build(files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """(release id, gzipped archive) of `files`."""
    release = release_id(files)
    archive = _archive({**files, "RELEASE": f"{release}\n".encode()})
    return release, gzip.compress(archive, compresslevel=9, mtime=0)


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            entry.mtime = _TIME_S
            entry.mode = 0o755 if name.startswith("bin/") else 0o644
            archive.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()


def cached(agent: str, python: str, wheels: list[tuple[str, bytes]], cache: str) -> Bundle:
    """The bundle of these sources, from `cache` if it was built before. Raises OSError."""
    own = source_files(agent, python)
    digest = hashlib.sha256(_FORMAT)
    for name in sorted(own):
        digest.update(f"{name}\0{len(own[name])}\0".encode() + own[name])
    for name, content in wheels:
        digest.update(f"{name}\0".encode() + hashlib.sha256(content).digest())
    key = digest.hexdigest()[:ID_LENGTH]
    os.makedirs(cache, mode=0o700, exist_ok=True)
    for name in os.listdir(cache):
        if name.startswith(f"{key}-") and name.endswith(".tar.gz"):
            return Bundle(release=name[len(key) + 1 : -7], path=os.path.join(cache, name))
    release, content = build({**own, **wheel_files(wheels)})
    path = os.path.join(cache, f"{key}-{release}.tar.gz")
    handle, temporary = tempfile.mkstemp(dir=cache, prefix=".new-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(temporary, path)
    _prune(cache)
    return Bundle(release=release, path=path)


def _prune(cache: str) -> None:
    paths = [os.path.join(cache, name) for name in os.listdir(cache) if name.endswith(".tar.gz")]
    paths.sort(key=os.path.getmtime, reverse=True)
    for path in paths[_CACHE_LIMIT:]:
        os.unlink(path)
