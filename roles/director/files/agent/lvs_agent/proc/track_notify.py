# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out the notifications: runs the commands, writes the FIFOs, hands mails to the mailer.

Owns their processes and descriptors. Must never decide who is told of what: `core/notify.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from lvs_agent.adapters.fifo import FifoWriter
from lvs_agent.adapters.script import Script, ScriptResult
from lvs_agent.core.messages import OverrideChange, PoolChange, Verdict
from lvs_agent.core.model import Config, Fifo
from lvs_agent.core.notify import Alert, Line, News, Notifications, Run, RunQueue, Told
from lvs_agent.core.notify_pools import PoolNotifications
from lvs_agent.proc.loop import Loop
from lvs_agent.proc.track_mail import Mailer

# A FIFO's reader that ends is started again after this.
_READER_PAUSE_NS = 1_000_000_000


@dataclass(slots=True)
class _Pipe:
    """An open FIFO with its reader; `vrrp` and `servers`: which lines it gets."""

    fifo: Fifo
    writer: FifoWriter
    vrrp: bool
    servers: bool
    reader: Script | None = None
    closed: bool = False


class Notifier:
    """`idle`: nothing runs or waits."""

    def __init__(self, loop: Loop, config: Config, log: Callable[[str, str], None]) -> None:
        self._loop = loop
        self._log = log
        self._notifications = Notifications(config)
        self._of_pools = PoolNotifications(config)
        self._queue = RunQueue()
        self._running: dict[str, Script] = {}
        self._runs = 0
        self._failures = 0
        self._pipes: list[_Pipe] = []
        self._stopping = False
        self._mailer = Mailer(loop, log)
        self._configure(config)

    def reconfigure(self, config: Config) -> None:
        """Go by another configuration; what runs goes on."""
        self._notifications.update(config)
        self._configure(config)
        self._tell(self._of_pools.update(config))

    def _configure(self, config: Config) -> None:
        global_defs = config.global_defs
        self._mailer.configure(global_defs.mail, global_defs.router_id)
        wanted = [
            (fifo, vrrp, servers)
            for fifo, vrrp, servers in (
                (global_defs.notify_fifo, True, True),
                (global_defs.vrrp_notify_fifo, True, False),
                (global_defs.lvs_notify_fifo, False, True),
            )
            if fifo is not None
        ]
        kept = [pipe for pipe in self._pipes if (pipe.fifo, pipe.vrrp, pipe.servers) in wanted]
        for pipe in self._pipes:
            if pipe not in kept:
                self._close_pipe(pipe)
        self._pipes = kept
        known = [(pipe.fifo, pipe.vrrp, pipe.servers) for pipe in kept]
        for fifo, vrrp, servers in wanted:
            if (fifo, vrrp, servers) not in known:
                self._open_pipe(fifo, vrrp=vrrp, servers=servers)

    def _open_pipe(self, fifo: Fifo, *, vrrp: bool, servers: bool) -> None:
        try:
            writer = FifoWriter(fifo.path)
        except OSError as error:
            self._log("error", f"notify_fifo {fifo.path}: {error.strerror}")
            return
        pipe = _Pipe(fifo, writer, vrrp, servers)
        self._pipes.append(pipe)
        self._start_reader(pipe)

    def _start_reader(self, pipe: _Pipe) -> None:
        if pipe.fifo.reader is None or pipe.closed:
            return

        def ended(result: ScriptResult) -> None:
            self._log("warning", f"reader of {pipe.fifo.path} ended: {result.describe()}")

        def gone() -> None:
            pipe.reader = None
            self._loop.call_at(
                self._loop.now_ns() + _READER_PAUSE_NS, lambda: self._start_reader(pipe)
            )

        pipe.reader = Script(self._loop, pipe.fifo.reader, (pipe.fifo.path,), ended, gone)

    def _close_pipe(self, pipe: _Pipe) -> None:
        pipe.closed = True
        self._loop.remove_writer(pipe.writer.fileno())
        pipe.writer.close()
        if pipe.reader is not None:
            pipe.reader.end()

    # News.

    def told(self, news: News | Verdict | PoolChange | OverrideChange) -> None:
        """Something changed."""
        match news:
            case Verdict() | PoolChange() | OverrideChange():
                self._tell(self._of_pools.told(news))
            case _:
                self._tell(self._notifications.told(news))

    def _tell(self, all_told: Iterable[Told]) -> None:
        for told in all_told:
            match told:
                case Run():
                    if (run := self._queue.add(told)) is not None:
                        self._start(run)
                case Line(text=text, vrrp=vrrp):
                    self._write(text, vrrp=vrrp)
                case Alert(subject=subject, text=text):
                    self._mailer.add(subject, text)
                case _:
                    assert_never(told)

    def _start(self, run: Run) -> None:
        self._runs += 1
        self._running[run.key] = Script(
            self._loop,
            run.command,
            run.more,
            lambda result: self._ended(run, result),
            lambda: self._gone(run),
        )

    def _ended(self, run: Run, result: ScriptResult) -> None:
        if not result.ok:
            self._failures += 1
            self._log("error", f"notify {run.key}: {run.command.argv[0]}: {result.describe()}")

    def _gone(self, run: Run) -> None:
        self._running.pop(run.key, None)
        for following in self._queue.ended(run):
            self._start(following)

    def _write(self, text: str, *, vrrp: bool) -> None:
        for pipe in self._pipes:
            if pipe.vrrp if vrrp else pipe.servers:
                pipe.writer.write(text)
                self._flush(pipe)

    def _flush(self, pipe: _Pipe) -> None:
        if pipe.writer.flush():
            self._loop.remove_writer(pipe.writer.fileno())
        else:
            self._loop.add_writer(pipe.writer.fileno(), lambda: self._flush(pipe))

    # The end.

    def stopping(self) -> None:
        """The last news have come: say goodbye for those that ask for it (omega), and send the
        mails that wait for more of them."""
        self._tell(self._of_pools.farewell())
        self._mailer.hurry()

    @property
    def idle(self) -> bool:
        """Nothing runs, nothing waits."""
        return not len(self._queue) and self._mailer.idle

    def close(self) -> None:
        """End everything."""
        for script in self._running.values():
            script.end()
        for pipe in self._pipes:
            self._close_pipe(pipe)
        self._pipes = []
        self._mailer.close()

    def report(self) -> dict[str, object]:
        """`notifications` of the status."""
        return {
            "commands": {
                "run": self._runs,
                "failed": self._failures,
                "busy": len(self._queue),
                "dropped": self._queue.dropped,
            },
            "fifos": [
                {"path": pipe.fifo.path, "lines_dropped": pipe.writer.dropped}
                for pipe in self._pipes
            ],
            "mail": self._mailer.report(),
        }
