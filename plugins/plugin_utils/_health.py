# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a running cluster, from what the module `host_info` saw on its hosts.

Owns the rules and the words. Holds what each agent says against what the kernel of its host says,
against the other directors, and against the inventory. Pure; must never ask a host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _health_reach

# By how much the clocks of directors may differ.
_CLOCKS_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen of a host. `info` as `host_info` returns it, None if it could not be seen;
    then `error` says why."""

    info: Mapping[str, Any] | None
    error: str = ""

    @property
    def status(self) -> Mapping[str, Any]:
        """Of its agent; empty if none answers."""
        return (self.info or {}).get("status") or {}

    @property
    def agent(self) -> Mapping[str, Any]:
        """The agent's own part of it."""
        return self.status.get("agent") or {}

    def part(self, name: str) -> list[Mapping[str, Any]]:
        """A list in the status."""
        return [each for each in self.status.get(name) or [] if isinstance(each, Mapping)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the inventory says of a director: the digest of its configuration, and its addresses."""

    config_sha256: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A cluster. `name` as in the inventory, empty if it is the only one. `complete`: each director
    of it was looked at, or tried. `without_instance`: see `_health_reach`."""

    name: str = ""
    directors: Mapping[str, Sight]
    real_servers: Mapping[str, Sight] = field(default_factory=dict)
    expected: Mapping[str, Expected] = field(default_factory=dict)
    without_instance: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True

    def all(self, part: str) -> Iterator[Mapping[str, Any]]:
        """A list in the status, of all directors."""
        for sight in self.directors.values():
            yield from sight.part(part)


@dataclass(slots=True)
class Findings:
    """`problems`: what is wrong. `notes`: what somebody wanted so, and should not forget."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Those of another cluster. A host that belongs to both is told once."""
        self.problems += [each for each in other.problems if each not in self.problems]
        self.notes += [each for each in other.notes if each not in self.notes]


def judge(seen: Seen) -> Findings:
    """Everything that is wrong, and everything worth a note."""
    found = Findings()
    for name, sight in seen.directors.items():
        for problem in _director(sight, seen.expected.get(name)):
            found.problems.append(f"{name}: {problem}")
        found.notes += [f"{name}: {note}" for note in _wanted_so(sight)]
    for name, sight in seen.real_servers.items():
        if sight.info is None:
            found.problems.append(f"{name}: {sight.error}")
    _masters(seen, found)
    found.problems += _releases(seen)
    found.problems += _tables(seen)
    looked_at = {n: each.info for n, each in seen.directors.items() if each.info is not None}
    if seen.complete and len(looked_at) == len(seen.directors):
        found.problems += _health_reach.problems(seen.without_instance, looked_at)
    return found


def _director(sight: Sight, expected: Expected | None) -> Iterator[str]:
    if sight.info is None:
        yield sight.error
        return
    unit = sight.info["unit"]
    if not sight.agent:
        yield (
            f"no agent answers ({sight.info['error']}); its unit is "
            f"{unit['load']}, {unit['active']} ({unit['sub']}): journalctl -u lvs-agent"
        )
        return
    if unit["enabled"] != "enabled":
        yield f"the agent does not start at boot: its unit is {unit['enabled'] or 'absent'}"
    yield from _agent(sight, expected)
    for instance in sight.part("instances"):
        yield from _instance(instance)
    yield from _addresses(sight)
    for service in sight.part("services"):
        yield from _service(service)


def _agent(sight: Sight, expected: Expected | None) -> Iterator[str]:
    agent, info = sight.agent, sight.info or {}
    for process, life in (agent.get("processes") or {}).items():
        if life.get("state") != "running":
            yield f"process {process} is {life.get('state')}"
    for part in sight.status.get("stale") or {}:
        yield f"process {part} does not answer"
    told = [str(each) for each in agent.get("warnings") or []]
    yield from (each for each in told if not each.startswith("process "))
    if agent.get("release") != info["release"]:
        yield (
            f"release {agent.get('release')} runs, {info['release']} is installed: "
            "a run was interrupted, run lvs.cluster.site again"
        )
    if agent.get("config_sha256") != info["config_sha256"]:
        yield "the configuration file is not what is in force: run lvs.cluster.site"
    elif expected is not None and agent.get("config_sha256") != expected.config_sha256:
        yield (
            "the configuration in force is not the inventory's: "
            "lvs.cluster.site --check --diff shows the difference"
        )


def _instance(instance: Mapping[str, Any]) -> Iterator[str]:
    name, state = instance["name"], instance["state"]
    if state not in ("MASTER", "BACKUP"):
        waiting = ", ".join(map(str, instance.get("waiting_for") or []))
        reason = instance.get("reason") or (f"waits for {waiting}" if waiting else "no reason told")
        yield f"instance {name} is {state}: {reason}"
    elif state == "BACKUP" and not (instance.get("master") or {}).get("address"):
        yield f"instance {name} is BACKUP and hears no master"
    dual = instance.get("dual_active") or {}
    if dual.get("active"):
        yield f"instance {name} has a second master, {dual.get('source')}"


def _addresses(sight: Sight) -> Iterator[str]:
    """The agent's addresses against those of `ip address`, by which the kernel is a witness."""
    interfaces = (sight.info or {})["addresses"]
    master = {each["name"] for each in sight.part("instances") if each["state"] == "MASTER"}
    for each in sight.part("addresses"):
        instance = each.get("instance")
        text = f"{each['address']}/{each['prefix']}"
        there = text in interfaces.get(each["interface"], [])
        if instance is None or instance in master:
            if not there:
                owner = "a static address" if instance is None else f"of master instance {instance}"
                yield f"{text} ({owner}) is not on {each['interface']}"
        elif there:
            yield f"{text} is on {each['interface']} though instance {instance} is not master"
        if each.get("duplicate"):
            yield f"{text} on {each['interface']}: another host on the network has it"


def _service(service: Mapping[str, Any]) -> Iterator[str]:
    where = f"virtual server {service['name']} ({service['service']})"
    if service.get("error"):
        yield f"{where}: the kernel refuses it: {service['error']}"
    elif not service.get("in_kernel"):
        yield f"{where} is not in IPVS"
    quorum = service.get("quorum") or {}
    if quorum and not quorum.get("reached"):
        yield f"{where} has no quorum: weight {quorum.get('weight')} of {quorum.get('quorum')}"
    if service.get("panic"):
        yield f"{where} is in panic: real servers are used although they are down"
    for sorry in service.get("sorry_servers") or []:
        if sorry.get("in_use"):
            yield f"{where} is answered by its sorry server {sorry.get('address')}"
    for server in service.get("real_servers") or []:
        if not server.get("up") and not server.get("override"):
            yield f"{where}: real server {server['name']} is down: {server.get('reason')}"
    down = (service.get("left_out") or {}).get("down", 0)
    if down:
        yield f"{where}: {down} more real servers are down"


def _wanted_so(sight: Sight) -> Iterator[str]:
    """What an operator ordered, and has not taken back."""
    for instance in sight.part("instances"):
        if instance.get("hold"):
            yield f"instance {instance['name']} stands aside: {order(instance['hold'])}"
    for service in sight.part("services"):
        for server in service.get("real_servers") or []:
            if server.get("override"):
                text = order(server["override"])
                yield f"virtual server {service['name']}: real server {server['name']}: {text}"


def order(hold: Mapping[str, Any]) -> str:
    """`drain, by alice: new kernel, until 2026-01-01T00:00:00+00:00`."""
    words = [str(hold["state"])] if hold.get("state") else []
    weight = hold.get("weight")
    words += [f"weight {weight}"] if weight is not None else []
    who = str(hold.get("owner") or "somebody")
    reason = f": {hold['reason']}" if hold.get("reason") else ""
    expires = hold.get("expires")
    words += [f"by {who}{reason}", f"until {expires}" if expires else "for ever"]
    return ", ".join(words)


class _Look:
    """One instance on one director: how it was when that was looked at.

    Directors are looked at one shortly after the other, and a hand-over may lie between.
    """

    def __init__(self, sight: Sight, instance: Mapping[str, Any]) -> None:
        self.state = instance["state"]
        self.heard = (instance.get("master") or {}).get("address")
        self.at_s = _seconds(sight.status.get("at"))
        self.since_s = self.at_s - float(instance.get("since_s") or 0)

    def came_after(self, other: _Look) -> bool:
        """Whether it got this state when `other` had been looked at already."""
        return self.since_s > other.at_s - _CLOCKS_S


def _seconds(at: Any) -> float:
    """Of an ISO 8601 time; 0 if there is none."""
    try:
        return datetime.fromisoformat(str(at)).timestamp()
    except ValueError:
        return 0.0


def _masters(seen: Seen, found: Findings) -> None:
    """Each instance has exactly one master."""
    owners = {address: name for name, each in seen.expected.items() for address in each.addresses}
    told = {
        name: {each["name"]: _Look(sight, each) for each in sight.part("instances")}
        for name, sight in seen.directors.items()
    }
    for instance in dict.fromkeys(name for each in told.values() for name in each):
        holders = {name: each[instance] for name, each in told.items() if instance in each}
        active = {name: each for name, each in holders.items() if each.state == "MASTER"}
        masters = [
            name
            for name, each in active.items()
            if not any(other.came_after(each) for other in active.values() if other is not each)
        ]
        if len(masters) > 1:
            found.problems.append(
                f"instance {instance} has {len(masters)} masters: {listed(masters)}"
            )
        if active or not seen.complete:
            continue
        heard = sorted({str(each.heard) for each in holders.values() if each.heard is not None})
        found.notes += [
            f"instance {instance}: {note}"
            for address in heard
            if (note := _elsewhere(seen, owners.get(address), address))
        ]
        if not any(
            owners.get(address) is None
            or seen.directors[owners[address]].info is None
            or _changes_hands(holders, address, owners[address])
            for address in heard
        ):
            found.problems.append(f"instance {instance} has no master on {listed(sorted(holders))}")


def _elsewhere(seen: Seen, owner: str | None, address: str) -> str:
    """What is to be known of a master that is none of the directors that were seen."""
    if owner is None:
        return f"its master {address} is not of the inventory"
    if seen.directors[owner].info is None:
        return f"its master is {owner}, which is not seen"
    return ""


def _changes_hands(holders: Mapping[str, _Look], address: str, owner: str) -> bool:
    """Whether a director has made way for `owner`, at `address`, after that was looked at."""
    if owner not in holders:
        return False
    return any(
        each.heard == address and each.came_after(holders[owner])
        for name, each in holders.items()
        if name != owner
    )


def _releases(seen: Seen) -> Iterator[str]:
    """All directors run the same one."""
    running: dict[str, list[str]] = {}
    for name, sight in seen.directors.items():
        if sight.agent.get("release"):
            running.setdefault(str(sight.agent["release"]), []).append(name)
    if len(running) > 1:
        texts = [f"{release} on {listed(names)}" for release, names in sorted(running.items())]
        yield f"the directors run different releases of the agent: {'; '.join(texts)}"


def _tables(seen: Seen) -> Iterator[str]:
    """IPVS gives out connections in the same way on all directors that have a service."""
    tables = {
        name: {each["service"]: each for each in sight.info["ipvs"]}
        for name, sight in seen.directors.items()
        if sight.info is not None and sight.agent
    }
    # A service that is not an agent's is somebody else's affair.
    wanted = {
        name: {each["service"] for each in seen.directors[name].part("services")} for name in tables
    }
    for service in sorted(set().union(*wanted.values())):
        holders = {n: tables[n].get(service, {}) for n in tables if service in wanted[n]}
        if len(holders) > 1:
            yield from _differences(service, holders)


def _differences(service: str, holders: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    schedulers = {name: str(each.get("scheduler", "absent")) for name, each in holders.items()}
    if len(set(schedulers.values())) > 1:
        yield f"IPVS differs for {service}: scheduler {_each(schedulers)}"
    weights = {
        name: {
            each["address"]: f"{each['forwarding']} weight {each['weight']}"
            for each in holder.get("destinations", [])
        }
        for name, holder in holders.items()
    }
    for address in sorted(set().union(*weights.values())):
        told = {name: each.get(address, "absent") for name, each in weights.items()}
        if len(set(told.values())) > 1:
            yield f"IPVS differs for {service}: {address} is {_each(told)}"


def _each(values: Mapping[str, str]) -> str:
    return ", ".join(f"{value} on {name}" for name, value in values.items())


def counted(number: int, noun: str) -> str:
    """`1 director`, `2 directors`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(names: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "nothing"
