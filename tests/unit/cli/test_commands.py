# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands as programs: what they import, what they say, how they exit."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import lvs_agent
import pytest
from lvs_agent.cli import agent, lvsctl, plan
from lvs_agent.config import from_document
from lvs_agent.core.control import failure, success

SOURCE = Path(lvs_agent.__file__).parent.parent
STATUS = {"agent": {"stage": "running"}, "instances": [{"name": "VI_1", "state": "MASTER"}]}


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """A control socket that gives prepared answers."""
    answers = {"status": success(STATUS), "ping": success({"pid": 7, "stage": "running"})}
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "control.sock"))
    server.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                verb = json.loads(connection.makefile().readline())["verb"]
                connection.sendall(answers[verb])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield tmp_path, answers
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(2)


def modules_after(statement: str) -> set[str]:
    script = f"import sys\nsys.path.insert(0, {str(SOURCE)!r})\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_sweep_imports_neither_pyroute2_nor_schema_nor_a_process(tmp_path: Path) -> None:
    loaded = modules_after(
        "from lvs_agent.cli.agent import main\n"
        f"assert main(['sweep', '--runtime-dir', {str(tmp_path)!r}]) == 0"
    )
    assert "lvs_agent.adapters.sweep" in loaded
    assert not loaded & {"pyroute2", "asyncio", "lvs_agent.schema", "lvs_agent.proc.supervisor"}


def test_lvsctl_imports_neither_pyroute2_nor_jmespath() -> None:
    loaded = modules_after("import lvs_agent.cli.lvsctl, lvs_agent.cli.render")
    assert not loaded & {"pyroute2", "jmespath", "asyncio", "lvs_agent.schema"}


def test_the_agent_loads_only_the_parts_of_pyroute2_it_needs() -> None:
    loaded = modules_after(
        "from lvs_agent.adapters.package_parts import import_parts_only\n"
        "import_parts_only('pyroute2')\n"
        "from lvs_agent.proc import ha, health, kernel"
    )
    assert "pyroute2" in loaded
    assert not loaded & {"asyncio", "ssl", "pyroute2.ndb"}


@pytest.mark.parametrize("name", ["lvs-agent", "lvsctl"])
def test_launcher_runs_the_release_it_belongs_to_through_a_link(tmp_path: Path, name: str) -> None:
    release = tmp_path / "releases" / "0123456789abcdef"
    shutil.copytree(SOURCE / "lvs_agent", release / "lvs_agent")
    shutil.copytree(SOURCE / "bin", release / "bin")
    (release / "vendor").mkdir()
    (tmp_path / "current").symlink_to("releases/0123456789abcdef")
    command = [sys.executable, "-IS", tmp_path / "current/bin" / name, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.startswith(name)
    if name == "lvs-agent":
        assert "release 0123456789abcdef" in done.stdout


def test_status_json_and_query(
    answering: tuple[Path, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = str(answering[0])
    assert lvsctl.main(["--runtime-dir", directory, "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == STATUS
    query = ["status", "--query", "instances[].state"]
    assert lvsctl.main(["--runtime-dir", directory, *query]) == 0
    assert json.loads(capsys.readouterr().out) == ["MASTER"]


def test_wrong_query_is_a_usage_error_that_shows_where(
    answering: tuple[Path, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    for query in ("instances[", "length(agent.nothing)"):
        assert lvsctl.main(["--runtime-dir", str(answering[0]), "status", "--query", query]) == 2
        assert capsys.readouterr().err.startswith("lvsctl: ")


def test_wait_ends_when_the_expression_is_true_and_fails_in_time_otherwise(
    answering: tuple[Path, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["--runtime-dir", str(answering[0]), "wait"]
    assert lvsctl.main([*start, "--for", "instances[0].state == 'MASTER'"]) == 0
    assert lvsctl.main([*start, "--for", "instances[1]", "--timeout", "0.3"]) == 4
    assert "not within 0.3 s" in capsys.readouterr().err


def test_refused_reload_prints_every_error_and_exits_one(
    answering: tuple[Path, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    directory, answers = answering
    answers["reload"] = failure("config is rejected", [{"path": "a.b", "message": "is wrong"}])
    assert lvsctl.main(["--runtime-dir", str(directory), "reload"]) == 1
    assert capsys.readouterr().err == "lvsctl: config is rejected\n  a.b: is wrong\n"


def test_answer_that_is_cut_off_is_explained(
    answering: tuple[Path, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    directory, answers = answering
    answers["ping"] = b'{"ok": tr'
    assert lvsctl.main(["--runtime-dir", str(directory), "ping"]) == 3
    assert "cut off" in capsys.readouterr().err


def test_no_agent_is_said_clearly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lvsctl.main(["--runtime-dir", str(tmp_path), "status"]) == 3
    assert "lvs-agent is not running here" in capsys.readouterr().err
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "control.sock"))
    dead.close()
    assert lvsctl.main(["--runtime-dir", str(tmp_path), "status"]) == 3
    assert "nobody listens" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_lacking_permission_is_said_clearly() -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        script = (
            "import os,sys\nfrom pathlib import Path\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "from lvs_agent.cli.client import ask, ClientError\n"
            "try: ask('ping', Path(sys.argv[1]), 1)\nexcept ClientError as error: print(error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
             "import lvs_agent.cli.client\n" + script, directory],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert "permission denied; be root or a member of the group lvs-agent" in done.stdout


def test_run_with_a_wrong_file_says_all_and_exits_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.json"
    config.write_text('{"vrrp_instances": {"A": {"x": 1}}}')
    run = ["run", "--config", str(config), "--runtime-dir", str(tmp_path / "run")]
    assert agent.main(run) == 78
    err = capsys.readouterr().err
    assert f"{config}: vrrp_instances.A.x: unknown option" in err
    assert "vrrp_instances.A.interface: is required" in err
    assert not (tmp_path / "run").exists()


def document(weight: int) -> dict[str, object]:
    real = {"w1": {"ip": "10.0.0.1", "weight": weight}}
    if weight > 5:
        real["w2"] = {"ip": "10.0.0.2", "weight": 1}
    return {"virtual_servers": {"web": {"ip": "10.0.0.9", "port": 80, "real_servers": real}}}


def test_plan_names_the_options_that_differ_from_the_running_agent() -> None:
    from lvs_agent.proc.configuration import public_text

    running = json.loads(public_text(from_document(document(1))))
    assert list(plan.config_changes(running, from_document(document(1)))) == []
    assert list(plan.config_changes(running, from_document(document(6)))) == [
        "~ virtual_servers.web.real_servers.w1.weight: 1 -> 6",
        "+ virtual_servers.web.real_servers.w2",
    ]
