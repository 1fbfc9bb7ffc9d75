# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the plugins be imported under their collection's name, and gives the example inventories."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from collection_path import REPOSITORY, make_importable

make_importable()

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster  # noqa: E402


class Inventory:
    """An example inventory as Ansible's `groups` and `hostvars`, to be spoilt at will."""

    def __init__(self, name: str) -> None:
        loader = DataLoader()
        folder = REPOSITORY / "playbooks" / "inventories" / name
        manager = InventoryManager(loader=loader, sources=[str(folder)])
        variables = VariableManager(loader=loader, inventory=manager)
        groups = {name: [each.name for each in group.get_hosts()]
                  for name, group in manager.groups.items()}  # fmt: skip
        self.groups: dict[str, list[str]] = copy.deepcopy(groups)
        self.hostvars: dict[str, dict[str, Any]] = {}
        for host in manager.get_hosts():
            values = variables.get_vars(host=host)
            templar = Templar(loader=loader, variables=values)
            self.hostvars[host.name] = {
                each: _cluster.plain(templar.template(values[each]))
                for each in values
                if _cluster.is_ours(each)
            }

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
