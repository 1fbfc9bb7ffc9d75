# SPDX-License-Identifier: GPL-3.0-or-later
"""A child's channel to another child, which outlives both its ends.

Owns opening it again. Must never interpret a message.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from lvs_agent.core.messages import Message
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.loop import Loop

_REOPEN_NS = 1_000_000_000


class Peer:
    """The channel to another child. It outlives that child, and its nonsense: a frame that is not
    a message closes the channel, and a second later it is opened anew."""

    def __init__(
        self,
        loop: Loop,
        name: str,
        end: socket.socket,
        on_message: Callable[[Message], None],
        log: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._name = name
        self._end = end
        self._on_message = on_message
        self._log = log
        self._open()

    def _open(self) -> None:
        self._channel = Channel(self._loop, self._end.dup(), self._on_message, self._closed)

    def _closed(self, reason: str) -> None:
        self._log("error", f"channel to the {self._name} process: {reason}")
        self._loop.call_at(self._loop.now_ns() + _REOPEN_NS, self._open)

    def send(self, message: Message) -> None:
        """Send; see Channel.send."""
        self._channel.send(message)

    def flush(self) -> None:
        """Send what waits; see Channel.flush."""
        self._channel.flush()
