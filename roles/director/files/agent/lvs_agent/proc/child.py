# SPDX-License-Identifier: GPL-3.0-or-later
"""What every child process has in common: heartbeat, status, the channel to the supervisor.

Owns the scaffolding. Must never know what the child is for.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass

from lvs_agent.core.messages import (
    Heartbeat,
    InstanceOverride,
    InstanceState,
    LogLine,
    Message,
    PoolChange,
    Ready,
    Reconfigure,
    StatusReply,
    StatusRequest,
    Stop,
)
from lvs_agent.core.model import Config
from lvs_agent.core.overrides import Entries
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.config_parts import unpack
from lvs_agent.proc.loop import Loop

HEARTBEAT_NS = 250_000_000
_ENDED: list[object] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a child is born with.

    `restarted`: an earlier process of this agent run did the same job and died, or another program
    did it and is being taken over from: what is in the kernel is to be gone on with. `adopt` (ha
    only): the instance states to go on with; empty means to begin in INIT. `pools` (kernel only):
    what the earlier process said last of its pools. `overrides` (kernel only): what operators said
    of real servers, so that no moment of a restart gives one its weight back. `instance_overrides`
    (ha only): what they want of instances.
    """

    config: Config
    generation: int
    restarted: bool
    adopt: tuple[InstanceState, ...] = ()
    pools: tuple[PoolChange, ...] = ()
    overrides: Entries = ()
    instance_overrides: tuple[InstanceOverride, ...] = ()


class Child:
    """Base of the children; `run` serves until Stop or until the supervisor is gone."""

    def __init__(self, loop: Loop, supervisor: socket.socket, start: Start) -> None:
        self.loop = loop
        self.config = start.config
        self.generation = start.generation
        self.supervisor = Channel(loop, supervisor, self._receive, self._supervisor_closed)

    def run(self) -> None:
        """Announce readiness, beat, serve."""
        self.supervisor.send(Ready(generation=self.generation))
        self.beat()
        self.loop.run()
        # The process ends now: to take 10,000 real servers apart one by one would be the longest
        # part of that.
        _ENDED.append(self)

    def beat(self) -> None:
        """A sign of life, now and from now on."""
        now_ns = self.loop.now_ns()
        self.supervisor.send(Heartbeat(at_ns=now_ns))
        self.loop.call_at(now_ns + HEARTBEAT_NS, self.beat)

    def _receive(self, message: Message) -> None:
        match message:
            case StatusRequest():
                self.answer(message)
            case Reconfigure(generation=generation, config=packed):
                self.generation = generation
                self.reconfigure(unpack(packed))
                self.supervisor.send(Ready(generation=generation))
            case Stop():
                self.stop()
            case _:
                self.handle(message)

    def _supervisor_closed(self, reason: str) -> None:
        del reason  # nobody is left to be told
        self.supervisor_gone()

    def answer(self, request: StatusRequest) -> None:
        """Send the report that is asked for."""
        report = json.dumps(self.report(brief=request.brief), separators=(",", ":")).encode()
        self.reply(request, report)

    def reply(self, request: StatusRequest, report: bytes) -> None:
        """The answer to `request`: a JSON object."""
        reply = StatusReply(request_id=request.request_id, brief=request.brief, report=report)
        self.supervisor.send(reply)

    def log(self, level: str, text: str) -> None:
        """A line for the journal, by way of the supervisor."""
        self.supervisor.send(LogLine(level=level, text=text))

    def finish(self) -> None:
        """Say the last words and leave the loop."""
        self.supervisor.flush()
        self.loop.stop()

    def handle(self, message: Message) -> None:
        """A message of the supervisor that is not common to all children."""
        raise NotImplementedError

    def reconfigure(self, config: Config) -> None:
        """Go by another configuration."""
        raise NotImplementedError

    def stop(self) -> None:
        """Orderly end: hand over, then `finish`."""
        raise NotImplementedError

    def supervisor_gone(self) -> None:
        """The supervisor died: hand over as in `stop`; nobody will restart this process."""
        raise NotImplementedError

    def report(self, *, brief: bool) -> dict[str, object]:
        """This process's part of `lvsctl status --json`; `brief`: without the bulk of it, for
        `lvsctl status`."""
        raise NotImplementedError
