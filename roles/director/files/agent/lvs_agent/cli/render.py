# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvsctl status` for people: what is wrong first, then who is what, then who serves.

Owns the text. Must never fail on a part that is missing: it is read when things are broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_agent.adapters.journal import printable
from lvs_agent.cli import render_pools
from lvs_agent.cli.render_words import duration, place

Item = dict[str, Any]


def render(status: Item) -> str:
    """The whole text for a status document."""
    agent: Item = status.get("agent") or {}
    lines = [_headline(agent)]
    warnings = list(_warnings(status, agent))
    if warnings:
        lines += ["", f"WARNINGS ({len(warnings)})", *(f"  ! {line}" for line in warnings)]
    else:
        lines.append("no warnings")
    lines += ["", "VRRP INSTANCES", *(_instances(status) or ["  none"])]
    if status.get("sync_groups"):
        lines += ["", "SYNC GROUPS", *_groups(status)]
    if status.get("trackers"):
        lines += ["", "TRACKERS", *_trackers(status)]
    lines += ["", "VIRTUAL SERVERS", *(_services(status) or ["  none"])]
    return "\n".join(printable(line) for line in lines) + "\n"


def _headline(agent: Item) -> str:
    release = str(agent.get("release", "?"))[:12]
    return (
        f"{agent.get('router_id', '?')}: lvs-agent {agent.get('version', '?')} ({release}), "
        f"{agent.get('stage', '?')}, up {duration(agent.get('uptime_s', 0))}, "
        f"configuration {agent.get('generation', '?')}"
    )


def _warnings(status: Item, agent: Item) -> Iterator[str]:
    yield from agent.get("warnings", [])
    for name, age_s in (status.get("stale") or {}).items():
        what = "never reported" if age_s is None else f"last reported {duration(age_s)} ago"
        yield f"process {name} does not answer ({what}); its part below may be wrong"
    for one in (agent.get("config_rejected") or {}).get("errors", []):
        yield f"configuration file: {one.get('path') or 'file'}: {one.get('message')}"
    held: dict[object, list[Item]] = {}
    for one in status.get("addresses", []):
        held.setdefault(one.get("instance"), []).append(one)
    for instance in status.get("instances", []):
        name, state = instance.get("name"), instance.get("state")
        if state not in ("MASTER", "BACKUP"):
            since = duration(instance.get("since_s") or 0)
            yield f"{name} is {state} for {since}: {instance.get('reason', 'no reason known')}"
        for one in held.get(name, []):
            if one.get("present") != (state == "MASTER"):
                there = "is here" if one.get("present") else "is missing here"
                yield f"{one.get('address')} {there} though {name} is {state}"
        if (instance.get("dual_active") or {}).get("active"):
            other = instance["dual_active"].get("source")
            yield f"{name}: {other} acts as master at the same time as this director"
    yield from _kernel_warnings(status)
    for service in status.get("services", []):
        yield from _service_warnings(service)


def _kernel_warnings(status: Item) -> Iterator[str]:
    """What the kernel does not do for us beside addresses and services."""
    for part in ("firewall", "sync_daemon", "timeouts"):
        if error := (status.get(part) or {}).get("error"):
            yield f"{part}: {error}"
    for link in status.get("links", []):
        if link.get("error"):
            yield f"{link.get('interface')}: {link['error']}"


def _service_warnings(service: Item) -> Iterator[str]:
    name = service.get("name")
    if service.get("group"):
        name = f"{name} ({service.get('service')})"
    if service.get("error"):
        yield f"{name}: {service['error']}"
    elif service.get("in_kernel") is False:
        yield f"{name} is not in the kernel's table"
    yield from (f"{name}: {text}" for text in render_pools.warnings(service))


def _instances(status: Item) -> list[str]:
    lines: list[str] = []
    for one in status.get("instances", []):
        state = one.get("state", "?")
        since = duration(one.get("since_s") or 0)
        lines.append(f"  {one.get('name')}: {state} for {since}; {_master(one)}")
        lines.append(
            f"      {one.get('interface')}, virtual router {one.get('virtual_router_id')}, "
            f"VRRP version {one.get('version')}, {_priority(one)}"
        )
        if one.get("hold"):
            lines.append(f"      {_hold(one['hold'])}")
        lines += [
            f"      {address['address']}/{address.get('prefix')} on {address.get('interface')}: "
            f"{'held here' if address.get('present') else 'not here'}"
            for address in status.get("addresses", [])
            if address.get("instance") == one.get("name")
        ]
    return lines


def _priority(instance: Item) -> str:
    priority, base = instance.get("priority"), instance.get("base_priority")
    if base in (None, priority):
        return f"priority {priority}"
    return f"priority {priority} instead of {base} ({', '.join(instance.get('weights') or [])})"


def _hold(hold: Item) -> str:
    """What an operator wants of the instance."""
    text = str(hold.get("state")).replace("_", " ")
    text += f" by {hold['owner']}" if hold.get("owner") else ""
    text += f" since {hold.get('since')}"
    text += f" until {hold['expires']}" if hold.get("expires") else ""
    return f"{text}: {hold['reason']}" if hold.get("reason") else text


def _groups(status: Item) -> list[str]:
    return [
        f"  {one.get('name')}: {one.get('state')} for {duration(one.get('since_s') or 0)}; "
        f"{', '.join(one.get('members') or [])}"
        for one in status["sync_groups"]
    ]


def _trackers(status: Item) -> list[str]:
    """Those that are down first."""
    lines = []
    for one in sorted(status["trackers"], key=lambda each: bool(each.get("up"))):
        state = {True: "up", False: "DOWN"}.get(one.get("up"), "unknown")
        if one.get("type") == "file":
            state = str(one.get("value"))
        lines.append(f"  {one.get('type')} {one.get('name')}: {state}; {one.get('reason')}")
    return lines


def _master(instance: Item) -> str:
    if instance.get("state") == "MASTER":
        return "this director is master"
    master = instance.get("master") or {}
    if not master.get("address"):
        return "no master known"
    return f"master is {master['address']} (priority {master.get('priority', '?')})"


def _services(status: Item) -> list[str]:
    """A virtual server has one entry for each of its services, its real servers in the first."""
    virtual: dict[object, list[Item]] = {}
    for service in status.get("services", []):
        virtual.setdefault(service.get("name"), []).append(service)
    lines = []
    for name, entries in virtual.items():
        first = entries[0]
        lines.append(f"  {name}: {_where(entries)} {_scheduling(first)}")
        lines += _real_servers(entries)
    return lines


def _where(entries: list[Item]) -> str:
    first = entries[0]
    if first.get("group"):
        count = "1 service" if len(entries) == 1 else f"{len(entries)} services"
        return f"group {first['group']} ({count})"
    if first.get("service"):
        return str(first["service"])
    return f"{first.get('protocol')} {first.get('address')}:{first.get('port')}"


def _scheduling(service: Item) -> str:
    words = [str(service.get("scheduler")), *(service.get("scheduler_flags") or [])]
    text = " ".join([*words, "ops"] if service.get("ops") else words)
    persistence = service.get("persistence_timeout") or 0
    return f"{text}, persistent {persistence} s" if persistence else text


def _real_servers(entries: list[Item]) -> list[str]:
    """Those that are down or taken out first."""
    in_table: dict[tuple[object, object], Item] = {}
    for service in entries:
        for one in service.get("destinations", []):
            # A real server without a port has that of each service; connections are added up.
            where = (one.get("address"), one.get("name") or one.get("port"))
            before = in_table.setdefault(where, {**one, "active": 0, "inactive": 0})
            for count in ("active", "inactive"):
                before[count] += one.get(count) or 0
    down: list[str] = []
    well: list[str] = []
    for server in entries[0].get("real_servers", []):
        places = [(server.get("address"), server.get(key)) for key in ("name", "port")]
        found = [in_table.pop(place) for place in places if place in in_table]
        destination = found[0] if found else None
        fine = server.get("up") and not render_pools.is_aside(server)
        (well if fine else down).append(_real_server(server, destination))
    return [*down, *well, *_left_out(entries), *_sorry_servers(entries[0], in_table)]


def _left_out(entries: list[Item]) -> list[str]:
    """What the agent did not name one by one, since there are too many to read."""
    first = entries[0].get("left_out") or {}
    words = [f"{first[state]} {state}" for state in ("up", "down") if first.get(state)]
    if not words:
        return []
    total = {
        count: sum((one.get("left_out") or {}).get(count, 0) for one in entries)
        for count in ("active", "inactive")
    }
    names = "lvsctl status --json names them"
    return [f"      and more: {', '.join(words)}; {_connections(total)} ({names})"]


def _sorry_servers(service: Item, in_table: dict[tuple[object, object], Item]) -> list[str]:
    """Sorry servers, with the connections of those that are in the table."""
    lines = []
    for one in service.get("sorry_servers", []):
        destination = in_table.pop((one.get("address"), one.get("name")), None)
        connections = f"  {_connections(destination)}" if destination else ""
        lines.append(f"      sorry  {place(one)}  {render_pools.sorry(one)}{connections}")
    # What is left is nobody that is configured: it is on its way out.
    lines += [f"      other  {place(one)}  {_connections(one)}" for one in in_table.values()]
    return lines


def _real_server(server: Item, destination: Item | None) -> str:
    line = (
        f"      {render_pools.state(server):<5}  {server.get('name')}  {place(server)}"
        f"  {render_pools.weight(server)}"
    )
    if destination is not None:
        line += f"  {_connections(destination)}"
    if by_hand := render_pools.override(server):
        line += f"  {by_hand}"
    reason = server.get("reason")
    if server.get("up") or not reason:
        return line
    return f"{line}  DOWN: {reason}" if by_hand else f"{line}  {reason}"


def _connections(destination: Item) -> str:
    return f"{destination.get('active', 0)} active, {destination.get('inactive', 0)} inactive"
