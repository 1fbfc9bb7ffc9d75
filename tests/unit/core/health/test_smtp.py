# SPDX-License-Identifier: GPL-3.0-or-later
"""The SMTP conversation: what is said when, and what of a server's words is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.health.smtp import REPLIES_LIMIT, SmtpDialogue


def talk(data: bytes, piece: int = 0) -> tuple[SmtpDialogue, bytes]:
    dialogue = SmtpDialogue("director")
    step = piece or max(1, len(data))
    said = b"".join(dialogue.feed(data[at : at + step]) for at in range(0, len(data), step))
    return dialogue, said


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize(
    "data",
    [
        b"220 mail ESMTP\r\n250 hello\r\n",
        b"220-mail\r\n220-two lines\r\n220 ready\r\n250-hello\r\n250 8BITMIME\r\n",
        b"220\n250\n",
    ],
)
def test_a_good_server_hears_helo_and_quit(data: bytes, piece: int) -> None:
    dialogue, said = talk(data, piece)
    assert (said, dialogue.done, dialogue.error) == (b"HELO director\r\nQUIT\r\n", True, None)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"554 go away\r\n", "greeted with b'554 go away'"),
        (b"220 hi\r\n502 what\r\n", "answered HELO with b'502 what'"),
        (b"HTTP/1.1 400 Bad\r\n", "not an SMTP reply: b'HTTP/1.1 400 Bad'"),
        (b"220x\r\n", "not an SMTP reply: b'220x'"),
        (b"\r\n", "not an SMTP reply: b''"),
        (b"220-" + b"x" * REPLIES_LIMIT, f"more than {REPLIES_LIMIT} bytes of replies"),
        (b"220-more\r\n" * 2000, f"more than {REPLIES_LIMIT} bytes of replies"),
    ],
)
def test_a_bad_server_is_an_error(data: bytes, error: str) -> None:
    assert talk(data)[0].error == error


@pytest.mark.parametrize(
    ("data", "progress"),
    [
        (b"", "no greeting"),
        (b"220-a\r\n", "only part of a greeting"),
        (b"220 a\r\n25", "no answer to HELO"),
    ],
)
def test_how_far_it_got_is_known(data: bytes, progress: str) -> None:
    dialogue, _ = talk(data)
    assert dialogue.progress() == progress
    dialogue.end()
    assert dialogue.error == f"closed: {progress}"


@given(st.binary(max_size=300))
def test_pieces_make_no_difference_and_nothing_raises(data: bytes) -> None:
    whole, single = talk(data), talk(data, 1)
    assert (whole[0].done, whole[1]) == (single[0].done, single[1])
    assert (whole[0].error is None) is (single[0].error is None)
