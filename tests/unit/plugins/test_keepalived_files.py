# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of its files, and the rounds of questions about them."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils._agent_code import Failed

from . import conftest  # noqa: F401

from ansible_collections.lvs.cluster.plugins.module_utils import (  # isort: skip
    _keepalived_files,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils import _keepalived  # isort: skip

pytestmark = pytest.mark.usefixtures("at_once")
HOST = _keepalived_files.Place()
INSTANCE = "vrrp_instance V {\n interface eth0\n virtual_router_id 5\n}\n"


def answered(**asked: Any) -> dict[str, Any]:
    return _keepalived_files.answer(asked, HOST)


def test_a_pattern_gives_its_files_in_order_and_what_is_in_them(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf", "c.txt"):
        (tmp_path / name).write_text(name)
    told = answered(patterns=[(str(tmp_path), "*.conf")])
    assert told["found"][0]["files"] == [f"{tmp_path}/a.conf", f"{tmp_path}/b.conf"]
    assert base64.b64decode(told["content"][f"{tmp_path}/a.conf"]["base64"]) == b"a.conf"


def test_what_is_no_plain_file_is_not_read_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "script").write_text("x")
    (tmp_path / "script").chmod(0o755)
    names = {name: f"{tmp_path}/{name}" for name in ("fifo", "script", "nothing")}
    told = answered(files=[*names.values(), str(tmp_path), "/dev/zero"])["content"]
    assert told[names["fifo"]] == {"error": "not a plain file"}
    assert "executable" in told[names["script"]]["error"]
    assert "No such file" in told[names["nothing"]]["error"]
    assert {*told[str(tmp_path)], *told["/dev/zero"]} == {"error"}


def test_an_answer_is_bounded_and_the_rest_is_asked_again(tmp_path: Path) -> None:
    big = "#" * (3 * 1024 * 1024)
    for name in ("a", "b"):
        (tmp_path / name).write_text(big)
    paths = [f"{tmp_path}/a", f"{tmp_path}/b"]
    told = answered(files=paths)["content"]
    assert list(told) == paths[:1]
    assert len(base64.b64decode(told[paths[0]]["base64"])) < len(big)
    assert list(answered(files=paths[1:])["content"]) == paths[1:]


def source(folder: Path, asked: list[dict[str, Any]]) -> _keepalived.Source:
    """The file in `folder`, as of a host; what it is asked goes into `asked`."""

    def fetch(wanted: dict[str, Any]) -> dict[str, Any]:
        asked.append(wanted)
        return _keepalived_files.answer(wanted, HOST)

    return _keepalived.Source(path=f"{folder}/keepalived.conf", config_id="lb1", fetch=fetch)


def test_each_level_of_includes_takes_one_round(tmp_path: Path) -> None:
    (tmp_path / "keepalived.conf").write_text("include conf.d/*.conf\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.conf").write_text("@lb1 include vrrp\n@lb2 include other\n")
    (tmp_path / "conf.d/vrrp").write_text(INSTANCE)
    asked: list[dict[str, Any]] = []
    found = _keepalived.read({"lb1": source(tmp_path, asked)})["lb1"]
    assert list(found.document["vrrp_instances"]) == ["V"]
    assert [list(one) for one in asked] == [["files"], ["patterns"], ["patterns"]]


def test_files_that_change_under_the_reader_come_to_an_end(tmp_path: Path) -> None:
    """Every answer includes something new."""
    number = 0

    def fetch(wanted: dict[str, Any]) -> dict[str, Any]:
        nonlocal number
        number += 1
        text = base64.b64encode(f"include {number}\n".encode()).decode()
        found = [
            {"directory": folder, "pattern": one, "files": [f"{tmp_path}/{one}"]}
            for folder, one in wanted.get("patterns", ())
        ]
        files = [*wanted.get("files", ()), *(path for one in found for path in one["files"])]
        content = {path: {"base64": text} for path in files}
        return {"found": found, "content": content, "programs": {}}

    endless = _keepalived.Source(path=f"{tmp_path}/x", config_id="lb1", fetch=fetch)
    with pytest.raises(Failed, match="deep"):
        _keepalived.read({"lb1": endless})
    assert number < 30


def test_an_included_file_that_may_not_be_read_is_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "keepalived.conf").write_text("include secret\n")

    def fetch(wanted: dict[str, Any]) -> dict[str, Any]:
        told = _keepalived_files.answer(wanted, HOST)
        for one in told["found"]:
            one["files"] = [f"{tmp_path}/secret"]
            told["content"][f"{tmp_path}/secret"] = {"error": "Permission denied"}
        return told

    denied = _keepalived.Source(path=f"{tmp_path}/keepalived.conf", config_id="lb1", fetch=fetch)
    with pytest.raises(Failed, match=r"lb1: .*/secret: Permission denied; .*--become"):
        _keepalived.read({"lb1": denied})
