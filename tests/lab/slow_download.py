# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the client: downloads a URL slowly, after SIGUSR1 fast, and prints the MD5 of what came.

Usage: slow_download.py URL BYTES_PER_SECOND. Standard library only; a small receive buffer keeps
the server sending until the end. Ends by itself: each read waits at most ten seconds.
"""

from __future__ import annotations

import hashlib
import signal
import socket
import sys
import time
from urllib.parse import urlsplit

CHUNK_BYTES = 16384


def main() -> None:
    """Download; a connection that breaks shows as a wrong sum."""
    hurried: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, _: hurried.append(number))
    url, rate = urlsplit(sys.argv[1]), int(sys.argv[2])
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * CHUNK_BYTES)
    connection.settimeout(10)
    connection.connect((url.hostname or "", url.port or 80))
    connection.sendall(f"GET {url.path} HTTP/1.0\r\nHost: {url.hostname}\r\n\r\n".encode())
    stream = connection.makefile("rb", buffering=CHUNK_BYTES)
    while stream.readline().strip():
        pass
    digest = hashlib.md5(usedforsecurity=False)
    while data := stream.read(CHUNK_BYTES):
        digest.update(data)
        if not hurried:
            time.sleep(len(data) / rate)
    print(digest.hexdigest(), flush=True)


main()
