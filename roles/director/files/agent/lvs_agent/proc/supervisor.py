# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor process: executes what `core/supervise.py` decides.

Owns the children's descriptors, the signals, the control socket and the word to systemd. Must
never decide anything about a child, never hold an effective capability, never speak netlink or
VRRP. If it dies, its children see their channels close and hand over.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from lvs_agent.adapters import control_socket, privileges, runtime_directory, scheduling
from lvs_agent.adapters.journal import Journal
from lvs_agent.adapters.privileges import Capability
from lvs_agent.adapters.sd_notify import Notifier
from lvs_agent.adapters.signals import SignalQueue
from lvs_agent.core.messages import (
    InstanceState,
    LogLine,
    MasterHeard,
    Message,
    OverridesReport,
    StatusReply,
)
from lvs_agent.core.orders import (
    Abort,
    Action,
    AgentReady,
    Exit,
    Fork,
    Kill,
    Log,
    ReloadDone,
    Tell,
)
from lvs_agent.core.supervise import (
    HA,
    HEALTH,
    KERNEL,
    NAMES,
    PEERS,
    TICK_NS,
    TRACK,
    Supervision,
)
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.child import Start
from lvs_agent.proc.config_parts import part
from lvs_agent.proc.configuration import Loaded, advert_ints_ns
from lvs_agent.proc.control_server import ControlServer
from lvs_agent.proc.dumps import SIGNALS, Dumps
from lvs_agent.proc.fork import Forked, Room, fork, reap
from lvs_agent.proc.instance_overrides import InstanceOverrides
from lvs_agent.proc.loop import Loop
from lvs_agent.proc.operator import Operator
from lvs_agent.proc.override_book import OverrideBook
from lvs_agent.proc.server_orders import ServerOrders
from lvs_agent.proc.status import StatusBoard

CAPABILITIES = {
    HA: frozenset({Capability.NET_RAW}),
    KERNEL: frozenset({Capability.NET_ADMIN}),
    HEALTH: frozenset[Capability](),
    TRACK: frozenset({Capability.KILL, Capability.SETGID, Capability.SETUID}),
}
# The unit gives these only where the configuration names other users for scripts: to become them,
# and to end what they started.
_OPTIONAL = CAPABILITIES[TRACK]
# Packets left in the socket of a dead child; a live peer may add to them while we read.
_DRAIN_LIMIT = 4096
_DRAIN_BYTES = 256 * 1024
# Loading the largest configuration on a slow host must not look like a hang to systemd.
_LOADING_WATCHDOG_US = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mains:
    """The entry points of the children: the supervisor's socket, those of its peers, the start."""

    ha: Callable[[socket.socket, socket.socket, socket.socket, Start], None]
    kernel: Callable[[socket.socket, socket.socket, socket.socket, Start], None]
    health: Callable[[socket.socket, socket.socket, Start], None]
    track: Callable[[socket.socket, socket.socket, Start], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the supervisor works; what is in `state_directory` survives a boot. `found`: see
    Supervision."""

    config_path: str
    runtime_directory: Path
    state_directory: Path
    environment: dict[str, str]
    found: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChildProcess:
    forked: Forked
    channel: Channel


class Supervisor:
    """One run of the agent. `run` returns the exit status."""

    def __init__(self, settings: Settings, mains: Mains, loaded: Loaded, journal: Journal) -> None:
        self.settings = settings
        self.loaded = loaded
        self.journal = journal
        self.loop = Loop()
        self.notifier = Notifier(settings.environment)
        self.supervision = Supervision(
            generation=1, advert_ints_ns=advert_ints_ns(loaded.config), found=settings.found
        )
        self.boards = {
            brief: StatusBoard(self.loop, self.tell, brief=brief) for brief in (False, True)
        }
        self.instance_overrides = InstanceOverrides(self)
        self.operator = Operator(self)
        self.overrides = OverrideBook(self, settings.state_directory)
        self.orders = ServerOrders(self, self.overrides)
        self._mains = mains
        self._children: dict[str, _ChildProcess] = {}
        self._exit_status = 0
        self._ends = _peer_sockets()
        self._lock = runtime_directory.lock(settings.runtime_directory)
        self._listener = control_socket.listen(settings.runtime_directory)
        self._dumps = Dumps(lambda: self.loaded.config, self._collect_status, journal)
        self._signals = SignalQueue((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, *SIGNALS))
        self._control = ControlServer(self.loop, self._listener, os.geteuid(), self.operator.serve)

    def run(self) -> int:
        """Give up privileges, fork the children, serve until the stop sequence is over."""
        faulthandler.register(signal.SIGQUIT, chain=True)
        self._give_up_privileges()
        gc.collect()
        gc.freeze()  # children share these pages; a collection would write into all of them
        self.loop.add_reader(self._signals.fileno(), self._signalled)
        self.instance_overrides.keep_looking()
        now_ns = self.loop.now_ns()
        self.execute(self.supervision.begin(now_ns))
        self.loop.call_at(now_ns + TICK_NS, self._tick)
        self._feed_watchdog()
        self.operator.keep_status_line()
        self.overrides.keep_looking()
        self.loop.run()
        self._control.close()
        control_socket.remove(self.settings.runtime_directory)
        self._signals.close()
        os.close(self._lock)
        self.loop.close()
        return self._exit_status

    def _give_up_privileges(self) -> None:
        wanted = self.loaded.config.global_defs.scheduling
        scheduling.allow(
            priority=max(wanted.priority, wanted.auto_priority),
            nice_value=wanted.nice or 0,
            memory=wanted.no_swap,
        )
        needed = frozenset().union(*CAPABILITIES.values())
        for missing in sorted(needed - _OPTIONAL - privileges.permitted()):
            text = f"CAP_{missing.name} is missing; start the agent as root or by its unit"
            self.journal.write("warning", text)
        privileges.restrict(needed, ())
        privileges.no_new_privileges()
        privileges.set_title("lvs-agent", "lvs-agent: supervisor")

    # Decisions and their execution.

    def execute(self, actions: Iterable[Action]) -> None:
        """Do what was decided, in order."""
        for action in actions:
            match action:
                case Fork():
                    self._fork(action)
                case Abort(name=name):
                    self._send_signal(name, signal.SIGABRT)
                case Kill(name=name):
                    self._send_signal(name, signal.SIGKILL)
                case Tell(name=name, message=message):
                    self.tell(name, message)
                case AgentReady():
                    self.operator.agent_ready()
                case Log(level=level, text=text):
                    self.journal.write(level, text)
                case ReloadDone(generation=generation, missing=missing):
                    self.operator.reload_done(generation, missing)
                case Exit(clean=clean):
                    self._exit_status = 0 if clean else 1
                    self.loop.stop()
                case _:
                    assert_never(action)

    def tell(self, name: str, message: Message) -> bool:
        """Send `message` to the child; False when there is none to send to."""
        child = self._children.get(name)
        if child is None or not self.supervision.lives[name].listening:
            return False
        child.channel.send(message)
        return True

    def pids(self) -> dict[str, int]:
        """The process id of each living child."""
        return {name: child.forked.pid for name, child in self._children.items()}

    def _send_signal(self, name: str, number: signal.Signals) -> None:
        child = self._children.get(name)
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(child.forked.pidfd, number)

    # Children.

    def _fork(self, action: Fork) -> None:
        name = action.name
        ours, theirs = socket.socketpair()
        peers = [self._ends[name, peer] for peer in PEERS[name]]
        if action.restarted:
            # Not at the first start: what is waiting then is the first word of a sibling, which is
            # not said again.
            for end in peers:
                _drain(end)
        start = Start(
            config=part(name, self.loaded.config),
            generation=self.supervision.generation,
            restarted=action.restarted or action.found,
            adopt=action.adopt,
            pools=action.pools,
            overrides=self.overrides.entries if name == KERNEL else (),
            instance_overrides=self.instance_overrides.for_birth() if name == HA else (),
        )
        main = getattr(self._mains, name)
        kept = {theirs.fileno(), self._lock, *(end.fileno() for end in peers)}
        room = Room(name=name, capabilities=CAPABILITIES[name], descriptors=frozenset(kept))
        try:
            forked = fork(room, lambda: main(theirs, *peers, start))
        except OSError as error:
            ours.close()
            theirs.close()
            self.journal.write("error", f"cannot fork {name}: {error.strerror}")
            self.execute(self.supervision.died(name, 1, self.loop.now_ns()))
            return
        theirs.close()
        channel = Channel(
            self.loop,
            ours,
            lambda message: self._said(name, message),
            lambda reason: self._channel_lost(name, reason),
        )
        self._children[name] = _ChildProcess(forked=forked, channel=channel)
        self.loop.add_reader(forked.pidfd, lambda: self._exited(name))

    def _said(self, name: str, message: Message) -> None:
        match message:
            case LogLine(level=level, text=text):
                self.journal.write(level, f"{name}: {text}")
            case StatusReply():
                self.boards[message.brief].replied(name, message)
            case OverridesReport() if name == KERNEL:
                self.orders.said(message)
            case _:
                self.execute(self.supervision.said(name, message, self.loop.now_ns()))
                if isinstance(message, InstanceState | MasterHeard):
                    self.instance_overrides.look()

    def _channel_lost(self, name: str, reason: str) -> None:
        self.execute(self.supervision.channel_lost(name, reason, self.loop.now_ns()))

    def _exited(self, name: str) -> None:
        child = self._children[name]
        exit_code = reap(child.forked.pidfd)
        if exit_code is None:
            return
        child.channel.drain()  # its last words: instance states, log lines
        child.channel.close()
        self.loop.remove_reader(child.forked.pidfd)
        os.close(child.forked.pidfd)
        del self._children[name]
        self.execute(self.supervision.died(name, exit_code, self.loop.now_ns()))
        for board in self.boards.values():
            board.gone(name)

    # Time and signals.

    def _tick(self) -> None:
        now_ns = self.loop.now_ns()
        self.execute(self.supervision.tick(now_ns))
        self.loop.call_at(now_ns + TICK_NS, self._tick)

    def _feed_watchdog(self) -> None:
        interval_ns = self.notifier.watchdog_ns
        if interval_ns is None:
            return
        if self.supervision.healthy():
            self.notifier.send("WATCHDOG=1")
        self.loop.call_at(self.loop.now_ns() + interval_ns // 4, self._feed_watchdog)

    @contextlib.contextmanager
    def patient_watchdog(self) -> Iterator[None]:
        """Work that may keep the supervisor from its loop for seconds."""
        if self.notifier.watchdog_ns is None:
            yield
            return
        self.notifier.send("WATCHDOG=1", f"WATCHDOG_USEC={_LOADING_WATCHDOG_US}")
        try:
            yield
        finally:
            usual_us = self.notifier.watchdog_ns // 1000
            self.notifier.send("WATCHDOG=1", f"WATCHDOG_USEC={usual_us}")

    def _signalled(self) -> None:
        for one in self._signals.read():
            if one == signal.SIGHUP:
                self.operator.reload_on_signal()
            elif one in SIGNALS:
                self._dumps.signalled(one)
            else:
                self.journal.write("info", f"{signal.Signals(one).name}: stopping")
                self.stop()

    def _collect_status(self, done: Callable[[bytes], None]) -> None:
        """What people read of it: the rest takes long, and no dump has it."""
        board = self.boards[True]
        board.collect(lambda: done(self.operator.document(board)))

    def stop(self) -> None:
        """Begin the stop sequence."""
        self.notifier.send("STOPPING=1", "STATUS=handing over and stopping")
        self.instance_overrides.stopping()
        self.execute(self.supervision.stop(self.loop.now_ns()))

    def uptime_s(self, since_ns: int) -> float:
        """Seconds since the monotonic time `since_ns`."""
        return round((time.monotonic_ns() - since_ns) / 1e9, 3)


def _peer_sockets() -> dict[tuple[str, str], socket.socket]:
    """`(owner, peer)` -> the owner's end. They outlive the children; both ends stay open here."""
    ends: dict[tuple[str, str], socket.socket] = {}
    for name in NAMES:
        for peer in PEERS[name]:
            if (name, peer) not in ends:
                pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                ends[name, peer], ends[peer, name] = pair
    return ends


def _drain(end: socket.socket) -> None:
    """Throw away what a dead child did not read: its successor is told everything again.

    An old HoldApplied could else be taken for the answer to a new Hold.
    """
    for __ in range(_DRAIN_LIMIT):
        try:
            end.recv(_DRAIN_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
