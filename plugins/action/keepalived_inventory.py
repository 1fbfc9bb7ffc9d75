# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of `keepalived_inventory`: from the directors' files to one inventory.

Owns the order of the steps and what is said in the end. What is in the files never leaves it but
for the inventory.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from functools import partial
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.lvs.cluster.plugins.action import cluster_check
from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _cluster,
    _elsewhere,
    _hosts,
    _keepalived,
    _keepalived_import,
    _keepalived_inventory,
    _keepalived_sources,
    _keepalived_written,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._agent_code import Failed
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived import Source
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived_cluster import Made
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import Problem

_MODULE = "lvs.cluster.keepalived_files"
_ARGUMENTS = {
    "dest": {"type": "path", "required": True},
    "directors": {"type": "list", "elements": "str", "default": []},
    "path": {"type": "str", "default": f"{_keepalived.DIRECTORY}/keepalived.conf"},
    "files": {"type": "path"},
    "real_servers": {"type": "dict", "default": {}},
    "force": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Reads from the directors one after the other, or from a folder here."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, arguments = self.validate_argument_spec(
            argument_spec=_ARGUMENTS, mutually_exclusive=[["files", "directors"]]
        )
        if not arguments["files"] and not arguments["directors"]:
            return {**result, "failed": True, "msg": "say directors, or files"}
        try:
            return result | self._import(arguments, task_vars)
        except Failed as failure:
            return {**result, "failed": True, "msg": str(failure)}

    def _import(self, arguments: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        try:
            inventory = _cluster.collect(task_vars["groups"], task_vars["hostvars"])
        except AnsibleError as error:
            raise Failed(f"a variable of the inventory cannot be resolved: {error}") from error
        addresses: dict[str, dict[str, list[str]]] = {}
        if arguments["files"]:
            sources, copies = _from_folder(arguments["files"])
        else:
            sources, copies = self._from_hosts(arguments, task_vars, addresses), {}
        read = _keepalived_sources.labelled(_keepalived.read(sources), copies)
        if not inventory.directors:  # of an inventory without groups: in the order of the play
            inventory = replace(inventory, directors=tuple(arguments["directors"]))
        named = {str(one): str(name) for one, name in arguments["real_servers"].items()}
        found = _keepalived_import.imported(read, addresses, inventory, named)
        problems = cluster_check.problems(found.written)
        diffs, kept = _keepalived_written.placed(
            found.files, arguments["dest"], _keepalived_inventory.VAULT,
            force=arguments["force"], check_mode=self._task.check_mode,
        )  # fmt: skip
        reached = [] if arguments["files"] else _sources(task_vars)
        return {
            "changed": bool(diffs),
            "diff": diffs,
            "written": [one["after_header"] for one in diffs],
            "directors": list(found.made.own),
            "notices": found.notices,
            "differences": found.differences,
            "errors": [str(one) for one in problems if not one.warning],
            "warnings_found": [str(one) for one in problems if one.warning],
            "next": _next(found.made, arguments["dest"], kept, problems, reached),
        }

    def _from_hosts(
        self,
        arguments: dict[str, Any],
        task_vars: Any,
        addresses: dict[str, dict[str, list[str]]],
    ) -> dict[str, Source]:
        """The file on each director. Fills in `addresses`."""
        sources = {}
        for name in arguments["directors"]:
            fetch = partial(self._fetch, name, task_vars)
            told = fetch({"files": [arguments["path"]]})
            addresses[name] = told["addresses"]
            sources[name] = Source(path=arguments["path"], config_id=told["host"], fetch=fetch)
            sources[name].take(told)
        return sources

    def _fetch(self, director: str, task_vars: Any, wanted: dict[str, Any]) -> dict[str, Any]:
        patterns = wanted.get("patterns", ())
        asked = {
            **wanted,
            "patterns": [{"directory": folder, "pattern": one} for folder, one in patterns],
        }
        try:
            with _elsewhere.on(self, director, task_vars) as variables:
                told: dict[str, Any] = self._execute_module(
                    module_name=_MODULE, module_args=asked, task_vars=variables
                )
        except AnsibleConnectionFailure as error:
            raise Failed(f"{director} is unreachable: {error}") from error
        if told.get("failed") or told.get("unreachable"):
            raise Failed(f"{director}: {told.get('msg')}")
        return told


def _from_folder(folder: str) -> tuple[dict[str, Source], dict[str, str]]:
    """The copies in a folder, and their names there."""
    sources, copies = {}, {}
    for name, path in _keepalived_sources.in_folder(folder).items():
        sources[name] = _keepalived.local(path, name.partition(".")[0])
        copies[name] = os.path.relpath(path, folder)
    return sources, copies


def _next(
    made: Made, dest: str, kept: list[str], problems: list[Problem], sources: list[str]
) -> list[str]:
    """Commands are to be copied, so they are whole; `sources` are inventories that tell how to
    reach the hosts."""
    steps = [f"{path} is encrypted and was left as it is; compare it" for path in kept]
    steps.append(f"read {dest}: a comment stands above whatever was not taken over as it was")
    if brought := made.shared.get(_hosts.UNMANAGED_VIRTUAL):
        more = f" and {len(brought) - 1} more" if len(brought) > 1 else ""
        steps.append(
            f"decide how clients get to {brought[0]}{more}, of a virtual server and of no"
            f" vrrp_instance: see lvs_{_hosts.UNMANAGED_VIRTUAL}"
        )
    if any(not one.warning for one in problems):
        steps.append("correct there what lvs.cluster.validate refuses")
    vault = os.path.join(dest, _keepalived_inventory.VAULT)
    if made.secrets and vault not in kept:
        steps.append(f"ansible-vault encrypt {shlex.quote(vault)}")
    words = [word for one in (*sources, dest) for word in ("-i", shlex.quote(one))]
    words += ["--ask-vault-pass"] if made.secrets else []
    inventory = " ".join(words)
    steps += [
        f"ansible-playbook lvs.cluster.validate {inventory}",
        f"where keepalived runs: ansible-playbook lvs.cluster.migrate {inventory}",
        f"where it does not: ansible-playbook lvs.cluster.site {inventory} --check --diff",
    ]
    return steps


def _sources(task_vars: Any) -> list[str]:
    """The inventories of this run that are files; hosts on the command line are reached by name."""
    found = task_vars.get("ansible_inventory_sources") or []
    return [str(one) for one in found if os.path.exists(str(one))]
