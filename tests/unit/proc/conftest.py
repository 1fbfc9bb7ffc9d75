# SPDX-License-Identifier: GPL-3.0-or-later
"""Health processes, and servers for them to check."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from health_process import Process, Run, Web


@pytest.fixture
def run() -> Iterator[Run]:
    """Start a health process with a document."""
    processes: list[Process] = []

    def start(document: dict[str, Any], **more: Any) -> Process:
        processes.append(Process(document, **more))
        return processes[-1]

    yield start
    for process in processes:
        process.close()


@pytest.fixture
def web() -> Iterator[Web]:
    """A good web server."""
    server = Web()
    yield server
    server.stop()


@pytest.fixture
def closed_port() -> int:
    """A port of 127.0.0.1 where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port
