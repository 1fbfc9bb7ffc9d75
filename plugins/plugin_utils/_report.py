# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's state for people: one page of Markdown.

Owns the page. Must never judge (`_health.py` does), and never show a secret: it shows what the
agents' status has, which holds none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._secrets import SECRET_OPTIONS
from ansible_collections.lvs.cluster.plugins.plugin_utils import _health

# Rows of real servers that a page is for; more are in the file for programs.
_ROWS_LIMIT = 500


def redacted(value: Any) -> Any:
    """`value` without what any option called a secret holds."""
    if isinstance(value, Mapping):
        return {
            key: "(hidden)" if key in SECRET_OPTIONS else redacted(item)
            for key, item in value.items()
        }
    return [redacted(item) for item in value] if isinstance(value, list | tuple) else value


def facts(parts: list[_health.Seen], found: _health.Findings, at: str) -> dict[str, Any]:
    """All that was seen, for programs. `parts`: one of each cluster."""

    def hosts(sights: Mapping[str, _health.Sight]) -> dict[str, Any]:
        return {
            name: redacted(sight.info) if sight.info is not None else {"error": sight.error}
            for name, sight in sights.items()
        }

    return {
        "at": at,
        "healthy": not found.problems,
        "problems": found.problems,
        "notes": found.notes,
        "clusters": [
            {
                "name": part.name,
                "directors": hosts(part.directors),
                "real_servers": hosts(part.real_servers),
            }
            for part in parts
        ],
    }


def markdown(parts: list[_health.Seen], found: _health.Findings, at: str) -> str:
    """The page. `parts`: one of each cluster."""
    count = len(found.problems)
    told = f"**{_health.counted(count, 'problem')}.**" if count else "All is well."
    lines = [f"# {'State of the clusters' if len(parts) > 1 else 'State of the cluster'}", ""]
    lines += [f"{at}: {told}", ""]
    for title, listed in (("Problems", found.problems), ("Notes", found.notes)):
        if listed:
            lines += [f"## {title}", "", *(f"- {_cell(each)}" for each in listed), ""]
    for part in parts:
        lines += _tables(part, f" of cluster {part.name}" if len(parts) > 1 else "")
    return "\n".join(lines).rstrip() + "\n"


def _tables(seen: _health.Seen, which: str) -> list[str]:
    lines = _table(
        f"Instances{which}",
        ("instance", "VRID", "interface", "master", "since", "backups", "virtual addresses"),
        _instances(seen),
    )
    lines += _table(
        f"Virtual servers{which}",
        ("virtual server", "service", "scheduler", "real servers up", "quorum", "connections now"),
        _services(seen),
    )
    lines += _table(
        f"Real servers{which}",
        ("real server", "virtual server", "address", "state", "weight", "connections now"),
        _servers(seen),
    )
    lines += _table(
        f"Directors{which}",
        ("director", "agent", "release", "can go back to", "agent runs for", "system", "kernel"),
        _directors(seen),
    )
    return lines + _table(
        f"Hosts of real servers{which}",
        ("host", "system", "kernel", "up for", "addresses"),
        _hosts(seen),
    )


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> list[str]:
    listed = list(rows)
    if not listed:
        return []
    shown = [[_cell(each) for each in row] for row in listed[:_ROWS_LIMIT]]
    lines = [f"## {title}", "", _row(head), _row("---" for __ in head), *map(_row, shown), ""]
    if len(listed) > _ROWS_LIMIT:
        lines += [f"and {len(listed) - _ROWS_LIMIT} more.", ""]
    return lines


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    """Text that stays in its cell, whatever a host said."""
    text = " ".join(str("" if value is None else value).split())
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _ago(seconds: Any) -> str:
    """`3 d 4 h`, `12 min`, `40 s`."""
    if not isinstance(seconds, int | float):
        return ""
    whole = int(seconds)
    for unit, lower, size, smaller in (("d", "h", 86400, 3600), ("h", "min", 3600, 60)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {lower}"
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"


def _instances(seen: _health.Seen) -> Iterator[tuple[Any, ...]]:
    told: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, sight in seen.directors.items():
        for each in sight.part("instances"):
            told.setdefault(each["name"], {})[name] = each
    for instance, holders in told.items():
        masters = [name for name, each in holders.items() if each["state"] == "MASTER"]
        others = [
            f"{name} ({each['priority']})"
            + ("" if each["state"] == "BACKUP" else f" {each['state']}")
            for name, each in holders.items()
            if each["state"] != "MASTER"
        ]
        one = holders[masters[0]] if masters else _first(holders)
        yield (
            instance,
            one["virtual_router_id"],
            one["interface"],
            ", ".join(f"{name} ({holders[name]['priority']})" for name in masters) or "**none**",
            _ago(one["since_s"]) if masters else "",
            ", ".join(others),
            ", ".join([*one["addresses"], *one["addresses_excluded"]]),
        )


def _by_service(seen: _health.Seen) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Service -> director -> what it says."""
    told: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, sight in seen.directors.items():
        for each in sight.part("services"):
            told.setdefault(each["service"], {})[name] = each
    return told


def _first(holders: dict[str, Any]) -> Any:
    return next(iter(holders.values()))


def _services(seen: _health.Seen) -> Iterator[tuple[Any, ...]]:
    for service, holders in _by_service(seen).items():
        one = _first(holders)
        up, quorum = [], []
        for each in holders.values():
            out = each.get("left_out") or {}
            servers = each.get("real_servers") or []
            up.append(
                f"{sum(bool(s.get('up')) for s in servers) + out.get('up', 0)}/"
                f"{len(servers) + out.get('up', 0) + out.get('down', 0)}"
            )
            quorum.append("yes" if (each.get("quorum") or {}).get("reached", True) else "**no**")
        active = sum(
            sum(d["active"] for d in each.get("destinations") or [])
            + (each.get("left_out") or {}).get("active", 0)
            for each in holders.values()
        )
        yield one["name"], service, one["scheduler"], _same(up), _same(quorum), active


def _servers(seen: _health.Seen) -> Iterator[tuple[Any, ...]]:
    for holders in _by_service(seen).values():
        rows: dict[str, list[Mapping[str, Any]]] = {}
        active: dict[tuple[str, int], int] = {}
        weights: dict[tuple[str, int], list[str]] = {}
        for each in holders.values():
            for server in each.get("real_servers") or []:
                rows.setdefault(server["name"], []).append(server)
            for there in each.get("destinations") or []:
                key = (there["address"], there["port"])
                active[key] = active.get(key, 0) + there["active"]
                weights.setdefault(key, []).append(str(there["weight"]))
        name = _first(holders)["name"]
        for server, told in rows.items():
            key = (told[0]["address"], told[0]["port"])
            yield (
                server,
                name,
                f"{key[0]} port {key[1]}",
                _same([_state(each) for each in told]),
                _same(weights.get(key, [])),
                active.get(key, 0),
            )


def _state(server: Mapping[str, Any]) -> str:
    state = "up" if server.get("up") else f"**down** ({server.get('reason')})"
    return f"{state}; {_health.order(server['override'])}" if server.get("override") else state


def _same(values: list[str]) -> str:
    """One word if all directors say the same."""
    return values[0] if len(set(values)) == 1 else " / ".join(values)


def _directors(seen: _health.Seen) -> Iterator[tuple[Any, ...]]:
    for name, sight in seen.directors.items():
        if sight.info is None:
            yield name, "**not seen**", "", "", "", "", ""
            continue
        host, agent = sight.info["host"], sight.agent
        yield (
            name,
            agent.get("version") or "**no agent answers**",
            sight.info["release"],
            sight.info["go_back_to"],
            _ago(agent.get("uptime_s")),
            host["os"],
            host["kernel"],
        )


def _hosts(seen: _health.Seen) -> Iterator[tuple[Any, ...]]:
    for name, sight in seen.real_servers.items():
        if name in seen.directors:
            continue
        if sight.info is None:
            yield name, "**not seen**", "", "", ""
            continue
        host = sight.info["host"]
        addresses = [
            f"{address} ({interface})"
            for interface, listed in sight.info["addresses"].items()
            for address in listed
            if address.split("/")[0] not in ("127.0.0.1", "::1") and not address.startswith("fe80:")
        ]
        yield name, host["os"], host["kernel"], _ago(host["uptime_s"]), ", ".join(addresses)
