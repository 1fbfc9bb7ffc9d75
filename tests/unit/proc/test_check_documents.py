# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators write about checks, and what the health process makes of it.

Every option of every kind of check shows its effect here: `tests/option_effects_checks.py` names
these tests. Most documents have each option right in one real server and wrong in another.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from check_servers import Authority, DatagramServer, Server, server_tls
from health_process import LONGEST_S, Process, Run, document
from lvs_agent.core.messages import Verdict, VerdictsComplete

NAME = "www.example.org"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
DIGEST = hashlib.md5(b"hello").hexdigest()
OVER_TCP = ("http_get", "ssl_get", "tcp_check", "smtp_check")
OVER_UDP = ("udp_check", "dns_check")
WITH_PORTS = (*OVER_TCP, *OVER_UDP)
# What a kind requires to be said.
NEEDS: dict[str, dict[str, Any]] = {
    "http_get": {"url": [{"path": "/"}]},
    "ssl_get": {"url": [{"path": "/"}]},
    "udp_check": {"require_reply": True},
}


def one(kind: str, **options: Any) -> dict[str, Any]:
    """A real server's check of this kind."""
    return {kind: NEEDS.get(kind, {}) | options}


def web(connection: socket.socket) -> None:
    """Answers OK; a page /wrong is not there."""
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        more = connection.recv(65536)
        if not more:
            return
        request += more
    connection.sendall(OK.replace(b"200", b"404") if b"/wrong" in request else OK)
    with contextlib.suppress(OSError):
        connection.recv(1)


def hold(connection: socket.socket) -> None:
    """Says nothing."""
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def mail(connection: socket.socket) -> None:
    connection.sendall(b"220 mail\r\n")
    if connection.recv(1000):
        connection.sendall(b"250 hello\r\n")
        connection.recv(1000)


def noerror(data: bytes) -> list[bytes]:
    return [data[:2] + b"\x81\x80" + data[4:]]


class Site:
    """A good server of each kind that has a port."""

    def __init__(self, authority: Authority) -> None:
        tls = server_tls(authority.issue(NAME))
        self.servers: dict[str, Server | DatagramServer] = {
            "http_get": Server(web),
            "ssl_get": Server(web, tls=tls),
            "tcp_check": Server(lambda connection: None),
            "smtp_check": Server(mail),
            "udp_check": DatagramServer(lambda data: [b"pong"]),
            "dns_check": DatagramServer(noerror),
        }

    def port(self, kind: str) -> int:
        return self.servers[kind].port

    def close(self) -> None:
        for server in self.servers.values():
            server.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def run(run: Run) -> Iterator[Run]:
    """As elsewhere, but of every real server there is something to say from the beginning."""

    def start(wanted: dict[str, Any], **more: Any) -> Process:
        process = run(wanted, **more)
        process.until(lambda: VerdictsComplete(generation=1) in process.told)
        names = [name for one in wanted["virtual_servers"].values() for name in one["real_servers"]]
        _assumed[process] = {name: replace(ASSUMED, real_server=name) for name in names}
        return process

    yield start
    _assumed.clear()


# Nobody is told what is assumed.
ASSUMED = Verdict(
    generation=1, virtual_server="web0", real_server="", up=True, checked=False, reason="assumed"
)
_assumed: dict[Process, dict[str, Verdict]] = {}


@pytest.fixture
def site(authority: Authority) -> Iterator[Site]:
    fresh = Site(authority)
    yield fresh
    fresh.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Start a server of any class; all are closed at the end."""
    servers: list[Any] = []

    def start(kind: type, *words: Any, **more: Any) -> Any:
        servers.append(kind(*words, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def last(process: Process) -> dict[str, Verdict]:
    """The last verdict of each real server, the first being the assumption."""
    return _assumed[process] | {m.real_server: m for m in process.told if isinstance(m, Verdict)}


def found(process: Process) -> dict[str, bool]:
    """Up or down by real server, once all have been checked."""
    process.until(lambda: all(v.checked for v in last(process).values()))
    return {name: verdict.up for name, verdict in last(process).items()}


def quick(**real_servers: dict[str, Any]) -> dict[str, Any]:
    """A document of these, in which one failure is enough."""
    wanted = document(**real_servers)
    wanted["virtual_servers"]["web0"] |= {"retry": 0, "connect_timeout": 2, "warmup": 0}
    return wanted


def checks_by_user(process: Process) -> dict[str, dict[str, Any]]:
    """The rows of the report by the real server that they are for."""
    return {row["users"][0].partition("/")[2]: row for row in process.report()["checks"]}


# -- where checks go and come from


def test_checks_go_to_the_address_and_port_that_they_name(
    run: Run, site: Site, closed_port: int
) -> None:
    good = {
        kind: one(kind, connect_ip="127.0.0.1", connect_port=site.port(kind)) for kind in WITH_PORTS
    }
    bad = {
        f"{kind}_bad": one(kind, connect_ip="127.0.0.2", connect_port=closed_port)
        for kind in WITH_PORTS
    }
    process = run(quick(**good, **bad))
    assert found(process) == dict.fromkeys(good, True) | dict.fromkeys(bad, False)
    site.close()
    process.until(lambda: not any(verdict.up for verdict in last(process).values()))


def test_checks_go_to_the_real_server_where_they_name_nothing(run: Run, site: Site) -> None:
    reals = {kind: {"ip": "127.0.0.1", "port": site.port(kind), **one(kind)} for kind in WITH_PORTS}
    wanted = quick()
    for number, (kind, real) in enumerate(reals.items()):
        service = {"ip": f"10.0.1.{number}", "port": real["port"], "real_servers": {kind: real}}
        wanted["virtual_servers"][kind] = {**wanted["virtual_servers"]["web0"], **service}
    del wanted["virtual_servers"]["web0"]
    assert found(run(wanted)) == dict.fromkeys(reals, True)


def test_checks_said_at_the_virtual_server_are_those_of_each_real_server(
    run: Run, site: Site
) -> None:
    wanted = quick(a={}, b={}, own={"tcp_check": {"connect_ip": "127.0.0.1", "connect_port": 1}})
    for kind in WITH_PORTS:
        wanted["virtual_servers"]["web0"] |= one(
            kind, connect_ip="127.0.0.1", connect_port=site.port(kind)
        )
    process = run(wanted)
    assert found(process) == {"a": True, "b": True, "own": False}
    shared = {row["type"]: row["users"] for row in process.report()["checks"]}
    assert shared["DNS_CHECK"] == ["web0/a", "web0/b"]


@pytest.mark.netns
def test_pings_programs_and_files_can_be_said_at_the_virtual_server(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "number"
    file.write_text("0\n")
    wanted = quick(a={}, b={"ip": "127.0.0.7"})
    wanted["vrrp_track_files"] = {"number": {"file": str(file)}}
    wanted["virtual_servers"]["web0"] |= {
        "ping_check": {},
        "misc_check": {"misc_path": "/bin/true"},
        "file_check": {"track_file": "number"},
    }
    process = run(wanted, apart=True)
    process.until(lambda: last(process)["b"].checked and last(process)["a"].checked)
    assert (last(process)["a"].up, last(process)["b"].up) == (False, True)
    kinds = sorted(row["type"] for row in process.report()["checks"])
    assert kinds == ["FILE_CHECK", "MISC_CHECK", "PING_CHECK", "PING_CHECK"]


def test_one_failing_check_of_several_is_enough(run: Run, site: Site, closed_port: int) -> None:
    good = [one(k, connect_ip="127.0.0.1", connect_port=site.port(k)) for k in WITH_PORTS]
    all_good = {kind: options for check in good for kind, options in check.items()}
    also_bad = {
        **all_good,
        "tcp_check": [
            all_good["tcp_check"],
            {"connect_ip": "127.0.0.1", "connect_port": closed_port},
        ],
    }
    process = run(quick(good=all_good, bad=also_bad))
    process.until(lambda: last(process)["good"].checked and last(process)["bad"].checked)
    assert (last(process)["good"].up, last(process)["bad"].up) == (True, False)


def test_checks_come_from_the_address_port_and_interface_that_they_name(
    run: Run, site: Site, closed_port: int
) -> None:
    source = {"bindto": "127.0.0.9", "bind_port": closed_port, "bind_if": "lo"}
    wanted = quick(
        **{
            kind: one(kind, connect_ip="127.0.0.1", connect_port=site.port(kind), **source)
            for kind in WITH_PORTS
        }
    )
    process = run(wanted)
    assert found(process) == dict.fromkeys(WITH_PORTS, True)
    for kind in WITH_PORTS:
        peers = site.servers[kind].peers
        process.until(lambda peers=peers: peers)
        assert set(peers) == {("127.0.0.9", closed_port)}, kind


def test_an_interface_that_is_not_there_blames_no_server(run: Run, site: Site) -> None:
    wanted = quick(
        **{
            kind: one(kind, connect_ip="127.0.0.1", connect_port=site.port(kind), bind_if="nosuch0")
            for kind in WITH_PORTS
        }
    )
    process = run(wanted)
    process.until(lambda: process.report()["health"]["local_errors"] >= len(WITH_PORTS))
    assert not any(verdict.checked for verdict in last(process).values())
    assert any("cannot run on this host: no such device" in line for line in process.lines())


@pytest.mark.netns
def test_ping_goes_and_comes_as_told_over_both_families(run: Run) -> None:
    def ping(address: str, **more: Any) -> dict[str, Any]:
        return one("ping_check", connect_ip=address, **more)

    process = run(
        quick(
            own={"ip": "127.0.0.5", "ping_check": {}},
            four=ping("127.0.0.1", bindto="127.0.0.9", bind_if="lo"),
            six=ping("::1"),
            silent=ping("198.51.100.1", connect_timeout=0.4),
            away=ping("192.0.2.1"),
            wrong=ping("198.51.100.1", bindto="203.0.113.1"),
            lost=ping("127.0.0.1", bind_if="nosuch0"),
        ),
        apart=True,
    )
    process.until(lambda: sum(verdict.checked for verdict in last(process).values()) == 5)
    process.until(lambda: process.report()["health"]["local_errors"] >= 2)
    rows = checks_by_user(process)
    assert {name: row["reason"] for name, row in rows.items()} == {
        "own": "answered",
        "four": "answered",
        "six": "answered",
        "silent": "no answer within 0.4 s",
        "away": "network is unreachable",
        "wrong": "not checked yet",
        "lost": "not checked yet",
    }


# -- how often, and when it counts


def failing(kind: str, port: int, files: Path, **options: Any) -> dict[str, Any]:
    """A check of this kind that fails at once."""
    match kind:
        case "misc_check":
            return one(kind, misc_path="/bin/false", **options)
        case "file_check":
            options.pop("warmup", None)
            (files / "ill").write_text("1\n")
            return one(kind, track_file="ill", **options)
        case "ping_check":
            return one(kind, connect_ip="192.0.2.1", **options)  # no route
    return one(kind, connect_ip="127.0.0.1", connect_port=port, **options)


KINDS = (*WITH_PORTS, "ping_check", "misc_check", "file_check")


def many(
    port: int, files: Path, variants: dict[str, dict[str, Any]], **common: Any
) -> dict[str, Any]:
    """Failing checks of every kind in every variant: real servers kind_variant."""
    wanted = quick(
        first={"misc_check": {"misc_path": "/bin/true", "delay_loop": 3600}},
        **{
            f"{kind}-{variant}": failing(kind, port, files, **options)
            for kind in KINDS
            for variant, options in variants.items()
        },
    )
    wanted["virtual_servers"]["web0"] |= common
    wanted["vrrp_track_files"] = {"ill": {"file": str(files / "ill")}}
    return wanted


def tries(process: Process, variant: str) -> dict[str, int]:
    """Failures so far of the checks of a variant, by kind."""
    rows = checks_by_user(process)
    return {kind: rows[f"{kind}-{variant}"]["failed_tries"] for kind in KINDS}


@pytest.mark.netns
def test_delay_loop_is_the_time_between_checks(run: Run, closed_port: int, tmp_path: Path) -> None:
    variants = {"often": {"delay_loop": 0.1}, "seldom": {"delay_loop": 3600}}
    process = run(many(closed_port, tmp_path, variants), apart=True)
    process.until(lambda: min(tries(process, "often").values()) >= 4)
    assert max(tries(process, "seldom").values()) <= 1


@pytest.mark.netns
def test_retry_is_the_number_of_further_tries(run: Run, closed_port: int, tmp_path: Path) -> None:
    variants = {str(n): {"retry": n, "delay_before_retry": 0.01} for n in (0, 2)}
    process = run(many(closed_port, tmp_path, variants, delay_loop=3600), apart=True)
    assert not any(up for name, up in found(process).items() if name != "first")
    for kind in KINDS:
        assert last(process)[f"{kind}-0"].reason.endswith("(1 try)")
        assert last(process)[f"{kind}-2"].reason.endswith("(3 tries)")


@pytest.mark.netns
def test_delay_before_retry_is_the_pause_between_tries(
    run: Run, closed_port: int, tmp_path: Path
) -> None:
    variants = {
        "soon": {"retry": 50, "delay_before_retry": 0.05},
        "later": {"retry": 50, "delay_before_retry": 300},
    }
    process = run(many(closed_port, tmp_path, variants, delay_loop=3600), apart=True)
    process.until(lambda: min(tries(process, "soon").values()) >= 4)
    assert set(tries(process, "later").values()) == {1}


@pytest.mark.netns
def test_warmup_spreads_the_first_checks(run: Run, closed_port: int, tmp_path: Path) -> None:
    variants = {"now": {"warmup": 0}, "later": {"warmup": 86400}}
    wanted = many(closed_port, tmp_path, variants, delay_loop=3600)
    process = run(wanted, apart=True)
    spared = [kind for kind in KINDS if kind != "file_check"]
    process.until(lambda: all(last(process)[f"{kind}-now"].checked for kind in spared))
    assert not any(last(process)[f"{kind}-later"].checked for kind in spared)


@pytest.mark.netns
def test_alpha_is_down_until_the_first_result(run: Run, closed_port: int, tmp_path: Path) -> None:
    variants = {"alpha": {"alpha": True}, "usual": {}}
    process = run(many(closed_port, tmp_path, variants, delay_loop=3600), apart=True)
    found(process)
    for kind in KINDS:
        assert process.verdicts(f"{kind}-alpha") == [(False, False), (False, True)], kind
        assert process.verdicts(f"{kind}-usual") == [(False, True)], kind
    waiting = [m for m in process.told if isinstance(m, Verdict) and "(alpha)" in m.reason]
    assert len(waiting) == len(KINDS)


@pytest.mark.netns
def test_log_all_failures_writes_each_of_them(run: Run, closed_port: int, tmp_path: Path) -> None:
    variants = {"all": {"log_all_failures": True, "retry": 1, "delay_before_retry": 0.01}}
    process = run(many(closed_port, tmp_path, variants, delay_loop=3600), apart=True)
    found(process)
    process.listen_for(0.1)
    lines = [line for line in process.lines() if " failed: " in line]
    assert len(lines) == 2 * len(KINDS)
    assert any("warning: TCP_CHECK" in line and "try 2 failed: connection refused" in line
               for line in lines)  # fmt: skip
    quiet = run(many(closed_port, tmp_path, {"none": {}}, delay_loop=3600), apart=True)
    found(quiet)
    quiet.listen_for(0.1)
    assert not [line for line in quiet.lines() if " failed: " in line]


def test_a_real_server_says_the_pace_of_its_checks_once(
    run: Run, serve: Any, closed_port: int
) -> None:
    silent = serve(Server, hold)
    seen: list[bytes] = []

    def note(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(OK)

    noting = serve(Server, note)
    dead = {"connect_ip": "127.0.0.1", "connect_port": closed_port}
    wanted = quick(
        often={"delay_loop": 0.1, "tcp_check": dead | {"bindto": "127.0.0.2"}},
        seldom={"delay_loop": 3600, "tcp_check": dead | {"bindto": "127.0.0.3"}},
        twice={
            "delay_loop": 3600, "retry": 1, "delay_before_retry": 0.01,
            "tcp_check": dead | {"bindto": "127.0.0.4"},
        },
        paused={
            "retry": 9, "delay_before_retry": 300, "tcp_check": dead | {"bindto": "127.0.0.5"},
        },
        late={"warmup": 86400, "tcp_check": dead | {"bindto": "127.0.0.6"}},
        silent={
            "connect_timeout": 0.3,
            "http_get": {"connect_ip": "127.0.0.1", "connect_port": silent.port, "url": [{}]},
        },
        host={
            "virtualhost": "real.example",
            "http_get": {"connect_ip": "127.0.0.1", "connect_port": noting.port, "url": [{}]},
        },
    )  # fmt: skip
    process = run(wanted)
    process.until(lambda: checks_by_user(process)["often"]["failed_tries"] >= 4)
    process.until(lambda: last(process)["silent"].checked and seen)
    rows = checks_by_user(process)
    assert [rows[name]["failed_tries"] for name in ("seldom", "twice", "paused", "late")] == [
        1, 2, 1, 0,
    ]  # fmt: skip
    assert rows["silent"]["reason"] == "/: no answer within 0.3 s"
    assert b"\r\nHost: real.example\r\n" in seen[0]


def test_the_virtual_server_says_it_for_all_its_real_servers(
    run: Run, serve: Any, closed_port: int
) -> None:
    seen: list[bytes] = []

    def note(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        hold(connection)

    noting = serve(Server, note)
    dead = {"tcp_check": {"connect_ip": "127.0.0.1", "connect_port": closed_port}}
    silent = one("http_get", connect_ip="127.0.0.1", connect_port=noting.port)

    def rows_of(seconds: float = 0.8, **pace: Any) -> dict[str, dict[str, Any]]:
        # The first of all checks runs at once, however long the warmup.
        wanted = document(silent=silent, dead=dead)
        wanted["virtual_servers"]["web0"] |= pace
        process = run(wanted)
        process.listen_for(seconds)
        rows = checks_by_user(process)
        process.close()
        return rows

    def tries_of(**pace: Any) -> int:
        count: int = rows_of(**pace)["dead"]["failed_tries"]
        return count

    assert tries_of(delay_loop=0.1, retry=0) > 2
    assert tries_of(delay_loop=3600, retry=0) == 1
    assert tries_of(delay_loop=3600, retry=2, delay_before_retry=0.01) == 3
    assert tries_of(delay_loop=3600, retry=2, delay_before_retry=300) == 1
    assert tries_of(delay_loop=3600, warmup=86400) == 0
    rows = rows_of(seconds=1, virtualhost="virtual.example", connect_timeout=0.35, retry=0)
    assert rows["silent"]["reason"] == "/: no answer within 0.35 s"
    assert b"\r\nHost: virtual.example\r\n" in seen[-1]


def test_connect_timeout_is_the_longest_time_for_an_answer(
    run: Run, serve: Any, full_port: int
) -> None:
    tcp, udp = serve(Server, hold), serve(DatagramServer, lambda data: [])
    ports = dict.fromkeys(OVER_TCP, tcp.port) | dict.fromkeys(OVER_UDP, udp.port)
    ports["tcp_check"] = full_port
    process = run(
        quick(
            **{
                f"{kind}-{name}": one(
                    kind, connect_ip="127.0.0.1", connect_port=ports[kind], connect_timeout=limit
                )
                for kind in WITH_PORTS
                for name, limit in (("short", 0.3), ("long", 300))
            }
        )
    )
    process.until(lambda: all(last(process)[f"{kind}-short"].checked for kind in WITH_PORTS))
    for kind in WITH_PORTS:
        assert "within 0.3 s" in last(process)[f"{kind}-short"].reason
        assert not last(process)[f"{kind}-long"].checked


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port of 127.0.0.1 that no longer answers: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield listener.getsockname()[1]


# -- HTTP


def test_what_a_url_asks_and_wants(run: Run, site: Site) -> None:
    urls: dict[str, tuple[dict[str, Any], bool]] = {
        "path": ({"path": "/right"}, True),
        "path_wrong": ({"path": "/wrong"}, False),
        "code": ({"path": "/wrong", "status_code": "404 200-299"}, True),
        "code_wrong": ({"status_code": [301, "400-499"]}, False),
        "digest": ({"digest": DIGEST.upper()}, True),
        "digest_wrong": ({"digest": "0" * 32}, False),
        "regex": ({"regex": "^h.l+o$"}, True),
        "regex_wrong": ({"regex": "HELLO"}, False),
        "caseless": ({"regex": "HELLO", "regex_options": ["caseless"]}, True),
        "no_match": ({"regex": "error", "regex_no_match": True}, True),
        "no_match_wrong": ({"regex": "ell", "regex_no_match": True}, False),
    }
    for kind in ("http_get", "ssl_get"):
        process = run(
            quick(
                **{
                    name: {
                        kind: {
                            "connect_ip": "127.0.0.1", "connect_port": site.port(kind), "url": url,
                        }
                    }
                    for name, (url, _) in urls.items()
                }
            )
        )  # fmt: skip
        assert found(process) == {name: up for name, (_, up) in urls.items()}, kind


def test_the_version_and_the_host_of_the_requests(run: Run, serve: Any, authority: Any) -> None:
    seen: dict[str, list[bytes]] = {"http_get": [], "ssl_get": []}

    def noting(kind: str) -> Callable[[socket.socket], None]:
        def note(connection: socket.socket) -> None:
            seen[kind].append(connection.recv(65536))
            connection.sendall(OK)

        return note

    ports = {
        "http_get": serve(Server, noting("http_get")).port,
        "ssl_get": serve(Server, noting("ssl_get"), tls=server_tls(authority.issue(NAME))).port,
    }
    for kind, port in ports.items():
        check = {
            "connect_ip": "127.0.0.1", "connect_port": port, "http_protocol": 1.1,
            "url": [{"path": "/a", "virtualhost": NAME}, {"path": "/b"}],
        }  # fmt: skip
        assert found(run(quick(rs={kind: check}))) == {"rs": True}
        assert [request.split(b"User")[0] for request in seen[kind][:2]] == [
            f"GET /a HTTP/1.1\r\nHost: {NAME}\r\n".encode(),
            f"GET /b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode(),
        ]


# -- TLS


def test_how_tls_is_spoken(run: Run, serve: Any, authority: Authority, tmp_path: Path) -> None:
    names: list[str | None] = []

    def site(**more: Any) -> ssl.SSLContext:
        context = server_tls(authority.issue(NAME), **more)
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        return context

    usual, old = site(), site(version=ssl.TLSVersion.TLSv1_2)
    strict = site(version=ssl.TLSVersion.TLSv1_2)
    strict.load_verify_locations(authority.ca)
    strict.verify_mode = ssl.CERT_REQUIRED
    new = site(version=ssl.TLSVersion.TLSv1_3)
    ports = {
        which: serve(Server, web, tls=context).port
        for which, context in (("usual", usual), ("old", old), ("new", new), ("strict", strict))
    }
    text = authority.issue("client.example").read_text()
    at = text.index("-----BEGIN PRIVATE")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_text(text[:at])
    key.write_text(text[at:])
    ca = {"verify": True, "ca": str(authority.ca)}
    checks: dict[str, tuple[str, dict[str, Any], bool]] = {
        "sni": ("usual", {"sni_name": "sni.example"}, True),
        "no_sni": ("usual", {"enable_sni": False}, True),
        "unverified": ("usual", {}, True),
        "verify_wrong": ("usual", {"verify": True, "sni_name": NAME}, False),
        "ca": ("usual", ca | {"sni_name": NAME}, True),
        "ca_wrong": ("usual", ca | {"sni_name": "other.example"}, False),
        "min": ("old", {"tls_min_version": "1.2"}, True),
        "min_wrong": ("old", {"tls_min_version": 1.3}, False),
        "max": ("new", {"tls_max_version": 1.3}, True),
        "max_wrong": ("new", {"tls_max_version": "1.2"}, False),
        "certificate": ("strict", {"certificate": str(certificate), "key": str(key)}, True),
        "certificate_wrong": ("strict", {}, False),
    }
    process = run(
        quick(
            **{
                name: one("ssl_get", connect_ip="127.0.0.1", connect_port=ports[port], **options)
                for name, (port, options, _) in checks.items()
            }
        )
    )
    assert found(process) == {name: up for name, (_, _, up) in checks.items()}
    assert {"sni.example", None} <= set(names)


def test_a_certificate_near_its_end_is_warned_of_once(
    run: Run, serve: Any, authority: Authority
) -> None:
    short = serve(Server, web, tls=server_tls(authority.issue(NAME, last_day=5)))
    wanted = quick(
        **{
            name: one(
                "ssl_get", connect_ip="127.0.0.1", connect_port=short.port, expire_warning=days
            )
            for name, days in (("warned", 14), ("unwarned", 2))
        }
    )
    process = run(wanted)
    assert found(process) == {"warned": True, "unwarned": True}
    process.listen_for(0.7)
    rows = checks_by_user(process)
    assert "the certificate expires on" in rows["warned"]["warning"]
    assert rows["unwarned"]["warning"] is None
    assert len([line for line in process.lines() if "the certificate expires on" in line]) == 1


# -- the others


def test_what_udp_sends_and_wants(run: Run, serve: Any) -> None:
    server = serve(DatagramServer, lambda data: [data] if data else [])
    checks: dict[str, tuple[dict[str, Any], bool]] = {
        "reply": ({"payload": "0102", "require_reply": True}, True),
        "pattern": ({"payload": "01 02", "require_reply": "0xX2"}, True),
        "pattern_wrong": ({"payload": "0102", "require_reply": "0103"}, False),
        "long": ({"payload": "0102", "require_reply": True, "min_reply_length": 2}, True),
        "short": ({"payload": "0102", "require_reply": True, "min_reply_length": 3}, False),
        "longer": ({"payload": "0102", "require_reply": True, "max_reply_length": 1}, False),
        "nothing": ({"require_reply": True, "connect_timeout": 0.3}, False),
        "silence": ({"connect_timeout": 0.3}, True),
    }
    process = run(
        quick(
            **{
                name: {
                    "udp_check": {
                        "connect_ip": "127.0.0.1", "connect_port": server.port, **options,
                    }
                }
                for name, (options, _) in checks.items()
            }
        )
    )  # fmt: skip
    assert found(process) == {name: up for name, (_, up) in checks.items()}
    assert {b"\1\2", b""} == set(server.received)


def test_what_dns_asks(run: Run, serve: Any) -> None:
    server = serve(DatagramServer, noerror)
    checks = {
        "asked": {"name": "www.example.org", "type": "aaaa"},
        "usual": {},
    }
    process = run(
        quick(
            **{
                name: one("dns_check", connect_ip="127.0.0.1", connect_port=server.port, **options)
                for name, options in checks.items()
            }
        )
    )
    assert found(process) == {"asked": True, "usual": True}
    questions = {data[12:] for data in server.received}
    assert questions == {b"\3www\7example\3org\0\0\x1c\0\1", b"\0\0\6\0\1"}


def test_what_smtp_says(run: Run, serve: Any) -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        connection.sendall(b"220 mail\r\n")
        heard.append(connection.recv(1000))
        connection.sendall(b"250 hello\r\n")

    server = serve(Server, listen)
    reals = {
        name: one("smtp_check", connect_ip="127.0.0.1", connect_port=server.port, **options)
        for name, options in (("named", {"helo_name": "director.example"}), ("usual", {}))
    }
    assert found(run(quick(**reals))) == {"named": True, "usual": True}
    assert {b"HELO director.example\r\n", f"HELO {socket.gethostname()}\r\n".encode()} == set(heard)


def test_what_programs_are_run_and_what_their_end_means(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log"

    def sh(script: str, **options: Any) -> dict[str, Any]:
        return one("misc_check", misc_path=["/bin/sh", "-c", script], **options)

    process = run(
        quick(
            good=sh(f"echo $0 ran >> {log}"),
            bad=sh("exit 1"),
            slow=sh("sleep 60", misc_timeout=0.3),
            endless=sh("sleep 61", delay_loop=0.4),
            not_dynamic=sh("exit 9"),
            dynamic=sh("exit 9", misc_dynamic=True),
        )
    )
    assert found(process) == {
        "good": True, "bad": False, "slow": False, "endless": False, "not_dynamic": False,
        "dynamic": True,
    }  # fmt: skip
    assert "ran" in log.read_text()
    assert last(process)["dynamic"].weight == 7
    assert last(process)["good"].weight is None
    assert "did not end within its time limit" in last(process)["slow"].reason
    assert "did not end within its time limit" in last(process)["endless"].reason


def test_a_program_that_says_another_weight_is_news(run: Run, tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("12")
    check = one(
        "misc_check", misc_path=["/bin/sh", "-c", f"exit $(cat {status})"], misc_dynamic=True
    )
    process = run(quick(rs=check | {"weight": 3}))
    process.until(lambda: last(process)["rs"].weight == 10)
    for text, weight in (("22", 20), ("0", None), ("2", 0)):
        status.write_text(text)
        process.until(lambda weight=weight: last(process)["rs"].weight == weight)
        assert last(process)["rs"].up

    def told() -> list[str]:
        lines = [line for line in process.lines() if "has weight" in line]
        return [line.split("has weight ")[1].split(":")[0] for line in lines]

    process.until(lambda: len(told()) == 4)  # a line comes after its verdict
    assert told() == ["10", "20", "3", "0"]


def test_a_changed_file_counts_at_once_and_moves_state_or_weight(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "number"
    file.write_text("0\n")
    checks: dict[str, dict[str, Any]] = {
        "state": {}, "reverse": {"reverse": True}, "weight": {"weight": 10},
        "less": {"weight": 10, "reverse": True},
    }  # fmt: skip
    wanted = quick(
        **{
            name: one("file_check", track_file="number", delay_loop=3600, **options)
            | {"weight": 100}
            for name, options in checks.items()
        }
    )
    wanted["vrrp_track_files"] = {"number": {"file": str(file)}}
    process = run(wanted)

    def now() -> dict[str, tuple[bool, int | None]]:
        return {name: (verdict.up, verdict.weight) for name, verdict in last(process).items()}

    def becomes(state: bool, weight: int, less: int) -> None:
        process.until(
            lambda: (
                now()
                == {
                    "state": (state, None),
                    "reverse": (not state, None),
                    "weight": (True, weight),
                    "less": (True, less),
                }
            ),
            LONGEST_S,
        )

    becomes(True, 100, 100)
    file.write_text("3\n")
    becomes(False, 130, 70)
    # As a careful program writes.
    (tmp_path / "new").write_text("-20\n")
    (tmp_path / "new").rename(file)
    becomes(False, 0, 300)
    file.unlink()
    becomes(True, 100, 100)
