# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server that costs little: it answers every request alike and closes.

    python web.py PORT [FILE]

FILE grows by one byte for each answer. It listens on every address, stops when its standard input
is closed, and is far cheaper than what checks it, so that the checks are what is measured.
"""

from __future__ import annotations

import os
import select
import socket
import sys

_ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


def main() -> None:
    """Serve until nobody holds our standard input."""
    listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=4096)
    listener.setblocking(False)
    counter = os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY | os.O_APPEND) if sys.argv[2:] else None
    waiting: dict[int, socket.socket] = {}
    poll = select.epoll()
    for each in (listener.fileno(), sys.stdin.fileno()):
        poll.register(each, select.EPOLLIN)
    while True:
        answers = 0
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                for client in _accepted(listener):
                    waiting[client.fileno()] = client
                    poll.register(client.fileno(), select.EPOLLIN)
            elif descriptor in waiting:
                with waiting.pop(descriptor) as client:
                    answers += _answer(client)
            else:
                return
        if counter is not None and answers:
            os.write(counter, bytes(answers))


def _accepted(listener: socket.socket) -> list[socket.socket]:
    found: list[socket.socket] = []
    while len(found) < 256:  # the rest in the next round
        try:
            found.append(listener.accept()[0])
        except BlockingIOError:
            break
    return found


def _answer(client: socket.socket) -> int:
    """How many requests were answered: 0 for a checker that gave up."""
    try:
        client.recv(4096)
        client.sendall(_ANSWER)
    except OSError:
        return 0
    return 1


if __name__ == "__main__":
    main()
