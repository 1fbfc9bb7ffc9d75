# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies: chunks as h11 reads them, digests, patterns, and the bounds of all three."""

from __future__ import annotations

import hashlib

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.checks import BodyPattern, HttpUrl
from lvs_agent.core.health.body import (
    DIGEST_LIMIT,
    PATTERN_LIMIT,
    BodyCheck,
    ChunkReader,
    body_check,
)
from lvs_agent.core.health.response import BODY_LIMIT, ResponseReader

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def url(*, digest: str | None = None, regex: str | None = None, wanted: bool = True) -> HttpUrl:
    pattern = None if regex is None else BodyPattern(text=regex, wanted=wanted)
    codes = ((200, 200),)
    return HttpUrl(path="/", status_codes=codes, virtualhost=None, digest=digest, pattern=pattern)


def read(data: bytes, body: BodyCheck | None, *, piece: int = 0) -> ResponseReader:
    reader = ResponseReader(body)
    step = piece or max(1, len(data))
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
    return reader


def chunked(*contents: bytes, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    parts = [b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in contents if part]
    return b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


@given(
    st.lists(st.binary(max_size=50), max_size=6),
    st.sampled_from([b"", b";x=y", b" ; q"]),
    st.sampled_from([b"", b"A: b\r\n", b"A: b\r\nC: d\r\n"]),
    st.integers(1, 40),
)
def test_chunks_in_any_pieces_give_the_content(
    contents: list[bytes], extension: bytes, trailer: bytes, piece: int
) -> None:
    data = chunked(*contents, extension=extension, trailer=trailer)
    reader = ChunkReader()
    got = b"".join(reader.feed(data[at : at + piece]) for at in range(0, len(data), piece))
    assert (got, reader.done, reader.error) == (b"".join(contents), True, None)


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5))
def test_h11_reads_the_same_content(contents: list[bytes]) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(HEAD + chunked(*contents))
    found = b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Data):
            found += bytes(event.data)
    assert found == ChunkReader().feed(chunked(*contents))


@given(st.binary(max_size=400), st.integers(1, 400))
def test_any_bytes_end_in_done_or_error_or_wait_for_more(data: bytes, piece: int) -> None:
    reader = ChunkReader()
    content = b"".join(reader.feed(data[at : at + piece]) for at in range(0, len(data), piece))
    assert len(content) <= len(data)
    assert not (reader.done and reader.error)


@given(st.binary(max_size=300))
def test_pieces_make_no_difference(data: bytes) -> None:
    whole, single = ChunkReader(), ChunkReader()
    content = whole.feed(data)
    assert content == b"".join(single.feed(bytes([byte])) for byte in data)
    assert (whole.done, whole.error) == (single.done, single.error)


@pytest.mark.parametrize(
    "data",
    [
        b"zz\r\n", b"-1\r\n", b"\r\n", b"1" * 17 + b"\r\n", b"2\r\nabc\r\n", b"1;" + b"x" * 300,
        b"0\r\n" + b"A: b\r\n" * 4000, b"0\r\n" + b"x" * 20_000, b"\xff\xfe\n",
    ],
)  # fmt: skip
def test_what_is_no_chunk_is_an_error(data: bytes) -> None:
    reader = ChunkReader()
    reader.feed(data)
    assert reader.error is not None


@pytest.mark.parametrize("piece", [0, 1, 3])
def test_a_chunked_answer_is_complete_without_the_end_of_the_stream(piece: int) -> None:
    reader = read(HEAD + chunked(b"hello", b"world"), None, piece=piece)
    assert (reader.status, reader.done, reader.error) == (200, True, None)


def test_a_chunked_answer_that_ends_early_is_an_error() -> None:
    reader = read(HEAD + b"5\r\nhel", None)
    reader.end()
    assert reader.error == "closed after 6 bytes, before the last chunk"


def test_an_answer_of_http_1_0_has_no_chunks() -> None:
    body = BodyCheck(url(digest=""))
    data = b"5\r\nhello\r\n0\r\n\r\n"
    reader = read(HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + data, body)
    reader.end()
    assert reader.done
    assert body.digest() == hashlib.md5(data).hexdigest()


@pytest.mark.parametrize(
    "data",
    [
        HEAD + chunked(b"he", b"llo"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and what is not of it",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
)
@pytest.mark.parametrize("piece", [0, 1])
def test_the_digest_is_that_of_the_content(data: bytes, piece: int) -> None:
    good = hashlib.md5(b"hello").hexdigest()
    for wanted, problem in ((good, None), ("0" * 32, f"digest {good}, wanted {'0' * 32}")):
        body = BodyCheck(url(digest=wanted))
        reader = read(data, body, piece=piece)
        reader.end()
        assert (reader.done, reader.error, body.problem()) == (True, None, problem)


def test_the_digest_of_an_empty_body() -> None:
    body = BodyCheck(url(digest=hashlib.md5(b"").hexdigest()))
    assert read(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", body).done
    assert body.problem() is None


@pytest.mark.parametrize(
    ("regex", "wanted", "problem"),
    [
        ("ll", True, None),
        ("xx", True, "regex not found in the body"),
        ("xx", False, None),
        ("o$", False, "regex found in the body"),
    ],
)
def test_the_body_is_searched(regex: str, wanted: bool, problem: str | None) -> None:
    body = BodyCheck(url(regex=regex, wanted=wanted))
    assert read(HEAD + chunked(b"hel", b"lo"), body, piece=2).done
    assert body.problem() == problem


def test_a_search_that_is_too_much_work_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvs_agent.core.health.pattern.WORK_LIMIT", 3)
    body = BodyCheck(url(regex="never seen [0-9]+ before"))
    body.feed(b"abcdef")
    assert "takes too long" in (body.problem() or "")


@pytest.mark.parametrize(
    ("wanted", "limit"),
    [(url(digest=""), DIGEST_LIMIT), (url(regex="a"), PATTERN_LIMIT)],
)
def test_an_endless_body_is_too_long_to_compare(wanted: HttpUrl, limit: int) -> None:
    body = body_check(wanted)
    reader = ResponseReader(body)
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    fed = 0
    while reader.error is None:
        assert fed <= limit
        reader.feed(b"x" * 65536)
        fed += 65536
    assert reader.error == f"body longer than {limit} bytes, the most that is compared"


def test_an_endless_body_of_chunks_is_enough_for_a_status() -> None:
    reader = ResponseReader()
    reader.feed(HEAD)
    for _ in range(BODY_LIMIT // 6 + 1):
        reader.feed(b"1\r\nx\r\n")
    assert reader.done


def test_nothing_is_compared_unless_something_is_wanted() -> None:
    assert body_check(url()) is None
