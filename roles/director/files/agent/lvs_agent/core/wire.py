# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between the agent's processes as bytes: a length, then a JSON object; a field of bytes
follows as it is.

Owns framing and the type check on receipt: the health process reads what hostile servers send,
so the privileged processes trust nothing it says beyond the declared types (never pickle).
Must never touch a socket.
"""

from __future__ import annotations

import json
import struct
from dataclasses import fields
from typing import get_args, get_type_hints

from lvs_agent.core import messages
from lvs_agent.core.messages import Message

# A configuration of 65,536 real servers with a check each is about 7 MB, and its status 40 MB;
# nothing else comes near.
FRAME_LIMIT = 64 * 1024 * 1024
_LENGTH = struct.Struct("!I")

_TYPES: dict[str, type] = {kind.__name__: kind for kind in get_args(Message)}
_FIELDS: dict[str, dict[str, object]] = {
    name: get_type_hints(kind, vars(messages)) for name, kind in _TYPES.items()
}
# The field of bytes, of the messages that have one. JSON text ends before the first zero byte.
_RAW = {
    name: next((field for field, hint in hints.items() if hint is bytes), None)
    for name, hints in _FIELDS.items()
}
_RAW_FOLLOWS = b"\0"


class WireError(Exception):
    """The peer process sent something that is not a message; it is to be restarted."""


def encode(message: Message) -> bytes:
    """The frame of `message`. Raises WireError when it is larger than FRAME_LIMIT."""
    name = type(message).__name__
    body = {one.name: getattr(message, one.name) for one in fields(message)}
    field = _RAW[name]
    raw = b"" if field is None else _RAW_FOLLOWS + body.pop(field)
    text = json.dumps([name, body], separators=(",", ":")).encode() + raw
    if len(text) > FRAME_LIMIT:
        raise WireError(f"{name} of {len(text)} bytes exceeds {FRAME_LIMIT}")
    return _LENGTH.pack(len(text)) + text


def _decode(text: bytes) -> Message:
    try:
        head, follows, raw = text.partition(_RAW_FOLLOWS)
        name, body = json.loads(head)
        kind, hints = _TYPES[name], _FIELDS[name]
        values = {key: _typed(hints[key], value) for key, value in body.items()}
        if follows:
            values[_RAW[name]] = raw
        message: Message = kind(**values)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WireError(f"not a message: {text[:80]!r} ({error})") from error
    return message


def _typed(hint: object, value: object) -> object:
    """`value` if it is of type `hint`, else TypeError; JSON lists become tuples of strings."""
    if hint == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise TypeError(f"{value!r} is not a list of strings")
    allowed = get_args(hint) or (hint,)
    if type(value) not in allowed:
        raise TypeError(f"{value!r} is not {hint}")
    return value


class Decoder:
    """Bytes in, messages out; keeps at most one incomplete frame."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """All messages completed by `data`. Raises WireError on anything else."""
        self._buffer += data
        found: list[Message] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            if length > FRAME_LIMIT:
                raise WireError(f"frame of {length} bytes exceeds {FRAME_LIMIT}")
            end = start + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            found.append(_decode(bytes(self._buffer[start + _LENGTH.size : end])))
            start = end
        del self._buffer[:start]
        return found
