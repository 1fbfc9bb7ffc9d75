# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters that are kept over a reboot, and put back when nobody needs them."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _host, _sysctls

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files are to belong to root")

REAL = SimpleNamespace(check_mode=False)
CHECK = SimpleNamespace(check_mode=True)
KEY, OTHER = "net.ipv4.ip_forward", "net.ipv4.conf.all.arp_ignore"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /proc/sys."""
    monkeypatch.setattr(_host, "_PROC_SYS", str(tmp_path / "sys"))
    for key in (KEY, OTHER):
        path = Path(_host.sysctl_path(key))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0\n")
    return tmp_path


def converge(kernel: Path, wanted: dict[str, str], module: SimpleNamespace = REAL) -> list[str]:
    changes = _host.Changes()
    recorded = _sysctls.Recorded(str(kernel / "90-test.conf"), "# Managed.")
    recorded.apply(module, changes, wanted)
    recorded.put_back(module, changes, wanted)
    return changes.done


def test_a_parameter_is_set_now_and_at_boot_and_a_second_run_changes_nothing(kernel: Path) -> None:
    assert converge(kernel, {KEY: "1"})
    assert _host.sysctl(KEY) == "1"
    assert f"{KEY} = 1\n" in (kernel / "90-test.conf").read_text()
    assert converge(kernel, {KEY: "1"}) == []


def test_what_is_no_longer_wanted_gets_its_former_value(kernel: Path) -> None:
    converge(kernel, {KEY: "1", OTHER: "1"})
    converge(kernel, {OTHER: "1"})
    assert (_host.sysctl(KEY), _host.sysctl(OTHER)) == ("0", "1")
    assert KEY not in (kernel / "90-test.conf").read_text()
    converge(kernel, {})
    assert _host.sysctl(OTHER) == "0"
    assert not (kernel / "90-test.conf").exists()


def test_the_former_value_is_remembered_over_a_changed_wish(kernel: Path) -> None:
    converge(kernel, {KEY: "1"})
    converge(kernel, {KEY: "2"})
    converge(kernel, {})
    assert _host.sysctl(KEY) == "0"


def test_what_somebody_else_set_meanwhile_is_left_alone(kernel: Path) -> None:
    converge(kernel, {KEY: "1"})
    Path(_host.sysctl_path(KEY)).write_text("7\n")
    converge(kernel, {})
    assert _host.sysctl(KEY) == "7"


def test_check_mode_says_it_and_changes_nothing(kernel: Path) -> None:
    assert converge(kernel, {KEY: "1"}, CHECK)
    assert _host.sysctl(KEY) == "0"
    assert not (kernel / "90-test.conf").exists()
