# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux capabilities and process attributes of the calling process.

Owns capset(2) and prctl(2). Must never decide who gets what (`proc/fork.py`).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path

# linux/capability.h: version 3 has two 32-bit words per set.
_CAPABILITY_VERSION_3 = 0x20080522
# linux/prctl.h
_PR_SET_NAME = 15
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_COMM_BYTES = 15


class Capability(IntEnum):
    """The capabilities the agent ever holds (capabilities(7))."""

    KILL = 5
    SETGID = 6
    SETUID = 7
    NET_ADMIN = 12
    NET_RAW = 13


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


_libc = ctypes.CDLL(None, use_errno=True)
# prctl is variadic: without the types a 64-bit argument register could hold rubbish.
_libc.prctl.argtypes = (ctypes.c_int, *([ctypes.c_ulong] * 4))


def permitted() -> frozenset[Capability]:
    """Those of our capabilities that the process may make effective."""
    word = _get()[0].permitted
    return frozenset(one for one in Capability if word & (1 << one))


def restrict(permit: Iterable[Capability], effective: Iterable[Capability]) -> None:
    """Give up every capability but `permit` (as far as held) and put `effective` in force.

    The inheritable and ambient sets become empty, so no program started from here inherits
    anything. Raises OSError.
    """
    allowed = permitted() & frozenset(permit)
    sets = (_Sets * 2)()
    sets[0].permitted = _word(allowed)
    sets[0].effective = _word(allowed & frozenset(effective))
    _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = _Header(version=_CAPABILITY_VERSION_3, pid=0)
    _call("capset", ctypes.byref(header), sets)


def no_new_privileges() -> None:
    """No execve(2) from here on can gain a privilege. Raises OSError."""
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def set_title(command: str, title: str) -> None:
    """Name the process: `command` (at most 15 bytes) for top, `title` for ps.

    The title overwrites the arguments that execve(2) put on the stack, as setproctitle does; it
    is cut to their length. Naming is a courtesy: where it does not work nothing happens.
    """
    name = ctypes.create_string_buffer(command.encode()[:_COMM_BYTES])
    _libc.prctl(_PR_SET_NAME, ctypes.addressof(name), 0, 0, 0)
    try:
        # proc(5), /proc/pid/stat: arg_start and arg_end are fields 48 and 49; the command in
        # parentheses is field 2 and may contain blanks.
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])
    except (OSError, ValueError, IndexError):
        return
    if 0 < start < end:
        room = end - start
        ctypes.memmove(start, title.encode()[: room - 1].ljust(room, b"\0"), room)


def _word(capabilities: Iterable[Capability]) -> int:
    return sum(1 << one for one in capabilities)


def _get() -> ctypes.Array[_Sets]:
    sets = (_Sets * 2)()
    header = _Header(version=_CAPABILITY_VERSION_3, pid=0)
    _call("capget", ctypes.byref(header), sets)
    return sets


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{function}: {os.strerror(error)}")
