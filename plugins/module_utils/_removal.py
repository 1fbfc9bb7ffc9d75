# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes away what a role has made of a host: units, files, folders, links, users.

Owns the how, as `_host` does for the other direction; everything that is gone already is no change.
Must never take away what is not named, or belongs to others.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _host

# Folders with nothing between them and / are nobody's to remove: /opt, /etc.
_LEAST_DEPTH = 2


def ensure_no_unit(module: Any, changes: _host.Changes, name: str, path: str) -> None:
    """The unit is stopped, disabled, and its file is gone."""
    state = _host.unit_state(module, name)
    if state.get("LoadState") == "loaded":
        _host.ensure_unit(module, changes, name, enabled=False, started=False)
    _host.ensure_no_file(module, changes, path)
    if path in changes.paths and not module.check_mode:
        systemctl = _host.binary(module, "systemctl")
        _host.run(module, [*systemctl, "daemon-reload"], "systemctl daemon-reload")
        # It is remembered as failed otherwise, as long as the host runs.
        module.run_command([*systemctl, "reset-failed", name], check_rc=False)


def ensure_no_folder(module: Any, changes: _host.Changes, path: str) -> None:
    """The folder is gone with all that is in it. Raises HostError for one that is not ours."""
    full = os.path.normpath(path)
    if not os.path.isabs(full) or len(full.strip("/").split("/")) < _LEAST_DEPTH:
        raise _host.HostError(f"{path} is no folder to remove")
    if os.path.islink(full) or not os.path.isdir(full):
        return
    changes.note(f"remove {full}")
    if not module.check_mode:
        shutil.rmtree(full)


def ensure_no_link(module: Any, changes: _host.Changes, path: str, into: str) -> None:
    """There is no link at `path` that leads into the folder `into`; other links are left alone."""
    if not os.path.islink(path) or not os.readlink(path).startswith(f"{into.rstrip('/')}/"):
        return
    changes.note(f"remove {path}")
    if not module.check_mode:
        os.unlink(path)


def ensure_no_user(module: Any, changes: _host.Changes, name: str) -> None:
    """There is no user and no group of this name."""
    for kind, command, lookup in (
        ("user", "userdel", pwd.getpwnam),
        ("group", "groupdel", grp.getgrnam),
    ):
        try:
            lookup(name)
        except KeyError:
            continue
        changes.note(f"remove {kind} {name}")
        if not module.check_mode:
            _host.run(module, [*_host.binary(module, command), name], f"removing {kind} {name}")
