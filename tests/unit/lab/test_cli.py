# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line says what is wrong and never shows a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lvslab import cli, image, state


@pytest.fixture(autouse=True)
def _no_labs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LVSLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status"], "lab lab is not up: run `lab up`"),
        (["ssh", "drct1", "true"], "is not up"),
        (["--name", "X", "status"], "a lab's name"),
        (["keepalived", "drct1", "/nowhere/k.conf"], "/nowhere/k.conf: No such file"),
        (["up", "--topology", "nowhere"], "there are nat, pair, seed"),
    ],
)
def test_error_is_one_line_and_status_1(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 1
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_without_root_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main(["up"]) == 1
    assert "needs root" in capsys.readouterr().err


def test_recipe_changes_with_every_file_that_makes_the_image(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(image, "GUEST", tmp_path)
    monkeypatch.setattr(image, "_kernel_release", lambda: "6.1")
    script = tmp_path / "root" / "script"
    script.parent.mkdir()
    hashes = [image.recipe_hash()]
    script.write_text("one")
    hashes.append(image.recipe_hash())
    script.write_text("two")
    hashes.append(image.recipe_hash())
    script.chmod(0o755)
    hashes.append(image.recipe_hash())
    assert len(set(hashes)) == 4
    assert image.recipe_hash() == hashes[-1]


def test_prune_deletes_old_images_that_no_lab_boots_from(tmp_path: Path) -> None:
    names = {letter: letter * 16 for letter in "abc"}
    for name in names.values():
        (tmp_path / "images" / name).mkdir(parents=True)
    for letter in "ab":
        os.utime(tmp_path / "images" / names[letter], (0, 0))
    (tmp_path / "run" / "x").mkdir(parents=True)
    (tmp_path / "run" / "x" / "lab.json").write_text(f'{{"image": "{names["a"]}"}}')
    image.prune(tmp_path, state.images_in_use(tmp_path))
    assert sorted(p.name for p in (tmp_path / "images").iterdir()) == [names["a"], names["c"]]
