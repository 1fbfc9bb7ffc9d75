# SPDX-License-Identifier: GPL-3.0-or-later
"""Classic BPF on a socket (socket(7), SO_ATTACH_FILTER). Needs no privilege.

Owns the system call. Must never make a program.
"""

from __future__ import annotations

import ctypes
import socket
import struct

from lvs_agent.core.vrrp.filters import Program

# asm-generic/socket.h; the socket module does not have them.
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_INSTRUCTION = struct.Struct("=HBBI")
# struct sock_fprog: the number of instructions and a pointer to them, in native alignment.
_PROGRAM = struct.Struct("@HP")


def attach(to: socket.socket, program: Program) -> None:
    """Drop what `program` does not accept, in place of an earlier one. Raises OSError."""
    code = b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)
    # The kernel copies it within the call, for which the buffer lives.
    buffer = ctypes.create_string_buffer(code, len(code))
    value = _PROGRAM.pack(len(program), ctypes.addressof(buffer))
    to.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, value)


def detach(to: socket.socket) -> None:
    """Receive everything again; harmless when there was no program."""
    try:
        to.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    except FileNotFoundError:
        return
