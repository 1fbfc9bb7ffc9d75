# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A keepalived.conf as a director's configuration, for those who keep that file as the source."""

from __future__ import annotations

DOCUMENTATION = r"""
name: keepalived
author: The lvs.cluster developers (@lvs)
version_added: 0.1.0
short_description: What a keepalived.conf says, as a director's configuration
description:
  - Reads a keepalived.conf on the controller, with what it includes, and gives the configuration
    that the agent makes of it (C(lvs-agent import)), for the variable C(lvs_host) of the director.
  - So the file stays the source, and a change of it is rolled out by C(lvs.cluster.site). To leave
    the file behind, see M(lvs.cluster.keepalived_inventory).
  - What is not taken over as it stands is told in warnings, each with its line. What the agent
    would refuse is an error.
options:
  _terms:
    description:
      - Files, looked for as files of C(ansible.builtin.file) are.
      - What a file includes from C(/etc/keepalived) is looked for beside it.
    type: list
    elements: str
    required: true
  config_id:
    description:
      - Who the file is read for, as to lines with C(@ID). Without it, the director's short name.
    type: str
  part:
    description:
      - V(document) is the configuration.
      - V(real_servers) is the list of the real servers' addresses, for
        C(lvs_unmanaged_real_servers).
    type: str
    choices: [document, real_servers]
    default: document
  warn:
    description: Tell what is not taken over as it stands.
    type: bool
    default: true
"""

EXAMPLES = r"""
---
# group_vars/lvs_directors.yml, with a file for each director beside it
keepalived_conf: "{{ inventory_dir }}/keepalived/{{ inventory_hostname }}.conf"
lvs_host: "{{ lookup('lvs.cluster.keepalived', keepalived_conf) }}"
lvs_unmanaged_real_servers: "{{ lookup('lvs.cluster.keepalived', keepalived_conf,
  part='real_servers', warn=false) }}"
---
# One file for all, with lines such as @drct1 priority 100
lvs_host: "{{ lookup('lvs.cluster.keepalived', inventory_dir ~ '/keepalived.conf',
  config_id=inventory_hostname) }}"
"""

RETURN = r"""
_raw:
  description: For each file, what O(part) says. Passwords are in it.
  type: list
  elements: raw
"""

import functools
import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display
from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _keepalived,
    _keepalived_comments,
    _keepalived_shape,
    _keepalived_sources,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._agent_code import Failed

# Each is as large as a configuration; a run looks at those of its directors again and again.
_KEPT = 64


class LookupModule(LookupBase):  # type: ignore[misc]
    """Reads the files."""

    def run(
        self, terms: list[str], variables: Mapping[str, Any] | None = None, **options: Any
    ) -> list[Any]:
        self.set_options(var_options=variables, direct=options)
        host = str((variables or {}).get("inventory_hostname", ""))
        config_id = self.get_option("config_id") or host.partition(".")[0]
        return [self._one(str(term), config_id, variables) for term in terms]

    def _one(self, term: str, config_id: str, variables: Mapping[str, Any] | None) -> Any:
        path = self.find_file_in_search_path(variables, "files", term)
        if not path:
            raise AnsibleLookupError(f"there is no file {term}")
        try:
            found = _read(str(path), config_id, _age(str(path)))
        except Failed as failure:
            raise AnsibleLookupError(str(failure)) from failure
        if found.errors:
            lines = "\n".join(f"  {_text(one)}" for one in found.errors)
            raise AnsibleLookupError(f"{path} is no configuration for the agent:\n{lines}")
        for one in found.notices if self.get_option("warn") else ():
            Display().warning(_text(one))
        if self.get_option("part") == "real_servers":
            return _keepalived_shape.real_server_addresses(found.document)
        return found.document


def _age(path: str) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file beside `path` does."""
    folder = os.path.dirname(os.path.abspath(path))
    with os.scandir(folder) as entries:
        each = [(one.name, one.stat(follow_symlinks=False)) for one in entries]
    return tuple(sorted((name, found.st_mtime_ns, found.st_size) for name, found in each))


@functools.lru_cache(maxsize=_KEPT)
def _read(path: str, config_id: str, _age: object) -> _keepalived.Read:
    read = _keepalived.read({path: _keepalived.local(path, config_id)})
    folder, name = os.path.split(os.path.abspath(path))
    labelled = _keepalived_sources.labelled(read, {path: os.path.join(folder, name)})
    return labelled[path]


def _text(one: _keepalived.Line) -> str:
    return _keepalived_comments.told("", one)
