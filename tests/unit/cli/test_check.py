# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent check`: every error at once, each with its path."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from lvs_agent.cli import agent

GOOD = {
    "vrrp_instances": {
        "VI_1": {"interface": "lo", "virtual_router_id": 51, "virtual_ipaddress": ["10.0.0.9/24"]}
    }
}


def write(path: Path, document: object) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


def test_good_file_exits_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.json", GOOD)
    assert agent.main(["check", path]) == 0
    assert capsys.readouterr().out == f"{path}: good\n"


def test_warnings_are_on_standard_error_and_the_file_is_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.json", GOOD)
    assert agent.main(["check", path]) == 0
    written = capsys.readouterr()
    assert written.out == f"{path}: good\n"
    assert written.err.startswith(f"{path}: warning: vrrp_instances.VI_1.priority: is not set")
    assert agent.main(["check", "--json", path]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["ok"] is True
    assert [each["path"] for each in file["warnings"]] == ["vrrp_instances.VI_1.priority"]


def test_a_vmac_is_not_expected_on_the_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(json.dumps(GOOD))
    document["vrrp_instances"]["VI_1"] |= {
        "use_vmac": True,
        "virtual_ipaddress_excluded": ["10.0.0.10 dev nosuch2"],
    }
    path = write(tmp_path / "a.json", document)
    assert agent.main(["check", "--host", path]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "virtual_ipaddress_excluded[0].dev: this host has no interface nosuch2" in line


def test_all_errors_of_all_files_are_printed_with_file_and_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good.json", GOOD)
    bad = {"vrrp_instances": {"A": {"interface": "lo", "virtual_router_id": 0, "prio": 1}}}
    wrong = write(tmp_path / "wrong.json", bad)
    cut = write(tmp_path / "cut.json", '{"vrrp_instances":\n  {"A"')
    assert agent.main(["check", good, wrong, cut]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"{good}: good" in lines
    assert any(one.startswith(f"{wrong}: vrrp_instances.A.prio: unknown option") for one in lines)
    assert any(one.startswith(f"{wrong}: vrrp_instances.A.virtual_router_id: ") for one in lines)
    assert any(one.startswith(f"{cut}: line 2 column ") for one in lines)


def test_json_output_has_path_and_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "wrong.json", {"vrrp_instances": 1})
    assert agent.main(["check", "--json", path]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert answer["files"][0]["file"] == path
    assert answer["files"][0]["errors"][0]["path"] == "vrrp_instances"


def test_dash_is_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(json.dumps(GOOD).encode()))
    monkeypatch.setattr("sys.stdin", stream)
    assert agent.main(["check", "-"]) == 0
    assert "good" in capsys.readouterr().out


def test_missing_interface_is_an_error_only_with_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(json.dumps(GOOD).replace('"lo"', '"nosuch0"'))
    document["vrrp_instances"]["VI_1"]["virtual_ipaddress"] = [
        {"address": "10.0.0.9/24", "dev": "nosuch1"}
    ]
    path = write(tmp_path / "a.json", document)
    assert agent.main(["check", path]) == 0
    capsys.readouterr()
    assert agent.main(["check", "--host", path]) == 1
    out = capsys.readouterr().out
    assert f"{path}: vrrp_instances.VI_1.interface: this host has no interface nosuch0" in out
    assert "vrrp_instances.VI_1.virtual_ipaddress[0].dev: this host has no interface nosuch1" in out


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "binary"])
def test_what_is_no_file_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = tmp_path / "x"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        import os

        os.mkfifo(path)
    elif kind == "binary":
        path.write_bytes(b"{\xff}")
    assert agent.main(["check", str(path)]) == 1
    expected = {
        "missing": "No such file",
        "directory": "Is a directory",
        "fifo": "not a regular file",
        "binary": "not UTF-8 text: byte 1",
    }
    assert expected[kind] in capsys.readouterr().out.replace("not a regular file", expected[kind])


def test_too_large_a_file_is_not_read_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(10**12)
    assert agent.main(["check", str(path)]) == 1
    assert "larger than" in capsys.readouterr().out
