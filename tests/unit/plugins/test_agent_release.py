# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing releases side by side, and refusing what is not one."""

from __future__ import annotations

import errno
import gzip
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _host, _text
from ansible_collections.lvs.cluster.plugins.modules import agent_release
from ansible_collections.lvs.cluster.plugins.plugin_utils import _bundle


def bundle_of(folder: Path, text: str) -> tuple[str, str]:
    """(release, path) of a bundle whose agent prints `text`."""
    files = {"bin/lvs-agent": b"#!/usr/bin/python3\n", "lvs_agent/a.py": text.encode()}
    release, content = _bundle.build(files)
    path = folder / f"{release}.tar.gz"
    path.write_bytes(content)
    return release, str(path)


def run(
    root: Path,
    release: str,
    bundle: str | None,
    *,
    check_mode: bool = False,
    activate: bool = True,
) -> Any:
    def run_command(command: list[str], **_: object) -> tuple[int, str, str]:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    parameters = {
        "root": str(root),
        "release": release,
        "bundle": bundle,
        "keep": 2,
        "activate": activate,
        "commands": str(root.parent / "sbin"),
        "configuration": None,
        "python": sys.executable,
    }
    module = SimpleNamespace(params=parameters, check_mode=check_mode, run_command=run_command)
    return agent_release.work(module)


@pytest.mark.parametrize(
    ("file", "in_force", "due"),
    [
        ("wanted", "wanted", False),
        ("wanted", "former", True),
        ("former", "wanted", True),
        (None, None, True),
        # No agent runs, or one that does not say.
        ("wanted", None, False),
    ],
)
def test_a_configuration_is_due_unless_the_file_and_the_agent_have_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str | None,
    in_force: str | None,
    due: bool,
) -> None:
    monkeypatch.setattr(_host, "permissions_differ", lambda *_: False)
    path = tmp_path / "config.json"
    if file is not None:
        path.write_text(_text.document_text({"a": file}))
    digest = _text.document_sha256({"a": in_force})
    agent = {"config_sha256": digest} if in_force else None
    wanted = _text.document_sha256({"a": "wanted"})
    assert agent_release.configuration_due(str(path), agent, wanted) is due


def test_a_configuration_that_others_can_read_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.json"
    path.write_text(_text.document_text({}))
    monkeypatch.setattr(_host, "permissions_differ", lambda *_: True)
    assert agent_release.configuration_due(str(path), None, _text.document_sha256({}))


def test_a_release_is_asked_for_then_installed_then_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    release, bundle = bundle_of(tmp_path, "1")
    asked = run(root, release, None)
    assert (asked["changed"], asked["missing"]) == (True, True)
    assert not root.exists()
    assert run(root, release, bundle)["changed"]
    assert _agent.installed_release(str(root)) == release
    assert (root / "current" / "lvs_agent" / "a.py").read_text() == "1"
    assert os.access(root / "current" / "bin" / "lvs-agent", os.X_OK)
    assert list((root / "current" / "lvs_agent" / "__pycache__").iterdir())
    assert (tmp_path / "sbin" / "lvsctl").readlink() == root / "current" / "bin" / "lvsctl"
    again = run(root, release, None)
    assert (again["changed"], again["missing"]) == (False, False)


def test_check_mode_tells_and_touches_nothing(tmp_path: Path) -> None:
    release, bundle = bundle_of(tmp_path, "1")
    result = run(tmp_path / "root", release, bundle, check_mode=True)
    assert result["changed"]
    assert [each["after"] for each in result["diff"] if "after" in each] == [f"{release}\n"]
    assert not (tmp_path / "root").exists()


def test_a_release_can_be_made_ready_without_becoming_current(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (first, one), (second, two) = bundle_of(tmp_path, "1"), bundle_of(tmp_path, "2")
    run(root, first, one)
    staged = run(root, second, two, activate=False)
    assert (staged["changed"], staged["pending"], staged["previous"]) == (True, True, first)
    assert _agent.installed_release(str(root)) == first
    assert not run(root, second, None, activate=False)["changed"]
    assert run(root, second, None)["changed"]
    assert _agent.installed_release(str(root)) == second


def test_the_first_release_becomes_current_at_once(tmp_path: Path) -> None:
    root = tmp_path / "root"
    release, bundle = bundle_of(tmp_path, "1")
    staged = run(root, release, bundle, activate=False)
    assert (staged["changed"], staged["pending"]) == (True, False)
    assert _agent.installed_release(str(root)) == release


def test_the_current_and_the_previous_release_are_kept(tmp_path: Path) -> None:
    root = tmp_path / "root"
    releases = []
    for number in range(4):
        release, bundle = bundle_of(tmp_path, str(number))
        run(root, release, bundle)
        releases.append(release)
    assert {path.name for path in (root / "releases").iterdir()} == set(releases[2:])


def test_going_back_to_a_kept_release_needs_no_bundle(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (first, one), (second, two) = bundle_of(tmp_path, "1"), bundle_of(tmp_path, "2")
    run(root, first, one)
    run(root, second, two)
    result = run(root, first, None)
    assert (result["changed"], result["missing"], result["previous"]) == (True, False, second)
    assert _agent.installed_release(str(root)) == first


def test_what_an_interrupted_installation_left_does_no_harm(tmp_path: Path) -> None:
    root = tmp_path / "root"
    release, bundle = bundle_of(tmp_path, "1")
    (root / "releases" / f"{release}.tmp" / "lvs_agent").mkdir(parents=True)
    (root / ".current.new").symlink_to("nowhere")
    run(root, release, bundle)
    assert (root / "current" / "lvs_agent" / "a.py").read_text() == "1"
    assert not list((root / "releases").glob("*.tmp"))


def test_a_bundle_of_another_release_is_refused(tmp_path: Path) -> None:
    _, bundle = bundle_of(tmp_path, "1")
    with pytest.raises(_host.HostError, match="not 0000000000000000"):
        run(tmp_path / "root", "0000000000000000", bundle)
    assert not (tmp_path / "root" / "current").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
def test_a_bundle_that_reaches_outside_is_refused(tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    bundle = tmp_path / "evil.tar.gz"
    bundle.write_bytes(gzip.compress(buffer.getvalue()))
    with pytest.raises(_host.HostError, match="not ours"):
        run(tmp_path / "root", "0000000000000000", str(bundle))
    assert not (tmp_path / "evil").exists()


def test_a_link_in_a_bundle_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("lvs_agent")
        link.type = tarfile.SYMTYPE
        link.linkname = "/etc"
        archive.addfile(link)
    bundle = tmp_path / "evil.tar.gz"
    bundle.write_bytes(gzip.compress(buffer.getvalue()))
    with pytest.raises(_host.HostError, match="not ours"):
        run(tmp_path / "root", "0000000000000000", str(bundle))


def test_without_room_the_half_is_removed_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (first, one), (second, two) = bundle_of(tmp_path, "1"), bundle_of(tmp_path, "2")
    run(root, first, one)

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(agent_release.shutil, "copyfileobj", no_space)
    with pytest.raises(_host.HostError, match=r"no space left in .*releases \([0-9]+ kB free\)"):
        run(root, second, two)
    assert [path.name for path in (root / "releases").iterdir()] == [first]
    assert _agent.installed_release(str(root)) == first


def test_without_an_agent_no_restart_is_due(tmp_path: Path) -> None:
    release, bundle = bundle_of(tmp_path, "1")
    result = run(tmp_path / "root", release, bundle)
    assert (result["running"], result["restart_due"]) == ("", False)


def test_an_agent_of_another_release_is_to_be_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_agent, "summary", lambda *_: {"agent": {"release": "older"}})
    release, bundle = bundle_of(tmp_path, "1")
    result = run(tmp_path / "root", release, bundle)
    assert (result["running"], result["restart_due"]) == ("older", True)
    monkeypatch.setattr(_agent, "summary", lambda *_: {"agent": {"release": release}})
    assert run(tmp_path / "root", release, None)["restart_due"] is False
