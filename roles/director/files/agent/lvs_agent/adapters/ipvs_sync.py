# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS's sync daemon as generic netlink messages (net/netfilter/ipvs/ip_vs_ctl.c).

Owns encoding and decoding. Must never touch a socket, nor raise on what a kernel might send.
"""

from __future__ import annotations

import ipaddress
import socket
import struct

from lvs_agent.adapters import ipvs_numbers as n
from lvs_agent.adapters.ipvs_codec import request
from lvs_agent.adapters.netlink import NLM_F_DUMP, attribute, attributes
from lvs_agent.core.ipvs.sync import Half, SyncSettings

# IP_VS_STATE_MASTER, IP_VS_STATE_BACKUP
_STATES = {Half.MASTER: 1, Half.BACKUP: 2}
_HALVES = {number: half for half, number in _STATES.items()}
_U32, _U16 = struct.Struct("=I"), struct.Struct("=H")


def start(family: int, half: Half, settings: SyncSettings) -> bytes:
    """Starts a half; EEXIST when it runs."""
    body = _state(half)
    body += attribute(n.SYNC_INTERFACE, settings.interface.encode() + b"\0")
    body += attribute(n.SYNC_ID, _U32.pack(settings.sync_id))
    if settings.maxlen is not None:
        body += attribute(n.SYNC_MAXLEN, _U16.pack(settings.maxlen))
    if settings.group is not None:
        six = ":" in settings.group
        group = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, settings.group)
        body += attribute(n.SYNC_GROUP6 if six else n.SYNC_GROUP, group)
    if settings.port is not None:
        body += attribute(n.SYNC_PORT, _U16.pack(settings.port))
    if settings.ttl is not None:
        body += attribute(n.SYNC_TTL, bytes((settings.ttl,)))
    return request(family, n.NEW_DAEMON, attribute(n.ATTR_DAEMON, body))


def stop(family: int, half: Half) -> bytes:
    """Stops a half; ESRCH when it does not run."""
    return request(family, n.DELETE_DAEMON, attribute(n.ATTR_DAEMON, _state(half)))


def running_request(family: int) -> bytes:
    """Asks for the halves that run."""
    return request(family, n.GET_DAEMON, b"", NLM_F_DUMP)


def decode(body: bytes) -> tuple[Half, SyncSettings] | None:
    """One answer to `running_request`."""
    top = dict(attributes(body, n.GENL.size))
    found = dict(attributes(top.get(n.ATTR_DAEMON, b"")))
    half = _HALVES.get(_number(found.get(n.SYNC_STATE)) or 0)
    if half is None:
        return None
    return half, SyncSettings(
        interface=bytes(found.get(n.SYNC_INTERFACE, b"")).rstrip(b"\0").decode(errors="replace"),
        sync_id=_number(found.get(n.SYNC_ID)) or 0,
        maxlen=_number(found.get(n.SYNC_MAXLEN)),
        port=_number(found.get(n.SYNC_PORT)),
        ttl=_number(found.get(n.SYNC_TTL)),
        group=_address(found.get(n.SYNC_GROUP)) or _address(found.get(n.SYNC_GROUP6)),
    )


def _state(half: Half) -> bytes:
    return attribute(n.SYNC_STATE, _U32.pack(_STATES[half]))


def _number(payload: memoryview | None) -> int | None:
    if payload is None or len(payload) not in (1, 2, 4):
        return None
    number: int = struct.unpack({1: "=B", 2: "=H", 4: "=I"}[len(payload)], payload)[0]
    return number


def _address(payload: memoryview | None) -> str | None:
    if payload is None or len(payload) not in (4, 16):
        return None
    return str(ipaddress.ip_address(bytes(payload)))
