# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a configuration file: bounded, as text.

Owns what can go wrong with the file itself. Must never look into its contents.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

# 65,536 real servers with a check each are about 16 MB; a larger file is a mistake.
FILE_BYTES_LIMIT = 32 * 1024 * 1024


class ConfigFileError(Exception):
    """The file cannot be had; the text says why and what to do."""


def read(path: str) -> str:
    """The text of file `path`; "-" is standard input. Raises ConfigFileError."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(FILE_BYTES_LIMIT + 1)
        else:
            data = _read_regular(Path(path))
    except OSError as error:
        raise ConfigFileError(_explain(error)) from error
    if len(data) > FILE_BYTES_LIMIT:
        raise ConfigFileError(f"larger than {FILE_BYTES_LIMIT} bytes; is it the right file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigFileError(
            f"not UTF-8 text: byte {error.start} is {data[error.start]:#04x}"
        ) from error


def _read_regular(path: Path) -> bytes:
    # O_NONBLOCK: opening a FIFO must not hang the supervisor.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigFileError("not a regular file")
        return file.read(FILE_BYTES_LIMIT + 1)


def _explain(error: OSError) -> str:
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return f"{reason}; write the configuration there, or name another file"
    if isinstance(error, PermissionError):
        return f"{reason}; the user lvs-agent (or its group) must be able to read it"
    return reason
