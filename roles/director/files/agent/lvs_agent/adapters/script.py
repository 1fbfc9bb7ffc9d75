# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other people's programs: track scripts, notify scripts, readers of a FIFO.

Owns a program's process from fork to reaping: user, environment, process group, time limit. Must
never decide what its end means. No shell; the environment is PATH and LANG and nothing of ours; a
program that outlives its time limit gets SIGTERM, two seconds later SIGKILL, with all of its
process group.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from lvs_agent.adapters.script_security import alterable
from lvs_agent.core.model import Command
from lvs_agent.proc.loop import Loop, Timer

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}
# keepalived's own pause between the two signals.
_KILL_AFTER_NS = 2_000_000_000
# Of what a program writes to standard error, the part that a log line can show.
_WORDS_BYTES = 300
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptResult:
    """How a run ended. `exit_code` None: killed by a signal, timed out, or never started.

    `words`: the beginning of its standard error, or why it could not be started (`started`).
    """

    exit_code: int | None
    timed_out: bool
    words: str
    started: bool = True

    @property
    def ok(self) -> bool:
        """It ended by itself with status 0."""
        return self.exit_code == 0

    def describe(self) -> str:
        """For people: "exit status 1: connection refused"."""
        if self.timed_out:
            text = "did not end within its time limit"
        elif self.exit_code is None:
            text = "could not be run, or was killed"
        else:
            text = f"exit status {self.exit_code}"
        return f"{text}: {self.words}" if self.words else text


class Script:
    """One run. `on_result` is called once, at its end or at its time limit; `on_gone` once, when
    there is no process any more (with a program that ends in time, right after the result)."""

    def __init__(
        self,
        loop: Loop,
        command: Command,
        more: tuple[str, ...],
        on_result: Callable[[ScriptResult], None],
        on_gone: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._on_result: Callable[[ScriptResult], None] | None = on_result
        self._on_gone = on_gone
        self._words = b""
        self._ending = False
        self._timer: Timer | None = None
        self._pidfd = -1
        self._process: subprocess.Popen[bytes] | None = None
        try:
            _refuse_alterable(command)
            self._process = _popen((*command.argv, *more), command)
            self._pidfd = os.pidfd_open(self._process.pid)
        except (OSError, _Nobody) as error:
            # Not from inside the constructor: the caller has not got its object yet.
            reason = f"{command.argv[0]}: {_why(error, command)}"
            loop.call_at(loop.now_ns(), lambda: self._not_started(reason))
            return
        assert self._process.stderr is not None
        os.set_blocking(self._process.stderr.fileno(), False)
        loop.add_reader(self._process.stderr.fileno(), self._read_words)
        loop.add_reader(self._pidfd, self._exited)
        if command.timeout_ns:
            self._timer = loop.call_at(loop.now_ns() + command.timeout_ns, self._too_long)

    @property
    def pid(self) -> int | None:
        """The process id; None when it could not be started."""
        return None if self._process is None else self._process.pid

    def end(self) -> None:
        """SIGTERM, then SIGKILL: as at the time limit, but there is no result."""
        self._on_result = None
        self._too_long()

    def kill(self) -> None:
        """SIGKILL at once."""
        self._on_result = None
        self._ending = True
        self._signal(signal.SIGKILL)

    def _not_started(self, reason: str) -> None:
        self._tell(ScriptResult(exit_code=None, timed_out=False, words=reason, started=False))
        self._on_gone()

    def _read_words(self) -> None:
        """Keep the beginning, throw away the rest: a full pipe would stop the program."""
        assert self._process is not None
        assert self._process.stderr is not None
        try:
            data = os.read(self._process.stderr.fileno(), _READ_BYTES)
        except BlockingIOError:
            return
        self._words += data[: _WORDS_BYTES - len(self._words)]
        if not data:
            self._loop.remove_reader(self._process.stderr.fileno())

    def _too_long(self) -> None:
        if self._process is None:
            return
        self._ending = True
        self._signal(signal.SIGTERM)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(
            self._loop.now_ns() + _KILL_AFTER_NS, lambda: self._signal(signal.SIGKILL)
        )
        self._tell(ScriptResult(exit_code=None, timed_out=True, words=self._text()))

    def _signal(self, number: signal.Signals) -> None:
        """To the whole process group, which is the program's own (it is a session leader)."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _exited(self) -> None:
        process = self._process
        assert process is not None
        assert process.stderr is not None
        if self._ending:
            # What is left of its process group; the program is not reaped yet, so the group's
            # number is still its own.
            self._signal(signal.SIGKILL)
        code = process.poll()
        if code is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(OSError):
            self._read_words()
        self._loop.remove_reader(self._pidfd)
        self._loop.remove_reader(process.stderr.fileno())
        os.close(self._pidfd)
        process.stderr.close()
        words = self._text() or ("" if code >= 0 else f"signal {-code}")
        self._tell(
            ScriptResult(exit_code=code if code >= 0 else None, timed_out=False, words=words)
        )
        self._on_gone()

    def _text(self) -> str:
        text = self._words.decode(errors="replace")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())

    def _tell(self, result: ScriptResult) -> None:
        on_result, self._on_result = self._on_result, None
        if on_result is not None:
            on_result(result)


def _popen(argv: tuple[str, ...], command: Command) -> subprocess.Popen[bytes]:
    uid, gid, groups = _identity(command)
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        cwd="/",
        start_new_session=True,
        user=uid,
        group=gid,
        extra_groups=groups,
    )


def _identity(command: Command) -> tuple[int | None, int | None, list[int] | None]:
    """User, group and supplementary groups to change to; None: it stays, which takes no privilege.

    Raises _Nobody.
    """
    if command.user is None:
        return None, None, None
    entry = _user(command.user)
    gid = entry.pw_gid if command.group is None else _group(command.group)
    if entry.pw_uid == os.geteuid() and (command.group is None or gid == os.getegid()):
        return None, None, None
    return entry.pw_uid, gid, os.getgrouplist(command.user, gid)


class _Nobody(Exception):
    """There is no such user or group; the text is for people."""


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise _Nobody(f"there is no user {name}") from None


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise _Nobody(f"there is no group {name}") from None


def _refuse_alterable(command: Command) -> None:
    """Raises OSError when enable_script_security forbids to run it."""
    if not command.secure:
        return
    uid = os.geteuid() if command.user is None else _user(command.user).pw_uid
    if who := alterable(command.argv[0], uid):
        raise OSError(0, f"enable_script_security: {who}")


def _why(error: OSError | _Nobody, command: Command) -> str:
    if isinstance(error, _Nobody):
        return str(error)
    if isinstance(error, PermissionError) and command.user is not None:
        whom = command.user if command.group is None else f"{command.user}:{command.group}"
        return f"may not be run as {whom} ({error.strerror})"
    return error.strerror or str(error)
