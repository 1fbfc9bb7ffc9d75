# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves `lvsctl failover | hold | resume`: what operators want of VRRP instances, kept for good.

Owns the book of overrides and its file in the state directory, and the handovers under way. Must
never decide: `core/overrides_vrrp.py` and `core/handover.py` do. What is not on disk is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from lvs_agent.adapters import own_file
from lvs_agent.core.control import Argument, failure, success
from lvs_agent.core.handover import Handover, Next
from lvs_agent.core.messages import InstanceEvent, InstanceOverride, InstanceState, StepDown
from lvs_agent.core.model import Config
from lvs_agent.core.overrides_vrrp import (
    BYTES_LIMIT,
    InstanceBook,
    OverrideRefused,
    OverrideState,
    Wish,
    decode,
    free_of_others,
    in_words,
    parties,
    until,
)
from lvs_agent.core.supervise import HA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lvs_agent.proc.loop import Timer
    from lvs_agent.proc.supervisor import Supervisor

NAME = "instances.json"
_TICK_NS = 1_000_000_000

Answer = Callable[[bytes], None]
Party = tuple[str, ...]


class _Order:
    """One request to give parties away, until all of them are done."""

    def __init__(self, answer: Answer, names: list[str], before: InstanceBook) -> None:
        self.answer = answer
        self.names = names
        self.before = before
        self.began_ns = time.monotonic_ns()
        self.under_way: dict[Party, Handover] = {}
        self.errors: list[dict[str, str]] = []
        self.states = {name: before.state(name) for name in names}
        self.changed = False


class InstanceOverrides:
    """Those of one supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._path = supervisor.settings.state_directory / NAME
        self.book, self._wrong = own_file.read(self._path, BYTES_LIMIT, decode, InstanceBook())
        if self._wrong is not None:
            supervisor.journal.write("error", f"overrides of instances: {self._wrong}")
        self._orders: list[_Order] = []
        self._timer: Timer | None = None
        # Whose time was over while no agent ran: nobody is to be told, nothing was in force.
        over = [each.instance for each in self.book.expired(int(time.time()))]
        self.book = self.book.set(over, None)

    def keep_looking(self) -> None:
        """For overrides whose time is over, every second from now on."""
        loop = self._supervisor.loop
        loop.call_at(loop.now_ns() + _TICK_NS, self._tick)

    def _tick(self) -> None:
        self._expire()
        self.keep_looking()

    def for_birth(self) -> tuple[InstanceOverride, ...]:
        """What a new ha process begins with."""
        return tuple(self.book)

    def warnings(self) -> list[str]:
        """For the status."""
        found = [] if self._wrong is None else [f"overrides of instances: {self._wrong}"]
        states = self._supervisor.supervision.instance_states
        configured = {each.name: each for each in self._config.vrrp_instances}
        for each in self.book:
            text = f"{each.instance} is {in_words(each)}{until(each)}"
            state = states.get(each.instance)
            if each.instance not in configured:
                text += ", but it is not configured"
            elif configured[each.instance].priority == 255:
                text += ", which an owner of its addresses (priority 255) disregards"
            elif (
                state is not None
                and state.state == "MASTER"
                and each.state == OverrideState.GIVEN_AWAY
            ):
                text += ", but this director is its master, since no other one was there"
            found.append(text)
        return found

    @property
    def _config(self) -> Config:
        return self._supervisor.loaded.config

    # Requests.

    def serve(self, arguments: Mapping[str, Argument], answer: Answer) -> None:
        """Do what is asked for; the answer comes when it is done, or has failed."""
        now_s = int(time.time())
        try:
            wish = Wish.read(arguments)
            found = free_of_others(parties(self._config, wish.instance), self.book, wish)
            names = [name for members in found for name in members]
            if not wish.check and wish.state is not OverrideState.ORDINARY:
                self._refuse_if_under_way(names)
            order = _Order(answer, names, self.book)
            order.changed = any(wish.changes(self.book[name]) for name in names)
            book = wish.apply(self.book, names, now_s)
        except OverrideRefused as refusal:
            answer(failure(str(refusal)))
            return
        masters = {each.instance for each in self._states() if each.state == "MASTER"}
        giving = wish.state is OverrideState.GIVEN_AWAY
        order.changed |= giving and not masters.isdisjoint(names)
        if wish.check:
            self._answer(order, after=wish.state)
            return
        try:
            self._keep(book)
        except OSError as error:
            text = f"{self._path}: {error.strerror}: it would not survive a restart, so nothing is"
            answer(failure(f"{text} done"))
            return
        if wish.state is OverrideState.ORDINARY:
            self._cancel(names)
        self._tell(names, order.before)
        if giving:
            self._give_away(order, found, wish)
        else:
            self._answer(order)

    def _states(self) -> Iterable[InstanceState]:
        return self._supervisor.supervision.instance_states.values()

    def _refuse_if_under_way(self, names: Iterable[str]) -> None:
        busy = {name for order in self._orders for members in order.under_way for name in members}
        for name in names:
            if name in busy:
                raise OverrideRefused(
                    f"{name} is being given away at this moment; try again, or resume it first"
                )

    def _give_away(self, order: _Order, found: tuple[Party, ...], wish: Wish) -> None:
        by_name = {each.name: each for each in self._config.vrrp_instances}
        for members in found:
            order.under_way[members] = Handover(
                [by_name[name] for name in members],
                force=wish.force,
                timeout_ns=wish.timeout_s * 1_000_000_000,
                now_ns=self._supervisor.loop.now_ns(),
            )
        self._orders.append(order)
        self.look()

    def _cancel(self, names: Iterable[str]) -> None:
        """Somebody resumes what somebody else still gives away."""
        for order in list(self._orders):
            for members in list(order.under_way):
                if not set(members).isdisjoint(names):
                    self._over(order, members, "somebody else resumed it meanwhile")

    # Handovers.

    def look(self) -> None:
        """Go on with every handover; called when ha says something, and at deadlines."""
        if not self._orders:
            return
        supervisor = self._supervisor
        supervision, now_ns = supervisor.supervision, supervisor.loop.now_ns()
        for order in list(self._orders):
            for members, handover in list(order.under_way.items()):
                match handover.look(supervision.instance_states, supervision.masters, now_ns):
                    case Next.RESIGN:
                        reason = f"{in_words(self.book[members[0]] or _NOBODY)}; resigned"
                        supervisor.tell(HA, StepDown(instance=members[0], reason=reason))
                    case Next.DONE:
                        self._over(order, members)
                    case Next.FAILED:
                        self._take_back(order, members, handover.error)
                    case Next.WAIT:
                        pass
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadlines = [
            each.deadline_ns for order in self._orders for each in order.under_way.values()
        ]
        if deadlines:
            self._timer = self._supervisor.loop.call_at(min(deadlines), self.look)

    def _take_back(self, order: _Order, members: Party, error: str) -> None:
        """Nobody has it: what was before the request is in force again."""
        before = self.book
        book = before
        for name in members:
            book = book.set([name], order.before[name])
        try:
            self._keep(book)
        except OSError as failed:
            self.book = book  # the addresses matter more than the file
            self._wrong = f"{self._path}: {failed.strerror}; what it says is out of date"
        self._tell(members, before, f"not given away: {error}")
        self._over(order, members, error)

    def _over(self, order: _Order, members: Party, error: str | None = None) -> None:
        del order.under_way[members]
        if error is not None:
            order.errors += [{"path": name, "message": error} for name in members]
        if order.under_way:
            return
        self._orders.remove(order)
        if order.errors:
            names = ", ".join(each["path"] for each in order.errors)
            reasons = "; ".join(dict.fromkeys(each["message"] for each in order.errors))
            order.answer(failure(f"{names} not given away: {reasons}", order.errors))
        else:
            self._answer(order)

    def _answer(self, order: _Order, after: OverrideState | None = None) -> None:
        masters = self._supervisor.supervision.masters
        instances = [
            {
                "name": name,
                "state_before": order.states[name],
                "state_after": after or self.book.state(name),
                "new_master": masters[name].address if name in masters else None,
            }
            for name in order.names
        ]
        waited_s = round((time.monotonic_ns() - order.began_ns) / 1e9, 3)
        reply = {"changed": order.changed, "waited_s": waited_s, "instances": instances}
        order.answer(success(reply))

    # Keeping and telling.

    def _keep(self, book: InstanceBook) -> None:
        """On disk first. Raises OSError with everything as it was."""
        own_file.write(self._path, book.encode(), durable=True)
        self.book, self._wrong = book, None

    def _tell(self, names: Iterable[str], before: InstanceBook, why: str = "") -> None:
        """ha, the journal and those who are notified, of what is different for these instances."""
        supervisor = self._supervisor
        states = supervisor.supervision.instance_states
        for name in names:
            override = self.book[name]
            supervisor.tell(HA, override or _ordinary(name))
            if _without_end(override) == _without_end(before[name]):
                continue
            text = in_words(override) + until(override) if override else "ordinary elections again"
            text += f" ({why})" if why else ""
            supervisor.journal.write("info", f"{name}: {text}")
            state = self.book.state(name)
            event = InstanceEvent(
                instance=name,
                event=state.name,
                priority=states[name].priority if name in states else 0,
                reason=text,
            )
            supervisor.execute(supervisor.supervision.news(event))

    def _expire(self) -> None:
        expired = [each.instance for each in self.book.expired(int(time.time()))]
        if not expired:
            return
        before = self.book
        book = before.set(expired, None)
        try:
            self._keep(book)
        except OSError as error:
            # It is over all the same, and will be found to be so at the next start.
            self.book, self._wrong = book, f"{self._path}: {error.strerror}"
        self._cancel(expired)
        self._tell(expired, before, "its time is over")

    def reconfigured(self, before: Config) -> None:
        """Another configuration is in force; `before` is the last one."""
        after = self._config
        book = self.book.renamed(before.vrrp_instances, after.vrrp_instances)
        if tuple(book) != tuple(self.book):
            try:
                self._keep(book)
            except OSError as error:
                self.book, self._wrong = book, f"{self._path}: {error.strerror}"
        for each in self.book:
            self._supervisor.tell(HA, each)
        present = {each.name for each in after.vrrp_instances}
        for order in list(self._orders):
            for members in list(order.under_way):
                if not present.issuperset(members):
                    self._over(order, members, "the configuration has changed meanwhile")

    def stopping(self) -> None:
        """Nobody waits for a handover by an agent that hands everything over."""
        for order in list(self._orders):
            for members in list(order.under_way):
                self._over(order, members, "the agent is stopping")


def _without_end(override: InstanceOverride | None) -> InstanceOverride | None:
    """To say it again with another end is no news."""
    return None if override is None else replace(override, expires_s=None)


def _ordinary(name: str) -> InstanceOverride:
    return InstanceOverride(
        instance=name,
        state=OverrideState.ORDINARY,
        owner="",
        reason="",
        since_s=0,
        expires_s=None,
    )


_NOBODY = _ordinary("")
