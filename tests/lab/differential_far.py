# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts at the other end of the wire of `differential_guest.py`: what checks and mails meet.

Owns who answers what.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

# Everything is well on all addresses but this one: there HTTP and SMTP say that they are ill, and
# nobody listens on any other port.
ILL = "192.0.2.13"
SECOND_SOURCE = "192.0.2.2"  # of the director; see bindto
VIRTUAL_HOST = "www.example.com"
HELO = "probe.example"
BODY = b"hello\n"
_LONGEST_S = 10.0  # that a peer may say nothing
_LONGEST_BYTES = 65536
_DNS_NOT_FOUND = b"nowhere"


class Far:
    """Answers on all of `addresses` until it is closed. Sockets are opened in the caller's network
    namespace; `told` are the envelopes of the mails that came."""

    def __init__(self, addresses: list[str], certificate: Path) -> None:
        self.told: list[str] = []
        self._selector = selectors.DefaultSelector()
        self._over = threading.Event()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        for address in addresses:
            self._listen(address, 80, _http)
            self._listen(address, 25, self._smtp)
            if address != ILL:
                self._listen(address, 8080, _http)
                self._listen(address, 443, self._https)
                self._listen(address, 53, _dns, socket.SOCK_DGRAM)
                self._listen(address, 7, _echo, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _listen(
        self,
        address: str,
        port: int,
        handler: Callable[[socket.socket], None],
        kind: socket.SocketKind = socket.SOCK_STREAM,
    ) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        if kind == socket.SOCK_STREAM:
            listener.listen(64)
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, handler)

    def _serve(self) -> None:
        while not self._over.is_set():
            for key, _ in self._selector.select(0.2):
                listener: socket.socket = key.fileobj  # type: ignore[assignment]
                with contextlib.suppress(OSError):
                    if listener.type == socket.SOCK_DGRAM:
                        key.data(listener)
                        continue
                    connection, _ = listener.accept()
                    threading.Thread(
                        target=self._converse, args=(key.data, connection), daemon=True
                    ).start()

    @staticmethod
    def _converse(handler: Callable[[socket.socket], None], connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(_LONGEST_S)
            handler(connection)

    def _https(self, connection: socket.socket) -> None:
        with self._tls.wrap_socket(connection, server_side=True) as secret:
            _http(secret)

    def _smtp(self, connection: socket.socket) -> None:
        """Takes every mail; checks have to say HELO with the right name."""
        ill = connection.getsockname()[0] == ILL
        connection.sendall(b"421 ill\r\n" if ill else b"220 far\r\n")
        envelope: list[str] = []
        with connection.makefile("rb") as lines:
            while not ill and (line := lines.readline(_LONGEST_BYTES)):
                text = line.decode(errors="replace").strip()
                verb = text[:4].upper()
                if verb in ("HELO", "EHLO", "MAIL", "RCPT"):
                    envelope.append(f"{verb.replace('EHLO', 'HELO')} {text[5:]}")
                if verb == "DATA":
                    connection.sendall(b"354 go on\r\n")
                    while lines.readline(_LONGEST_BYTES) not in (b".\r\n", b""):
                        pass
                    self.told.append(", ".join(envelope))
                wrong = verb in ("HELO", "EHLO") and text[5:] == "wrong.example"
                if verb == "QUIT":
                    connection.sendall(b"221 goodbye\r\n")
                    return
                connection.sendall(b"550 who\r\n" if wrong else b"250 ok\r\n")

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()


def _http(connection: socket.socket) -> None:
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        more = connection.recv(4096)
        if not more or len(request) > _LONGEST_BYTES:
            return
        request += more
    status = b"200 OK"
    if connection.getsockname()[0] == ILL:
        status = b"503 Ill"
    elif not _granted(request, connection.getpeername()[0]):
        status = b"404 Not Found"
    length = str(len(BODY)).encode()
    connection.sendall(
        b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length + b"\r\nConnection: close\r\n\r\n"
    )
    connection.sendall(BODY)


def _granted(request: bytes, peer: str) -> bool:
    """What the path asks for is so: of which virtual host, address and version the request is."""
    first, _, headers = request.partition(b"\r\n")
    path = first.split(b" ")[1]
    if path == b"/host":
        return f"host: {VIRTUAL_HOST}".encode() in headers.lower()
    if path == b"/source":
        return peer == SECOND_SOURCE
    if path == b"/1.1":
        return first.endswith(b"HTTP/1.1")
    return path != b"/missing"


def _dns(listener: socket.socket) -> None:
    """The question again, as an answer with nothing found, or not to be found at all."""
    query, peer = listener.recvfrom(_LONGEST_BYTES)
    code = 3 if _DNS_NOT_FOUND in query else 0
    listener.sendto(query[:2] + bytes((0x81, 0x80 | code)) + query[4:], peer)


def _echo(listener: socket.socket) -> None:
    datagram, peer = listener.recvfrom(_LONGEST_BYTES)
    listener.sendto(datagram, peer)
