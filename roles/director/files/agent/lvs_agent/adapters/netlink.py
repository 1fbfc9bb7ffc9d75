# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink, lean: messages and attributes as bytes, batches with one acknowledgement, dumps.

Owns one socket's conversation with the kernel. Must never know what a message means.

A request is finished when send(2) returns: the kernel works it off in the sender's context
(net/netlink/af_netlink.c, netlink_rcv_skb), so the answers are in the receive queue by then and
reading them does not wait. The waits below are for the exception (a dump goes on at each read; a
lock held by another process), and bounded.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x001
NLM_F_ACK = 0x004
NLM_F_DUMP_INTR = 0x010
NLM_F_DUMP = 0x300
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
_NLM_F_CAPPED = 0x100
_NLM_F_ACK_TLVS = 0x200
_NLMSGERR_ATTR_MSG = 1

_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12

HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
ATTRIBUTE = struct.Struct("=HH")  # length, type
_FLAGS_AND_SEQUENCE = struct.Struct("=HI")
_ERROR = struct.Struct("=i")

# Were every message of a batch refused, 200 answers of at most 896 bytes each (a small sk_buff as
# the kernel accounts it) still fit the smallest usual receive buffer (net.core.rmem_default,
# 212,992 bytes): no answer is ever lost. The bytes stay well below the send buffer.
BATCH_MESSAGES = 200
_BATCH_BYTES = 64 * 1024
# The largest piece of a dump (net/netlink/af_netlink.c: 32 KiB) twice over.
_READ_BYTES = 64 * 1024
# Requests here take microseconds; after a second without an answer something is badly wrong, and
# the ha process must hear of it within its own advert interval.
ANSWER_WAIT_S = 1.0
# A dump that changed under the reader is read again, so often.
_DUMP_ATTEMPTS = 5
# 65,536 destinations and some; a dump that does not end is a kernel's bug.
_DUMP_MESSAGES_LIMIT = 200_000


class NetlinkError(OSError):
    """The kernel refused a request, or does not answer (`errno` ETIMEDOUT, ENOBUFS)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the kernel refused one message of a batch. `text` is the kernel's own, if it gave one."""

    errno: int
    text: str

    def __str__(self) -> str:
        name = os.strerror(self.errno)
        return f"{name} ({self.text})" if self.text else name


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to 4 bytes."""
    length = ATTRIBUTE.size + len(payload)
    return ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def message(kind: int, flags: int, body: bytes) -> bytes:
    """One request; sequence and acknowledgement are filled in on sending. `body` is padded."""
    length = HEADER.size + len(body)
    return HEADER.pack(length, kind, flags | NLM_F_REQUEST, 0, 0) + body


def attributes(data: bytes | memoryview, start: int = 0) -> Iterator[tuple[int, memoryview]]:
    """(type, payload) of each attribute from `start` on; stops at the first malformed one."""
    view = memoryview(data)
    end = len(view)
    while start + ATTRIBUTE.size <= end:
        length, kind = ATTRIBUTE.unpack_from(view, start)
        if length < ATTRIBUTE.size or start + length > end:
            return
        yield kind & 0x3FFF, view[start + ATTRIBUTE.size : start + length]
        start += (length + 3) & ~3


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence, body) of each message in what one read gave."""
    start = 0
    while start + HEADER.size <= len(data):
        length, kind, flags, sequence, __ = HEADER.unpack_from(data, start)
        if length < HEADER.size or start + length > len(data):
            return
        yield kind, flags, sequence, data[start + HEADER.size : start + length]
        start += (length + 3) & ~3


def _refusal(flags: int, body: bytes) -> Refusal:
    """`struct nlmsgerr` (netlink(7)), with the extended acknowledgement if there is one."""
    (code,) = _ERROR.unpack_from(body)
    text = ""
    if flags & _NLM_F_ACK_TLVS:
        (echoed,) = struct.unpack_from("=I", body, _ERROR.size)
        start = _ERROR.size + (HEADER.size if flags & _NLM_F_CAPPED else (echoed + 3) & ~3)
        for kind, payload in attributes(body, start):
            if kind == _NLMSGERR_ATTR_MSG:
                text = bytes(payload).rstrip(b"\0").decode(errors="replace")
    return Refusal(-code, text)


class Netlink:
    """A socket for requests: `transact` for batches of changes, `dump` for reading.

    `strict`: the kernel looks at what a dump request asks for and tells nothing else (Linux 4.20;
    older ones tell everything). Raises OSError when it cannot be opened.
    """

    def __init__(self, protocol: int, *, strict: bool = False) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol
        )
        self._socket.bind((0, 0))
        for option in (_NETLINK_EXT_ACK, _NETLINK_CAP_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        if strict:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._sequence = 0

    @property
    def port(self) -> int:
        """What the kernel's notifications name as the author of our changes."""
        port: int = self._socket.getsockname()[0]
        return port

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def transact(self, requests: Sequence[bytes]) -> dict[int, Refusal]:
        """Send all `requests` in order; what was refused, by position (empty: all succeeded).

        Raises NetlinkError when the kernel does not answer: the outcome is then unknown.
        """
        refusals: dict[int, Refusal] = {}
        start = 0
        while start < len(requests):
            end, size = start, 0
            while end < len(requests) and end - start < BATCH_MESSAGES:
                size += len(requests[end])
                if size > _BATCH_BYTES and end > start:
                    break
                end += 1
            for position, refusal in self._batch(requests[start:end]).items():
                refusals[start + position] = refusal
            start = end
        return refusals

    def _batch(self, requests: Sequence[bytes]) -> dict[int, Refusal]:
        """One send: only the last message asks for an acknowledgement, refusals come anyway."""
        first = self._send_all(requests, acknowledged=len(requests) - 1)
        refusals: dict[int, Refusal] = {}
        deadline = time.monotonic() + ANSWER_WAIT_S
        while True:
            for kind, flags, sequence, body in messages(self._read(deadline)):
                position = sequence - first
                if kind != NLMSG_ERROR or not 0 <= position < len(requests):
                    continue
                refusal = _refusal(flags, body)
                if refusal.errno:
                    refusals[position] = refusal
                if position == len(requests) - 1:
                    return refusals

    def _send_all(self, requests: Sequence[bytes], *, acknowledged: int) -> int:
        """Send `requests` in one write; the sequence number of the first."""
        self._drop_stale()
        first = self._next(len(requests))
        data = bytearray().join(requests)
        offset = 0
        for position, request in enumerate(requests):
            struct.pack_into("=I", data, offset + 8, first + position)
            if position == acknowledged:
                (flags,) = struct.unpack_from("=H", data, offset + 6)
                struct.pack_into("=H", data, offset + 6, flags | NLM_F_ACK)
            offset += len(request)
        self._send(data)
        return first

    def transaction(self, begin: bytes, requests: Sequence[bytes], end: bytes) -> list[Refusal]:
        """Apply all `requests` or none (nfnetlink's batches); why it was none (empty: all).

        Not every kernel acknowledges `end`, so the last request has to be acknowledged; what is
        wrong with the batch as a whole is said of `begin`, and said first
        (net/netfilter/nfnetlink.c, nfnetlink_rcv_batch). Raises NetlinkError as `transact`.
        """
        last = len(requests)
        first = self._send_all((begin, *requests, end), acknowledged=last)
        refusals: list[Refusal] = []
        deadline = time.monotonic() + ANSWER_WAIT_S
        while True:
            for kind, flags, sequence, body in messages(self._read(deadline)):
                position = sequence - first
                if kind != NLMSG_ERROR or not 0 <= position <= last:
                    continue
                refusal = _refusal(flags, body)
                if refusal.errno:
                    refusals.append(refusal)
                if position == last or (position == 0 and refusal.errno):
                    return refusals

    def dump(self, request: bytes) -> list[bytes]:
        """The bodies of all messages that answer the dump `request` (made with NLM_F_DUMP).

        Raises NetlinkError when it is refused, or keeps changing while it is read.
        """
        for __ in range(_DUMP_ATTEMPTS):
            bodies, interrupted = self._dump_once(request)
            if not interrupted:
                return bodies
        raise NetlinkError(errno.EAGAIN, "the table changed during every attempt to read it")

    def _dump_once(self, request: bytes) -> tuple[list[bytes], bool]:
        self._drop_stale()
        wanted = self._next(1)
        data = bytearray(request)
        struct.pack_into("=I", data, 8, wanted)
        self._send(data)
        deadline = time.monotonic() + ANSWER_WAIT_S
        bodies: list[bytes] = []
        interrupted = False
        while len(bodies) < _DUMP_MESSAGES_LIMIT:
            for kind, flags, sequence, body in messages(self._read(deadline)):
                if sequence != wanted:
                    continue
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    (code,) = _ERROR.unpack_from(body) if len(body) >= _ERROR.size else (0,)
                    if code:
                        raise NetlinkError(-code, os.strerror(-code))
                    return bodies, interrupted
                bodies.append(body)
        raise NetlinkError(errno.EMSGSIZE, f"a dump of over {_DUMP_MESSAGES_LIMIT} messages")

    def _next(self, count: int) -> int:
        """The first of `count` sequence numbers; never 0, the kernel's own messages have it."""
        if self._sequence + count >= 2**32:
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += count
        return first

    def _send(self, data: bytearray) -> None:
        sent = self._socket.send(data)
        if sent != len(data):
            raise NetlinkError(errno.EMSGSIZE, f"{sent} of {len(data)} bytes sent")

    def _read(self, deadline: float) -> bytes:
        while True:
            try:
                data, (port, __) = self._socket.recvfrom(_READ_BYTES)
            except BlockingIOError:
                self._wait(deadline)
                continue
            except OSError as error:
                raise NetlinkError(error.errno, os.strerror(error.errno or 0)) from error
            if port == 0:  # anybody may send to a netlink socket; only the kernel has port 0
                return data

    def _wait(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if left <= 0 or not poll.poll(left * 1000):
            raise NetlinkError(errno.ETIMEDOUT, "the kernel does not answer")

    def _drop_stale(self) -> None:
        """Forget answers to a request that was given up; at most as many as a buffer holds."""
        for __ in range(4 * BATCH_MESSAGES):
            try:
                self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENOBUFS, reported once
