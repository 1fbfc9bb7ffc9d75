# SPDX-License-Identifier: GPL-3.0-or-later
"""What each process gets of a configuration, and as which bytes.

Owns both. Must never read a file nor send anything.

The supervisor alone reads and checks the document: the others get what it made of it. With 10,000
real servers that is a fifth of the work for each of them, and on a reload they are in each other's
way. Pickle is safe in this direction only: the supervisor writes to channels that nobody else holds
an end of, and whom it may hand a configuration it may hand anything. What children say is never
unpickled (`wire.py`).
"""

from __future__ import annotations

import gc
import io
import pickle
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lvs_agent.core.ipvs.model import Endpoint
from lvs_agent.core.model import Config, GlobalDefs, RealServer, VirtualServer
from lvs_agent.core.supervise import HA, HEALTH, TRACK

_PACKAGE = "lvs_agent.core."


def part(name: str, config: Config, before: Config | None = None) -> Config:
    """What the process `name` needs of `config`, after it had that of `before`.

    ha has no use for virtual servers, and taking 10,000 real servers in would delay its adverts.
    health needs them where there are checks, and track where somebody is told of them; and both
    once more afterwards, because the end of it may be news. Only track runs programs as others.
    """
    if name != TRACK and config.programs:
        config = replace(config, programs=())
    if (
        name == HA
        or (name == HEALTH and not _is_anything_checked(config, before))
        or (name == TRACK and not _is_anybody_told(config, before))
    ):
        return replace(config, virtual_servers=())
    return config


def _is_anything_checked(*configs: Config | None) -> bool:
    return any(
        one.checks
        for config in configs
        if config is not None
        for server in config.virtual_servers
        for one in server.servers
    )


def _is_anybody_told(*configs: Config | None) -> bool:
    """Whether anything that becomes of a virtual or real server goes to somebody."""
    return any(
        _has_readers(config.global_defs) or _has_commands(config)
        for config in configs
        if config is not None
    )


def _has_readers(global_defs: GlobalDefs) -> bool:
    return any((global_defs.mail, global_defs.notify_fifo, global_defs.lvs_notify_fifo))


def _has_commands(config: Config) -> bool:
    for server in config.virtual_servers:
        if server.policy.quorum_up or server.policy.quorum_down:
            return True
        # Real servers that say the same share their policy.
        policies = {id(real.policy): real.policy for real in server.real_servers}
        if any(policy.notify_up or policy.notify_down for policy in policies.values()):
            return True
    return False


def pack(config: Config) -> bytes:
    """`config` as bytes for `unpack`: itself without virtual servers, then these in portions."""
    rest = replace(config, virtual_servers=())
    return b"".join(
        pickle.dumps(one, protocol=5) for one in (rest, *_portions(config.virtual_servers))
    )


# Pickle remembers every object in a table: 500 real servers keep it within the processor's cache.
_PORTION = 500
# Plain tuples are made and remade by pickle's own C; named ones need a call of Python for each.
_Plain = tuple[VirtualServer, list[tuple[Any, ...]]]


def _portions(servers: tuple[VirtualServer, ...]) -> Iterator[list[_Plain]]:
    portion: list[_Plain] = []
    size = 0
    for server in servers:
        rows = [(real.name, *real.endpoint, *real[2:]) for real in server.real_servers]
        portion.append((replace(server, real_servers=()), rows))
        size += 1 + len(rows)
        if size >= _PORTION:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def unpack(data: bytes) -> Config:
    """The configuration that was packed. Raises ValueError for anything else."""
    stream = io.BytesIO(data)
    virtual_servers: list[VirtualServer] = []
    gc.disable()  # nothing of what is made is garbage
    try:
        config = _Unpickler(stream).load()
        if not isinstance(config, Config):
            raise TypeError(type(config).__name__)
        while stream.tell() < len(data):
            virtual_servers += map(_whole, _Unpickler(stream).load())
    except Exception as error:  # wrong bytes may fail in any way (pickle.UnpicklingError)
        raise ValueError(f"not a configuration: {error}") from error
    finally:
        gc.enable()
    return replace(config, virtual_servers=tuple(virtual_servers))


def _whole(plain: _Plain) -> VirtualServer:
    server, rows = plain
    made = RealServer._make
    real_servers = [made((row[0], Endpoint(row[1], row[2]), *row[3:])) for row in rows]
    return replace(server, real_servers=tuple(real_servers))


class _Unpickler(pickle.Unpickler):
    """Knows the classes of the model and nothing else: a mistake here must not run anything."""

    def find_class(self, module: str, name: str) -> type:
        if module.startswith(_PACKAGE):
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a configuration")
