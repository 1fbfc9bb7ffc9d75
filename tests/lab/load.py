# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the client: what clients do to a web service, all at once, and what became of it.

Usage: load.py URL[,URL...] BIG_URL SECONDS. Prints a line for each request when it has ended: when
it began and ended (wall clock, s), kind, and `ok` or what went wrong, tab separated. Standard
library only; ends by itself.

short: a connection for each request. keepalive: some forty requests over one connection, then a new
one, as browsers do with a server's limit. Both ask the URLs in turn, some 30 times a second each.
download: a file of some megabytes, read slowly.

HTTP is spoken by hand: on an emulated host http.client takes most of the time of a request.
"""

from __future__ import annotations

import itertools
import socket
import sys
import threading
import time
from typing import NamedTuple
from urllib.parse import urlsplit

# Longer than any hand-over: what fails here was lost, not late.
TIMEOUT_S = 10
PERIOD_S, CHUNK_PAUSE_S = 0.06, 0.02
# Of each kind but downloads: one that waits for its answer must not keep all others waiting.
CLIENTS = 2
REQUESTS_OF_ONE_CONNECTION = 40
CHUNK_BYTES = 65536


class Target(NamedTuple):
    """What is asked for."""

    address: tuple[str, int]
    path: str


class NotHttpError(Exception):
    """The answer was none, or no good one."""


def target(url: str) -> Target:
    """`url` in parts."""
    parts = urlsplit(url)
    return Target((parts.hostname or "", parts.port or 80), parts.path)


def fetch(connection: socket.socket, wanted: Target, *, last: bool, pause_s: float = 0) -> None:
    """One GET. Raises OSError or NotHttpError."""
    header = "Connection: close\r\n" if last else ""
    request = f"GET {wanted.path} HTTP/1.1\r\nHost: {wanted.address[0]}\r\n{header}\r\n"
    connection.sendall(request.encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection)
    head, __, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise NotHttpError(head.partition(b"\r\n")[0].decode(errors="replace"))
    __, __, length = head.lower().partition(b"content-length:")
    left = int(length.partition(b"\r\n")[0]) - len(body)
    while left > 0:
        time.sleep(pause_s)
        left -= len(_some(connection))


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(CHUNK_BYTES)
    if not data:
        raise NotHttpError("cut off")
    return data


class Client:
    """One of them, until `end`."""

    def __init__(self, kind: str, targets: list[Target], end: float) -> None:
        self._kind = kind
        self._targets = itertools.cycle(targets)
        self._end = end

    def run(self, requests: int, period_s: float, pause_s: float) -> None:
        """Connect again and again, for `requests` each."""
        while self._going_on():
            wanted = next(self._targets)
            began_s = time.time()
            try:
                with socket.create_connection(wanted.address, timeout=TIMEOUT_S) as connection:
                    for left in reversed(range(requests)):
                        fetch(connection, wanted, last=not left, pause_s=pause_s)
                        self._tell(began_s, "ok")
                        time.sleep(max(0.0, period_s - (time.time() - began_s)))
                        if not self._going_on():
                            break
                        began_s = time.time()
            except (OSError, NotHttpError, ValueError) as error:
                self._tell(began_s, f"{type(error).__name__}: {error}")
                time.sleep(period_s)

    def _going_on(self) -> bool:
        return time.monotonic() < self._end

    def _tell(self, began_s: float, outcome: str) -> None:
        line = f"{began_s:.3f}\t{time.time():.3f}\t{self._kind}\t{outcome}\n"
        sys.stdout.write(line)
        sys.stdout.flush()


def main() -> None:
    """All of them until the time is over."""
    targets = [target(url) for url in sys.argv[1].split(",")]
    end = time.monotonic() + float(sys.argv[3])
    download = Client("download", [target(sys.argv[2])], end)
    threads = [threading.Thread(target=download.run, args=(1, 0.0, CHUNK_PAUSE_S))]
    for number in range(CLIENTS):
        turned = targets[number:] + targets[:number]
        for kind, requests in (("short", 1), ("keepalive", REQUESTS_OF_ONE_CONNECTION)):
            client = Client(kind, turned, end)
            threads.append(threading.Thread(target=client.run, args=(requests, PERIOD_S, 0.0)))
    for each in threads:
        each.start()
    for each in threads:
        each.join()


main()
