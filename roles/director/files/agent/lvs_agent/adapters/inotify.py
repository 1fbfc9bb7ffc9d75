# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching directories for changes of their files (inotify(7)).

Owns the descriptor. Must never interpret a change: the caller reads the file again.
"""

from __future__ import annotations

import ctypes
import os
import struct

_libc = ctypes.CDLL(None, use_errno=True)
# sys/inotify.h: what can change a file's content as its readers see it.
_IN_CLOSE_WRITE = 0x8
_IN_MOVED_FROM = 0x40
_IN_MOVED_TO = 0x80
_IN_DELETE = 0x200
_IN_MODIFY = 0x2
_MASK = _IN_CLOSE_WRITE | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_DELETE | _IN_MODIFY
_EVENT = struct.Struct("iIII")
_READ_BYTES = 65_536


class DirectoryWatch:
    """A non-blocking inotify descriptor. Raises OSError when the kernel gives none."""

    def __init__(self) -> None:
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")

    def fileno(self) -> int:
        """The descriptor: readable when something changed."""
        return int(self._fd)

    def add(self, directory: str) -> bool:
        """Watch `directory`; False when that cannot be (it does not exist, for example)."""
        return int(_libc.inotify_add_watch(self._fd, os.fsencode(directory), _MASK)) >= 0

    def read(self) -> set[str]:
        """The names of files that changed, in whatever watched directory; an overflow of the
        kernel's queue gives an empty name."""
        names: set[str] = set()
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return names
        at = 0
        while at + _EVENT.size <= len(data):
            *__, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            names.add(os.fsdecode(data[at : at + length].rstrip(b"\0")))
            at += length
        return names

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)
