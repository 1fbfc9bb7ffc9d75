# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS between a probe's socket and its HTTP: bytes in, bytes out.

Owns the contexts and one session's state. Must never touch a socket, nor be imported where no
check speaks TLS: OpenSSL's TLS costs some MiB.
"""

from __future__ import annotations

import ssl
from functools import lru_cache

from lvs_agent.core.checks import Tls

# Handshake, certificates and tickets; and twice the content for records of a few bytes. A server
# that sends more without saying anything does it to keep us busy.
_OVERHEAD_BYTES = 256 * 1024
_READ_BYTES = 16 * 1024
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
# Of OpenSSL's words, in a reason for people.
_WORDS = 120


class TlsError(Exception):
    """TLS failed; the text is a reason for people."""


class TlsSession:
    """One connection's TLS. `established`: the handshake is complete; `closed`: the server said
    that it sends no more."""

    __slots__ = ("_content", "_incoming", "_object", "_outgoing", "_received", "closed",
                 "established")  # fmt: skip

    def __init__(self, context: ssl.SSLContext, name: str | None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._received = 0
        self._content = 0
        self.established = False
        self.closed = False

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the server (none to begin); the content in them. Raises TlsError."""
        self._received += len(data)
        if self._received > 2 * self._content + _OVERHEAD_BYTES:
            raise TlsError("floods TLS records without content")
        content = b""
        try:
            self._incoming.write(data)
            if not self.established:
                self._object.do_handshake()
                self.established = True
            while piece := self._object.read(_READ_BYTES):  # no more content than there is data
                content += piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        except ssl.SSLError as error:
            raise TlsError(_reason(error)) from error
        self._content += len(content)
        return content

    def send(self, data: bytes) -> None:
        """Encrypt; `to_send` has the bytes. Only once established. Raises TlsError."""
        try:
            self._object.write(data)
        except ssl.SSLError as error:
            raise TlsError(_reason(error)) from error

    def to_send(self) -> bytes:
        """The bytes for the server."""
        return self._outgoing.read()

    def certificate(self) -> bytes | None:
        """The server's certificate in DER."""
        return self._object.getpeercert(binary_form=True)


@lru_cache(maxsize=64)
def context(tls: Tls) -> ssl.SSLContext:
    """The context for `tls`, with what its files held when it was first asked for (or after
    `cache_clear`). Raises OSError, ssl.SSLError among them."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = _VERSIONS[tls.minimum]
    if tls.maximum is not None:
        made.maximum_version = _VERSIONS[tls.maximum]
    if not tls.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif tls.ca is not None:
        try:
            made.load_verify_locations(cafile=tls.ca)
        except OSError as error:
            raise _unusable(error, tls.ca) from error
    else:
        made.set_default_verify_paths()
    if tls.certificate is not None:
        try:
            # An encrypted key must fail, not ask for its password on a terminal.
            made.load_cert_chain(tls.certificate, tls.key, password=b"")
        except OSError as error:
            raise _unusable(error, tls.certificate, tls.key) from error
    return made


def _unusable(error: OSError, *paths: str | None) -> OSError:
    """`error` with the names of the files, which OpenSSL does not tell."""
    words = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    names = " and ".join(path for path in paths if path is not None)
    return OSError(error.errno, f"{names}: {(words or 'unusable').lower().replace('_', ' ')}")


def _reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"[:_WORDS]
    words = (error.reason or "protocol error").lower().replace("_", " ")
    return f"TLS: {words}"[:_WORDS]
