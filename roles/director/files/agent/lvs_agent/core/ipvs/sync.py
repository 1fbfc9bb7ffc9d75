# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS's sync daemon: which of its halves are to run.

Owns that decision. Must never talk to the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # not at run time: the sweep imports this
    from lvs_agent.core.model import SyncDaemon


class Half(StrEnum):
    """The half that sends connections, and the one that receives them."""

    MASTER = "master"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """How a half runs; None: what the kernel takes by itself (IPv4 group 224.0.0.81, port 8848,
    TTL 1, a length that fits the interface's MTU)."""

    interface: str
    sync_id: int
    maxlen: int | None = None
    port: int | None = None
    ttl: int | None = None
    group: str | None = None


def wanted(daemon: SyncDaemon | None, *, held: bool) -> dict[Half, SyncSettings]:
    """The halves to run; with an instance the one that fits whether that is `held`."""
    if daemon is None:
        return {}
    settings = SyncSettings(
        interface=daemon.interface,
        sync_id=daemon.sync_id,
        maxlen=daemon.maxlen,
        port=daemon.port,
        ttl=daemon.ttl,
        group=daemon.group,
    )
    if daemon.instance is None:
        return {Half.MASTER: settings, Half.BACKUP: settings}
    return {Half.MASTER if held else Half.BACKUP: settings}


def _runs_as(wanted: SyncSettings, found: SyncSettings) -> bool:
    """Whether a running half is what `wanted` asks for; the kernel adjusts maxlen by itself."""
    return (
        wanted.interface == found.interface
        and wanted.sync_id == found.sync_id
        and wanted.port in (None, found.port)
        and wanted.ttl in (None, found.ttl)
        and wanted.group in (None, found.group)
    )


def changes(
    desired: Mapping[Half, SyncSettings],
    running: Mapping[Half, SyncSettings],
    started: Mapping[Half, SyncSettings],
) -> tuple[list[Half], dict[Half, SyncSettings]]:
    """(halves to stop, halves to start after that); `started`: what we started ourselves."""
    right = {
        half
        for half, found in running.items()
        if half in desired
        and _runs_as(desired[half], found)
        and started.get(half, desired[half]) == desired[half]
    }
    start = {half: settings for half, settings in desired.items() if half not in right}
    return [half for half in running if half not in right], start
