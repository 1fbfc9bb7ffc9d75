# SPDX-License-Identifier: GPL-3.0-or-later
"""MISC_CHECKs that name a user: the track process is asked to run their programs.

Owns the requests that are not answered yet. Must never run anything: this process reads what
servers send, and may become nobody else.
"""

from __future__ import annotations

from collections.abc import Callable

from lvs_agent.adapters.digest import sha256_hex
from lvs_agent.adapters.probes.engine import Done
from lvs_agent.adapters.probes.local import judged
from lvs_agent.adapters.script import ScriptResult
from lvs_agent.core.checks import MiscCheck
from lvs_agent.core.health.check import Outcome, Result
from lvs_agent.core.health.programs import name_of
from lvs_agent.core.messages import ProgramEnded, ProgramWanted

_LOST = Result(
    outcome=Outcome.LOCAL_ERROR, reason="the track process, which was running it, has died"
)


class Requests:
    """`send` takes a request; `first`: a number that no earlier health process came to."""

    def __init__(self, send: Callable[[ProgramWanted], None], first: int) -> None:
        self._send = send
        self._next = first
        self._asking: dict[int, RequestProbe] = {}

    def ask(self, probe: RequestProbe) -> int:
        """Have the program of `probe` run; the number of the request."""
        number, self._next = self._next, self._next + 1
        self._asking[number] = probe
        self._send(ProgramWanted(check=probe.name, number=number))
        return number

    def forget(self, number: int) -> None:
        """Nobody waits for the answer any more."""
        self._asking.pop(number, None)

    def answered(self, message: ProgramEnded) -> None:
        """A program has ended; one that nobody waits for is none of ours any more."""
        probe = self._asking.pop(message.number, None)
        if probe is None:
            return
        result = ScriptResult(
            exit_code=message.exit_code,
            timed_out=message.timed_out,
            started=message.started,
            words=message.words,
        )
        probe.ended(judged(probe.check, result))

    def lost(self) -> None:
        """Who was asked is dead and answers no more; verdicts stay, and are tried again soon."""
        probes, self._asking = list(self._asking.values()), {}
        for probe in probes:
            probe.ended(_LOST)


class RequestProbe:
    """The tries of one MISC_CHECK that names a user, one at a time; `done` runs once for each."""

    __slots__ = ("_done", "_number", "_requests", "check", "name")

    def __init__(self, requests: Requests, check: MiscCheck, done: Done) -> None:
        self._requests = requests
        self.check = check
        self.name = name_of(check, sha256_hex)
        self._done = done
        self._number: int | None = None

    def start(self) -> None:
        """Begin a try."""
        self._number = self._requests.ask(self)

    def ended(self, result: Result) -> None:
        """The try is over."""
        self._number = None
        self._done(result)

    def abandon(self) -> None:
        """End the try, if there is one, without `done`. The program ends by itself, or by track,
        for which the check is out of the configuration too."""
        if self._number is not None:
            self._requests.forget(self._number)
            self._number = None
