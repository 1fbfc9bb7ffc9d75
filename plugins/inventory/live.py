# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups directors by the state that their VRRP instances are in now."""

from __future__ import annotations

DOCUMENTATION = r"""
name: live
author: The lvs.cluster developers (@lvs)
version_added: 0.1.0
short_description: Groups directors by the live state of their VRRP instances
description:
  - An inventory source to use beside an ordinary one, which it must come after. It asks each
    director of that inventory over SSH for its state, all at the same time, and adds it to groups
    such as C(vrrp_active_VI_1) and C(vrrp_backup_VI_1). A play with
    C(hosts) V(vrrp_backup_VI_1:vrrp_active_VI_1) then touches the backups first.
  - For each instance there are groups for all of the states active, backup, fault and init, empty
    ones too, and C(vrrp_unreachable) for directors that do not answer.
  - Directors get the variables C(vrrp_states), the state by instance, C(vrrp_settled) and
    C(vrrp_agent), with the version and the release of the running agent; one that does not answer
    gets C(vrrp_unreachable_reason).
  - Hosts are reached as the connection plugin P(ansible.builtin.ssh#connection) would reach them,
    from the same variables and settings, without passwords. With C(ansible_connection) V(local)
    the command runs on the controller.
  - The file's name must end in C(lvs_live.yml) or C(lvs_live.yaml).
notes:
  - The groups tell how it was when the inventory was read. A director may have changed since. Check
    with P(lvs.cluster.vrrp_backup#test) before something that only a backup may do.
  - Ansible goes on without an inventory source that fails.
    E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED) makes it stop.
options:
  plugin:
    description: The name of this plugin.
    required: true
    choices: [lvs.cluster.live]
  group:
    description: The group whose hosts are asked.
    type: str
    default: lvs_directors
  prefix:
    description: How the names of the groups begin.
    type: str
    default: vrrp
  timeout:
    description: How many seconds a director has for its answer.
    type: float
    default: 10
  parallel:
    description: How many directors to ask at the same time.
    type: int
    default: 20
  become:
    description:
      - Whether to ask by C(sudo -n). The agent answers to root and to members of the group
        C(lvs-agent). Default is the host's C(ansible_become).
    type: bool
  command:
    description: The agent's command on the directors.
    type: str
    default: /opt/lvs-agent/current/bin/lvsctl
  strict:
    description:
      - Fail if a director does not answer, or if an expression of O(compose), O(groups) or
        O(keyed_groups) cannot be evaluated. Otherwise there is a warning.
    type: bool
    default: false
extends_documentation_fragment:
  - constructed
  - inventory_cache
"""

EXAMPLES = r"""
# lvs_live.yml, for: ansible-playbook -i hosts.yml -i lvs_live.yml restart.yml
plugin: lvs.cluster.live

---
# Only directors whose agent is settled, and one group for each release in use
plugin: lvs.cluster.live
timeout: 5
groups:
  lvs_settled: vrrp_settled | default(false)
keyed_groups:
  - key: vrrp_agent.release | default('none')
    prefix: lvs_release
"""

import json
import shlex
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.helpers import get_group_vars
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.plugins.loader import connection_loader
from ansible.utils.unsafe_proxy import wrap_var
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources
from ansible_collections.lvs.cluster.plugins.module_utils import _status
from ansible_collections.lvs.cluster.plugins.plugin_utils import _remote

# What is asked for, so that no answer grows with the number of real servers.
_QUERY = (
    "{agent: {version: agent.version, release: agent.release, processes: agent.processes},"
    " instances: instances[].{name: name, state: state, reason: reason, master: master}}"
)
# There is a group for each state of each instance; a VRID for each on four interfaces.
_INSTANCES_LIMIT = 1020
# They take some 250 kB.
_ANSWER_BYTES_LIMIT = 1 << 20
_SSH = ("ansible.builtin.ssh", "ssh", "smart")
_LOCAL = ("ansible.builtin.local", "local")
# Of ssh's options the first one counts: never ask a person, and leave no shared connection behind.
_SSH_OPTIONS = ("-oBatchMode=yes", "-oControlMaster=no")


class Unaskable(Exception):
    """A host that this plugin cannot reach by its variables; the text says why."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """Ansible's entry point."""

    NAME = "lvs.cluster.live"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("lvs_live.yml", "lvs_live.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        answers = self._answers(path, cache)
        missing = {name: each["failed"] for name, each in answers.items() if "failed" in each}
        for name, reason in missing.items():
            self.display.warning(f"{path}: {name} does not answer: {reason}")
        if missing and self.get_option("strict"):
            told = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
            raise AnsibleParserError(f"{path}: directors that do not answer: {told}")
        self._populate({name: each for name, each in answers.items() if name in inventory.hosts})

    # -- asking ----------------------------------------------------------------------------

    def _answers(self, path: str, cache: bool) -> dict[str, dict[str, Any]]:
        """The state of each director, or why it is not known; from the cache if that is wanted."""
        self.load_cache_plugin()
        key = self.get_cache_key(path)
        wanted = self.get_option("cache")
        if wanted and cache:
            try:
                found: dict[str, dict[str, Any]] = self._cache[key]
            except KeyError:
                pass  # nothing yet, or too old
            else:
                return found
        found = self._ask_all()
        if wanted:
            self._cache[key] = found
        return found

    def _ask_all(self) -> dict[str, dict[str, Any]]:
        group = self.inventory.groups.get(self.get_option("group"))
        if group is None or not group.get_hosts():
            self.display.warning(
                f"{self.NAME}: no hosts in {self.get_option('group')}; the ordinary inventory must"
                " come before this one (-i hosts.yml -i lvs_live.yml)"
            )
            return {}
        commands: dict[str, list[str]] = {}
        answers: dict[str, dict[str, Any]] = {}
        # Templating and the settings of plugins are not made for threads: only the waiting is.
        for host in group.get_hosts():
            try:
                commands[host.name] = self._command(host)
            except (Unaskable, AnsibleError) as error:
                answers[host.name] = {"failed": str(error)}
        timeout_s = self.get_option("timeout")

        def ask(command: list[str]) -> dict[str, Any]:
            return read(_remote.run(command, timeout_s, _ANSWER_BYTES_LIMIT))

        workers = max(1, min(self.get_option("parallel"), len(commands)))
        with ThreadPoolExecutor(max_workers=workers) as pool:
            answers |= dict(zip(commands, pool.map(ask, commands.values()), strict=True))
        return {host.name: answers[host.name] for host in group.get_hosts()}

    def _command(self, host: Any) -> list[str]:
        """What to run on the controller to ask `host`. Raises Unaskable."""
        variables = self._variables(host)
        words = [self.get_option("command"), "status", "--json", "--query", _QUERY]
        become = self.get_option("become")
        if boolean(variables.get("ansible_become", False) if become is None else become):
            words = ["sudo", "-n", *words]
        kind = variables.get("ansible_connection", constants.DEFAULT_TRANSPORT)
        if kind in _LOCAL:
            return words
        if kind not in _SSH:
            raise Unaskable(f"ansible_connection {kind} is neither ssh nor local")
        return self._ssh(host.name, variables, shlex.join(words))

    def _ssh(self, name: str, variables: dict[str, Any], command: str) -> list[str]:
        """The command line that Ansible's own connection plugin would use."""

        def setting(option: str) -> Any:
            return constants.config.get_config_value(
                option, plugin_type="connection", plugin_name="ssh", variables=variables
            )

        connection_loader.get("ssh", class_only=True)  # its settings are known now
        words = [str(setting("ssh_executable")), *_SSH_OPTIONS]
        words.append(f"-oConnectTimeout={max(1, int(self.get_option('timeout')))}")
        if not setting("host_key_checking"):
            words.append("-oStrictHostKeyChecking=no")
        for option, flag in (("port", "-p"), ("remote_user", "-l"), ("private_key_file", "-i")):
            value = setting(option)
            if value:
                words += [flag, str(value)]
        for option in ("ssh_args", "ssh_common_args", "ssh_extra_args"):
            words += shlex.split(str(setting(option) or ""))
        return [*words, "--", str(variables.get("ansible_host", name)), command]

    def _variables(self, host: Any) -> dict[str, Any]:
        """All variables of `host` that say how to reach it, resolved."""
        sources = getattr(self.inventory, "processed_sources", [])
        groups = host.get_groups()
        found: dict[str, Any] = {}
        for values in (
            get_group_vars(groups),
            get_vars_from_inventory_sources(self.loader, sources, groups, "all"),
            host.get_vars(),
            get_vars_from_inventory_sources(self.loader, sources, [host], "all"),
            {"inventory_hostname": host.name},
        ):
            found = combine_vars(found, values)
        self.templar.available_variables = found
        return {
            name: self.templar.template(value)
            for name, value in found.items()
            if name.startswith("ansible_")
        }

    # -- grouping --------------------------------------------------------------------------

    def _populate(self, answers: dict[str, dict[str, Any]]) -> None:
        unreachable = self._group("unreachable")
        instances = {name for each in answers.values() for name in each.get("states", {})}
        self._tell_same_names(instances)
        groups = {
            (state, name): self._group(state, name)
            for name in sorted(instances)
            for state in _status.STATES.values()
        }
        for host, answer in answers.items():
            if "failed" in answer:
                self.inventory.add_child(unreachable, host)
                self._set(host, "unreachable_reason", answer["failed"])
            else:
                for name, state in answer["states"].items():
                    self.inventory.add_child(groups[_status.STATES[state], name], host)
                for variable in ("states", "settled", "agent"):
                    self._set(host, variable, answer[variable])
            self._construct(host)

    def _set(self, host: str, name: str, value: Any) -> None:
        """What a host says is never a template: it would reach into the controller."""
        self.inventory.set_variable(host, f"vrrp_{name}", wrap_var(value))

    def _group(self, *words: str) -> str:
        name = self._sanitize_group_name("_".join((self.get_option("prefix"), *words)))
        added: str = self.inventory.add_group(name)
        return added

    def _tell_same_names(self, instances: Iterable[str]) -> None:
        known: dict[str, str] = {}
        for name in sorted(instances):
            other = known.setdefault(self._sanitize_group_name(name), name)
            if other != name:
                text = f"{self.NAME}: the instances {other} and {name} have the same groups"
                if self.get_option("strict"):
                    raise AnsibleParserError(text)
                self.display.warning(text)

    def _construct(self, host: str) -> None:
        variables = self.inventory.get_host(host).get_vars()
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict)


def read(answer: _remote.Answer) -> dict[str, Any]:
    """`states`, `settled` and `agent` of a director, or in `failed` why they are not known."""
    if answer.failed:
        return {"failed": answer.failed}
    try:
        status = json.loads(answer.output)
        states = _status.instances(status)
        settled = not _status.unsettled(status)
        agent = {name: status["agent"].get(name) for name in ("version", "release")}
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return {"failed": f"this is no answer of an agent ({type(error).__name__}: {error})"}
    if len(states) > _INSTANCES_LIMIT:
        return {"failed": f"it has {len(states)} VRRP instances, more than {_INSTANCES_LIMIT}"}
    unknown = sorted(set(states.values()) - set(_status.STATES))
    if unknown:
        return {"failed": f"unknown state {', '.join(unknown)}: is the collection too old?"}
    return {"states": states, "settled": settled, "agent": agent}
