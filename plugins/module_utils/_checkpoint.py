# SPDX-License-Identifier: GPL-3.0-or-later
"""What a director can go back to: the release, unit and configuration that its agent ran with.

Owns the two files that remember it and when one is taken. A checkpoint is taken only of what an
agent runs with at that moment, so a run that was interrupted between its changes and the restart
never makes one of its own half. Must never change what is in force.

The files hold the whole configuration, passwords included: only root can read them.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _host

# The state before the latest run, and that before the latest change of the release.
LAST, RELEASE = "last", "release"
_FOLDER = "checkpoints"


@dataclass(frozen=True)
class Checkpoint:
    """A release's id, and the texts of the unit and of the configuration."""

    release: str
    unit: str
    config: str


@dataclass(frozen=True)
class Places:
    """Where the parts are on the host."""

    root: str = _agent.ROOT
    config: str = _agent.CONFIG
    unit: str = _agent.UNIT_PATH
    socket: str = _agent.CONTROL_SOCKET


def _path(root: str, slot: str) -> str:
    return os.path.join(root, _FOLDER, f"{slot}.json")


def agent_of(places: Places) -> dict[str, Any] | None:
    """What the running agent says of itself; None if none answers."""
    try:
        return dict(_agent.summary(places.socket).get("agent", {}))
    except (_agent.AgentUnreachable, _agent.AgentRefused):
        return None


def unit_is_newer(places: Places) -> bool:
    """Whether the unit was written after the agent was started: the socket is as old as that."""
    try:
        return os.stat(places.unit).st_mtime > os.stat(places.socket).st_mtime
    except OSError:
        return False


def runs(places: Places, agent: dict[str, Any] | None, wanted: Checkpoint) -> bool:
    """Whether `agent`, as it says of itself, runs with `wanted`."""
    if agent is None or agent.get("release") != wanted.release:
        return False
    text = wanted.config.encode("utf-8", "surrogateescape")
    if agent.get("config_sha256") != hashlib.sha256(text).hexdigest():
        return False
    return (_host.read_text(places.unit) == wanted.unit) != unit_is_newer(places)


def mark_unit_as_used(places: Places) -> None:
    """The unit that was put back is the one that the running agent was started by."""
    started_s = os.stat(places.socket).st_mtime
    os.utime(places.unit, (started_s - 1, started_s - 1))


def running(places: Places, agent: dict[str, Any] | None) -> Checkpoint | None:
    """What `agent` runs with; None if none runs, or if the files are not what it runs with."""
    release = _agent.installed_release(places.root)
    config, unit = _host.read_text(places.config), _host.read_text(places.unit)
    if release is None or config is None or unit is None:
        return None
    found = Checkpoint(release=release, unit=unit, config=config)
    return found if runs(places, agent, found) else None


def take(places: Places, agent: dict[str, Any] | None, coming: str) -> None:
    """Remember what `agent` runs with, before release `coming` and what comes with it."""
    found = running(places, agent)
    if found is None:
        return
    slots = (LAST, RELEASE) if found.release != coming else (LAST,)
    for slot in slots:
        if load(places.root, slot) != found:
            path = _path(places.root, slot)
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            _host.write_atomically(path, json.dumps(asdict(found)), 0o600)


def load(root: str, slot: str) -> Checkpoint | None:
    """The checkpoint in `slot`; None if there is none that is whole."""
    text = _host.read_text(_path(root, slot))
    try:
        return Checkpoint(**json.loads(text)) if text else None
    except (ValueError, TypeError):
        return None


def releases(root: str) -> list[str]:
    """The releases that there are checkpoints of: those that must stay on the host."""
    found = [load(root, slot) for slot in (LAST, RELEASE)]
    return [each.release for each in found if each is not None]
