# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the plugins be imported under their collection's name, and gives the example inventories."""

from __future__ import annotations

import copy
import functools
import json
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from collection_path import REPOSITORY, make_importable

make_importable()

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster  # noqa: E402


@functools.cache
def _read(name: str) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    """`groups` and `hostvars` as Ansible has them, of the variables only the collection's."""
    loader = DataLoader()
    folder = REPOSITORY / "playbooks" / "inventories" / name
    manager = InventoryManager(loader=loader, sources=[str(folder)])
    variables = VariableManager(loader=loader, inventory=manager)
    hostvars = {}
    for host in manager.get_hosts():
        values = variables.get_vars(host=host)
        templar = Templar(loader=loader, variables=values)
        ours = [each for each in values if _cluster.is_ours(each)]
        hostvars[host.name] = {
            each: _cluster.plain(templar.template(values[each])) for each in ours
        }
    groups = {
        group.name: [host.name for host in group.get_hosts()] for group in manager.groups.values()
    }
    return groups, hostvars


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent's code answers about a keepalived.conf in this process, not in one of its own for
    each question."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _keepalived
    from lvs_agent.cli import controller

    def ask(what: str, about: Any) -> Any:
        return json.loads(json.dumps(controller.answer(what, json.loads(json.dumps(about)))))

    monkeypatch.setattr(_keepalived, "ask", ask)


class Inventory:
    """An example inventory as Ansible's `groups` and `hostvars`, to be spoilt at will."""

    def __init__(self, name: str) -> None:
        self.groups, self.hostvars = copy.deepcopy(_read(name))

    def everywhere(self, variable: str) -> list[Any]:
        """The variable of each director: as group_vars are, equal but not shared."""
        return [self.hostvars[name][variable] for name in self.groups["lvs_directors"]]


@pytest.fixture
def lvs_dr() -> Inventory:
    return Inventory("lvs_dr")


@pytest.fixture
def lvs_nat() -> Inventory:
    return Inventory("lvs_nat")


@pytest.fixture
def lvs_tun() -> Inventory:
    return Inventory("lvs_tun")


@pytest.fixture
def lvs_dr_ipv6() -> Inventory:
    return Inventory("lvs_dr_ipv6")


@pytest.fixture
def both_roles() -> Inventory:
    return Inventory("directors_as_real_servers")


@pytest.fixture
def two_instances() -> Inventory:
    return Inventory("two_instances")
