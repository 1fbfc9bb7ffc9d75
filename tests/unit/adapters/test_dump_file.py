# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that everybody may read, in a directory where others may have put links."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from lvs_agent.adapters import dump_file


def test_file_is_replaced_whole_and_everybody_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keepalived.json"
    before = os.umask(0o077)
    try:
        dump_file.write(path, b"long before")
        dump_file.write(path, b"now")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"now"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("symbolic", [True, False])
def test_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path, symbolic: bool) -> None:
    path, other = tmp_path / "keepalived.json", tmp_path / "shadow"
    other.write_bytes(b"precious")
    (path.symlink_to if symbolic else path.hardlink_to)(other)
    dump_file.write(path, b"now")
    assert other.read_bytes() == b"precious"
    assert path.read_bytes() == b"now"
    assert not path.is_symlink()


def test_nothing_is_left_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "keepalived.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        dump_file.write(tmp_path / "keepalived.json", b"x")
    assert [one.name for one in tmp_path.iterdir()] == ["keepalived.json"]
