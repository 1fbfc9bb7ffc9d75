# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory in a folder: read as Ansible reads it, and put where it belongs.

Owns that no file is written over unless told, and an encrypted one never.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._agent_code import Failed

_ENCRYPTED = b"$ANSIBLE_VAULT"
# Others of the operator's group read an inventory; passwords nobody.
_MODE, _SECRET_MODE = 0o644, 0o600


def collected(files: Mapping[str, str]) -> _cluster.Cluster:
    """The collection's variables of the inventory of `files` (text by relative path), all templates
    resolved. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="lvs-import-") as folder:
        for name, text in files.items():
            _write(os.path.join(folder, name), text, _SECRET_MODE)
        try:
            return _collected(folder)
        except AnsibleError as error:
            raise Failed(f"Ansible does not read the inventory that was made: {error}") from error


def _collected(folder: str) -> _cluster.Cluster:
    loader = DataLoader()
    # Else variables beside the operator's present directory would count.
    loader.set_basedir(folder)
    manager = InventoryManager(loader=loader, sources=[folder])
    variables = VariableManager(loader=loader, inventory=manager)
    hostvars: dict[str, dict[str, Any]] = {}
    for host in manager.get_hosts():
        values = variables.get_vars(host=host, include_hostvars=False)
        templar = Templar(loader=loader, variables=values)
        ours = [name for name in values if _cluster.is_ours(name)]
        hostvars[host.name] = {name: templar.template(values[name]) for name in ours}
    groups = {name: [host.name for host in group.get_hosts()]
              for name, group in manager.groups.items()}  # fmt: skip
    return _cluster.collect(groups, hostvars)


def placed(
    files: Mapping[str, str], dest: str, secret: str, *, force: bool, check_mode: bool
) -> tuple[list[dict[str, str]], list[str]]:
    """Write the files to `dest`; `secret` is the one with the passwords. What was written, as
    Ansible's diffs, and what was kept. Raises Failed before anything is written."""
    wanted: dict[str, bytes] = {}
    kept, in_the_way = [], []
    for name, text in files.items():
        path = os.path.join(dest, name)
        there = _content(path)
        if there is not None and there.startswith(_ENCRYPTED):
            kept.append(path)
        elif there != text.encode():
            wanted[path] = there or b""
            if there is not None and not force:
                in_the_way.append(path)
    if in_the_way:
        raise Failed(
            f"{', '.join(in_the_way)}: exists, and is not written over; name another folder, or say"
            " that it may be (force)"
        )
    diffs = []
    for name, text in files.items():
        path = os.path.join(dest, name)
        if path not in wanted:
            continue
        hidden = name == secret
        before = wanted[path].decode(errors="replace")
        diffs.append({
            "before_header": path,
            "after_header": path,
            "before": "(passwords)\n" if hidden and before else before,
            "after": "(other passwords)\n" if hidden else text,
        })  # fmt: skip
        if not check_mode:
            _write(path, text, _SECRET_MODE if hidden else _MODE)
    return diffs, kept


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from error


def _write(path: str, text: str, mode: int) -> None:
    """Whole or not at all; with the mode from the beginning."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=folder)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        os.chmod(new, mode)
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise
