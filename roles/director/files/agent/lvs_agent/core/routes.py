# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual and static routes and rules: what is configured, and whether the kernel's is that.

Owns the comparison, and the words for a route. Must never talk to the kernel.
"""

from __future__ import annotations

from dataclasses import replace

from lvs_agent.core.ledger import LedgerRoute, LedgerRule, route_entry
from lvs_agent.core.model import Config, NextHop, Route, Rule

Entry = Route | Rule
Place = LedgerRoute | LedgerRule
# The name under which the static ones go: no instance can be called so.
STATIC = ""


def configured(config: Config) -> dict[str, tuple[Entry, ...]]:
    """Routes, then rules, of each instance by its name; the static ones under STATIC.

    Routes first: a rule that leads to an empty table would lead nowhere.
    """
    found: dict[str, tuple[Entry, ...]] = {STATIC: (*config.static_routes, *config.static_rules)}
    found |= {one.name: (*one.routes, *one.rules) for one in config.vrrp_instances}
    return {name: entries for name, entries in found.items() if entries}


def is_exactly(wanted: Entry, found: Entry) -> bool:
    """Whether `found` is what `wanted` asks for; what that leaves open may be anything."""
    match wanted, found:
        case Route(), Route():
            return _is_route(wanted, found)
        case Rule(), Rule():
            return _normal_rule(wanted) == _normal_rule(found)
    return False


def place(entry: Entry) -> Place:
    """Where it sits; of ours there is normally one in each place."""
    if isinstance(entry, Rule):
        return LedgerRule(entry.family, entry.preference)
    return route_entry(entry)


def _is_route(wanted: Route, found: Route) -> bool:
    return (
        route_entry(wanted) == route_entry(found)
        and wanted.kind == found.kind
        and (wanted.mtu, wanted.advmss) == (found.mtu, found.advmss)
        and wanted.source in (None, found.source)
        # IPv6 routes have no scope.
        and (wanted.family == 6 or wanted.scope in (None, found.scope))
        and _are_paths(wanted.next_hops, found.next_hops)
    )


def _are_paths(wanted: tuple[NextHop, ...], found: tuple[NextHop, ...]) -> bool:
    """In any order: the kernel sorts the paths of an IPv6 route by itself."""
    if len(wanted) != len(found):
        return False
    left = list(found)
    for hop in wanted:
        fitting = next((one for one in left if _is_path(hop, one, alone=len(found) == 1)), None)
        if fitting is None:
            return False
        left.remove(fitting)
    return True


def _is_path(wanted: NextHop, found: NextHop, *, alone: bool) -> bool:
    return (
        wanted.via == found.via
        and wanted.interface in (None, found.interface)
        and (alone or wanted.weight == found.weight)
        and (found.onlink or not wanted.onlink)
    )


def _normal_rule(rule: Rule) -> Rule:
    """A prefix of length 0 is no condition; `track` is not the kernel's business."""
    return replace(
        rule,
        source=rule.source if rule.source and rule.source[1] else None,
        destination=rule.destination if rule.destination and rule.destination[1] else None,
        tos=rule.tos or None,
        track=True,
    )


def describe(entry: Entry) -> str:
    """As ip-route(8) or ip-rule(8) would be told, for people."""
    return _describe_route(entry) if isinstance(entry, Route) else _describe_rule(entry)


def _describe_route(route: Route) -> str:
    address, prefix_length = route.destination
    words = ["" if route.kind == "unicast" else route.kind]
    words += [f"{address}/{prefix_length}" if prefix_length else "default"]
    if len(route.next_hops) == 1:
        words += _path_words(route.next_hops[0])
    for name, value in (
        ("table", route.table if route.table != 254 else None),
        ("metric", route.metric or None),
        ("src", route.source),
        ("scope", route.scope),
        ("mtu", route.mtu),
        ("advmss", route.advmss),
    ):
        words += [] if value is None else [name, str(value)]
    if len(route.next_hops) > 1:
        for hop in route.next_hops:
            words += ["nexthop", *_path_words(hop), "weight", str(hop.weight)]
    family = "inet6 " if route.family == 6 and not prefix_length else ""
    return family + " ".join(word for word in words if word)


def _path_words(hop: NextHop) -> list[str]:
    words = [] if hop.via is None else ["via", hop.via]
    words += [] if hop.interface is None else ["dev", hop.interface]
    return [*words, "onlink"] if hop.onlink else words


def _describe_rule(rule: Rule) -> str:
    words = ["not"] if rule.inverted else []
    words += ["from", _network(rule.source)]
    words += ["to", _network(rule.destination)] if rule.destination else []
    for name, value in (
        ("iif", rule.input_interface),
        ("oif", rule.output_interface),
        ("fwmark", rule.fwmark and f"{rule.fwmark[0]:#x}/{rule.fwmark[1]:#x}"),
        ("tos", rule.tos),
        ("ipproto", rule.ip_protocol),
        ("sport", rule.source_ports and "-".join(map(str, rule.source_ports))),
        ("dport", rule.destination_ports and "-".join(map(str, rule.destination_ports))),
    ):
        words += [] if value is None else [name, str(value)]
    words += ["lookup", str(rule.table)] if rule.action == "lookup" else [rule.action]
    if rule.suppress_prefix_length is not None:
        words += ["suppress_prefixlength", str(rule.suppress_prefix_length)]
    return f"{'inet6 ' if rule.family == 6 else ''}rule {rule.preference}: {' '.join(words)}"


def _network(network: tuple[str, int] | None) -> str:
    return f"{network[0]}/{network[1]}" if network else "all"
