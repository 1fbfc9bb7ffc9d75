# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of `cluster_health`: judges what `host_info` saw, in one message.

Owns where that is found among Ansible's variables, and the message. Must never speak to a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.lvs.cluster.plugins.module_utils import _text
from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _health, _report

# Where the roles' `verify` registers what it found.
_VERIFIED = ("real_server_result", "director_verified")


class ActionModule(ActionBase):  # type: ignore[misc]
    """Judges the hosts that it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "hosts": {"type": "list", "elements": "str", "required": True},
                "seen": {"type": "str", "default": "lvs_seen"},
                "verified": {"type": "list", "elements": "str", "default": list(_VERIFIED)},
                "require": {"type": "bool", "default": True},
            }
        )
        try:
            cluster = _cluster.collect(task_vars["groups"], task_vars["hostvars"])
        except AnsibleError as error:
            return {**result, "failed": True, "msg": f"a variable cannot be resolved: {error}"}
        hostvars = task_vars["hostvars"]
        seen = gathered(cluster, hostvars, arguments["hosts"], arguments["seen"])
        found = _health.judge(seen)
        for host in arguments["hosts"]:
            for variable in arguments["verified"]:
                found.problems += tried(host, _cluster.plain(hostvars[host].get(variable)))
        at = datetime.now(UTC).isoformat(timespec="seconds")
        result |= {
            "changed": False,
            "healthy": not found.problems,
            "problems": found.problems,
            "notes": found.notes,
            "facts": _report.facts(seen, found, at),
            "markdown": _report.markdown(seen, found, at),
            "msg": message(found, seen),
        }
        if found.problems and arguments["require"]:
            del result["facts"], result["markdown"]  # the message is what is to be read
            result["failed"] = True
        return result


def gathered(
    cluster: _cluster.Cluster, hostvars: Mapping[str, Any], hosts: list[str], variable: str
) -> _health.Seen:
    """What `variable`, a registered result of each of `hosts`, tells."""
    sights = {host: sight(_cluster.plain(hostvars[host].get(variable))) for host in hosts}
    directors = [name for name in cluster.directors if name in sights]
    return _health.Seen(
        directors={name: sights[name] for name in directors},
        real_servers={name: sights[name] for name in cluster.real_servers if name in sights},
        expected={name: expected(cluster, name) for name in cluster.directors},
        complete=len(directors) == len(cluster.directors),
    )


def sight(answer: Any) -> _health.Sight:
    """From a registered result."""
    if not isinstance(answer, Mapping):
        return _health.Sight(info=None, error="was not looked at")
    if isinstance(answer.get("info"), Mapping):
        return _health.Sight(info=answer["info"])
    what = "cannot be reached" if answer.get("unreachable") else "cannot be looked at"
    return _health.Sight(info=None, error=f"{what}: {_words(answer.get('msg'))}")


def tried(host: str, answer: Any) -> list[str]:
    """What a registered result of a trial tells; an unreachable host is told by its sight."""
    if not isinstance(answer, Mapping) or answer.get("unreachable"):
        return []
    if answer.get("failed"):
        return [f"{host}: {_words(answer.get('msg'))}"]
    changes = [str(each) for each in answer.get("changes") or []]
    if answer.get("changed") and not answer.get("skipped"):
        told = ", ".join(changes) or "its network"
        return [f"{host}: is not as the inventory has it ({told}): run lvs.cluster.site"]
    return []


def _words(message: Any) -> str:
    return " ".join(str(message or "nothing told").split())


def expected(cluster: _cluster.Cluster, director: str) -> _health.Expected:
    """What the inventory says of a director."""
    document = _cluster.document(cluster, director)
    return _health.Expected(
        config_sha256=_text.document_sha256(document),
        addresses=tuple(str(each) for each in _cluster.addresses_of(cluster, director)),
    )


def message(found: _health.Findings, seen: _health.Seen) -> str:
    """All of it as one text."""
    notes = [f"  note: {each}" for each in found.notes]
    count = len(found.problems)
    if not count:
        instances = {each["name"] for s in seen.directors.values() for each in s.part("instances")}
        services = {each["name"] for s in seen.directors.values() for each in s.part("services")}
        head = (
            f"The cluster is healthy: {len(seen.directors)} directors, {len(instances)} instances, "
            f"{len(services)} virtual servers, {len(seen.real_servers)} real servers."
        )
    else:
        head = f"The cluster has {count} problem{'' if count == 1 else 's'}:"
    problems = [f"  {number}. {each}" for number, each in enumerate(found.problems, 1)]
    return "\n".join([head, *problems, *notes])
