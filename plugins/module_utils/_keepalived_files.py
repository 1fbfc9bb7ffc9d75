# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers what the reader of a keepalived.conf asks of the host that has it: which files there are,
and what is in them.

Owns the care with what is not a plain file, and the bounds of one answer. Changes nothing.
"""

from __future__ import annotations

import base64
import errno
import glob
import os
import shutil
import stat
from typing import Any

# The reader takes 2 MiB and 500 files in all (`lvs_agent/keepalived/limits.py`), and has to see
# that there is more.
_BYTES = 2 * 1024 * 1024 + 1
_FILES = 501
# Where programs are looked for that a file names without their path.
_PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class Place:
    """A directory of a host whose files are in the folder `folder` here; or without one, the host
    itself."""

    def __init__(self, directory: str = "/", folder: str | None = None) -> None:
        self._directory = directory
        self._folder = folder

    def here(self, path: str) -> str | None:
        """Where the file `path` of the host is here; None if it is not here."""
        if self._folder is None:
            return path
        inside = os.path.relpath(os.path.normpath(path), self._directory)
        outside = inside == os.pardir or inside.startswith(os.pardir + os.sep)
        return None if outside else os.path.join(self._folder, inside)

    def there(self, path: str) -> str:
        """What the file `path` from here is called on the host."""
        if self._folder is None:
            return os.path.normpath(path)
        return os.path.normpath(os.path.join(self._directory, os.path.relpath(path, self._folder)))

    @property
    def is_host(self) -> bool:
        """Whether this is the host itself, which has its programs."""
        return self._folder is None


def answer(asked: dict[str, Any], place: Place) -> dict[str, Any]:
    """What `asked` wants to know (`lvs_agent/keepalived/known_files.py`): `found`, a list of
    {directory, pattern, files}; `content` by file; and `programs` by name."""
    found, content = [], {}
    left = _BYTES
    for directory, pattern in asked.get("patterns", ()):
        files = _find(directory, pattern, place)
        found.append({"directory": directory, "pattern": pattern, "files": files})
    wanted = [*asked.get("files", ()), *(path for one in found for path in one["files"])]
    # At least one, however long: what is not answered is asked again.
    for path in dict.fromkeys(wanted):
        if content and left <= 0:
            break
        content[path] = _read(path, place)
        left -= len(content[path].get("base64", ""))
    programs = {
        name: shutil.which(name, path=_PROGRAMS) if place.is_host else None
        for name in asked.get("programs", ())
    }
    return {"found": found, "content": content, "programs": programs}


def _find(directory: str, pattern: str, place: Place) -> list[str]:
    """The existing files in the order that keepalived reads them."""
    local = place.here(os.path.join(directory, pattern))
    if local is None or "\0" in local:
        return []
    paths = sorted(glob.glob(local), key=os.fsencode)[:_FILES]
    return list(dict.fromkeys(place.there(path) for path in paths))


def _read(path: str, place: Place) -> dict[str, str]:
    local = place.here(path)
    if local is None:
        return {"error": "not among the files that were given"}
    try:
        return {"base64": base64.b64encode(_content(local)).decode("ascii")}
    except OSError as error:
        return {"error": error.strerror or str(error)}
    except ValueError as error:  # a NUL in its name
        return {"error": str(error)}


def _content(path: str) -> bytes:
    # A FIFO without a writer would hold us up forever.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a plain file", path)
        if mode & _EXECUTABLE:
            raise OSError(errno.EINVAL, "executable, which keepalived does not read", path)
        return file.read(_BYTES)
