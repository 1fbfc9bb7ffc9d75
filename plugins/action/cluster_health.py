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
from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _cluster,
    _health,
    _health_reach,
    _report,
)

# Where the roles' `verify` registers what it found.
_VERIFIED = ("real_server_result", "director_verified")


class ActionModule(ActionBase):  # type: ignore[misc]
    """Judges the hosts that it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, arguments = self.validate_argument_spec(
            argument_spec={
                "hosts": {"type": "list", "elements": "str", "required": True},
                "seen": {"type": "str", "default": "lvs_seen"},
                "verified": {"type": "list", "elements": "str", "default": list(_VERIFIED)},
                "require": {"type": "bool", "default": True},
            }
        )
        try:
            whole = _cluster.collect(task_vars["groups"], task_vars["hostvars"])
        except AnsibleError as error:
            return {**result, "failed": True, "msg": f"a variable cannot be resolved: {error}"}
        registered = Registered(task_vars["hostvars"], arguments["hosts"])
        seen = registered.sights(arguments["seen"])
        parts = [gathered(each, seen) for each in _cluster.clusters(whole)]
        found = _health.Findings()
        for part in parts:
            found.add(_health.judge(part))
        found.problems += registered.trials(arguments["verified"])
        at = datetime.now(UTC).isoformat(timespec="seconds")
        result |= {
            "changed": False,
            "healthy": not found.problems,
            "problems": found.problems,
            "notes": found.notes,
            "facts": _report.facts(parts, found, at),
            "markdown": _report.markdown(parts, found, at),
            "msg": message(found, parts),
        }
        if found.problems and arguments["require"]:
            del result["facts"], result["markdown"]  # the message is what is to be read
            result["failed"] = True
        return result


class Registered:
    """Results that tasks of this play have registered on `hosts`."""

    def __init__(self, hostvars: Mapping[str, Any], hosts: list[str]) -> None:
        self._hostvars = hostvars
        self._hosts = hosts

    def sights(self, variable: str) -> dict[str, _health.Sight]:
        """Of `host_info`, of each host."""
        return {host: sight(self._of(host, variable)) for host in self._hosts}

    def trials(self, variables: list[str]) -> list[str]:
        """What is wrong by the other tasks."""
        found = [tried(host, self._of(host, name)) for host in self._hosts for name in variables]
        return [problem for each in found for problem in each]

    def _of(self, host: str, variable: str) -> Any:
        return _cluster.plain(self._hostvars[host].get(variable))


def gathered(cluster: _cluster.Cluster, sights: Mapping[str, _health.Sight]) -> _health.Seen:
    """The part of `sights` that is of `cluster`."""
    documents = _cluster.documents(cluster)
    return _health.Seen(
        name=cluster.name,
        directors={name: sights[name] for name in cluster.directors if name in sights},
        real_servers={name: sights[name] for name in cluster.real_servers if name in sights},
        expected={
            name: _health.Expected(
                config_sha256=_text.document_sha256(document),
                addresses=tuple(str(each) for each in _cluster.addresses_of(cluster, name)),
            )
            for name, document in documents.items()
        },
        without_instance=_health_reach.without_instance(documents),
        complete=all(name in sights for name in cluster.directors),
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


def message(found: _health.Findings, parts: list[_health.Seen]) -> str:
    """All of it as one text."""
    notes = [f"  note: {each}" for each in found.notes]
    problems = [f"  {number}. {each}" for number, each in enumerate(found.problems, 1)]
    count = len(problems)
    if count:
        return "\n".join([f"There {_is(count, 'problem')}:", *problems, *notes])
    directors = [each for part in parts for each in part.directors.values()]
    instances = {(p.name, each["name"]) for p in parts for each in p.all("instances")}
    services = {(p.name, each["name"]) for p in parts for each in p.all("services")}
    real_servers = {name for part in parts for name in part.real_servers}
    told = [
        _health.counted(len(listed), noun)
        for listed, noun in (
            (directors, "director"),
            (instances, "instance"),
            (services, "virtual server"),
            (real_servers, "real server"),
        )
    ]
    return "\n".join([f"All is well: {', '.join(told)}.", *notes])


def _is(count: int, noun: str) -> str:
    return f"{'is' if count == 1 else 'are'} {_health.counted(count, noun)}"
