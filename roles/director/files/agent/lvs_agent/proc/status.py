# SPDX-License-Identifier: GPL-3.0-or-later
"""Collecting the children's reports into one status document: all there is, or what people read.

Owns the collection: one at a time however many ask, and a deadline, so that a hung child costs
its part and nothing else. Must never interpret a report beyond the names of its keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from lvs_agent.core.messages import Message, StatusReply, StatusRequest
from lvs_agent.proc.loop import Loop, Timer

# A brief report takes a millisecond, all of 10,000 real servers half a second on a slow host.
COLLECT_NS = {True: 300_000_000, False: 1_500_000_000}
# What it could lie about it could do: to parse its megabytes would gain nothing.
_TRUSTED = "kernel"
# Larger reports are not kept for the day when nobody answers: 10,000 real servers have 5 MB.
_KEPT_BYTES = 256 * 1024

# The keys each process may report, with what stands for it when there is no report at all.
PARTS: dict[str, dict[str, str]] = {
    "ha": {"instances": "[]", "sync_groups": "[]"},
    "kernel": {
        "links": "[]",
        "addresses": "[]",
        "routes": "[]",
        "rules": "[]",
        "firewall": "{}",
        "sync_daemon": "{}",
        "timeouts": "{}",
        "services": "[]",
        "drift": "{}",
    },
    "health": {"checks": "[]"},
    "track": {"trackers": "[]", "bfd": "{}", "notifications": "{}"},
}
_KEYS = frozenset(key for part in PARTS.values() for key in part)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    request_id: int
    at_ns: int
    text: bytes


class StatusBoard:
    """`send(name, message)` tells whether the child could be asked. `brief`: what people read."""

    def __init__(self, loop: Loop, send: Callable[[str, Message], bool], *, brief: bool) -> None:
        self._loop = loop
        self._brief = brief
        self._send = send
        self._reports: dict[str, _Report] = {}
        self._request_id = 0
        self._pending: set[str] = set()
        self._waiting: list[Callable[[], None]] = []
        self._timer: Timer | None = None

    def collect(self, done: Callable[[], None]) -> None:
        """Ask every child; `done` runs when all have answered, or at the deadline."""
        self._waiting.append(done)
        if len(self._waiting) > 1:
            return
        self._request_id += 1
        request = StatusRequest(request_id=self._request_id, brief=self._brief)
        self._pending = {name for name in PARTS if self._send(name, request)}
        self._timer = self._loop.call_at(
            self._loop.now_ns() + COLLECT_NS[self._brief], self._finish
        )
        self._finish_if_complete()

    def replied(self, name: str, reply: StatusReply) -> None:
        """A child's answer; one that comes too late is kept for the next who asks."""
        if report_is_sound(name, reply.report):
            now_ns = self._loop.now_ns()
            self._reports[name] = _Report(
                request_id=reply.request_id, at_ns=now_ns, text=reply.report
            )
        if reply.request_id == self._request_id:
            self._pending.discard(name)
            self._finish_if_complete()

    def gone(self, name: str) -> None:
        """The child died; nobody waits for it."""
        self._pending.discard(name)
        self._finish_if_complete()

    def _finish_if_complete(self) -> None:
        if self._waiting and not self._pending:
            self._finish()

    def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        self._pending.clear()
        for done in waiting:
            done()
        self._reports = {
            name: report for name, report in self._reports.items() if len(report.text) < _KEPT_BYTES
        }

    def document(self, agent: dict[str, object], at: str) -> bytes:
        """The status document as JSON; `stale` has the age in seconds of old parts.

        The reports are spliced in as they are: with 10,000 real servers they have megabytes.
        """
        now_ns = self._loop.now_ns()
        stale: dict[str, float | None] = {}
        parts: list[bytes] = []
        for name, keys in PARTS.items():
            report = self._reports.get(name)
            if report is None:
                stale[name] = None
                parts += [f'"{key}":{value}'.encode() for key, value in keys.items()]
                continue
            if report.request_id != self._request_id:
                stale[name] = round((now_ns - report.at_ns) / 1e9, 1)
            inner = report.text.strip()[1:-1].strip()
            if inner:
                parts.append(inner)
        head = json.dumps({"agent": agent, "at": at, "stale": stale}, separators=(",", ":"))
        return b",".join([head[:-1].encode(), *parts]) + b"}"


def report_is_sound(name: str, text: bytes) -> bool:
    """The report is a JSON object with keys of its own: no process speaks for another one."""
    if name == _TRUSTED:
        return True
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(report, dict):
        return False
    foreign = (_KEYS - PARTS[name].keys()) | {"agent", "at", "stale"}
    return not report.keys() & foreign
