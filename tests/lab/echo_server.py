# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a real server: says its name to whoever comes, by TCP, UDP and SCTP, on many ports.

Usage: echo_server.py FIRST_PORT COUNT. Standard library only. Each port speaks all protocols over
both families; the answer is `host address`, with the client's address as the real server sees it.
Over a connection the client's next byte is sent back.
"""

from __future__ import annotations

import selectors
import socket
import sys

NAME = socket.gethostname()


def listening(kind: int, protocol: int, port: int) -> socket.socket:
    """A socket for both families: the wildcard of IPv6 takes IPv4 too."""
    made = socket.socket(socket.AF_INET6, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind(("::", port))
    if kind == socket.SOCK_STREAM:
        made.listen(64)
    return made


def datagram(port: int) -> list[socket.socket]:
    """UDP answers must leave with the address that was asked, which a wildcard does not do."""
    found = []
    for family, level, option in (
        (socket.AF_INET, socket.IPPROTO_IP, 8),  # IP_PKTINFO
        (socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO),
    ):
        made = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(level, option, 1)
        made.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        found.append(made)
    return found


def answer(ready: socket.socket) -> None:
    """One answer."""
    if ready.type == socket.SOCK_DGRAM:
        _, information, _, peer = ready.recvmsg(100, 200)
        # The kernel's own structure: sent back, it chooses the source address.
        back = [
            (level, kind, _as_source(data)) for level, kind, data in information if level != 0
        ] or [(level, kind, _as_source(data)) for level, kind, data in information]
        ready.sendmsg([text(peer)], back, 0, peer)
        return
    connection, peer = ready.accept()
    with connection:
        connection.settimeout(2)
        connection.sendall(text(peer))
        # What the client says then must find the connection too: SCTP's is known by addresses.
        connection.sendall(connection.recv(1))
        connection.recv(1)  # the client ends it, or it may be gone before connect() returns there


def _as_source(data: bytes) -> bytes:
    """in_pktinfo: index 0 lets the route choose the interface. in6_pktinfo is kept but for it."""
    if len(data) == 12:
        return b"\0" * 4 + data[8:12] + b"\0" * 4
    return data[:16] + b"\0" * 4


def text(peer: tuple[object, ...]) -> bytes:
    return f"{NAME} {str(peer[0]).removeprefix('::ffff:')}".encode()


def main() -> None:
    """Answer until killed."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    selector = selectors.DefaultSelector()
    for port in range(first, first + count):
        made = [listening(socket.SOCK_STREAM, 0, port), *datagram(port)]
        made.append(listening(socket.SOCK_STREAM, 132, port))
        for each in made:
            selector.register(each, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            try:
                answer(key.fileobj)  # type: ignore[arg-type]
            except OSError as error:
                print(error, flush=True)


if __name__ == "__main__":
    main()
