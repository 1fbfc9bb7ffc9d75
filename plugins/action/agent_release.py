# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of `agent_release`: builds the bundle and sends it only where it is missing.

Owns that order: ask first, one module execution, and no file leaves the controller if the release
is installed. Of the configuration only a digest goes to the target: it has secrets.
"""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.lvs.cluster.plugins.module_utils import _text
from ansible_collections.lvs.cluster.plugins.plugin_utils import _bundle, _cluster, _wheels

_FILES = os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", "..", "roles", "director", "files")
)
# Arguments of the module that nobody else sets, and what it is not told.
_OWN = ("bundle", "configuration", "document")


def cache_folder() -> str:
    """Where the controller keeps what it built."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "lvs.cluster")


class ActionModule(ActionBase):  # type: ignore[misc]
    """Installs the agent that comes with the collection."""

    # A temporary folder on the target only when there is something to send: it costs round trips.
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        cache = cache_folder()
        try:
            folders = [os.path.join(_FILES, "vendor"), os.path.join(cache, "vendor")]
            wheels = _wheels.wheels(os.path.join(_FILES, "requirements.lock"), folders)
            python = str(self._task.args.get("python", _bundle.PYTHON))
            bundle = _bundle.cached(os.path.join(_FILES, "agent"), python, wheels, cache)
        except (_wheels.WheelsMissing, OSError, ValueError) as error:
            return {**result, "failed": True, "msg": str(error)}
        arguments = {
            **{name: value for name, value in self._task.args.items() if name not in _OWN},
            "release": bundle.release,
        }
        if self._task.args.get("document") is not None:
            document = _cluster.plain(self._task.args["document"])
            arguments["configuration"] = _text.document_sha256(document)
        answer = self._run_module(arguments, task_vars)
        if answer.get("missing") and not self._task.check_mode and not answer.get("failed"):
            remote = self._connection._shell.join_path(
                self._make_tmp_path(), os.path.basename(bundle.path)
            )
            self._transfer_file(bundle.path, remote)
            answer = self._run_module({**arguments, "bundle": remote}, task_vars)
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return {**result, **answer}

    def _run_module(self, arguments: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="lvs.cluster.agent_release", module_args=arguments, task_vars=task_vars
        )
        return answer
