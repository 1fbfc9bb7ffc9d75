# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and tools ask of the supervisor: status, configuration, reload.

Owns the answers to the control verbs and the state of a reload. Must never touch a child except
through the supervisor.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from lvs_agent.config import ConfigError, ConfigRejected
from lvs_agent.core.control import Request, Verb, failure, success, success_raw
from lvs_agent.core.life import ProcessState
from lvs_agent.core.supervise import STOPPING, Stage
from lvs_agent.proc import configuration
from lvs_agent.release import VERSION, release_id

if TYPE_CHECKING:
    from lvs_agent.proc.control_server import Client
    from lvs_agent.proc.status import StatusBoard
    from lvs_agent.proc.supervisor import Supervisor

Answer = Callable[[bytes], None]
# Error lines of one rejected configuration in the journal; lvsctl and `check` show all.
_LOGGED_ERRORS = 20
_STATUS_LINE_NS = 500_000_000


class Operator:
    """Serves the control verbs of one supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._started_ns = time.monotonic_ns()
        self._rejected: tuple[str, tuple[ConfigError, ...]] | None = None
        self._unconfirmed: tuple[str, ...] = ()
        self._answers: list[Answer] = []
        self._queued: list[Answer] = []
        self._status_line = ""

    def serve(self, request: Request, client: Client) -> None:
        """Answer one request, now or when the children have answered."""
        supervisor = self._supervisor
        verb = request.verb
        match verb:
            case Verb.PING:
                client.reply(success({"pid": os.getpid(), "stage": supervisor.supervision.stage}))
            case Verb.STATUS | Verb.SUMMARY:
                board = supervisor.boards[verb is Verb.SUMMARY]
                board.collect(lambda: client.reply(self._status(board)))
            case Verb.CONFIG:
                text = configuration.public_text(supervisor.loaded.config)
                client.reply(success_raw(text.encode()))
            case Verb.RELOAD:
                self.reload(client.reply)
            case Verb.REAL_SERVER | Verb.SET_REAL_SERVER:
                supervisor.orders.serve(request.arguments, client.reply)
            case Verb.OVERRIDES:
                client.reply(success(supervisor.overrides.listing()))
            case Verb.FAILOVER:
                self._failover(request, client)
            case _:
                assert_never(verb)

    def _failover(self, request: Request, client: Client) -> None:
        supervision = self._supervisor.supervision
        if supervision.stage in STOPPING or supervision.reloading:
            doing = "reloading" if supervision.reloading else "stopping"
            client.reply(failure(f"the agent is {doing}; try again"))
            return
        self._supervisor.instance_overrides.serve(request.arguments, client.reply)

    # Status.

    def document(self, board: StatusBoard) -> bytes:
        """The status document, of what the board has collected."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return board.document(self._agent(), at)

    def _status(self, board: StatusBoard) -> bytes:
        return success_raw(self.document(board))

    def _agent(self) -> dict[str, object]:
        supervisor, supervision = self._supervisor, self._supervisor.supervision
        loaded = supervisor.loaded
        return {
            "version": VERSION,
            "release": release_id(),
            "router_id": loaded.config.global_defs.router_id or socket.gethostname(),
            "stage": supervision.stage,
            "generation": supervision.generation,
            "config_file": supervisor.settings.config_path,
            "config_sha256": loaded.sha256,
            "config_rejected": self._rejection(),
            "pid": os.getpid(),
            "uptime_s": supervisor.uptime_s(self._started_ns),
            "monotonic_ns": time.monotonic_ns(),
            "processes": self._processes(),
            "warnings": self._warnings(),
        }

    def _rejection(self) -> dict[str, object] | None:
        if self._rejected is None:
            return None
        at, errors = self._rejected
        return {"at": at, "errors": _as_dicts(errors)}

    def _processes(self) -> dict[str, object]:
        supervisor = self._supervisor
        now_ns, pids = supervisor.loop.now_ns(), supervisor.pids()
        return {
            name: {
                "pid": pids.get(name),
                "state": life.state,
                "restarts": max(0, life.forks - 1),
                "generation": life.ready_generation,
                "uptime_s": _age_s(life.ready_since_ns, now_ns),
                "heartbeat_age_s": _age_s(life.last_beat_ns, now_ns),
            }
            for name, life in supervisor.supervision.lives.items()
        }

    def _warnings(self) -> list[str]:
        warnings = []
        if self._rejected is not None:
            at, errors = self._rejected
            warnings.append(
                f"the configuration file was rejected at {at} ({len(errors)} errors); "
                "the previous configuration is in force"
            )
        if self._unconfirmed:
            warnings.append(f"the last reload is not confirmed by {', '.join(self._unconfirmed)}")
        warnings += self._supervisor.instance_overrides.warnings()
        for name, life in self._supervisor.supervision.lives.items():
            if life.state is not ProcessState.RUNNING:
                times = f" (failed {life.failures_in_a_row} times)" * (life.failures_in_a_row > 0)
                warnings.append(f"process {name} is {life.state}{times}")
        return warnings + self._supervisor.overrides.warnings()

    # Reload.

    def reload_on_signal(self) -> None:
        """SIGHUP: the result goes to the journal and into the status."""
        self.reload(lambda _reply: None)

    def reload(self, answer: Answer) -> None:
        """Load the file; a difference goes to the children, errors change nothing at all."""
        supervisor = self._supervisor
        supervision = supervisor.supervision
        if supervision.stage in STOPPING:
            answer(failure("the agent is stopping"))
            return
        if supervision.reloading:
            # The file may have changed since; one more reload serves all who wait.
            self._queued.append(answer)
            return
        monotonic_us = time.monotonic_ns() // 1000
        supervisor.notifier.send("RELOADING=1", f"MONOTONIC_USEC={monotonic_us}")
        try:
            with supervisor.patient_watchdog(), configuration.no_collection():
                loaded = configuration.load(supervisor.settings.config_path)
                changed = loaded.config != supervisor.loaded.config
                configs = configuration.packed(loaded, supervisor.loaded) if changed else {}
        except ConfigRejected as rejection:
            self._reject(rejection.errors, answer)
            return
        self._rejected = None
        for notice in loaded.notices:
            supervisor.journal.write("warning", notice)
        before, supervisor.loaded = supervisor.loaded.config, loaded
        if not changed:
            self._reloaded((answer,), changed=False)
            return
        self._answers = [answer]
        actions = supervision.reconfigure(
            configs=configs,
            advert_ints_ns=configuration.advert_ints_ns(loaded.config),
            now_ns=supervisor.loop.now_ns(),
        )
        supervisor.journal.write("info", f"applying configuration {supervision.generation}")
        supervisor.execute(actions)
        supervisor.overrides.reconfigured()
        supervisor.instance_overrides.reconfigured(before)

    def _reject(self, errors: tuple[ConfigError, ...], answer: Answer) -> None:
        supervisor = self._supervisor
        path = supervisor.settings.config_path
        self._rejected = (datetime.now(UTC).isoformat(timespec="seconds"), errors)
        error = f"{path} is rejected, the previous configuration stays in force"
        supervisor.journal.write("error", error)
        for one in errors[:_LOGGED_ERRORS]:
            supervisor.journal.write("error", f"{path}: {one}")
        if len(errors) > _LOGGED_ERRORS:
            rest = f"and {len(errors) - _LOGGED_ERRORS} more; see lvs-agent check {path}"
            supervisor.journal.write("error", rest)
        supervisor.notifier.send("READY=1")
        answer(failure(error, _as_dicts(errors)))

    def reload_done(self, generation: int, missing: tuple[str, ...]) -> None:
        """Every child has confirmed `generation`, or `missing` have not in time."""
        self._unconfirmed = missing
        if missing:
            text = f"configuration {generation} is not confirmed by {', '.join(missing)}"
            self._supervisor.journal.write("error", text)
        else:
            self._supervisor.journal.write("info", f"configuration {generation} is in force")
        answers, self._answers = self._answers, []
        self._reloaded(tuple(answers), changed=True)
        queued, self._queued = self._queued, []
        if queued:
            self.reload(lambda reply: _to_all(queued, reply))

    def _reloaded(self, answers: tuple[Answer, ...], *, changed: bool) -> None:
        self._supervisor.notifier.send("READY=1")
        generation = self._supervisor.supervision.generation
        if changed and self._unconfirmed:
            names = ", ".join(self._unconfirmed)
            reply = failure(f"configuration {generation} is accepted, but {names} did not confirm")
        else:
            reply = success({"changed": changed, "generation": generation})
        _to_all(answers, reply)

    # The word to systemd.

    def agent_ready(self) -> None:
        """All children are Ready: dependants of the unit may start."""
        self._supervisor.journal.write("info", f"lvs-agent {VERSION} ({release_id()}) is ready")
        self._supervisor.notifier.send("READY=1")

    def keep_status_line(self) -> None:
        """Keep systemd's status line up to date."""
        loop, supervision = self._supervisor.loop, self._supervisor.supervision
        loop.call_at(loop.now_ns() + _STATUS_LINE_NS, self.keep_status_line)
        if supervision.stage is not Stage.RUNNING:
            return
        states = Counter(one.state for one in supervision.instance_states.values())
        shown = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        sick = [name for name, life in supervision.lives.items() if not life.listening]
        line = f"configuration {supervision.generation}; instances: {shown or 'none'}"
        if sick:
            line += f"; degraded: {', '.join(sick)}"
        if self._rejected is not None:
            line += "; configuration file rejected"
        if line != self._status_line:
            self._status_line = line
            self._supervisor.notifier.send(f"STATUS={line}")


def _to_all(answers: list[Answer] | tuple[Answer, ...], reply: bytes) -> None:
    for answer in answers:
        answer(reply)


def _as_dicts(errors: tuple[ConfigError, ...]) -> list[dict[str, str]]:
    return [{"path": one.path, "message": one.message} for one in errors]


def _age_s(since_ns: int | None, now_ns: int) -> float | None:
    return None if since_ns is None else round((now_ns - since_ns) / 1e9, 3)
