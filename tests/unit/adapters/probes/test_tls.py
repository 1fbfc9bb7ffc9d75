# SPDX-License-Identifier: GPL-3.0-or-later
"""SSL_GET against real TLS servers, right and wrong."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from check_servers import Authority, Server, answering, server_tls
from lvs_agent.adapters.probes import tls as module
from lvs_agent.adapters.probes.tls import TlsError, TlsSession, context
from lvs_agent.core.checks import HttpCheck, HttpUrl, Tls
from lvs_agent.core.health.check import Outcome, Result

DAY_NS = 86_400 * 10**9
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
PASSED = Result(outcome=Outcome.PASSED, reason="status 200")
NAME = "www.example.org"


def check(
    server: Server,
    tls: Tls,
    *,
    virtualhost: str | None = NAME,
    timeout_s: float = 2.0,
    paths: tuple[str, ...] = ("/",),
) -> HttpCheck:
    return HttpCheck(
        address="127.0.0.1",
        port=server.port,
        connect_timeout_ns=int(timeout_s * 1e9),
        retry=0,
        delay_before_retry_ns=0,
        delay_loop_ns=10**9,
        tls=tls,
        urls=tuple(
            HttpUrl(path=path, status_codes=((200, 299),), virtualhost=virtualhost)
            for path in paths
        ),
    )


@pytest.fixture
def serve_tls(serve: Any, authority: Authority) -> Callable[..., Server]:
    """A server that answers OK with a certificate for NAME."""

    def start(**of_context: Any) -> Server:
        started: Server = serve(answering(OK), tls=server_tls(authority.issue(NAME), **of_context))
        return started

    return start


def verifying(authority: Authority, **more: Any) -> Tls:
    return Tls(verify=True, ca=str(authority.ca), **more)


def test_each_url_is_fetched_over_tls(driver: Any, serve_tls: Any) -> None:
    server = serve_tls()
    assert driver.run(check(server, Tls(), paths=("/a", "/b"))) == PASSED
    assert server.accepted == 2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_are_spoken_and_can_be_forbidden(
    driver: Any, serve_tls: Any, version: ssl.TLSVersion
) -> None:
    server = serve_tls(version=version)
    assert driver.run(check(server, Tls())) == PASSED
    if version is ssl.TLSVersion.TLSv1_2:
        other = driver.run(check(server, Tls(minimum="1.3")))
    else:
        other = driver.run(check(server, Tls(maximum="1.2")))
    assert other.outcome is Outcome.FAILED
    assert other.reason.startswith("TLS: ")
    assert "version" in other.reason


def test_an_answer_in_many_records_that_ends_with_the_stream_passes(
    driver: Any, serve: Any, authority: Authority
) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        for _ in range(200):
            connection.sendall(b"x" * 100)

    server = serve(handler, tls=server_tls(authority.issue(NAME)))
    assert driver.run(check(server, Tls())) == PASSED


def test_a_trusted_certificate_of_that_name_is_verified(
    driver: Any, serve_tls: Any, authority: Authority
) -> None:
    assert driver.run(check(serve_tls(), verifying(authority))) == PASSED


def test_a_certificate_for_the_address_is_verified_where_there_is_no_name(
    driver: Any, serve: Any, authority: Authority
) -> None:
    server = serve(answering(OK), tls=server_tls(authority.issue("127.0.0.1")))
    assert driver.run(check(server, verifying(authority), virtualhost=None)) == PASSED


@pytest.mark.parametrize(
    ("issued_for", "days", "tls", "reason"),
    [
        (NAME, (-20, -10), {}, "certificate: certificate has expired"),
        (NAME, (10, 20), {}, "certificate: certificate is not yet valid"),
        ("other.example", (-1, 10), {}, "certificate: Hostname mismatch"),
        (NAME, (-1, 10), {"server_name": "third.example"}, "certificate: Hostname mismatch"),
    ],
)
def test_a_wrong_certificate_fails_when_verified_and_only_then(
    driver: Any, serve: Any, authority: Any, *, issued_for: str, days: Any, tls: Any, reason: str
) -> None:
    issued = authority.issue(issued_for, first_day=days[0], last_day=days[1])
    server = serve(answering(OK), tls=server_tls(issued))
    result = driver.run(check(server, verifying(authority, **tls)))
    assert result.outcome is Outcome.FAILED
    assert result.reason.startswith(reason)
    assert driver.run(check(server, Tls(**tls))) == PASSED


def test_a_certificate_of_an_unknown_authority_fails(
    driver: Any, serve_tls: Any, tmp_path: Path
) -> None:
    result = driver.run(check(serve_tls(), verifying(Authority(tmp_path))))
    assert result.outcome is Outcome.FAILED
    assert result.reason.startswith("certificate: ")
    # Nor does the system trust it.
    assert driver.run(check(serve_tls(), Tls(verify=True))).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("last_day", "days", "words"),
    [(5, 14, "expires on"), (-3, 14, "expired on"), (100, 14, None), (5, 0, None)],
)
def test_a_certificate_that_expires_soon_is_warned_of(
    driver: Any, serve: Any, authority: Any, *, last_day: int, days: int, words: str | None
) -> None:
    issued = authority.issue(NAME, first_day=-30, last_day=last_day)
    server = serve(answering(OK), tls=server_tls(issued))
    result = driver.run(check(server, Tls(expire_warning_ns=days * DAY_NS)))
    assert result.outcome is Outcome.PASSED
    assert (result.warning is None) is (words is None)
    assert (words or "") in (result.warning or "")


@pytest.mark.parametrize(
    ("tls", "virtualhost", "told"),
    [
        (Tls(), NAME, NAME),
        (Tls(server_name="other.example"), NAME, "other.example"),
        (Tls(sni=False), NAME, None),
        (Tls(), None, None),
        (Tls(), "10.0.0.1", None),
    ],
)
def test_the_server_is_told_the_name_that_is_meant(
    driver: Any, serve: Any, authority: Any, *, tls: Tls, virtualhost: str | None, told: str | None
) -> None:
    names: list[str | None] = []
    server_context = server_tls(authority.issue(NAME))
    server_context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = serve(answering(OK), tls=server_context)
    assert driver.run(check(server, tls, virtualhost=virtualhost)) == PASSED
    assert names == [told]


def test_a_certificate_of_our_own_is_shown(
    driver: Any, serve: Any, authority: Authority, tmp_path: Path
) -> None:
    server_context = server_tls(authority.issue(NAME), version=ssl.TLSVersion.TLSv1_2)
    server_context.load_verify_locations(authority.ca)
    server_context.verify_mode = ssl.CERT_REQUIRED
    server = serve(answering(OK), tls=server_context)
    assert driver.run(check(server, Tls())).outcome is Outcome.FAILED
    both = authority.issue("client.example")
    assert driver.run(check(server, Tls(certificate=str(both)))) == PASSED
    text = both.read_text()
    at = text.index("-----BEGIN PRIVATE")
    (tmp_path / "cert.pem").write_text(text[:at])
    (tmp_path / "key.pem").write_text(text[at:])
    apart = Tls(certificate=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem"))
    assert driver.run(check(server, apart)) == PASSED


@pytest.mark.parametrize("option", ["ca", "certificate"])
@pytest.mark.parametrize("content", [None, "rubbish"])
def test_a_file_that_is_of_no_use_blames_no_server(
    driver: Any, serve_tls: Any, tmp_path: Path, option: str, content: str | None
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    result = driver.run(check(serve_tls(), Tls(verify=True, **{option: str(path)})))
    assert result.outcome is Outcome.LOCAL_ERROR
    assert result.reason.startswith(f"{path}: ")


def test_a_changed_file_counts_after_a_reload(
    driver: Any, serve_tls: Any, authority: Authority, tmp_path: Path
) -> None:
    server, file = serve_tls(), tmp_path / "ca.pem"
    (tmp_path / "other").mkdir()
    file.write_bytes(Authority(tmp_path / "other").ca.read_bytes())
    wanted = check(server, Tls(verify=True, ca=str(file)))
    assert driver.run(wanted).outcome is Outcome.FAILED
    file.write_bytes(authority.ca.read_bytes())
    assert driver.run(wanted).outcome is Outcome.FAILED
    context.cache_clear()
    assert driver.run(wanted) == PASSED


# -- servers that are no TLS servers, or bad ones


def close_at_once(connection: socket.socket) -> None:
    connection.recv(10)


def silent(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def plain_http(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    silent(connection)


def reset(connection: socket.socket) -> None:
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def half_close(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.shutdown(socket.SHUT_WR)
    silent(connection)


def flood(connection: socket.socket) -> None:
    connection.recv(65536)
    while True:
        # Handshake records of a message that never ends.
        connection.sendall((b"\x16\x03\x03\x40\x00" + b"\x02\x0f\xff\xff" + b"x" * 16380) * 8)


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (close_at_once, ("closed in the TLS handshake", "connection reset by peer")),
        (silent, ("no TLS handshake within 0.4 s",)),
        (plain_http, ("TLS: ",)),
        (reset, ("connection reset by peer",)),
        (half_close, ("closed in the TLS handshake",)),
        (flood, ("TLS: ", "floods")),
    ],
)
def test_what_is_no_tls_fails_in_words_and_in_time(
    driver: Any, serve: Any, handler: Any, words: tuple[str, ...]
) -> None:
    began = time.monotonic()
    result = driver.run(check(serve(handler), Tls(), timeout_s=0.4))
    assert result.outcome is Outcome.FAILED
    assert result.reason.startswith(words)
    # The limit holds for the connection and again for the rest; what is beyond it is the machine.
    assert time.monotonic() - began < 0.4 * 2 + 3


def test_silence_after_the_handshake_is_no_answer(
    driver: Any, serve: Any, authority: Authority
) -> None:
    server = serve(silent, tls=server_tls(authority.issue(NAME)))
    result = driver.run(check(server, Tls(), timeout_s=0.4))
    assert result == Result(outcome=Outcome.FAILED, reason="/: no answer within 0.4 s")


def test_a_wrong_status_over_tls_names_the_path(driver: Any, serve: Any, authority: Any) -> None:
    answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    server = serve(answering(answer), tls=server_tls(authority.issue(NAME)))
    result = driver.run(check(server, Tls(), paths=("/x",)))
    assert result.reason == "/x: status 503, wanted 200-299"


def test_records_without_content_are_bounded() -> None:
    session = TlsSession(context(Tls()), None)
    session.receive(b"")
    record = b"\x16\x03\x03\x40\x00\x0b\x00\x3f\xff" + b"\0" * 991

    def flood() -> None:
        for _ in range(module._OVERHEAD_BYTES // len(record) + 2):
            session.receive(record)

    with pytest.raises(TlsError):
        flood()


def test_any_bytes_end_a_session_without_an_exception_of_another_kind() -> None:
    for seed in range(300):
        session = TlsSession(context(Tls()), "a.example")
        session.receive(b"")
        hello = session.to_send()
        data = bytes((seed * 7 + byte * 13) & 0xFF for byte in range(seed))
        for sent in (data, hello, b"\x16\x03\x03\x00\x05" + data[:5], b"\x15\x03\x03\x00\x02\1\0"):
            with contextlib.suppress(TlsError):
                assert session.receive(sent) == b""
        assert not session.established


def test_openssl_is_loaded_only_where_a_check_speaks_tls() -> None:
    code = (
        "import sys, lvs_agent.proc.health;"
        " assert not {'ssl', '_ssl', 'hashlib', '_hashlib'} & set(sys.modules)"
    )
    agent = str(Path(module.__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": agent}, timeout=60, check=False
    )
    assert done.returncode == 0
