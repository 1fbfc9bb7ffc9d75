# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told of what: commands to run, lines for the FIFOs, mails to send.

Owns that translation for VRRP (`notify_pools.py` has that for virtual servers), and the order of
all commands. Must never run a command or send anything.

The commands of one instance, sync group, virtual server or real server run one after the other, in
the order of its changes; those of different ones run side by side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from lvs_agent.core.messages import GroupState, InstanceEvent, InstanceState
from lvs_agent.core.model import Command, Config, Notify

News = InstanceState | GroupState | InstanceEvent

# Commands of one instance that wait for an earlier one: more come only from an instance that flaps
# faster than its scripts work; then the oldest are left out, because the last state counts.
QUEUE_LIMIT = 32
# Commands of real and virtual servers that run at the same time: thousands may fail at once, and
# the host's first work is to go on serving. Those of instances and groups do not wait for them.
CROWD_LIMIT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run `command` with `more` words. `key`: whose it is; one at a time of each key.

    `crowd`: one of those of which there may be thousands. All of one key are, or none.
    """

    key: str
    command: Command
    more: tuple[str, ...]
    crowd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line for the FIFOs; `vrrp` False: about real servers."""

    text: str
    vrrp: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A mail's subject and text."""

    subject: str
    text: str


Told = Run | Line | Alert


class Notifications:
    """Remembers what is needed to tell news from repetition."""

    def __init__(self, config: Config) -> None:
        self._instances: dict[str, Notify] = {}
        self._groups: dict[str, Notify] = {}
        self._deleted: dict[str, Notify] = {}
        self.update(config)

    def update(self, config: Config) -> None:
        """Go by another configuration. What it no longer has may still say goodbye."""
        before, self._config = self._instances, config
        self._instances = {one.name: one.notify for one in config.vrrp_instances}
        self._groups = {one.name: one.notify for one in config.sync_groups}
        self._deleted = {n: v for n, v in before.items() if n not in self._instances}

    def told(self, news: News) -> tuple[Told, ...]:
        """What to do about it, in order."""
        match news:
            case InstanceState(instance=name):
                return self._instance_state(news, name)
            case GroupState(group=name):
                notify = self._groups.get(name, Notify())
                # As in keepalived: a group has no priority, and its members may have several.
                words = ("GROUP", name, _word(news.state), "0")
                return tuple(self._change(words, notify, news.reason))
            case InstanceEvent():
                return tuple(self._event(news))

    def _instance_state(self, news: InstanceState, name: str) -> tuple[Told, ...]:
        notify = self._instances.get(name)
        if notify is None:
            return ()  # removed: its DELETED follows
        words = ("INSTANCE", name, _word(news.state), str(news.priority))
        return tuple(self._change(words, notify, news.reason))

    def _change(
        self, words: tuple[str, str, str, str], notify: Notify, reason: str
    ) -> Iterator[Told]:
        kind, name, state, priority = words
        own = {
            "MASTER": notify.master,
            "BACKUP": notify.backup,
            "FAULT": notify.fault,
            "STOP": notify.stop,
        }.get(state)
        yield Line(text=_line(*words), vrrp=True)
        yield from _runs(words, own, notify.always)
        faults = self._config.global_defs.mail_faults
        if notify.mail and (faults or state != "FAULT"):
            what = "VRRP instance" if kind == "INSTANCE" else "VRRP sync group"
            yield Alert(
                subject=f"{what} {name} is now {state}",
                text=f"{what} {name} is now {state} (priority {priority}): {reason}",
            )

    def _event(self, news: InstanceEvent) -> Iterator[Told]:
        name, event = news.instance, news.event
        words = ("INSTANCE", name, event, str(news.priority))
        if event == "DELETED":
            # As in keepalived: who has no script for it is told of a FAULT.
            notify = self._deleted.pop(name, Notify())
            yield Line(text=_line(*words), vrrp=True)
            yield from _runs(words, notify.deleted or notify.fault, notify.always)
            return
        notify = self._instances.get(name, Notify())
        match event:
            case "MASTER_PRIORITY" | "BACKUP_PRIORITY":
                if notify.priority_changes:
                    yield Line(text=_line(*words), vrrp=True)
                    yield from _runs(words, None, notify.always)
                return
            case "MASTER_RX_LOWER_PRI":
                yield Line(text=_line(*words), vrrp=True)
                yield from _runs(words, notify.master_rx_lower_pri)
                return
            case "GIVEN_AWAY" | "HELD" | "ORDINARY":
                yield Line(text=_line(*words), vrrp=True)
                yield from _runs(words, None, notify.always)
            case "DUAL_ACTIVE":
                yield Line(text=_line(*words), vrrp=True)
                yield from _runs(words, notify.dual_active)
            case _:
                yield Line(text=_line(*words), vrrp=True)
        if notify.mail:
            yield Alert(
                subject=f"VRRP instance {name}: {event.replace('_', ' ').lower()}",
                text=f"VRRP instance {name}: {event.replace('_', ' ').lower()}: {news.reason}",
            )


def _runs(words: tuple[str, ...], own: Command | None, always: Command | None = None) -> list[Run]:
    """The command of this very event, then the one that is run at every event."""
    key = f"{words[0]} {words[1]}"
    runs = [] if own is None else [Run(key=key, command=own, more=())]
    if always is not None:
        runs.append(Run(key=key, command=always, more=words))
    return runs


def _word(state: str) -> str:
    """The state as keepalived's scripts know it: INIT after having been more is a stop."""
    return "STOP" if state == "INIT" else state


def _line(kind: str, name: str, state: str, priority: str) -> str:
    return f'{kind} "{name}" {state} {priority}'


class RunQueue:
    """Which command may run now. `dropped` counts those that a storm left no room for."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Run]] = {}
        self._lined_up: deque[str] = deque()
        self._crowd = 0
        self.dropped = 0

    def __len__(self) -> int:
        """Keys with a command that runs or waits."""
        return len(self._waiting)

    def add(self, run: Run) -> Run | None:
        """`run` itself when it can start at once; None when it has to wait."""
        queue = self._waiting.get(run.key)
        if queue is None:
            queue = self._waiting[run.key] = []
            if not run.crowd:
                return run
            if self._crowd < CROWD_LIMIT:
                self._crowd += 1
                return run
            self._lined_up.append(run.key)
        elif len(queue) == QUEUE_LIMIT:
            queue.pop(0)
            self.dropped += 1
        queue.append(run)
        return None

    def ended(self, run: Run) -> tuple[Run, ...]:
        """`run` has run and is gone: those that may start now."""
        queue = self._waiting[run.key]
        starts: list[Run] = []
        if not queue:
            del self._waiting[run.key]
        elif run.crowd:
            self._lined_up.append(run.key)
        else:
            starts.append(queue.pop(0))
        self._crowd -= run.crowd
        while self._lined_up and self._crowd < CROWD_LIMIT:
            self._crowd += 1
            starts.append(self._waiting[self._lined_up.popleft()].pop(0))
        return tuple(starts)
