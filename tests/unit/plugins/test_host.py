# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing parts of a host into the wanted state: looks first, and check mode only tells."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _host

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files are to belong to root")

REAL = SimpleNamespace(check_mode=False)
CHECK = SimpleNamespace(check_mode=True)


def test_a_file_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    changes = _host.Changes()
    _host.ensure_file(REAL, changes, str(path), "text\n", 0o640)
    assert path.read_text() == "text\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert changes.result()["changed"]
    again = _host.Changes()
    _host.ensure_file(REAL, again, str(path), "text\n", 0o640)
    assert again.result() == {"changed": False, "changes": [], "diff": []}
    assert list(path.parent.iterdir()) == [path]


def test_wrong_permissions_are_a_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text\n")
    path.chmod(0o666)
    changes = _host.Changes()
    _host.ensure_file(REAL, changes, str(path), "text\n")
    assert changes.result()["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_check_mode_shows_the_difference_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before\n")
    changes = _host.Changes()
    _host.ensure_file(CHECK, changes, str(path), "after\n")
    _host.ensure_no_file(CHECK, changes, str(path))
    assert path.read_text() == "before\n"
    assert changes.diffs[0]["before"] == "before\n"
    assert changes.diffs[0]["after"] == "after\n"


def test_an_interrupted_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("before\n")

    def broken(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="no space"):
        _host.write_atomically(str(path), "after\n", 0o644)
    assert path.read_text() == "before\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.conf.all.arp_ignore", "/proc/sys/net/ipv4/conf/all/arp_ignore"),
        ("net.ipv4.conf.eth0/100.arp_ignore", "/proc/sys/net/ipv4/conf/eth0.100/arp_ignore"),
        ("net/ipv4/conf/eth0.100/arp_ignore", "/proc/sys/net/ipv4/conf/eth0.100/arp_ignore"),
    ],
)
def test_sysctl_names_are_those_of_sysctl_d(key: str, path: str) -> None:
    assert _host.sysctl_path(key) == path


def test_a_sysctl_in_force_is_no_change_and_an_absent_one_is_told() -> None:
    value = _host.sysctl("kernel.pid_max")
    assert value is not None
    changes = _host.Changes()
    _host.ensure_sysctl(REAL, changes, "kernel.pid_max", f" {value}\n")
    assert changes.done == []
    _host.ensure_sysctl(CHECK, changes, "no.such.parameter", "1")
    assert changes.done == ["set no.such.parameter = 1 (was absent)"]
    with pytest.raises(_host.HostError, match=r"no\.such\.parameter"):
        _host.ensure_sysctl(REAL, changes, "no.such.parameter", "1")


def test_two_at_once_take_turns(tmp_path: Path) -> None:
    folder = str(tmp_path)
    with _host.exclusive(folder), pytest.raises(_host.HostError, match="another run of Ansible"):
        _host.exclusive(folder, wait_s=0).__enter__()
    with _host.exclusive(folder, wait_s=0):
        assert os.path.isdir(folder)
