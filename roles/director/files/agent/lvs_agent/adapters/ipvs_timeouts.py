# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS's connection timeouts as generic netlink messages, and timeouts.json.

Owns the encoding, the file and the undoing. Must never decide what the timeouts are to be.
"""

from __future__ import annotations

import struct
from pathlib import Path

from lvs_agent.adapters import ipvs_numbers as n
from lvs_agent.adapters import own_file
from lvs_agent.adapters.ipvs_codec import request
from lvs_agent.adapters.netlink import NLM_F_ACK, attribute, attributes
from lvs_agent.core.ipvs import timeouts
from lvs_agent.core.ipvs.timeouts import Timeouts, TimeoutsMade

NAME = "timeouts.json"
_U32 = struct.Struct("=I")
_ATTRIBUTES = (n.ATTR_TIMEOUT_TCP, n.ATTR_TIMEOUT_TCP_FIN, n.ATTR_TIMEOUT_UDP)


def change(family: int, wanted: Timeouts) -> bytes:
    """Sets all three."""
    pairs = zip(_ATTRIBUTES, wanted, strict=True)
    body = b"".join(attribute(kind, _U32.pack(value)) for kind, value in pairs)
    return request(family, n.SET_CONFIG, body)


def query(family: int) -> bytes:
    """Asks for them: one answer, then the acknowledgement."""
    return request(family, n.GET_CONFIG, b"", NLM_F_ACK)


def decode(body: bytes) -> Timeouts | None:
    """The answer to `query`; None for anything else."""
    found = dict(attributes(body, n.GENL.size))
    payloads = [found.get(kind, b"") for kind in _ATTRIBUTES]
    if any(len(payload) != _U32.size for payload in payloads):
        return None
    return Timeouts(*(_U32.unpack(payload)[0] for payload in payloads))


def read(directory: Path) -> tuple[TimeoutsMade | None, str | None]:
    """The content, and what was wrong with the file (None: nothing, or there is no file)."""
    return own_file.read(directory / NAME, timeouts.BYTES_LIMIT, timeouts.decode, None)


def write(directory: Path, made: TimeoutsMade | None) -> None:
    """Replace the file, atomically: readers see the old or the new one. Raises OSError."""
    own_file.write(directory / NAME, timeouts.encode(made))
