# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of `cluster_check`: everything wrong with the inventory, in one message.

Owns the order of the checks and the message. Must never speak to a host.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _checker,
    _cluster,
    _locate,
    _problem,
    _rules,
    _rules_clusters,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._agent_code import Failed
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import Problem
from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import SECTIONS


class ActionModule(ActionBase):  # type: ignore[misc]
    """Checks the whole cluster, whatever `--limit` says."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        try:
            whole = _cluster.collect(task_vars["groups"], task_vars["hostvars"])
        except AnsibleError as error:
            return {**result, "failed": True, "msg": f"a variable cannot be resolved: {error}"}
        try:
            found = problems(whole)
        except Failed as error:
            return {**result, "failed": True, "msg": str(error)}
        warnings = [each for each in found if each.warning]
        errors = [each for each in found if not each.warning]
        for each in warnings:
            Display().warning(str(each))
        result |= {
            "changed": False,
            "errors": [{"where": each.where, "message": each.message} for each in errors],
            "warnings_found": [{"where": e.where, "message": e.message} for e in warnings],
            "directors": list(whole.directors),
            "real_servers": list(whole.real_servers),
            "clusters": {each.name: list(each.directors) for each in _cluster.clusters(whole)},
        }
        if errors:
            result |= {"failed": True, "msg": _problem.text(errors)}
        return result


def problems(whole: Cluster) -> list[Problem]:
    """Everything wrong with the inventory, each of its clusters apart. Raises Failed."""
    parts = [(cluster, _cluster.documents(cluster)) for cluster in _cluster.clusters(whole)]
    everything = {name: each for __, documents in parts for name, each in documents.items()}
    errors, warnings = _checker.check(everything)
    found: list[Problem] = []
    for cluster, documents in parts:
        between = _rules.check(cluster, documents)
        found += _of_the_checker(cluster, errors, between)
        for director in cluster.directors:
            for path, message in warnings.get(director, ()):
                where = _locate.locate(cluster, director, path)
                found.append(Problem(where=where, message=message, warning=True))
        found += between
    found += _rules_clusters.check(whole, parts)
    return list(dict.fromkeys(found))


def _of_the_checker(
    cluster: Cluster, errors: _checker.Found, between: list[Problem]
) -> list[Problem]:
    """Errors of the documents by themselves, but those that the rules tell better."""
    told = {each.where for each in between}
    found: list[Problem] = []
    for director in cluster.directors:
        for path, message in errors.get(director, ()):
            where = _locate.locate(cluster, director, path)
            # A real server without an address: the rules know the hosts.
            if where.endswith(".ip") and where.removesuffix(".ip") in told:
                continue
            # Peers that cannot be derived: the document still says `auto`, in keepalived's shape.
            if where.removesuffix(".address") in told and ".unicast_peer" in where:
                continue
            found.append(
                Problem(where=where, message=message + _hint(cluster, director, path, where))
            )
    return found


def _hint(cluster: Cluster, director: str, path: str, where: str) -> str:
    """For who takes a section in host_vars to be merged with that of the group."""
    section = path.partition(".")[0]
    if section not in SECTIONS:
        return ""
    name = cluster.variable_name(director, section)
    others = [cluster.variable(each, section) for each in cluster.directors if each != director]
    if not where.startswith(f"host_vars {director}: {name}") or not any(others):
        return ""
    return (
        f"; {name} of a host replaces that of its group as a whole: what differs on {director}"
        f" belongs into lvs_host.{section}"
    )
