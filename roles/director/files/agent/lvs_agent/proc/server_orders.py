# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders for real servers: the supervisor's part of taking one out by hand and putting it back.

Owns the way of an order: ask the kernel process what would become of it, refuse what leaves nobody,
write the book, tell the kernel process to go by it, answer. Must never decide what an override
means for a pool.

One order after the other: two at a time could each leave the other's server as the last one. Only
the kernel process knows who is up, so none is carried out while it does not answer.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lvs_agent.core import overrides as books
from lvs_agent.core.control import failure, success
from lvs_agent.core.messages import OverridesOrder, OverridesReport
from lvs_agent.core.overrides import OVERRIDES_LIMIT, Entries
from lvs_agent.core.server_orders import Asked, asked
from lvs_agent.core.supervise import KERNEL, STOPPING
from lvs_agent.proc.kernel_orders import place_text
from lvs_agent.proc.override_book import OverrideBook, now_s

if TYPE_CHECKING:
    from lvs_agent.proc.loop import Timer
    from lvs_agent.proc.supervisor import Supervisor

Answer = Callable[[bytes], None]
Report = dict[str, Any]
# The kernel process is busy for a second with a reload of 10,000 real servers on a slow host.
KERNEL_NS = 5_000_000_000
_NAMED = 3


@dataclass(slots=True)
class _Job:
    """A request on its way. `base`: the book that `proposed` was made of."""

    arguments: Mapping[str, object]
    answer: Answer
    request_id: int = 0
    asked: Asked | None = None
    base: Entries = ()
    proposed: Entries = ()
    changed: bool = False
    before: Report | None = None
    timer: Timer | None = None


class ServerOrders:
    """Serves the control verbs `real_server` and `set_real_server`."""

    def __init__(self, supervisor: Supervisor, book: OverrideBook) -> None:
        self._supervisor = supervisor
        self._book = book
        self._jobs: deque[_Job] = deque()  # one for each client at most (CLIENTS_LIMIT)
        self._request_id = 0

    def serve(self, arguments: Mapping[str, object], answer: Answer) -> None:
        """Answer as soon as those before are answered."""
        self._jobs.append(_Job(arguments=arguments, answer=answer))
        if len(self._jobs) == 1:
            self._begin()

    def _begin(self) -> None:
        """Ask the kernel process about the first request."""
        job, config = self._jobs[0], self._supervisor.loaded.config
        if self._supervisor.supervision.stage in STOPPING:
            self._done(failure("the agent is stopping"))
            return
        found = asked(job.arguments, config)
        if isinstance(found, str):
            self._done(failure(found))
            return
        job.asked = found
        job.base = job.proposed = self._book.entries
        if found.order is not None:
            job.proposed, job.changed = books.carried_out(
                job.base, config, found.targets, found.order, now_s()
            )
            if len(job.proposed) > OVERRIDES_LIMIT:
                text = f"there would be more than {OVERRIDES_LIMIT} overrides; see lvsctl overrides"
                self._done(failure(text))
                return
        self._ask(job, in_force=False)

    def _ask(self, job: _Job, *, in_force: bool) -> None:
        assert job.asked is not None
        self._request_id += 1
        job.request_id = self._request_id
        order = OverridesOrder(
            request_id=job.request_id,
            in_force=in_force,
            places=tuple(
                place_text((server.identity, real.endpoint)) for server, real in job.asked.targets
            ),
            overrides=b"" if job.asked.order is None else books.encode(job.proposed),
        )
        loop = self._supervisor.loop
        if job.timer is not None:
            job.timer.cancel()
        job.timer = loop.call_at(loop.now_ns() + KERNEL_NS, lambda: self._silent(job))
        if not self._supervisor.tell(KERNEL, order):
            self._silent(job)

    def said(self, message: OverridesReport) -> None:
        """The kernel process's answer."""
        job = self._jobs[0] if self._jobs else None
        if job is None or message.request_id != job.request_id:
            return
        report: Report = json.loads(message.report)
        if error := report.get("error"):
            self._silent(job, str(error))
        elif job.before is not None:
            self._done(success(self._result(job, job.before, report)))
        elif job.base is not self._book.entries:
            self._begin()  # one has expired meanwhile, or the configuration is another
        else:
            self._considered(job, report)

    def _considered(self, job: _Job, report: Report) -> None:
        found = job.asked
        assert found is not None
        if found.order is not None and report["emptied"] and not found.force:
            self._done(failure(_refusal(report["emptied"])))
            return
        if found.order is None or found.dry_run or job.proposed == job.base:
            self._done(success(self._result(job, report, report)))
            return
        if (wrong := self._book.write(job.proposed)) is not None:
            self._done(failure(f"{wrong}; nothing is changed"))
            return
        self._book.entries = job.proposed
        self._book.keep_looking()
        job.before = report
        self._tell_people(job)
        self._ask(job, in_force=True)

    def _tell_people(self, job: _Job) -> None:
        assert job.asked is not None
        assert job.asked.order is not None
        config = self._supervisor.loaded.config
        before, after = books.in_force(job.base, config), books.in_force(job.proposed, config)
        for server, real in job.asked.targets:
            was = before.get(server.identity, {}).get(real.endpoint)
            now = after.get(server.identity, {}).get(real.endpoint)
            if books.meaning(was) != books.meaning(now):
                self._book.tell_people(server.name, real.name, now, job.asked.order.describe())

    def _silent(self, job: _Job, why: str = "the kernel process does not answer") -> None:
        """It is being restarted, or has other troubles."""
        if not self._jobs or self._jobs[0] is not job:
            return
        if job.before is None:
            self._done(failure(f"{why}; try again in a few seconds (lvsctl status shows it)"))
        else:
            text = f"{why}; the order is kept, and it will go by it as soon as it works again"
            self._done(failure(text))

    def _done(self, reply: bytes) -> None:
        job = self._jobs.popleft()
        if job.timer is not None:
            job.timer.cancel()
        job.answer(reply)
        if self._jobs:
            loop = self._supervisor.loop
            loop.call_at(loop.now_ns(), self._begin)

    def _result(self, job: _Job, before: Report, after: Report) -> dict[str, object]:
        """The reply: how each stood, and stands (or would stand, if nothing was done)."""
        assert job.asked is not None
        only_would = job.asked.order is not None and before is after
        then = books.in_force(job.proposed, self._supervisor.loaded.config)
        overrides = {
            (server.name, real.name): then.get(server.identity, {}).get(real.endpoint)
            for server, real in job.asked.targets
        }
        stood = {_who(row): row for row in before["places"]}
        rows = []
        for row in after["places"]:
            now, was = dict(row), stood.get(_who(row), row)
            if only_would:
                override = overrides.get(_who(row))
                now["weight"] = row["then_weight"]
                now["state"] = "enabled" if override is None else override.state.value
                now["override"] = None if override is None else books.shown(override)
            rows.append(
                {
                    **{name: now[name] for name in _CONSTANT},
                    "before": {name: was[name] for name in _VARIABLE},
                    "after": {name: now[name] for name in _VARIABLE},
                }
            )
        return {
            "changed": job.changed,
            "real_servers": rows,
            "refused": after["refused"],
            "trouble": after["trouble"],
        }


def _who(row: Report) -> tuple[str, str]:
    return row["virtual_server"], row["real_server"]


def _refusal(emptied: list[Report]) -> str:
    texts = [
        f"{one['virtual_server']}: no real server would take new connections any more"
        f" ({one['taking']} {'does' if one['taking'] == 1 else 'do'} now)"
        for one in emptied[:_NAMED]
    ]
    if len(emptied) > _NAMED:
        texts.append(f"and {len(emptied) - _NAMED} more virtual servers")
    return "; ".join(texts) + "; force does it all the same"


# Of a real server in the reply, as in `kernel_orders.report`.
_CONSTANT = (
    "virtual_server",
    "real_server",
    "address",
    "port",
    "configured_weight",
    "active",
    "inactive",
    "counted_here",
)
_VARIABLE = ("state", "weight", "check_weight", "up", "checked", "reason", "override")
