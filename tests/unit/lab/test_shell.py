# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of the lab end: by themselves, or at their limit with all they have started."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lvslab import procfs
from lvslab.errors import CommandFailed
from lvslab.shell import run


def test_output_and_input_pass_through() -> None:
    result = run(["sh", "-c", "cat; echo err >&2"], timeout_s=10, stdin="in\n")
    assert (result.stdout, result.stderr, result.rc) == ("in\n", "err\n", 0)


def test_failure_carries_the_command_its_code_and_its_words() -> None:
    with pytest.raises(CommandFailed, match=r"rc 3: sh -c .*\n.*\n  because") as caught:
        run(["sh", "-c", "echo because >&2; exit 3"], timeout_s=10)
    assert caught.value.rc == 3
    assert run(["false"], timeout_s=10, check=False).rc == 1


def test_command_over_its_limit_is_killed_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    start = time.monotonic()
    with pytest.raises(CommandFailed, match=r"did not end within 0\.5 s") as caught:
        run(["sh", "-c", f"sleep 60 & echo $! >{pid}; wait"], timeout_s=0.5)
    assert caught.value.rc is None
    assert time.monotonic() - start < 5
    child = int(pid.read_text())
    while procfs.read(child) is not None:  # SIGKILL is sent; its death may take a moment
        assert time.monotonic() - start < 10
        time.sleep(0.01)


def test_child_in_another_session_cannot_hold_us_by_its_pipe() -> None:
    start = time.monotonic()
    with pytest.raises(CommandFailed):
        run(["sh", "-c", "setsid sleep 6 & sleep 60"], timeout_s=0.5)
    assert time.monotonic() - start < 5
