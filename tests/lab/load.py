# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the client: what clients do to a web service, all at once, and what became of it.

Usage: load.py URL BIG_URL SECONDS. Prints a line for each request when it has ended: when it began
and ended (wall clock, s), kind, and `ok` or what went wrong, tab separated. Standard library only;
ends by itself.

short: a connection for each request. keepalive: some forty requests over one connection, then a new
one, as browsers do with a server's limit. download: a file of some megabytes, read slowly.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from urllib.parse import urlsplit

# Longer than any hand-over: what fails here was lost, not late.
TIMEOUT_S = 10
SHORT_PAUSE_S, KEEPALIVE_PAUSE_S, CHUNK_PAUSE_S = 0.03, 0.05, 0.02
REQUESTS_OF_ONE_CONNECTION = 40
CHUNK_BYTES = 65536


class Client:
    """One of them, until `end`."""

    def __init__(self, host: str, port: int, end: float) -> None:
        self._host = host
        self._port = port
        self._end = end

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)

    def going_on(self) -> bool:
        return time.monotonic() < self._end

    def short(self, path: str) -> None:
        while self.going_on():
            connection = self.connection()
            self._request("short", connection, path)
            connection.close()
            time.sleep(SHORT_PAUSE_S)

    def keepalive(self, path: str) -> None:
        while self.going_on():
            connection = self.connection()
            for _ in range(REQUESTS_OF_ONE_CONNECTION):
                if not self._request("keepalive", connection, path) or not self.going_on():
                    break
                time.sleep(KEEPALIVE_PAUSE_S)
            connection.close()

    def download(self, path: str) -> None:
        while self.going_on():
            connection = self.connection()
            self._request("download", connection, path, pause_s=CHUNK_PAUSE_S)
            connection.close()

    def _request(
        self, kind: str, connection: http.client.HTTPConnection, path: str, pause_s: float = 0
    ) -> bool:
        began_s = time.time()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            while response.read(CHUNK_BYTES):
                time.sleep(pause_s)
            outcome = "ok" if response.status == 200 and not response.length else "cut off"
        except (OSError, http.client.HTTPException) as error:
            outcome = f"{type(error).__name__}: {error}"
        print(f"{began_s:.3f}\t{time.time():.3f}\t{kind}\t{outcome}", flush=True)
        return outcome == "ok"


def main() -> None:
    """All of them until the time is over."""
    url, big = urlsplit(sys.argv[1]), urlsplit(sys.argv[2])
    client = Client(url.hostname or "", url.port or 80, time.monotonic() + float(sys.argv[3]))
    clients = [
        threading.Thread(target=client.short, args=(url.path,)),
        threading.Thread(target=client.keepalive, args=(url.path,)),
        threading.Thread(target=client.download, args=(big.path,)),
    ]
    for each in clients:
        each.start()
    for each in clients:
        each.join()


main()
