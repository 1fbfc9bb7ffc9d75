# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the running agent by its control socket.

Owns the client's side of the connection and what to say when there is none.
"""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any

from lvs_agent.socket_name import SOCKET_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The status of 65,536 real servers is about 30 MB; the agent sends nothing larger.
_REPLY_LIMIT = 128 * 1024 * 1024
_CHUNK = 1024 * 1024


class ClientError(Exception):
    """There is no answer; the text says why and what to do."""


class AgentError(Exception):
    """The agent answered with an error; `errors` has path and message of each."""

    def __init__(self, error: str, errors: list[dict[str, str]]) -> None:
        super().__init__(error)
        self.errors = errors


def ask(
    verb: str, directory: Path, timeout_s: float, arguments: Mapping[str, object] | None = None
) -> Any:
    """The result of `verb`. Raises ClientError and AgentError."""
    path = directory / SOCKET_NAME
    request = {"verb": verb} | ({"arguments": arguments} if arguments else {})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(os.fspath(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = _read_line(connection)
        except OSError as error:
            raise ClientError(_explain(error, path, timeout_s)) from error
    try:
        reply = json.loads(line)
    except ValueError as error:
        raise ClientError(f"{path}: the agent's answer is cut off; is it restarting?") from error
    if not reply.get("ok"):
        raise AgentError(reply.get("error", "unknown error"), reply.get("errors", []))
    return reply.get("result")


def _read_line(connection: socket.socket) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while size < _REPLY_LIMIT:
        chunk = connection.recv(_CHUNK)
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return b"".join(chunks)


def _explain(error: OSError, path: Path, timeout_s: float) -> str:
    match error:
        case FileNotFoundError():
            return f"lvs-agent is not running here (no {path}); see systemctl status lvs-agent"
        case ConnectionRefusedError():
            return f"lvs-agent died (nobody listens on {path}); see journalctl -u lvs-agent"
        case PermissionError():
            return f"{path}: permission denied; be root or a member of the group lvs-agent"
        case TimeoutError():
            return f"{path}: no answer within {timeout_s:g} s; see journalctl -u lvs-agent"
    return f"{path}: {error.strerror or error}"
