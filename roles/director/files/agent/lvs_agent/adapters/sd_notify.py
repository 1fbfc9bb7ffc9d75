# SPDX-License-Identifier: GPL-3.0-or-later
"""sd_notify(3): readiness, status and watchdog to systemd.

Owns the notification socket. Must never raise: without systemd, or when it does not listen, the
agent works all the same.
"""

from __future__ import annotations

import contextlib
import os
import socket

# A longer datagram is not useful to anybody; systemd itself reads at most PIPE_BUF.
_DATAGRAM_LIMIT = 4096


class Notifier:
    """Sends "NAME=value" lines; `watchdog_ns` is the unit's WatchdogSec, None when it has none."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._socket: socket.socket | None = None
        self.watchdog_ns = _watchdog_ns(environment)
        path = environment.get("NOTIFY_SOCKET", "")
        if path[:1] not in ("/", "@"):
            return
        # "@" stands for the abstract namespace, unix(7).
        address = "\0" + path[1:] if path.startswith("@") else path
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.setblocking(False)
        try:
            end.connect(address)
        except OSError:
            end.close()
            return
        self._socket = end

    def send(self, *lines: str) -> None:
        """One notification of all `lines`; lost when systemd's queue is full."""
        if self._socket is None:
            return
        # systemd is being re-executed or its queue is full: the next notification will do.
        with contextlib.suppress(OSError):
            self._socket.send("\n".join(lines).encode()[:_DATAGRAM_LIMIT])


def _watchdog_ns(environment: dict[str, str]) -> int | None:
    try:
        if int(environment.get("WATCHDOG_PID", os.getpid())) != os.getpid():
            return None
        return int(environment["WATCHDOG_USEC"]) * 1000 or None
    except (KeyError, ValueError):
        return None
