# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of HTTP answers: right on good ones (h11 is the judge), bounded on all others."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lvs_agent.core.checks import HttpUrl
from lvs_agent.core.health.response import (
    BODY_LIMIT,
    HEAD_LIMIT,
    ResponseReader,
    accepts,
    ranges,
    request,
)


def read(data: bytes, *, ended: bool = False, piece: int | None = None) -> ResponseReader:
    reader = ResponseReader()
    step = piece or max(1, len(data))
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
    if ended:
        reader.end()
    return reader


def outcome(reader: ResponseReader) -> tuple[int | None, bool, bool]:
    return reader.status, reader.done, reader.error is not None


NGINX = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\n"
    b"Content-Length: 5\r\nConnection: close\r\n\r\nhello"
)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (NGINX, 200),
        (b"HTTP/1.0 404 Not Found\r\ncontent-LENGTH:0\r\n\r\n", 404),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304),
        (b"HTTP/1.1 301 \r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 301),
        (b"HTTP/1.1 200\nContent-Length: 2\n\nok", 200),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 503),
        (b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No\r\n\r\n", 204),
        (b"HTTP/1.1 101 Switching\r\n\r\n\x00\x01garbage", 101),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", 200),
    ],
)
@pytest.mark.parametrize("piece", [None, 1, 7])
def test_complete_answers_are_known_as_such_without_the_end_of_the_stream(
    data: bytes, status: int, piece: int | None
) -> None:
    reader = read(data, piece=piece)
    assert (reader.status, reader.done, reader.error) == (status, True, None)


def test_an_answer_without_a_length_lasts_until_the_stream_ends() -> None:
    reader = read(b"HTTP/1.0 200 OK\r\n\r\nhello")
    assert (reader.status, reader.done) == (200, False)
    reader.end()
    assert (reader.done, reader.error) == (True, None)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "closed without answer"),
        (b"HTTP/1.1 200 O", "closed in the head of the answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "closed in the head of the answer"),
        (NGINX[:-1], "closed after 4 of 5 bytes of the body"),
    ],
)
def test_a_truncated_answer_is_an_error(data: bytes, error: str) -> None:
    assert read(data, ended=True).error == error


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00",
        b"\r\nHTTP/1.1 200 OK\r\n",
        b"http/1.1 200 OK\r\n",
        b"HTTP/2.0 200 OK\r\n",
        b"HTTP/1.x 200 OK\r\n",
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"HTTP/1.1 -20 OK\r\n",
        b"HTTP/1.1  200 OK\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n",
        b"ICY 200 OK\r\n",
    ],
)
def test_what_is_not_http_is_told_at_once(data: bytes) -> None:
    reader = read(data)
    assert reader.error is not None
    assert "not an HTTP answer" in reader.error
    assert reader.status is None


@pytest.mark.parametrize("value", [b"-1", b"x", b"", b"1, 2", b"9" * 21, b"9" * 9000, b"\xb2"])
def test_an_invalid_length_is_an_error(value: bytes) -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: " + value + b"\r\n\r\n")
    assert (reader.error, reader.status) == ("invalid Content-Length", None)


def test_a_transfer_coding_outranks_a_length() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader = read(head + b"0\r\n\r\n", ended=True)
    assert (reader.status, reader.done) == (200, True)


@pytest.mark.parametrize("piece", [1, 4096, HEAD_LIMIT + 100])
def test_an_endless_head_is_cut_off(piece: int) -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_LIMIT, piece=piece)
    assert reader.error == f"head longer than {HEAD_LIMIT} bytes"


@pytest.mark.parametrize("piece", [1000, 10**6])
def test_interim_heads_without_end_are_cut_off(piece: int) -> None:
    reader = read(b"HTTP/1.1 102 Wait\r\n\r\n" * 1000, piece=piece)
    assert reader.error == f"head longer than {HEAD_LIMIT} bytes"


@pytest.mark.parametrize("length", [b"", b"Content-Length: 18446744073709551615\r\n"])
def test_an_endless_body_is_enough_after_the_limit(length: bytes) -> None:
    reader = read(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + b"x" * (BODY_LIMIT - 1))
    assert reader.done is False
    reader.feed(b"x")
    assert (reader.status, reader.done) == (200, True)


def test_the_longest_head_allowed_is_read() -> None:
    head = b"HTTP/1.1 204 No\r\nX: "
    head += b"x" * (HEAD_LIMIT - len(head) - 4) + b"\r\n\r\n"
    assert read(head, piece=1000).done
    assert read(head.replace(b"xx", b"xxx", 1)).error is not None


# -- properties

TOKENS = st.sampled_from(
    [
        b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"100", b"404", b" ", b"\r\n", b"\n", b"\r\n\r\n", b":",
        b"Content-Length: ", b"content-length:", b"Transfer-Encoding: chunked", b"5", b"99999",
        b"hello", b"\x00", b"\xff", b"-", b",",
    ]
)  # fmt: skip
STREAMS = st.one_of(
    st.binary(max_size=300),
    st.lists(TOKENS, max_size=40).map(b"".join),
    st.tuples(st.just(b"HTTP/1.1 200 OK\r\n"), st.lists(TOKENS, max_size=40).map(b"".join)).map(
        b"".join
    ),
    st.tuples(st.binary(max_size=8), st.integers(0, len(NGINX))).map(
        lambda change: NGINX[: change[1]] + change[0] + NGINX[change[1] + len(change[0]) :]
    ),
)


@settings(max_examples=500, deadline=None)
@given(data=STREAMS, cuts=st.lists(st.integers(0, 300), max_size=10), ended=st.booleans())
def test_any_bytes_in_any_pieces_give_the_same_outcome_and_never_raise(
    data: bytes, cuts: list[int], ended: bool
) -> None:
    whole, pieces = ResponseReader(), ResponseReader()
    whole.feed(data)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in pairwise(edges):
        pieces.feed(data[start:end])
    if ended:
        whole.end()
        pieces.end()
    assert outcome(whole) == outcome(pieces)
    assert not (whole.done and whole.error is not None)
    assert isinstance(whole.progress(), str)
    if whole.status is not None:
        assert 100 <= whole.status <= 999


def by_h11(data: bytes) -> int | None:
    """The status h11 reads from a complete answer; None when it is not one."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    status = None
    try:
        connection.receive_data(data)
        connection.receive_data(b"")
        while True:
            match connection.next_event():
                case h11.Response(status_code=code):
                    status = code
                case h11.EndOfMessage():
                    return status
                case h11.NEED_DATA | h11.PAUSED:
                    return None
    except h11.RemoteProtocolError:
        return None


NAMES = st.sampled_from(
    ["Server", "X-A", "Content-Type", "Content-Length", "ETag", "content-lengthy"]
)
HEADERS = st.lists(
    st.tuples(NAMES, st.sampled_from(["0", "5", "a b", "", "text/html"])), max_size=6
)


@settings(max_examples=500, deadline=None)
@given(
    version=st.sampled_from(["1.0", "1.1"]),
    interim=st.sampled_from(
        ["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 E\r\nA: b\r\n\r\n"]
    ),
    status=st.integers(200, 999),
    reason=st.sampled_from(["", " ", " OK", " Not Found", " a:b \t"]),
    line_end=st.sampled_from(["\r\n", "\n"]),
    headers=HEADERS,
    body=st.binary(max_size=12),
)
def test_whatever_h11_accepts_has_the_same_status_here(  # noqa: PLR0917
    version: str,
    interim: str,
    status: int,
    reason: str,
    line_end: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    lines = [f"HTTP/{version} {status}{reason}", *(f"{name}: {value}" for name, value in headers)]
    data = (interim + line_end.join([*lines, "", ""])).encode() + body
    expected = by_h11(data)
    if expected is not None:
        assert outcome(read(data, ended=True)) == (expected, True, False)


@settings(max_examples=500, deadline=None)
@given(data=STREAMS)
def test_broken_answers_that_h11_accepts_have_the_same_status_here(data: bytes) -> None:
    expected = by_h11(data)
    if expected is not None:
        assert read(data, ended=True).status == expected


# -- requests


# With lone surrogates, which JSON can carry.
ANY_TEXT = st.text(st.characters(), min_size=1, max_size=40)


def url(path: str = "/", virtualhost: str | None = None) -> HttpUrl:
    return HttpUrl(path=path, status_codes=((200, 299), (301, 301)), virtualhost=virtualhost)


@pytest.mark.parametrize(
    ("wanted", "port", "host"),
    [
        (url(), 80, b"172.16.1.3"),
        (url(), 8080, b"172.16.1.3:8080"),
        (url(virtualhost="www.example.org"), 8080, b"www.example.org"),
    ],
)
def test_the_request_names_the_host(wanted: HttpUrl, port: int, host: bytes) -> None:
    assert request(wanted, "172.16.1.3", port) == (
        b"GET / HTTP/1.0\r\nHost: " + host + b"\r\nUser-Agent: lvs-agent\r\nAccept: */*\r\n"
        b"Connection: close\r\n\r\n"
    )


@given(path=ANY_TEXT, virtualhost=ANY_TEXT)
def test_no_configured_text_breaks_out_of_its_line(path: str, virtualhost: str) -> None:
    lines = request(url("/" + path, virtualhost), "172.16.1.3", 80).split(b"\r\n")
    assert len(lines) == 7
    assert lines[0].count(b" ") == 2
    assert lines[1].count(b" ") == 1


def test_a_query_stays_as_it_is() -> None:
    wanted = url("/a%20b?x=1&y=[2]#")
    assert request(wanted, "h", 80).startswith(b"GET /a%20b?x=1&y=[2]# HTTP/1.0\r\n")


def test_status_codes_are_inclusive_ranges() -> None:
    codes = url().status_codes
    assert [accepts(codes, status) for status in (199, 200, 299, 300, 301, 302)] == [
        False, True, True, False, True, False,
    ]  # fmt: skip
    assert ranges(codes) == "200-299 301"
