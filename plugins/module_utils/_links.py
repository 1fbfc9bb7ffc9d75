# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of the agent's releases: which release is the current one.

Owns how a link is replaced: a reader finds the old target or the new one, at every moment.
"""

from __future__ import annotations

import os

from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _host


def replace(path: str, target: str) -> None:
    """`path` is a link to `target` from now on."""
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    new = os.path.join(folder, f".{name}.new")
    if os.path.lexists(new):
        os.unlink(new)
    os.symlink(target, new)
    os.replace(new, path)


def switch(root: str, release: str) -> None:
    """Point `current` to the release, atomically."""
    replace(os.path.join(root, _agent.CURRENT), os.path.join("releases", release))
    _host.sync_directory(root)
