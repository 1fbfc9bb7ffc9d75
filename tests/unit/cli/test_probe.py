# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent probe` and `lvs-agent genhash`: a check by hand, against real servers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from check_servers import Authority, Server, answering, server_tls
from lvs_agent.cli import agent

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
DIGEST = hashlib.md5(b"hello").hexdigest()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(answer: bytes, **more: Any) -> Server:
        servers.append(Server(answering(answer), **more))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A configuration file with these real servers."""

    def make(**real_servers: Any) -> str:
        reals = {
            name: {"ip": f"10.1.0.{number + 1}", **checks}
            for number, (name, checks) in enumerate(real_servers.items())
        }
        web = {"ip": "10.0.0.1", "port": 80, "connect_timeout": 0.5, "real_servers": reals}
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"virtual_servers": {"web": web}}))
        return str(path)

    return make


def local(port: int, **more: Any) -> dict[str, Any]:
    return {"connect_ip": "127.0.0.1", "connect_port": port, **more}


def test_a_probe_says_what_was_asked_what_happened_and_why(
    write: Write, serve: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(OK.replace(b"200 OK", b"503 Busy"))
    url = {"path": "/x", "virtualhost": "www.example.org", "regex": "ok"}
    path = write(
        rs1={"http_get": local(server.port, url=url), "tcp_check": local(server.port)}, rs2={}
    )
    assert agent.main(["probe", "--config", path, "web"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "web/rs1 10.1.0.1:80",
        f"  HTTP_GET 127.0.0.1:{server.port}",
        "    asks GET /x HTTP/1.0, Host www.example.org; wants status 200-299 and 'ok' in the body",
        "    every 60 s, connect_timeout 0.5 s, 1 more after 1 s each",
    ]
    assert any(" ms  begins from 127.0.0.1:" in line for line in lines)
    assert any(line.endswith("FAILED: /x: status 503, wanted 200-299") for line in lines)
    assert any(line.endswith("PASSED: connected") for line in lines)
    assert lines[-2:] == ["web/rs2 10.1.0.2:80", "  no checks: it counts as up"]


def test_a_probe_of_one_real_server_as_json(
    write: Write, serve: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(OK)
    path = write(
        good={"http_get": local(server.port, url=[{"path": "/"}], bindto="127.0.0.7")},
        bad={"tcp_check": local(1)},
    )
    assert agent.main(["probe", "--json", "--config", path, "web", "good"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["checks"]
    assert (row["real_server"], row["outcome"], row["reason"]) == ("good", "passed", "status 200")
    assert row["took_ms"] > 0
    assert server.peers[0][0] == "127.0.0.7"
    assert agent.main(["probe", "--json", "--config", path, "web"]) == 1


def test_a_probe_of_programs_says_their_weight(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    check = {"misc_path": ["/bin/sh", "-c", "exit 12"], "misc_dynamic": True}
    slow = {"misc_path": ["/bin/sh", "-c", "sleep 50"], "misc_timeout": 0.2}
    path = write(rs={"misc_check": [check, slow]})
    assert agent.main(["probe", "--config", path, "web", "rs"]) == 1
    out = capsys.readouterr().out
    assert "PASSED: exit status 12 gives weight 10" in out
    assert "FAILED: did not end within its time limit" in out


def test_a_session_that_no_agent_has_is_no_failure_of_the_server(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(write(rs={"bfd_check": {"name": "rs1"}}))
    document = json.loads(path.read_text()) | {
        "bfd_instances": {"rs1": {"neighbor_ip": "10.1.0.1"}}
    }
    path.write_text(json.dumps(document))
    words = ["--config", str(path), "--runtime-dir", str(tmp_path), "web"]
    assert agent.main(["probe", *words]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:4] == [
        "  BFD_CHECK rs1 (10.1.0.1)",
        "    wants the agent's BFD session with 10.1.0.1 up",
        "    told at each change, which counts at once",
    ]
    assert "NOT RUN, by this host's fault" in lines[-1]
    assert "lvs-agent is not running here" in lines[-1]


def test_what_cannot_run_here_is_no_failure_of_the_server(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(rs={"tcp_check": local(1, bind_if="nosuch0")})
    assert agent.main(["probe", "--config", path, "web"]) == 2
    assert "NOT RUN, by this host's fault" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["wbe"], "there is no virtual server called wbe; did you mean web?"),
        (["web", "rs9"], "there is no real server of web called rs9; did you mean rs1?"),
    ],
)
def test_a_name_that_is_not_there_has_a_suggestion(
    write: Write, capsys: pytest.CaptureFixture[str], words: list[str], error: str
) -> None:
    path = write(rs1={})
    assert agent.main(["probe", "--config", path, *words]) == 2
    assert capsys.readouterr().err == f"{path}: {error}\n"


def test_a_file_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert agent.main(["probe", "--config", "/no/such", "web"]) == 2
    assert "/no/such" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [OK, CHUNKED])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_genhash_prints_the_digest_that_a_check_wants(
    write: Write, serve: Any, capsys: pytest.CaptureFixture[str], answer: bytes, version: str
) -> None:
    url = f"http://127.0.0.1:{serve(answer).port}/index.html?a=b"
    assert agent.main(["genhash", "--http-protocol", version, url]) == 0
    assert capsys.readouterr().out == f"{DIGEST}  {url}\n"
    port = int(url.split(":")[2].partition("/")[0])
    check = local(port, url={"path": "/index.html?a=b", "digest": DIGEST}, http_protocol=version)
    assert agent.main(["probe", "--config", write(rs={"http_get": check}), "web"]) == 0


def test_genhash_speaks_tls_and_names_the_host(
    serve: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: list[str | None] = []
    context = server_tls(Authority(tmp_path).issue("localhost"))
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    port = serve(OK, tls=context).port
    url = f"https://127.0.0.1:{port}"
    assert agent.main(["genhash", "--virtualhost", "www.example.org", url]) == 0
    assert capsys.readouterr().out == f"{DIGEST}  {url}\n"
    assert names == ["www.example.org"]


def test_genhash_of_an_error_page_says_so(serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{serve(OK.replace(b'200', b'404')).port}/"
    assert agent.main(["genhash", url]) == 0
    assert "status 404; the digest is of that page" in capsys.readouterr().err


def test_genhash_says_why_there_is_no_digest(
    serve: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    good = f"http://127.0.0.1:{serve(OK).port}/"
    bad = ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "http://[::1/"]
    assert agent.main(["genhash", *bad, good]) == 1
    written = capsys.readouterr()
    assert written.out == f"{DIGEST}  {good}\n"
    assert [line.split(": ")[0] for line in written.err.splitlines()] == bad
    assert "connection refused" in written.err
    assert "must begin with http:// or https://" in written.err
