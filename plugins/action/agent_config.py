# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of `agent_config`: the document travels as one secret text.

Owns that only. A mapping under `no_log` would make Ansible hide each of its words, "80" and "rr"
among them, in everything the module says; one long text hides itself and nothing else.
"""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs the module with `document` as JSON text."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        document = arguments.get("document")
        if not isinstance(document, dict) and document is not None:
            return {**result, "failed": True, "msg": "document must be a mapping"}
        if document is not None:
            arguments["document"] = json.dumps(_cluster.plain(document))
        result |= self._execute_module(
            module_name="lvs.cluster.agent_config", module_args=arguments, task_vars=task_vars
        )
        return result
