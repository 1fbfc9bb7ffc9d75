# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory leaves to be derived of VRRP instances: priorities and unicast peers.

Owns the meaning of `priority: auto`, `priority_order` and `unicast_peer: auto`, which the agent
does not know. Pure; must never judge what is said outright.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _view
from ansible_collections.lvs.cluster.plugins.plugin_utils._view import InstanceView

AUTO = "auto"
ORDER = "priority_order"

# Directors are 10 apart: a tracker's weight of 1 to 9 does not move the instance alone, one of 11
# to 19 moves it by one director, and so on. Above the first, 54 are left for positive weights, and
# ten directors stay above 100, so that negative ones do not push two of them down to the same 1.
_FIRST, _STEP = 200, 10
# RFC 9568, section 5.2.4: 255 is the address owner, 0 says goodbye.
_HIGHEST = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A director's own addresses: by interface as declared, and those in the cluster."""

    interfaces: _view.Interfaces
    own: tuple[_view.Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Underivable:
    """What cannot be derived, by the path in the director's document."""

    director: str
    path: str
    message: str


@dataclass(slots=True, kw_only=True)
class Plan:
    """`derived`: options by director and instance, None to remove one. And what is missing."""

    derived: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    missing: list[Underivable] = field(default_factory=list)


def wanted(draft: Mapping[str, Any]) -> bool:
    """Whether anything of `draft`, a director's merged document, is left to be derived."""
    return any(_asks(values) for __, values in _instances(draft))


def make(drafts: Mapping[str, Mapping[str, Any]], sites: Mapping[str, Site]) -> Plan:
    """The plan for all directors of one cluster, which are in the inventory's order.

    `drafts` are their merged documents. Where something is missing, what is left of it holds, so
    that one mistake is told once.
    """
    plan = Plan()

    def missing(director: str, path: str, message: str) -> None:
        plan.missing.append(Underivable(director=director, path=path, message=message))

    if not any(wanted(draft) for draft in drafts.values()):
        return plan
    views = {
        (director, view.name): view
        for director, draft in drafts.items()
        for view in _view.instances(director, draft)
    }
    sites = {director: _on_one_interface(director, sites[director], views) for director in drafts}
    for director, draft in drafts.items():
        for name, values in _instances(draft):
            if not _asks(values):
                continue
            derived = plan.derived.setdefault(director, {}).setdefault(name, {})
            path = f"vrrp_instances.{name}"
            if values.get("priority", AUTO if ORDER in values else None) == AUTO:
                listed, wrong = _order(values.get(ORDER), list(drafts))
                derived[ORDER] = None
                if wrong:
                    missing(director, f"{path}.{ORDER}", wrong)
                try:
                    derived["priority"] = priority(listed.index(director), len(listed))
                except ValueError as error:
                    missing(director, f"{path}.priority", str(error))
            elif ORDER in values:
                derived[ORDER] = None  # of the group, and the host says a number
            if values.get("unicast_peer") == AUTO:
                try:
                    derived |= _unicast(views, sites, director, name)
                except ValueError as error:
                    missing(director, f"{path}.unicast_peer", str(error))
    return plan


def applied(draft: Mapping[str, Any], plan: Plan, director: str) -> dict[str, Any]:
    """`draft` with what `plan` derives for `director`; what is missing stays as it is."""
    derived = plan.derived.get(director)
    if not derived:
        return dict(draft)
    instances = dict(draft["vrrp_instances"])
    for name, values in draft["vrrp_instances"].items():
        options = derived.get(str(name))
        if options:
            merged = {**values, **options}
            instances[name] = {key: value for key, value in merged.items() if value is not None}
    return {**draft, "vrrp_instances": instances}


def priority(position: int, directors: int) -> int:
    """The priority of the director at `position`, from 0, of `directors` in order of preference.

    Distinct, and from 1 to 254. A director keeps its number when others come after it, up to 20 of
    them; with more the steps get smaller. Raises ValueError for more than there are priorities.
    """
    if directors > _HIGHEST:
        raise ValueError(
            f"{directors} directors need more than the {_HIGHEST} priorities there are"
        )
    first = max(_FIRST, directors)
    step = min(_STEP, first // directors)
    return first - step * position


def _order(preferred: Any, directors: list[str]) -> tuple[list[str], str]:
    """All `directors`, the `preferred` ones first; and what is wrong with those."""
    listed = [preferred] if isinstance(preferred, str) else preferred
    if listed is None:
        return directors, ""
    if not isinstance(listed, list):
        return directors, f"must be a list of directors, such as [{directors[-1]}]"
    unknown = [str(each) for each in listed if each not in directors]
    known = [each for each in listed if each in directors]
    wrong = f"{', '.join(unknown)} is no director of this cluster ({', '.join(directors)})"
    return list(dict.fromkeys((*known, *directors))), wrong if unknown else ""


def _on_one_interface(
    director: str, site: Site, views: Mapping[tuple[str, str], InstanceView]
) -> Site:
    """`site`, without the address in the cluster where that may be on another interface."""
    used = {view.interface for (each, __), view in views.items() if each == director}
    return replace(site, own=()) if len(used) > 1 else site


def _unicast(
    views: Mapping[tuple[str, str], InstanceView],
    sites: Mapping[str, Site],
    director: str,
    name: str,
) -> dict[str, Any]:
    """`unicast_src_ip` and `unicast_peer`. Raises ValueError."""
    mine = views[director, name]
    others = [view for (each, own), view in views.items() if own == name and each != director]
    if not others:
        raise ValueError(f"auto: no other director has {name}, so there is nobody to speak to")
    found = {
        view.director: addresses(view, sites[view.director], mine.family)
        for view in (mine, *others)
    }
    # In the order of the inventory: all directors say the same, and it is told once.
    lacking = [each for each in sites if each in found and not found[each]]
    if lacking:
        variable = "lvs_address6" if mine.family == 6 else "lvs_address"
        raise ValueError(
            f"auto: no IPv{mine.family} address of {', '.join(lacking)} is known on the interface"
            f" of {name}; say it in lvs_interfaces, or as the instance's unicast_src_ip"
            f" ({variable} is enough where all instances have the same interface)"
        )
    source = found[director][0]
    peers = [str(found[view.director][0]) for view in others]
    if str(source) in peers:
        raise ValueError(f"auto: {source} is the address of {director} and of one of its peers")
    return {"unicast_src_ip": str(source), "unicast_peer": peers}


def addresses(view: InstanceView, site: Site, family: int | None = None) -> list[_view.Address]:
    """The addresses of `family` that adverts of the instance may come from, the likeliest first.

    What the instance says is the only one. Else those declared for its interface, and where there
    is none, the director's own in the cluster, unless that is declared for another interface.
    """
    wanted = family or view.family
    if view.source is not None:
        return [view.source] if view.source.version == wanted else []
    here = [each.ip for each in site.interfaces.get(view.interface or "", ())]
    elsewhere = {each.ip for listed in site.interfaces.values() for each in listed}
    own = [each for each in site.own if each not in elsewhere]
    return [each for each in here if each.version == wanted] or [
        each for each in own if each.version == wanted
    ]


def _asks(values: Mapping[str, Any]) -> bool:
    return AUTO in (values.get("priority"), values.get("unicast_peer")) or ORDER in values


def _instances(draft: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found = draft.get("vrrp_instances")
    for name, values in found.items() if isinstance(found, Mapping) else ():
        if isinstance(values, Mapping):
            yield str(name), values
