# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command that may hang, or never stop talking: bounded in time and in output.

Owns the process and its pipes. Must never know what the command is.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass

_CHUNK_BYTES = 1 << 16
# Of what the command complains, the end says why it failed.
_COMPLAINT_BYTES = 4096
_LINE_LIMIT = 300
# A command that has ended may have left somebody who holds its pipes (ssh's shared connection), so
# nobody waits for their end: this is how often the process is looked at.
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command wrote, or in `failed` why there is nothing to read."""

    output: bytes = b""
    failed: str = ""


def run(command: list[str], timeout_s: float, limit_bytes: int) -> Answer:
    """The output of `command`, at most `limit_bytes` within `timeout_s`."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that all that it started ends with it
        )
    except OSError as error:
        return Answer(failed=f"{command[0]}: {error.strerror or error}")
    with process:
        try:
            return _read(process, timeout_s, limit_bytes)
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _read(process: subprocess.Popen[bytes], timeout_s: float, limit_bytes: int) -> Answer:
    deadline = time.monotonic() + timeout_s
    output, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream, kept in ((process.stdout, output), (process.stderr, complaint)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, kept)
        while True:
            ended = process.poll() is not None
            for key, __ in selector.select(0 if ended else _LOOK_S):
                chunk = os.read(key.fd, _CHUNK_BYTES)
                key.data.extend(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
            del complaint[:-_COMPLAINT_BYTES]
            if len(output) > limit_bytes:
                return Answer(failed=f"it answers with more than {limit_bytes} bytes")
            if ended and not selector.select(0):
                break
            if time.monotonic() > deadline:
                return Answer(failed=f"no answer within {timeout_s:g} s")
    if process.returncode:
        return Answer(failed=_last_line(complaint) or f"exit status {process.returncode}")
    return Answer(output=bytes(output))


def _last_line(complaint: bytearray) -> str:
    """For a terminal: whoever is at the other end does not get to write control characters."""
    lines = complaint.decode(errors="replace").strip().splitlines()
    shown = lines[-1][:_LINE_LIMIT] if lines else ""
    return "".join(each if each.isprintable() else "?" for each in shown)
