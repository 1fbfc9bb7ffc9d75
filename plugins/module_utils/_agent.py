# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the agent is on a director, and how to speak to it.

Owns paths and the client's side of the control socket: one JSON request in a line, one JSON reply
in a line. Must never interpret a status.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

ROOT = "/opt/lvs-agent"
CURRENT = "current"
CONTROL_SOCKET = "/run/lvs-agent/control.sock"
CONFIG = "/etc/lvs-agent/config.json"
GROUP = "lvs-agent"
# Of the configuration, which holds passwords: root writes it, the agent reads it.
CONFIG_MODE = 0o640
UNIT = "lvs-agent.service"
UNIT_PATH = "/etc/systemd/system/lvs-agent.service"

# The status of 65,536 real servers has some 30 MB.
_REPLY_BYTES_LIMIT = 256 * 1024 * 1024
# The agent gives a reload 20 s.
_TIMEOUT_S = 30.0
_CHUNK_BYTES = 1 << 20


class AgentUnreachable(Exception):
    """Nobody answers on the control socket; the text says why."""


class AgentRefused(Exception):
    """The agent answered with an error. `errors` has a path and a message of each."""

    def __init__(self, error: str, errors: list[dict[str, str]]) -> None:
        super().__init__(error)
        self.errors = errors


def request(
    verb: str,
    path: str = CONTROL_SOCKET,
    timeout_s: float = _TIMEOUT_S,
    arguments: dict[str, Any] | None = None,
) -> Any:
    """The agent's result for `verb`. Raises AgentUnreachable or AgentRefused."""
    asked = {"verb": verb, **({"arguments": arguments} if arguments else {})}
    try:
        reply = json.loads(_exchange(json.dumps(asked).encode() + b"\n", path, timeout_s))
    except OSError as error:
        raise AgentUnreachable(f"no answer on {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise AgentUnreachable(f"the answer on {path} is not JSON: {error}") from error
    if not reply.get("ok"):
        raise AgentRefused(str(reply.get("error")), reply.get("errors") or [])
    return reply.get("result")


def summary(path: str = CONTROL_SOCKET) -> dict[str, Any]:
    """The status without what only thousands of real servers have, as far as the agent's release
    knows that verb. Raises AgentUnreachable or AgentRefused."""
    try:
        answer: dict[str, Any] = request("summary", path)
    except AgentRefused:
        answer = request("status", path)
    return answer


def _exchange(line: bytes, path: str, timeout_s: float) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(path)
        connection.sendall(line)
        received = bytearray()
        while not received.endswith(b"\n") and len(received) < _REPLY_BYTES_LIMIT:
            chunk = connection.recv(_CHUNK_BYTES)
            if not chunk:
                break
            received += chunk
    if not received:
        raise OSError("the agent ended without an answer")
    return bytes(received)


def installed_release(root: str = ROOT) -> str | None:
    """The id of the release that `current` points to, or None."""
    try:
        return os.path.basename(os.readlink(os.path.join(root, CURRENT)))
    except OSError:
        return None


def command(name: str, root: str = ROOT) -> str | None:
    """Full path of a command of the installed release, or None if there is none."""
    path = os.path.join(root, CURRENT, "bin", name)
    return path if os.access(path, os.X_OK) else None
