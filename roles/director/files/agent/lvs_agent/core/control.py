# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket's language: one JSON request in a line, one JSON reply in a line.

Owns verbs, permissions and the form of requests and replies. Must never touch a socket.

Request: `{"verb": "status"}`. Reply: `{"ok": true, "result": ...}` or
`{"ok": false, "error": "...", "errors": [{"path": "...", "message": "..."}]}`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

# A request is a verb and nothing more; anything larger is not for us.
REQUEST_BYTES_LIMIT = 4096


class Verb(StrEnum):
    """What can be asked for."""

    PING = "ping"
    STATUS = "status"
    SUMMARY = "summary"  # the status without what nobody reads, when there are thousands
    CONFIG = "config"
    RELOAD = "reload"


WRITING = frozenset({Verb.RELOAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not served."""

    error: str


def decode_request(line: bytes) -> Verb | Refusal:
    """The verb in `line` (without its newline)."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return Refusal(error="the request is not JSON")
    if not isinstance(request, dict) or not isinstance(request.get("verb"), str):
        return Refusal(error='the request is not an object with a "verb"')
    unknown = request.keys() - {"verb"}
    if unknown:
        return Refusal(error=f"unknown key {min(unknown)!r} in the request")
    try:
        return Verb(request["verb"])
    except ValueError:
        known = ", ".join(Verb)
        return Refusal(error=f"unknown verb {request['verb'][:40]!r}; known are {known}")


def may(verb: Verb, *, uid: int, agent_uid: int) -> bool:
    """Reading is for everybody who can open the socket; writing for root and the agent's user."""
    return verb not in WRITING or uid in (0, agent_uid)


def success(result: object) -> bytes:
    """A reply with `result`."""
    return success_raw(json.dumps(result, separators=(",", ":")).encode())


def success_raw(result: bytes) -> bytes:
    """A reply with `result`, which is JSON already."""
    return b'{"ok":true,"result":' + result + b"}\n"


def failure(error: str, errors: list[dict[str, str]] | None = None) -> bytes:
    """A reply that says what went wrong; `errors` has path and message of each."""
    reply: dict[str, object] = {"ok": False, "error": error}
    if errors is not None:
        reply["errors"] = errors
    return json.dumps(reply, separators=(",", ":")).encode() + b"\n"
