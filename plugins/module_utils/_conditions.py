# SPDX-License-Identifier: GPL-3.0-or-later
"""What a director's status can be waited for, and what is still missing, in plain words.

Owns the ready-made conditions and the wait. Must never speak to the agent: `fetch` does.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _agent

Status = dict[str, Any]


class Waited(NamedTuple):
    """How a wait ended. `wrong`: what is still missing; nothing when it was met."""

    status: Status
    wrong: list[str]
    waited_s: float


class Conditions(NamedTuple):
    """What is to be so, all of it. `condition`: a compiled JMESPath expression with its text."""

    settled: bool = False
    master_of: tuple[str, ...] = ()
    backup_of: tuple[str, ...] = ()
    pool_up: tuple[str, ...] = ()
    min_real_servers: int | None = None
    config: str | None = None
    condition: tuple[str, Callable[[Status], Any]] | None = None

    @property
    def short(self) -> bool:
        """Whether the short status (verb summary) is enough to judge."""
        return self.condition is None

    def wrong(self, status: Status) -> list[str]:
        """What is not yet so."""
        found = unsettled(status) if self.settled else []
        found += _states(status, self.master_of, "MASTER")
        found += _states(status, self.backup_of, "BACKUP")
        found += self._pools(status)
        in_force = status.get("agent", {}).get("config_sha256")
        if self.config is not None and in_force != self.config:
            found.append(f"the configuration in force is {in_force}, not {self.config}")
        if self.condition is not None:
            text, search = self.condition
            value = search(status)
            if not value:
                found.append(f"{text} gives {value!r}")
        return found

    def _pools(self, status: Status) -> list[str]:
        first: dict[str, Status] = {}
        for service in status.get("services", []):
            first.setdefault(service.get("name"), service)
        found = [f"there is no virtual server {name}" for name in self.pool_up if name not in first]
        for name, service in first.items():
            if name in self.pool_up:
                found += _pool(name, service)
            if self.min_real_servers is not None and name in (self.pool_up or first):
                up = real_servers_up(service)
                if up < self.min_real_servers:
                    found.append(
                        f"virtual server {name} has {up} real servers up, not"
                        f" {self.min_real_servers}"
                    )
        return found


def unsettled(status: Status) -> list[str]:
    """What is not yet as it should be; empty when the agent is settled."""
    found: list[str] = []
    processes = status.get("agent", {}).get("processes", {})
    for name, process in processes.items() if isinstance(processes, dict) else ():
        state = process.get("state") if isinstance(process, dict) else process
        if state not in (None, "running", "ready"):
            found.append(f"process {name} is {state}")
    for instance in status.get("instances", []):
        state = instance.get("state")
        if state == "MASTER" or (
            state == "BACKUP" and (instance.get("master") or {}).get("address")
        ):
            continue
        known = "" if state != "BACKUP" else " and knows no master"
        found.append(f"instance {instance.get('name')} is {state}{known}{_reason(instance)}")
    return found


def _reason(of: Status) -> str:
    return f" ({of['reason']})" if of.get("reason") else ""


def _states(status: Status, names: tuple[str, ...], wanted: str) -> list[str]:
    instances = {each.get("name"): each for each in status.get("instances", [])}
    found: list[str] = []
    for name in names:
        instance = instances.get(name)
        if instance is None:
            found.append(f"there is no instance {name}")
        elif instance.get("state") != wanted:
            found.append(
                f"instance {name} is {instance.get('state')}, not {wanted}{_reason(instance)}"
            )
    return found


def _pool(name: str, service: Status) -> list[str]:
    if service.get("error"):
        return [f"virtual server {name}: {service['error']}"]
    if not service.get("in_kernel"):
        return [f"virtual server {name} is not in the kernel's table"]
    quorum = service.get("quorum") or {}
    if not quorum.get("reached"):
        return [
            f"virtual server {name} has no quorum: weight {quorum.get('weight')} of"
            f" {quorum.get('quorum')}"
        ]
    waiting = [each for each in service.get("real_servers", []) if not each.get("checked", True)]
    return [f"virtual server {name}: {each.get('name')} is not checked yet" for each in waiting]


def real_servers_up(service: Status) -> int:
    """Those of a virtual server, also of the short status."""
    named = sum(bool(each.get("up")) for each in service.get("real_servers", []))
    return named + int((service.get("left_out") or {}).get("up", 0))


def wait(
    fetch: Callable[[], Status],
    judge: Callable[[Status], list[str]],
    timeout_s: float,
    interval_s: float = 0.25,
    stable_for_s: float = 0.0,
) -> Waited:
    """Until `judge` finds nothing wrong with what `fetch` gives for `stable_for_s` seconds.

    `fetch` may raise AgentUnreachable and AgentRefused: an agent that is not there may come. Ends
    after `timeout_s`, with what is wrong at that moment.
    """
    started = time.monotonic()
    deadline = started + timeout_s
    good_since: float | None = None
    status: Status = {}
    while True:
        try:
            status = fetch()
            wrong = judge(status)
        except (_agent.AgentUnreachable, _agent.AgentRefused) as error:
            wrong = [str(error)]
        now = time.monotonic()
        if wrong:
            good_since = None
        else:
            good_since = now if good_since is None else good_since
            if now - good_since >= stable_for_s:
                return Waited(status, [], round(now - started, 2))
        if now >= deadline:
            return Waited(
                status,
                wrong or [_not_long_enough(now, good_since, stable_for_s)],
                round(now - started, 2),
            )
        time.sleep(max(0.0, min(interval_s, deadline - now)))


def _not_long_enough(now: float, since: float | None, stable_for_s: float) -> str:
    held_s = now - (now if since is None else since)
    return f"all of it has been so for {held_s:.1f} s, not yet for {stable_for_s:g} s"


def compiled(expression: str, root: str = _agent.ROOT) -> Callable[[Status], Any]:
    """`expression` by the JMESPath that comes with the agent. Raises ImportError without an agent,
    ValueError (JMESPath's errors are) for an expression that is none."""
    sys.path.append(os.path.join(root, _agent.CURRENT))
    import jmespath

    found = jmespath.compile(expression)

    def search(status: Status) -> Any:
        return found.search(status)

    return search
