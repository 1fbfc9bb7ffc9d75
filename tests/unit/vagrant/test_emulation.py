# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulation of Vagrant machines: what can be seen without a machine."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from emulation import box, cli
from emulation.cell import Cell
from lvslab.errors import LabError


def test_the_partition_is_active_and_the_record_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "boot.img").write_bytes(b"\x90" * 512)
    monkeypatch.setattr(box, "_GRUB", tmp_path)
    record = box._boot_record(4096)
    assert len(record) == 512
    assert record[:440] == b"\x90" * 440
    assert record[510:] == b"\x55\xaa"
    active, _, kind, _, start, sectors = struct.unpack("<B3sB3sII", record[446:462])
    assert (active, kind, start, sectors) == (0x80, 0x83, 2048, 4096)
    assert record[462:510] == bytes(48)


def test_the_recipe_follows_each_file_of_the_guest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = tmp_path / "guest"
    shutil.copytree(box.GUEST, guest)
    before = box.recipe()
    monkeypatch.setattr(box, "GUEST", guest)
    assert box.recipe() == before
    (guest / "root/etc/fstab").write_text("changed\n")
    assert box.recipe() != before


def test_no_cell_no_command(tmp_path: Path) -> None:
    cell = Cell(folder=tmp_path / "run")
    assert cell.pid() is None
    assert not cell.exists()
    with pytest.raises(LabError, match="emulator up"):
        cell.enter()


def test_what_an_interrupted_start_has_left_is_deleted(tmp_path: Path) -> None:
    cell = Cell(folder=tmp_path / "run")
    cell.vagrant_home.mkdir(parents=True)
    assert cell.exists()
    cell.stop()
    assert not cell.exists()


def test_down_without_machines_does_nothing_and_needs_no_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LVSLAB_CACHE", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert cli.main(["down"]) == 0
    assert cli.main(["exec", "true"]) == 1
    assert "root" in capsys.readouterr().err
