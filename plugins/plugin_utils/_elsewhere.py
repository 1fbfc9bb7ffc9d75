# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a module on another host of the inventory than the task's own, from an action plugin.

Owns the connection to that host: what Ansible does for `delegate_to`, which a task can have only
one of. Must never know what is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean


@contextmanager
def on(action: Any, host: str, task_vars: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Until the end of the block `action` works on `host`, whose variables it gets. Failures to
    connect come from what is done within it, as AnsibleConnectionFailure."""
    variables = dict(task_vars["hostvars"][host])
    variables["inventory_hostname"] = host
    before = action._connection, action._play_context
    action._play_context = before[1].copy()
    action._play_context.remote_addr = variables.get("ansible_host", host)
    action._connection = _connection(action, variables)
    try:
        yield variables
        action.cleanup()
    finally:
        action._connection.close()
        action._connection, action._play_context = before


def _connection(action: Any, variables: Mapping[str, Any]) -> Any:
    kind = variables.get("ansible_connection") or constants.DEFAULT_TRANSPORT
    loader = action._shared_loader_obj
    made = loader.connection_loader.get(kind, action._play_context, task_uuid=action._task._uuid)
    if made is None:
        raise AnsibleError(f"the connection plugin {kind} was not found")
    task_keys = action._task.dump_attrs()
    # Those of the task are about the task: how long it may take, how often it is tried again.
    task_keys["timeout"] = action._play_context.timeout
    task_keys.pop("retries", None)
    if action._play_context.password:
        task_keys["password"] = action._play_context.password
    made.set_become_plugin(_become(action, variables, task_keys))
    made.set_options(task_keys=task_keys, var_options=_options("connection", kind, variables))
    shell = made._shell
    shell.set_options(
        task_keys=task_keys, var_options=_options("shell", shell._load_name, variables)
    )
    return made


def _become(action: Any, variables: Mapping[str, Any], task_keys: dict[str, Any]) -> Any:
    wanted = variables.get("ansible_become")
    if not (action._task.become if wanted is None else boolean(wanted)):
        return None
    method = variables.get("ansible_become_method") or action._task.become_method
    plugin = action._shared_loader_obj.become_loader.get(method or constants.DEFAULT_BECOME_METHOD)
    if plugin is None:
        raise AnsibleError(f"the become plugin {method} was not found")
    if action._play_context.become_pass:
        task_keys = task_keys | {"become_pass": action._play_context.become_pass}
    options = _options("become", plugin._load_name, variables)
    plugin.set_options(task_keys=task_keys, var_options=options)
    return plugin


def _options(kind: str, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of the host that are options of the plugin."""
    known = constants.config.get_plugin_vars(kind, name)
    return {one: variables[one] for one in known if one in variables}
