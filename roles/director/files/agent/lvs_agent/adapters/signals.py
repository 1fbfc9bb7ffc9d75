# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals as readable bytes on a descriptor, so that the event loop takes them in turn.

Owns the handlers, which do nothing. Must never act on a signal.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterable
from types import FrameType

# More signals than this before the loop looks are repetitions.
_READ_BYTES = 4096


class SignalQueue:
    """Catches `signals` from its creation on. One per process, in the main thread."""

    def __init__(self, signals: Iterable[int]) -> None:
        self._read_end, self._write_end = socket.socketpair()
        self._read_end.setblocking(False)
        self._write_end.setblocking(False)
        signal.set_wakeup_fd(self._write_end.fileno(), warn_on_full_buffer=False)
        for one in signals:
            signal.signal(one, _do_nothing)

    def fileno(self) -> int:
        """Readable when a signal came."""
        return self._read_end.fileno()

    def read(self) -> tuple[int, ...]:
        """The numbers of the signals since the last call, without repetitions."""
        try:
            data = self._read_end.recv(_READ_BYTES)
        except BlockingIOError:
            return ()
        return tuple(dict.fromkeys(data))

    def close(self) -> None:
        """Stop queueing; the handlers stay."""
        signal.set_wakeup_fd(-1)
        self._read_end.close()
        self._write_end.close()


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """The number is already in the wake-up descriptor."""
