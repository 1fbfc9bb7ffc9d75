# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking away what a role has made: all of that, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _host, _removal

REAL = SimpleNamespace(check_mode=False)
CHECK = SimpleNamespace(check_mode=True)


@pytest.mark.parametrize("path", ["/", "/opt", "/opt/", "/opt/x/..", "//etc", "opt/lvs-agent", ""])
def test_what_is_everybodys_is_refused(path: str) -> None:
    with pytest.raises(_host.HostError, match="no folder to remove"):
        _removal.ensure_no_folder(CHECK, _host.Changes(), path)


def test_a_folder_goes_once_and_check_mode_only_says_it(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    (folder / "releases").mkdir(parents=True)
    changes = _host.Changes()
    _removal.ensure_no_folder(CHECK, changes, str(folder))
    assert folder.exists()
    _removal.ensure_no_folder(REAL, changes, str(folder))
    assert changes.done == [f"remove {folder}"] * 2
    assert not folder.exists()
    again = _host.Changes()
    _removal.ensure_no_folder(REAL, again, str(folder))
    assert again.done == []


def test_a_link_in_a_folders_place_is_left_with_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    link = tmp_path / "agent"
    link.symlink_to("others")
    _removal.ensure_no_folder(REAL, _host.Changes(), str(link))
    assert link.is_symlink()


def test_only_links_into_the_folder_go(tmp_path: Path) -> None:
    ours, others, file = (tmp_path / name for name in ("ours", "others", "file"))
    ours.symlink_to("/opt/lvs-agent/current/bin/lvsctl")
    others.symlink_to("/opt/lvs-agent-else/bin/lvsctl")
    file.write_text("")
    changes = _host.Changes()
    for path in (ours, others, file):
        _removal.ensure_no_link(REAL, changes, str(path), "/opt/lvs-agent")
    assert changes.done == [f"remove {ours}"]
    assert sorted(os.listdir(tmp_path)) == ["file", "others"]


def test_users_that_are_gone_are_no_change() -> None:
    changes = _host.Changes()
    _removal.ensure_no_user(REAL, changes, "no-such-user")
    assert changes.done == []
