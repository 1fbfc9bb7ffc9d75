# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong in the lab. Owns the exception types; never raises them itself."""

from __future__ import annotations


class LabError(Exception):
    """Something the user can read and act on: the message says what to do."""


class CommandFailed(LabError):
    """A command ended with a return code other than 0, or did not end in time.

    `rc` is None when the command was killed at its time limit.
    """

    def __init__(self, message: str, *, rc: int | None, stdout: str, stderr: str) -> None:
        super().__init__(message)
        self.rc = rc
        self.stdout = stdout
        self.stderr = stderr
