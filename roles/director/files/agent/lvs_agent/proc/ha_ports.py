# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of the ha process, by interface; opened anew when an interface comes (back).

Owns their life. Must never decide anything about VRRP.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from functools import partial

from lvs_agent.adapters.arp import FrameSender, Sent
from lvs_agent.adapters.vrrp_socket import AdvertReceiver, AdvertSender
from lvs_agent.proc.loop import Loop

# Datagrams read from one socket in one turn. The receive buffer holds fewer, so this empties it;
# under a flood it keeps a turn below some 5 ms.
_DRAIN_LIMIT = 512


class _Port:
    """The open sockets of one interface with one index."""

    def __init__(self, interface: str, index: int) -> None:
        self.index = index
        self.adverts = AdvertSender(interface, index)
        try:
            self.frames = FrameSender(interface)
        except OSError:
            self.adverts.close()
            raise
        self.receivers: dict[str, AdvertReceiver] = {}


class Ports:
    """`on_datagram(interface, group, datagram)` gets all that is received."""

    def __init__(self, loop: Loop, on_datagram: Callable[[str, str, bytes], None]) -> None:
        self._loop = loop
        self._on_datagram = on_datagram
        self._ports: dict[str, _Port] = {}

    def open(self, interface: str, index: int, groups: Iterable[str]) -> None:
        """Send on `interface` and listen to exactly `groups`.

        Sockets that are open for the same index stay. Raises OSError with everything of the
        interface closed.
        """
        port = self._ports.get(interface)
        if port is not None and port.index != index:
            self.close(interface)
            port = None
        if port is None:
            port = self._ports[interface] = _Port(interface, index)
        try:
            self._listen(interface, port, set(groups))
        except OSError:
            self.close(interface)
            raise

    def _listen(self, interface: str, port: _Port, groups: set[str]) -> None:
        for group in port.receivers.keys() - groups:
            self._close_receiver(port.receivers.pop(group))
        for group in groups - port.receivers.keys():
            receiver = port.receivers[group] = AdvertReceiver(interface, port.index, group)
            self._loop.add_reader(receiver.fileno(), partial(self.drain, interface, group))

    def _close_receiver(self, receiver: AdvertReceiver) -> None:
        self._loop.remove_reader(receiver.fileno())
        receiver.close()

    def close(self, interface: str) -> None:
        """Close all sockets of `interface`; harmless when there are none."""
        port = self._ports.pop(interface, None)
        if port is not None:
            port.adverts.close()
            port.frames.close()
            for receiver in port.receivers.values():
                self._close_receiver(receiver)

    def names(self) -> set[str]:
        """The interfaces with open sockets."""
        return set(self._ports)

    def drain(self, interface: str, group: str) -> None:
        """Hand out what has been received on one socket, up to a bound."""
        port = self._ports.get(interface)
        receiver = None if port is None else port.receivers.get(group)
        if receiver is None:
            return
        for _ in range(_DRAIN_LIMIT):
            datagram = receiver.receive()
            if datagram is None:
                return
            self._on_datagram(interface, group, datagram)

    def send(self, interface: str, datagram: bytes, group: str) -> OSError | None:
        """Multicast an IPv4 datagram; the error if it did not go out."""
        port = self._ports.get(interface)
        if port is None:
            return OSError(errno.ENETDOWN, "no socket is open on the interface")
        return port.adverts.send(datagram, group)

    def send_frame(self, interface: str, frame: bytes) -> Sent:
        """Send an Ethernet frame."""
        port = self._ports.get(interface)
        return Sent.FAILED if port is None else port.frames.send(frame)
