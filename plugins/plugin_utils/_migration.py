# SPDX-License-Identifier: GPL-3.0-or-later
"""What the way from keepalived to the agent, or back, would mean for each director, in words.

Owns the words, and what makes it impossible. Pure: what was seen comes from `keepalived_info`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

TO_AGENT, TO_KEEPALIVED = "to_agent", "to_keepalived"
# A line of `lvs-agent plan` is cut only where it would be a page.
_SHOWN = 40
# What keepalived put into the kernel and the agent would not know: nobody would take it away again.
_LEFT_BEHIND = (
    re.compile(r"- vrrp_instances\.[^.]+( \(keepalived's\))?$"),
    re.compile(r"- vrrp_instances\..*\.(addresses|excluded)\.[^ ]+ on [^.]+(\.\d+)?$"),
    re.compile(r"[-~] vrrp_instances\..*\.(routes|rules|vmac)\b"),
    re.compile(r"- virtual_servers\."),
    re.compile(r"[-~] static_(addresses|routes|rules)\b"),
)
_PART_OF_A_SERVER = re.compile(
    r"- virtual_servers\..*\.(real_servers|sorry_servers|settings|policy|group)\b"
)


def plan(seen: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """`lines` for people about each host of `seen`, and `hindered`: by direction and host, why it
    cannot be. A host without a reason is not in it."""
    hindered = {
        direction: {host: found for host, one in seen.items() if (found := list(why(one)))}
        for direction, why in ((TO_AGENT, _against_agent), (TO_KEEPALIVED, _against_keepalived))
    }
    lines = [line for host, one in seen.items() for line in _of_host(host, one, hindered)]
    return {"lines": lines, "hindered": hindered}


def _of_host(
    host: str, seen: Mapping[str, Any], hindered: Mapping[str, Mapping[str, list[str]]]
) -> Iterator[str]:
    yield f"{host}: {_who('keepalived', seen['keepalived'])}; {_who('the agent', seen['agent'])}"
    # The addresses of instances that others hold are no change: keepalived would add them too.
    plan = [line for line in seen.get("plan") or () if not line.endswith(" becomes master")]
    differences = seen.get("differences") or []
    if not (differences or plan or seen.get("error")):
        yield "  the agent has the same to do as keepalived, and changes nothing that clients use"
    parts = (
        ("what the inventory says otherwise, keepalived's value first", differences),
        ("in the kernel, if all real servers are well", plan),
        ("what of keepalived.conf is not taken over as it stands", seen.get("notices") or []),
        ("on the host, before anything is replaced", seen.get("setup") or []),
    )
    for title, found in parts:
        if found:
            yield f"  {title}:"
            yield from (f"    {line}" for line in found[:_SHOWN])
            if len(found) > _SHOWN:
                yield f"    and {len(found) - _SHOWN} more"
    for direction, words in ((TO_AGENT, "to the agent"), (TO_KEEPALIVED, "to keepalived")):
        for reason in hindered[direction].get(host, ()):
            yield f"  cannot go {words}: {reason}"


def _who(name: str, program: Mapping[str, Any]) -> str:
    if not program["running"]:
        return f"{name} does not run"
    masters = ", ".join(program["masters"])
    return f"{name} runs, {'master of ' + masters if masters else 'master of nothing'}"


def _against_agent(seen: Mapping[str, Any]) -> Iterator[str]:
    keepalived = seen["keepalived"]
    if not keepalived["running"] and not seen["agent"]["running"]:
        yield "neither keepalived nor the agent runs: lvs.cluster.site begins from nothing"
    if not keepalived["running"]:
        return  # nothing is left to do
    yield from _of_keepalived(keepalived)
    if seen.get("error"):
        yield f"keepalived.conf cannot be compared with the inventory: {seen['error']}"
    for line in seen.get("differences") or ():
        if any(one.search(line) for one in _LEFT_BEHIND) and not _PART_OF_A_SERVER.search(line):
            yield f"the inventory lacks what keepalived has, which would stay behind: {line[2:]}"


def _against_keepalived(seen: Mapping[str, Any]) -> Iterator[str]:
    keepalived, record = seen["keepalived"], seen.get("record") or {}
    if not keepalived["installed"]:
        yield "keepalived is not installed"
    elif not keepalived["sha256"]:
        yield f"there is no {keepalived['config']}: make one with lvs-agent export, and look at it"
    elif record and record.get("sha256") != keepalived["sha256"]:
        yield (
            f"{keepalived['config']} is not what keepalived ran with: if it is meant, remove"
            f" {record.get('path', 'the record of it')}"
        )
    yield from _of_keepalived(keepalived)


def _of_keepalived(keepalived: Mapping[str, Any]) -> Iterator[str]:
    if keepalived["elsewhere"]:
        pids = ", ".join(str(pid) for pid in keepalived["elsewhere"])
        yield f"keepalived runs outside its unit (process {pids}): end it, or start it by its unit"
    if keepalived["silent"]:
        yield f"keepalived does not tell its states: {keepalived['silent']}"
