# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket as a system facility: listening, connecting, and who is at the other end.

Owns the Unix socket's file. Must never know a verb (`core/control.py`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from lvs_agent.socket_name import SOCKET_NAME

# The kernel queues this many connections before the server accepts them.
_QUEUE = 64
_CREDENTIALS = struct.Struct("3i")  # struct ucred, unix(7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who connected, by the kernel's word (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


def listen(directory: Path) -> socket.socket:
    """A listening socket in `directory`, for the owner and the group. Raises OSError.

    It is made under another name and renamed, so there is never a moment without it, and a stale
    one of a killed agent does no harm.
    """
    path = directory / SOCKET_NAME
    new = directory / f".{SOCKET_NAME}.new"
    new.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        server.bind(os.fspath(new))
        new.chmod(0o660)
        server.listen(_QUEUE)
        new.rename(path)
    except OSError:
        server.close()
        raise
    return server


def remove(directory: Path) -> None:
    """Take the socket's file away, so that clients see at once that no agent runs."""
    with contextlib.suppress(OSError):  # the next agent replaces it
        (directory / SOCKET_NAME).unlink(missing_ok=True)


def peer_of(connection: socket.socket) -> Peer:
    """The process at the other end, as it was when it connected."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(data)
    return Peer(pid=pid, uid=uid, gid=gid)
