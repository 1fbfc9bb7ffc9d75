# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on loopback that do whatever a test wants, however wrong, and certificates for them."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LONGEST_S = 10.0
Handler = Callable[[socket.socket], None]


class Server:
    """Accepts on loopback and lets `handler` misbehave with each connection."""

    def __init__(
        self, handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._handler = handler
        self._tls = tls
        self.accepted = 0
        self.peers: list[tuple[str, int]] = []
        self.requests: list[bytes] = []
        self.seen_end: list[str] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.peers.append(peer[:2])
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(LONGEST_S)
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(OSError))
            stack.enter_context(connection)
            if self._tls is not None:
                connection = stack.enter_context(self._tls.wrap_socket(connection, True))
            self._handler(connection)

    def read_request(self, connection: socket.socket) -> None:
        """Read up to the empty line and note it."""
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            more = connection.recv(65536)
            if not more:
                return
            data += more
        self.requests.append(data)

    def await_end(self, connection: socket.socket) -> None:
        """Note how the client ended: "closed" in order, or "reset"."""
        try:
            while connection.recv(65536):
                pass
            self.seen_end.append("closed")
        except ConnectionResetError:
            self.seen_end.append("reset")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LONGEST_S)


def answering(*pieces: bytes) -> Handler:
    """Reads a request, then sends the pieces and waits for the client's end."""

    def handler(connection: socket.socket) -> None:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            more = connection.recv(65536)
            if not more:
                return
            data += more
        for piece in pieces:
            connection.sendall(piece)
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass

    return handler


class DatagramServer:
    """Answers each datagram with those that `answer` makes of it."""

    def __init__(self, answer: Callable[[bytes], list[bytes]], *, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(0.05)
        self.port: int = self._socket.getsockname()[1]
        self._answer = answer
        self.received: list[bytes] = []
        self.peers: list[tuple[str, int]] = []
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended:
            with contextlib.suppress(OSError):
                data, peer = self._socket.recvfrom(65536)
                self.received.append(data)
                self.peers.append(peer[:2])
                for answer in self._answer(data):
                    self._socket.sendto(answer, peer)

    def close(self) -> None:
        self._ended = True
        self._thread.join(LONGEST_S)
        self._socket.close()


class Authority:
    """A certificate authority of the test's own; `ca` is its certificate's file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        certificate = (
            self._builder(self._name, self._key.public_key(), -1, 365)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, first_day: float, last_day: float
    ) -> x509.CertificateBuilder:
        now = datetime.now(tz=UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=first_day))
            .not_valid_after(now + timedelta(days=last_day))
        )

    def issue(self, name: str, *, first_day: float = -1, last_day: float = 100) -> Path:
        """A file with a certificate for `name` (or an address) and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            subject = x509.DNSName(name)
        certificate = (
            self._builder(
                x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
                key.public_key(),
                first_day,
                last_day,
            )
            .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path = self._directory / f"{name}-{last_day}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path


def server_tls(certificate: Path, *, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A server's context; `version`: this one only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context
