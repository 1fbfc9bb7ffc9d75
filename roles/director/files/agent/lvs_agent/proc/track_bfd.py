# SPDX-License-Identifier: GPL-3.0-or-later
"""BFD sessions on an event loop: sockets, timers, and who is told when a session goes up or down.

Owns the meeting of `core/bfd` and the sockets. Must never decide anything about a session. Needs
no capability.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from lvs_agent.adapters.bfd_socket import ControlReceiver, ControlSender, is_ipv6
from lvs_agent.adapters.probes.engine import LOCAL_ERRORS
from lvs_agent.core.bfd.engine import Engine, Output
from lvs_agent.core.bfd.machine import Finished, Ignored, SendPacket, StateChanged, TimerExpired
from lvs_agent.core.bfd.packet import (
    EXPLANATIONS,
    SECOND_NS,
    SOURCE_PORTS,
    RejectReason,
    State,
    encode,
)
from lvs_agent.core.bfd.session import Session
from lvs_agent.core.model import BfdInstance
from lvs_agent.core.vrrp.journal import RateLimit, left_out
from lvs_agent.proc.loop import Loop, Timer

# Datagrams read in one turn: more than the receive buffer holds.
_DRAIN_LIMIT = 512
# A timer never waits longer: a neighbour that plays with its intervals would otherwise leave
# cancelled timers of an hour on the loop's heap, one for each packet.
_LONGEST_SLEEP_NS = SECOND_NS
_RECEIVER_RETRY_NS = SECOND_NS
# Lines of one kind and minute about packets and errors that come with each packet.
_LINES = 3

OnState = Callable[[str, bool, str], None]
Log = Callable[[str, str], None]


def _random() -> float:
    """A number in [0, 1) that nobody can guess. The module `random` would bring OpenSSL along, and
    3.5 MiB."""
    return (int.from_bytes(os.urandom(7), "big") >> 3) * 2.0**-53


class _Line:
    """What a session has outside the core: its socket, its timer, how the last send ended."""

    def __init__(self, sender: ControlSender) -> None:
        self.sender = sender
        self.timer: Timer | None = None
        self.error: OSError | None = None


class BfdRunner:
    """The sessions of the configuration.

    `on_state(name, up, reason)` is called at each change between Up and not Up; every session
    begins as not Up, and nothing says so. A session that is removed falls silent without a call.
    Calls come from the loop and from `reconfigure`. `log(level, text)` gets what an operator
    should see, at a bounded rate.
    """

    def __init__(
        self,
        loop: Loop,
        sessions: tuple[BfdInstance, ...],
        on_state: OnState,
        log: Log | None = None,
    ) -> None:
        self._loop = loop
        self._on_state = on_state
        self._log: Log = log or (lambda _level, _text: None)
        # Discriminators are all that keeps an outsider from a session (RFC 5880 section 9).
        self._random = _random
        self._engine = Engine(self._random)
        self._limit = RateLimit(_LINES)
        self._lines: dict[int, _Line] = {}
        self._published: dict[str, bool] = {}
        self._receivers: dict[bool, ControlReceiver] = {}
        self._receiver_errors: dict[bool, str] = {}
        self._receiver_retry: Timer | None = None
        self.reconfigure(sessions)

    def reconfigure(self, sessions: tuple[BfdInstance, ...]) -> None:
        """Go on with these; unchanged ones do not notice, changed intervals go by Poll Sequence.

        A session is the same while its neighbour and source are. A removed one says AdminDown for
        a while. Raises ValueError, with nothing changed, when two have the same neighbour.
        """
        outputs = self._engine.reconfigure(sessions, self._loop.now_ns())
        names = {instance.name for instance in sessions}
        self._published = {name: up for name, up in self._published.items() if name in names}
        self._perform(outputs)
        for session in self._engine.configured():
            self._follow(session)
            self._publish(session)
            self._arm(session)
        self._listen()

    def _follow(self, session: Session) -> None:
        """Give a new session its socket, an old one its TTL."""
        instance = session.instance
        line = self._lines.get(session.discriminator)
        if line is None:
            port = self._free_port()
            sender = ControlSender(instance.neighbor, instance.source, instance.ttl, port)
            self._lines[session.discriminator] = _Line(sender)
        elif line.sender.ttl != instance.ttl:
            line.sender.ttl = instance.ttl
            line.sender.close()

    def _free_port(self) -> int:
        """A random port that no session has; whether a stranger has it, `send` finds out."""
        taken = {line.sender.port for line in self._lines.values()}
        first = int(self._random() * len(SOURCE_PORTS))
        for step in range(len(SOURCE_PORTS)):
            port = SOURCE_PORTS[(first + step) % len(SOURCE_PORTS)]
            if port not in taken:
                return port
        return SOURCE_PORTS[first]  # more than 16,384 sessions may share (RFC 5881 section 4)

    # -- receiving

    def _listen(self) -> None:
        """One receiver for each address family of the sessions."""
        wanted = {is_ipv6(session.instance.neighbor) for session in self._engine.configured()}
        for ipv6 in self._receivers.keys() - wanted:
            self._close_receiver(ipv6)
        self._receiver_errors = {
            ipv6: text for ipv6, text in self._receiver_errors.items() if ipv6 in wanted
        }
        for ipv6 in wanted - self._receivers.keys():
            self._open_receiver(ipv6)
        if self._receiver_errors and self._receiver_retry is None:
            at_ns = self._loop.now_ns() + _RECEIVER_RETRY_NS
            self._receiver_retry = self._loop.call_at(at_ns, self._retry_receivers)

    def _open_receiver(self, ipv6: bool) -> None:
        try:
            receiver = ControlReceiver(ipv6)
        except OSError as error:
            family = "IPv6" if ipv6 else "IPv4"
            text = (
                f"BFD cannot listen on UDP port 3784 ({family}): {error.strerror};"
                " stop any other BFD daemon on this host"
            )
            if self._receiver_errors.get(ipv6) != text:
                self._log("error", text)
            self._receiver_errors[ipv6] = text
            return
        self._receiver_errors.pop(ipv6, None)
        self._receivers[ipv6] = receiver
        self._loop.add_reader(receiver.fileno(), partial(self._drain, ipv6))

    def _retry_receivers(self) -> None:
        self._receiver_retry = None
        self._listen()

    def _close_receiver(self, ipv6: bool) -> None:
        receiver = self._receivers.pop(ipv6)
        self._loop.remove_reader(receiver.fileno())
        receiver.close()

    def _drain(self, ipv6: bool) -> None:
        receiver = self._receivers.get(ipv6)
        if receiver is None:
            return
        for __ in range(_DRAIN_LIMIT):
            datagram = receiver.receive()
            if datagram is None:
                return
            outputs = self._engine.receive(
                datagram.payload, datagram.source, datagram.ttl, self._loop.now_ns()
            )
            if isinstance(outputs, RejectReason):
                self._log_ignored(outputs, datagram.source)
            else:
                self._perform(outputs)

    def _log_ignored(self, reason: RejectReason, source: str) -> None:
        self._log_limited(reason.value, f"BFD packet from {source} ignored: {EXPLANATIONS[reason]}")

    # -- timers

    def _arm(self, session: Session) -> None:
        """Have `_tick` run at the session's deadline, or before, which does no harm.

        A timer that comes too early is left alone: each packet puts the detection off.
        """
        line = self._lines.get(session.discriminator)
        deadline_ns = session.deadline_ns
        if line is None or deadline_ns is None:
            return
        now_ns = self._loop.now_ns()
        at_ns = min(max(deadline_ns, now_ns), now_ns + _LONGEST_SLEEP_NS)
        if line.timer is not None:
            if line.timer.deadline_ns <= at_ns:
                return
            line.timer.cancel()
        line.timer = self._loop.call_at(at_ns, partial(self._tick, session))

    def _tick(self, session: Session) -> None:
        line = self._lines.get(session.discriminator)
        if line is None:
            return
        line.timer = None
        self._perform(self._engine.handle(session, TimerExpired(), self._loop.now_ns()))
        self._arm(session)

    # -- outputs

    def _perform(self, outputs: list[Output]) -> None:
        for session, action in outputs:
            match action:
                case SendPacket():
                    self._send(session, encode(action.packet))
                case StateChanged():
                    self._publish(session)
                case Ignored():
                    self._log_ignored(action.reason, session.instance.neighbor)
                case Finished():
                    self._drop(session)
        for session in {session for session, __ in outputs}:
            self._arm(session)

    def _send(self, session: Session, payload: bytes) -> None:
        line = self._lines.get(session.discriminator)
        if line is None:
            return
        error = line.error = line.sender.send(payload)
        if error is not None:
            session.counters.send_errors += 1
            name, reason = session.instance.name, error.strerror
            self._log_limited(f"send {name}", f"BFD instance {name} cannot send: {reason}")

    def _publish(self, session: Session) -> None:
        """Tell about a session if it is not what was told last."""
        name, up = session.instance.name, session.state is State.UP
        if self._published.get(name, False) != up:
            self._published[name] = up
            self._on_state(name, up, session.reason)

    def _drop(self, session: Session) -> None:
        line = self._lines.pop(session.discriminator, None)
        if line is not None:
            line.sender.close()
            if line.timer is not None:
                line.timer.cancel()

    def _log_limited(self, key: str, text: str) -> None:
        more = self._limit.admit(key, self._loop.now_ns())
        if more is not None:
            self._log("warning", text + left_out(more))

    # -- end and status

    def fault(self, name: str) -> str | None:
        """What on this host keeps the session called `name` from coming up; None: nothing known."""
        named = (each for each in self._engine.configured() if each.instance.name == name)
        return next((self._fault(each) for each in named), None)

    def _fault(self, session: Session) -> str | None:
        text = self._receiver_errors.get(is_ipv6(session.instance.neighbor))
        line = self._lines.get(session.discriminator)
        error = None if line is None else line.error
        if text is None and error is not None and error.errno in LOCAL_ERRORS:
            text = f"BFD instance {session.instance.name} cannot send: {error.strerror}"
        return text

    def close(self) -> None:
        """Every session says AdminDown once, and all sockets are closed; nothing is waited for.

        A neighbour that misses the packet finds out by its detection time.
        """
        # Nobody is to be told: whoever closes this knows.
        self._on_state = lambda _name, _up, _reason: None
        self._perform(self._engine.reconfigure((), self._loop.now_ns()))
        for line in self._lines.values():
            line.sender.close()
            if line.timer is not None:
                line.timer.cancel()
        self._lines.clear()
        for ipv6 in tuple(self._receivers):
            self._close_receiver(ipv6)
        if self._receiver_retry is not None:
            self._receiver_retry.cancel()
            self._receiver_retry = None

    def report(self) -> dict[str, object]:
        """`sessions`, `rejected` (packets of no session), `errors` (why nothing is received),
        `faults`: by session, what of this host's is in its way."""
        report = self._engine.report(self._loop.now_ns())
        names = [(each.instance.name, self._fault(each)) for each in self._engine.configured()]
        return {
            **report,
            "errors": sorted(self._receiver_errors.values()),
            "faults": {name: fault for name, fault in names if fault is not None},
        }
