# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's bundle: what goes in, and that the same sources give the same release."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils import _bundle, _wheels


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    folder = tmp_path / "agent"
    (folder / "lvs_agent" / "__pycache__").mkdir(parents=True)
    (folder / "lvs_agent" / "__pycache__" / "a.pyc").write_bytes(b"x")
    (folder / "lvs_agent" / "a.py").write_text("A = 1\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "lvs-agent").write_text("#!/usr/bin/python3 -IS\n")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_a.py").write_text("")
    return folder


def wheel(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def contents(path: str) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as archive:
        return {entry.name: entry for entry in archive}


def test_the_bundle_has_the_agent_and_its_wheels_and_nothing_else(
    agent: Path, tmp_path: Path
) -> None:
    wheels = [("w.whl", wheel({"lib/x.py": "X = 1\n", "w-1.data/scripts/x": "no"}))]
    bundle = _bundle.cached(str(agent), _bundle.PYTHON, wheels, str(tmp_path / "cache"))
    entries = contents(bundle.path)
    assert list(entries) == ["RELEASE", "bin/lvs-agent", "lib/x.py", "lvs_agent/a.py"]
    assert entries["bin/lvs-agent"].mode == 0o755
    assert {(e.mtime, e.uid, e.gid) for e in entries.values()} == {(315532800, 0, 0)}


def test_the_same_sources_give_the_same_bytes_whenever_they_were_written(
    agent: Path, tmp_path: Path
) -> None:
    first = _bundle.cached(str(agent), _bundle.PYTHON, [], str(tmp_path / "one"))
    for path in agent.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    second = _bundle.cached(str(agent), _bundle.PYTHON, [], str(tmp_path / "two"))
    assert first.release == second.release
    assert Path(first.path).read_bytes() == Path(second.path).read_bytes()


def test_a_change_of_the_source_or_of_the_interpreter_is_another_release(
    agent: Path, tmp_path: Path
) -> None:
    cache = str(tmp_path / "cache")
    releases = [_bundle.cached(str(agent), _bundle.PYTHON, [], cache).release]
    releases.append(_bundle.cached(str(agent), "/opt/python", [], cache).release)
    (agent / "lvs_agent" / "a.py").write_text("A = 2\n")
    releases.append(_bundle.cached(str(agent), _bundle.PYTHON, [], cache).release)
    assert len(set(releases)) == 3


def test_commands_run_under_the_interpreter_asked_for(agent: Path) -> None:
    files = _bundle.source_files(str(agent), "/opt/python3.12/bin/python3.12")
    assert files["bin/lvs-agent"] == b"#!/opt/python3.12/bin/python3.12 -IS\n"


def test_a_bundle_that_was_built_is_not_built_again(agent: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    path = Path(_bundle.cached(str(agent), _bundle.PYTHON, [], cache).path)
    before = path.stat().st_mtime_ns
    assert _bundle.cached(str(agent), _bundle.PYTHON, [], cache).path == str(path)
    assert path.stat().st_mtime_ns == before


def test_old_bundles_leave_the_cache(agent: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for number in range(12):
        (agent / "lvs_agent" / "a.py").write_text(f"A = {number}\n")
        _bundle.cached(str(agent), _bundle.PYTHON, [], str(cache))
    assert len(list(cache.iterdir())) == 8


def test_a_wheel_that_reaches_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="outside of itself"):
        _bundle.wheel_files([("evil.whl", wheel({"../evil.py": ""}))])


def test_the_lock_names_pure_wheels_with_their_hashes() -> None:
    lock = Path(__file__).parents[3] / "roles" / "director" / "files" / "requirements.lock"
    names = {each.name for each in _wheels.read_lock(lock.read_text())}
    assert names == {"jmespath", "pyroute2"}


def test_a_lock_line_without_a_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="not `name==version"):
        _wheels.read_lock("jmespath==1.1.0\n")


def test_a_wheel_with_another_hash_than_the_locks_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = wheel({"lib/x.py": ""})
    digest = hashlib.sha256(good).hexdigest()
    lock = tmp_path / "lock"
    lock.write_text(f"no-such-project-of-ours==1.0 \\\n    --hash=sha256:{digest}\n")
    folder = tmp_path / "vendor"
    folder.mkdir()
    (folder / "a.whl").write_bytes(good)
    assert _wheels.wheels(str(lock), [str(folder)]) == [("a.whl", good)]
    (folder / "a.whl").write_bytes(wheel({"lib/x.py": "evil"}))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(_wheels.WheelsMissing, match="pip download"):
        _wheels.wheels(str(lock), [str(folder)])
