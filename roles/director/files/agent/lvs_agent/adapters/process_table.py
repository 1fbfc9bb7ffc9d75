# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's processes as /proc shows them.

Owns reading /proc. Must never decide which of them matter.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from lvs_agent.core.track.process import Running

# A host with more processes than this has other worries; the rest is not looked at.
_PROCESSES_LIMIT = 32_768
_CMDLINE_BYTES = 4096


def running_names() -> Iterator[tuple[int, str]]:
    """(process id, name) of every process."""
    with os.scandir("/proc") as entries:
        for count, entry in enumerate(entries):
            if count > _PROCESSES_LIMIT:
                return
            if entry.name.isdigit() and (name := _read(f"/proc/{entry.name}/comm")):
                yield int(entry.name), name.rstrip(b"\n").decode(errors="replace")


def running(pid: int, name: str) -> Running | None:
    """The process with its arguments; None for a kernel thread, a zombie, or one that is gone."""
    line = _read(f"/proc/{pid}/cmdline")
    if not line:
        return None
    words = line.rstrip(b"\0").split(b"\0")
    return Running(
        pid=pid, name=name, arguments=tuple(word.decode(errors="replace") for word in words)
    )


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, _CMDLINE_BYTES)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
