# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for routes and routing policy rules, virtual and static.

Owns what fits together in one of them, and that none is there twice: the kernel would refuse the
second, at the moment of a takeover.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_agent.config.addresses import DEFAULT, family_of
from lvs_agent.config.derive import ASSIGNED_PREFERENCES, prefix, route_family, rule_family
from lvs_agent.config.report import Report

_SUPPRESS_MAXIMUM = {4: 32, 6: 128}

Values = dict[str, Any]


def check(values: Values, report: Report) -> None:
    """Report every broken rule about routes and rules in `values`."""
    routes: dict[tuple[Any, ...], str] = {}
    for path, route in holders(values, "virtual_routes", "static_routes"):
        _route(route, path, report)
        to = prefix(route["to"], route_family(route))
        key = (to, route["table"], route["metric"] or 0)
        other = routes.setdefault(key, path)
        if other != path:
            report(path, f"goes to the same destination as {other}; give one another metric")
    rules: dict[tuple[Any, ...], str] = {}
    taken: set[int] = set()
    nameless: list[str] = []
    for path, rule in holders(values, "virtual_rules", "static_rules"):
        _rule(rule, path, report)
        if rule["preference"] is None:
            nameless.append(path)
        else:
            taken.add(rule["preference"])
        same = tuple(sorted((name, repr(value)) for name, value in rule.items()))
        other = rules.setdefault(same, path)
        if other != path:
            report(path, f"is the same as {other}; remove one of the two")
    room = len(ASSIGNED_PREFERENCES) - len(taken.intersection(ASSIGNED_PREFERENCES))
    if len(nameless) > room:
        report(
            nameless[room],
            f"{len(nameless)} rules have no preference, and only {room} can be assigned; give each"
            " its own",
        )


def holders(values: Values, virtual: str, static: str) -> Iterator[tuple[str, Values]]:
    """(path, route or rule) of all instances' `virtual` and of `static`."""
    for name, instance in values["vrrp_instances"].items():
        for index, each in enumerate(instance[virtual]):
            yield f"vrrp_instances.{name}.{virtual}[{index}]", each
    for index, each in enumerate(values[static]):
        yield f"{static}[{index}]", each


def _route(route: Values, path: str, report: Report) -> None:
    family = route_family(route)
    one_family([("to", route["to"][0]), ("via", route["via"]), ("src", route["src"])],
               family, route["family"], path, report)  # fmt: skip
    hop = route["via"] or route["dev"]
    if route["type"] == "unicast":
        if not hop and not route["nexthop"]:
            report(path, "leads nowhere; add via, dev or nexthop, or make it a blackhole")
    elif hop or route["nexthop"]:
        report(path, f"{route['type']} routes have no gateway or interface; remove it")
    if hop and route["nexthop"]:
        report(f"{path}.nexthop", "takes the place of via and dev; remove those")
    if route["scope"] and family == 6:
        report(f"{path}.scope", "is for IPv4 only; remove it")
    if route["mtu"] and family == 6 and route["mtu"] < 1280:
        report(f"{path}.mtu", f"IPv6 needs 1280 or more (RFC 8200, section 5), not {route['mtu']}")
    _onlink(route, path, report)
    for index, each in enumerate(route["nexthop"]):
        where = f"{path}.nexthop[{index}]"
        if not each["via"] and not each["dev"]:
            report(where, "leads nowhere; add via or dev")
        one_family([("via", each["via"])], family, None, where, report)
        _onlink(each, where, report)


def _onlink(hop: Values, path: str, report: Report) -> None:
    if hop["onlink"] and not (hop["via"] and hop["dev"]):
        report(f"{path}.onlink", "needs via and dev")


def one_family(
    texts: list[tuple[str, str | None]], family: int, said: str | None, path: str, report: Report
) -> None:
    """Report each (option, address) that is of another family."""
    for option, text in texts:
        if text and text != DEFAULT and family_of(text) != family:
            report(f"{path}.{option}", f"{text} is not IPv{family} as the rest is")
    if said and said != ("inet6" if family == 6 else "inet"):
        report(f"{path}.family", f"is {said}, but the addresses are IPv{family}")


def _rule(rule: Values, path: str, report: Report) -> None:
    family = rule_family(rule)
    ends = [(name, rule[name] and rule[name][0]) for name in ("from", "to")]
    one_family(ends, family, rule["family"], path, report)
    if rule["action"] == "lookup":
        if rule["table"] is None:
            report(f"{path}.table", "is required: lookup needs a table, such as 100")
    else:
        for name in ("table", "suppress_prefixlength"):
            if rule[name] is not None:
                report(f"{path}.{name}", f"has no effect with {rule['action']}; remove it")
    length = rule["suppress_prefixlength"]
    if length is not None and length > _SUPPRESS_MAXIMUM[family]:
        report(f"{path}.suppress_prefixlength", f"{length} is above {_SUPPRESS_MAXIMUM[family]}")
