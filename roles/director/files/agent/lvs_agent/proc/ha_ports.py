# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of the ha process, by interface; opened anew when an interface comes (back).

Owns their life, and the kernel's filter on those that are flooded. Must never decide anything about
VRRP: what is needed where says `core/vrrp/links.py`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial

from lvs_agent.adapters.arp import ClaimListener, FrameSender, Sent
from lvs_agent.adapters.vrrp_socket import AdvertReceiver, AdvertSender
from lvs_agent.core.vrrp import filters
from lvs_agent.core.vrrp.flood import FloodGuard
from lvs_agent.core.vrrp.links import Need, mac_bytes
from lvs_agent.core.vrrp.packet import AH_PROTOCOL, VRRP_PROTOCOL
from lvs_agent.proc.loop import Loop

# Datagrams read from one socket in one turn of the loop: well below a millisecond, a tenth of the
# shortest advert interval, even when all of them are rubbish.
_TURN_LIMIT = 64
# Before a timer is acted upon, everything that waits is read: the receive buffer holds fewer.
_DRAIN_LIMIT = 512

# Family and IP protocol of a listening socket.
_Kind = tuple[int, int]
# What it is made of: its groups, and whether unicast instances listen too.
_Shape = tuple[frozenset[str], bool]


class _Listener:
    """A listening socket."""

    __slots__ = ("guard", "shape", "socket")

    def __init__(self, listening: AdvertReceiver, shape: _Shape) -> None:
        self.socket = listening
        self.shape = shape
        self.guard = FloodGuard()


class _Port:
    """The open sockets of one interface with one index."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.need = Need()
        self.listeners: dict[_Kind, _Listener] = {}
        self.senders: dict[int, AdvertSender] = {}
        self.frames: FrameSender | None = None
        self.claims: dict[int, ClaimListener] = {}


class Ports:
    """`on_datagram(interface, family, datagram)` gets all that is received and says whether it was
    accepted; `on_frame(interface, frame)` gets claims. `log(level, text)`."""

    def __init__(
        self,
        loop: Loop,
        on_datagram: Callable[[str, int, bytes], bool],
        on_frame: Callable[[str, bytes], None],
        log: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._on_datagram = on_datagram
        self._on_frame = on_frame
        self._log = log
        self._ports: dict[str, _Port] = {}

    def open(self, interface: str, index: int, need: Need) -> None:
        """Have exactly the sockets that `need` asks for on `interface`.

        Sockets that are open for the same index and the same purpose stay. Raises OSError with
        everything of the interface closed.
        """
        port = self._ports.get(interface)
        if port is not None and port.index != index:
            self.close(interface)
            port = None
        if port is None:
            port = self._ports[interface] = _Port(index)
        if port.need == need:
            return
        try:
            self._listen(interface, port, need)
            self._send(interface, port, need)
            self._hear_claims(interface, port, need)
        except OSError:
            self.close(interface)
            raise
        port.need = need
        for kind, listener in port.listeners.items():
            listener.socket.filter(_program(kind, need, listener.guard))

    def _listen(self, interface: str, port: _Port, need: Need) -> None:
        wanted = _shapes(need)
        for kind, listener in list(port.listeners.items()):
            if wanted.get(kind) != listener.shape:
                self._close_listener(port.listeners.pop(kind))
        for kind, shape in wanted.items():
            if kind not in port.listeners:
                family, protocol = kind
                groups, unicast = shape
                receiver = AdvertReceiver(
                    interface,
                    port.index,
                    family,
                    sorted(groups),
                    protocol=protocol,
                    unicast=unicast,
                )
                port.listeners[kind] = _Listener(receiver, shape)
                self._loop.add_reader(
                    receiver.fileno(), partial(self._readable, interface, kind, _TURN_LIMIT)
                )

    def _send(self, interface: str, port: _Port, need: Need) -> None:
        for family in port.senders.keys() - need.send:
            port.senders.pop(family).close()
        for family in need.send - port.senders.keys():
            port.senders[family] = AdvertSender(interface, port.index, family)
        if need.frames and port.frames is None:
            port.frames = FrameSender(interface)
        elif not need.frames and port.frames is not None:
            port.frames.close()
            port.frames = None

    def _hear_claims(self, interface: str, port: _Port, need: Need) -> None:
        if need.claims == port.need.claims:
            return
        for family in list(port.claims):
            self._close_claims(port.claims.pop(family))
        for family in {family for family, __ in need.claims}:
            addresses = (address for of, address in need.claims if of == family)
            program = filters.claims(family, addresses)
            claims = port.claims[family] = ClaimListener(interface, family, program)
            self._loop.add_reader(claims.fileno(), partial(self._hear, interface, family))

    def close(self, interface: str) -> None:
        """Close all sockets of `interface`; harmless when there are none."""
        port = self._ports.pop(interface, None)
        if port is None:
            return
        for listener in port.listeners.values():
            self._close_listener(listener)
        for sender in port.senders.values():
            sender.close()
        if port.frames is not None:
            port.frames.close()
        for claims in port.claims.values():
            self._close_claims(claims)

    def _close_listener(self, listener: _Listener) -> None:
        self._loop.remove_reader(listener.socket.fileno())
        listener.socket.close()

    def _close_claims(self, claims: ClaimListener) -> None:
        self._loop.remove_reader(claims.fileno())
        claims.close()

    def names(self) -> set[str]:
        """The interfaces with open sockets."""
        return set(self._ports)

    # In.

    def drain(self, interface: str, family: int) -> None:
        """Hand out everything that one family has received on `interface`."""
        port = self._ports.get(interface)
        if port is not None:
            for kind in [kind for kind in port.listeners if kind[0] == family]:
                self._readable(interface, kind, _DRAIN_LIMIT)

    def _readable(self, interface: str, kind: _Kind, limit: int) -> None:
        rejected = 0
        for __ in range(limit):
            # Looked up each time: what a datagram leads to may close the socket.
            port = self._ports.get(interface)
            listener = None if port is None else port.listeners.get(kind)
            datagram = None if listener is None else listener.socket.receive()
            if datagram is None:
                break
            rejected += not self._on_datagram(interface, kind[0], datagram)
        if rejected:
            self._note_rejected(interface, kind, rejected)

    def _note_rejected(self, interface: str, kind: _Kind, rejected: int) -> None:
        port = self._ports.get(interface)
        listener = None if port is None else port.listeners.get(kind)
        if port is None or listener is None:
            return
        guard, now_ns = listener.guard, self._loop.now_ns()
        if guard.note(rejected, now_ns) and guard.until_ns is not None:
            listener.socket.filter(_program(kind, port.need, guard))
            self._loop.call_at(guard.until_ns, partial(self._unfilter, interface, kind, listener))
            self._log(
                "warning",
                f"vrrp: a flood of packets on {interface} that are no adverts for an instance here;"
                f" the kernel drops them uncounted for {(guard.until_ns - now_ns) // 10**9} s",
            )

    def _unfilter(self, interface: str, kind: _Kind, listener: _Listener) -> None:
        listener.guard.quiet()
        port = self._ports.get(interface)
        if port is not None and port.listeners.get(kind) is listener:  # else it is closed
            listener.socket.filter(_program(kind, port.need, listener.guard))

    def _hear(self, interface: str, family: int) -> None:
        for __ in range(_TURN_LIMIT):
            port = self._ports.get(interface)
            claims = None if port is None else port.claims.get(family)
            frame = None if claims is None else claims.receive()
            if frame is None:
                return
            self._on_frame(interface, frame)

    # Out.

    def send(
        self, interface: str, family: int, datagram: bytes, destination: str
    ) -> OSError | None:
        """Send a whole datagram; the error if it did not go out."""
        port = self._ports.get(interface)
        sender = None if port is None else port.senders.get(family)
        if sender is None:
            return OSError(errno.ENETDOWN, f"no socket is open on {interface}")
        return sender.send(datagram, destination)

    def send_frame(self, interface: str, frame: bytes) -> Sent:
        """Send an Ethernet frame."""
        port = self._ports.get(interface)
        if port is None or port.frames is None:
            return Sent.FAILED
        return port.frames.send(frame)


def _shapes(need: Need) -> dict[_Kind, _Shape]:
    """The listening sockets that `need` asks for."""
    shapes: dict[_Kind, _Shape] = {}
    for family in need.listen:
        groups = frozenset(group for of, group in need.groups if of == family)
        shape = (groups, family in need.unicast)
        shapes[family, VRRP_PROTOCOL] = shape
        if need.header and family == 4:
            shapes[family, AH_PROTOCOL] = shape
    return shapes


def _program(kind: _Kind, need: Need, guard: FloodGuard) -> filters.Program | None:
    """What the kernel is to let through to a listening socket; None: everything."""
    family, protocol = kind
    program = None
    if guard.until_ns is not None:
        program = filters.adverts(
            family,
            (vrid for of, vrid in need.vrids if of == family),
            authenticated=protocol == AH_PROTOCOL,
            routed=family in need.unicast,
        )
    mac = mac_bytes(need.mac)
    return program if mac is None else filters.sent_by(mac, program)
