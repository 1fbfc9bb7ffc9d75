# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the plugins be imported under their collection's name, and gives the example inventories."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from collection_path import REPOSITORY, make_importable

make_importable()


class Inventory:
    """An example inventory as Ansible's `groups` and `hostvars`, to be spoilt at will."""

    def __init__(self, name: str) -> None:
        folder = REPOSITORY / "playbooks" / "inventories" / name
        hosts = yaml.safe_load((folder / "hosts.yml").read_text())
        self.groups = {
            group: list((value or {}).get("hosts") or {}) for group, value in hosts.items()
        }
        self.hostvars: dict[str, dict[str, Any]] = {}
        for group, names in self.groups.items():
            shared = folder / "group_vars" / f"{group}.yml"
            common = yaml.safe_load(shared.read_text()) if shared.exists() else {}
            for host in names:
                own = yaml.safe_load((folder / "host_vars" / f"{host}.yml").read_text())
                before = self.hostvars.get(host, {})
                self.hostvars[host] = copy.deepcopy({**before, **common, **own})

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
