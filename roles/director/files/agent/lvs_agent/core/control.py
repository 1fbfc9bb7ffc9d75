# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket's language: one JSON request in a line, one JSON reply in a line.

Owns verbs, permissions and the form of requests and replies. Must never touch a socket.

Request: `{"verb": "status"}`, with an object `"arguments"` where the verb takes any.
Reply: `{"ok": true, "result": ...}` or
`{"ok": false, "error": "...", "errors": [{"path": "...", "message": "..."}]}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lvs_agent.core import server_orders

# A verb and a few short arguments: two names of 255 characters, an owner and a reason, of up to 6
# bytes each in JSON; anything larger is not for us.
REQUEST_BYTES_LIMIT = 8192

Argument = str | int | bool | None


class Verb(StrEnum):
    """What can be asked for."""

    PING = "ping"
    STATUS = "status"
    SUMMARY = "summary"  # the status without what nobody reads, when there are thousands
    CONFIG = "config"
    RELOAD = "reload"
    REAL_SERVER = "real_server"  # how it stands with one, wherever it is
    SET_REAL_SERVER = "set_real_server"  # drain, disable, enable it
    OVERRIDES = "overrides"  # what operators said of real servers
    FAILOVER = "failover"  # give VRRP instances away, hold them, or neither any more


WRITING = frozenset({Verb.RELOAD, Verb.SET_REAL_SERVER, Verb.FAILOVER})

# What a verb takes: each argument with the types of its values. Whether one is there, and what its
# value means, is for the verb to say.
ARGUMENTS: dict[Verb, dict[str, tuple[type, ...]]] = {
    Verb.REAL_SERVER: server_orders.WHICH,
    Verb.SET_REAL_SERVER: server_orders.SET,
    Verb.FAILOVER: {
        "state": (str,),
        "instance": (str, type(None)),
        "owner": (str, type(None)),
        "reason": (str, type(None)),
        "expires_s": (int, type(None)),
        "timeout_s": (int, type(None)),
        "force": (bool,),
        "exclusive": (bool,),
        "check": (bool,),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for."""

    verb: Verb
    arguments: Mapping[str, Argument] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not served."""

    error: str


def decode_request(line: bytes) -> Request | Refusal:
    """The request in `line` (without its newline)."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return Refusal(error="the request is not JSON")
    if not isinstance(request, dict) or not isinstance(request.get("verb"), str):
        return Refusal(error='the request is not an object with a "verb"')
    unknown = request.keys() - {"verb", "arguments"}
    if unknown:
        return Refusal(error=f"unknown key {min(unknown)!r} in the request")
    try:
        verb = Verb(request["verb"])
    except ValueError:
        known = ", ".join(Verb)
        return Refusal(error=f"unknown verb {request['verb'][:40]!r}; known are {known}")
    arguments = request.get("arguments", {})
    wrong = _wrong_arguments(verb, arguments)
    return Request(verb=verb, arguments=arguments) if wrong is None else Refusal(error=wrong)


def _wrong_arguments(verb: Verb, arguments: object) -> str | None:
    """What is wrong with them, None if nothing is."""
    if not isinstance(arguments, dict):
        return "the arguments are not an object"
    takes = ARGUMENTS.get(verb, {})
    for name, value in arguments.items():
        if name not in takes:
            known = ", ".join(takes) or "none"
            return f"unknown argument {name[:40]!r} of {verb}; it takes {known}"
        if type(value) not in takes[name]:  # a bool is not to pass for an int
            wanted = " or ".join(
                "null" if one is type(None) else one.__name__ for one in takes[name]
            )
            return f"argument {name} of {verb} is not {wanted}"
    return None


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
