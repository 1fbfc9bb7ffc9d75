# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of `cluster_check`: everything wrong with the inventory, in one message.

Owns the order of the checks and the message. Must never speak to a host.
"""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _checker,
    _cluster,
    _problem,
    _rules,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import Problem

_AGENT = os.path.join(os.path.dirname(__file__), "..", "..", "roles", "director", "files", "agent")


class ActionModule(ActionBase):  # type: ignore[misc]
    """Checks the whole cluster, whatever `--limit` says."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        try:
            cluster = _cluster.collect(task_vars["groups"], task_vars["hostvars"])
        except AnsibleError as error:
            return {**result, "failed": True, "msg": f"a variable cannot be resolved: {error}"}
        try:
            found = problems(cluster)
        except _checker.CheckerFailed as error:
            return {**result, "failed": True, "msg": str(error)}
        warnings = [each for each in found if each.warning]
        errors = [each for each in found if not each.warning]
        for each in warnings:
            Display().warning(str(each))
        result |= {
            "changed": False,
            "errors": [{"where": each.where, "message": each.message} for each in errors],
            "warnings_found": [{"where": e.where, "message": e.message} for e in warnings],
            "directors": list(cluster.directors),
            "real_servers": list(cluster.real_servers),
        }
        if errors:
            result |= {"failed": True, "msg": _problem.text(errors)}
        return result


def problems(cluster: _cluster.Cluster) -> list[Problem]:
    """Everything wrong with `cluster`. Raises CheckerFailed."""
    documents = {name: _cluster.document(cluster, name) for name in cluster.directors}
    between = _rules.check(cluster, documents)
    # A real server without an address is told better by the rules, which know the hosts.
    told = {each.where for each in between}
    found: list[Problem] = []
    errors, warnings = _checker.check(documents, os.path.abspath(_AGENT))
    for director, listed in errors.items():
        for path, message in listed:
            where = _cluster.locate(cluster, director, path)
            if where.endswith(".ip") and where.removesuffix(".ip") in told:
                continue
            found.append(Problem(where=where, message=message))
    for director, listed in warnings.items():
        for path, message in listed:
            where = _cluster.locate(cluster, director, path)
            found.append(Problem(where=where, message=message, warning=True))
    return list(dict.fromkeys([*found, *between]))
