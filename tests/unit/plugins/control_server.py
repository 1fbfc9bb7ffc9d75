# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the agent on its control socket."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from pathlib import Path
from typing import Any


class ControlServer:
    """`replies` by verb, `asked` in order; refuses any other verb, as an old agent does."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.replies: dict[str, Any] = {}
        self.asked: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                request = json.loads(stream.readline())
                self.asked.append(request["verb"])
                reply = self.reply(request["verb"], request.get("arguments") or {})
                stream.write(json.dumps(reply).encode() + b"\n")

    def reply(self, verb: str, arguments: dict[str, Any]) -> Any:
        """The answer to one request."""
        return self.replies.get(verb, {"ok": False, "error": f"unknown verb {verb}"})

    def in_force(self, text: str, release: str | None = None) -> None:
        """The agent is of `release` and has the configuration `text` in force."""
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        agent = {"release": release, "config_sha256": sha256}
        self.replies["summary"] = {"ok": True, "result": {"agent": agent}}

    def close(self) -> None:
        self._listener.close()
