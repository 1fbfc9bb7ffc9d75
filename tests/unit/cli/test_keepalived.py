# SPDX-License-Identifier: GPL-3.0-or-later
"""A keepalived.conf on the command line: import, export, and in the place of our own file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from lvs_agent.cli import agent, run
from lvs_agent.config import ConfigRejected
from lvs_agent.proc import configuration, keepalived_source

CONF = """\
global_defs {
    router_id drct1
}
vrrp_instance VI_1 {
    interface lo
    virtual_router_id 51
    priority 100
    preempt_delya 5
    virtual_ipaddress {
        192.0.2.99/32
    }
}
"""
NOTICE = (
    "preempt_delya is not a keyword of vrrp_instance: it has no effect, in keepalived neither; did"
    " you mean preempt_delay?"
)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "keepalived.conf"
    path.write_text(CONF)
    return path


def test_import_prints_the_inventory_with_a_comment_for_each_notice(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent.main(["import", str(conf)]) == 0
    printed = capsys.readouterr()
    assert yaml.safe_load(printed.out) == {
        "lvs_global_defs": {"router_id": "drct1"},
        "lvs_vrrp_instances": {
            "VI_1": {
                "interface": "lo",
                "virtual_router_id": 51,
                "priority": 100,
                "virtual_ipaddress": ["192.0.2.99/32"],
            }
        },
    }
    unwrapped = printed.out.replace("\n  #   ", " ")
    assert f"  # {conf}:8: {NOTICE}\n  VI_1:\n" in unwrapped
    assert printed.err == f"warning: {conf}:8: {NOTICE}\n"


def test_import_as_json_is_what_the_agent_reads_and_export_leads_back(
    conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent.main(["import", "--json", str(conf)]) == 0
    ours = tmp_path / "config.json"
    ours.write_text(capsys.readouterr().out)
    assert (
        configuration.load(str(ours)).config
        == configuration.load(keepalived_source.name(str(conf))).config
    )
    assert agent.main(["export", str(ours)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    back = tmp_path / "back.conf"
    back.write_text(printed.out)
    assert agent.main(["import", "--json", str(back)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(ours.read_text())


def test_export_begins_with_what_it_cannot_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = tmp_path / "config.json"
    ours.write_text('{"global_defs": {"notify_timeout": 5, "router_id": "x"}}')
    assert agent.main(["export", str(ours)]) == 0
    printed = capsys.readouterr()
    said = "global_defs.notify_timeout: 5: keepalived has no such keyword"
    assert printed.err == f"warning: {said}\n"
    assert printed.out == (
        f"# From {ours}, by lvs-agent export.\n# {said}\n\nglobal_defs {{\n    router_id x\n}}\n"
    )


def test_export_of_what_is_not_accepted_prints_the_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = tmp_path / "config.json"
    ours.write_text('{"global_def": {}}')
    assert agent.main(["export", str(ours)]) == 1
    assert capsys.readouterr().err.startswith("error: global_def: unknown option")
    assert agent.main(["export", str(tmp_path / "absent")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_errors_of_the_import_are_printed_with_their_lines_and_in_the_yaml(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf.write_text(conf.read_text().replace("priority 100", "mcast_dst_ip 192.0.2.7"))
    assert agent.main(["import", str(conf)]) == 1
    printed = capsys.readouterr()
    assert (
        f"error: {conf}:7: vrrp_instances.VI_1.mcast_dst_ip: 192.0.2.7 is not a multicast"
        in printed.err
    )
    assert "    # ERROR: 192.0.2.7 is not a multicast" in printed.out


def test_check_of_a_keepalived_conf_has_its_lines(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent.main(["check", "--keepalived", str(conf)]) == 0
    printed = capsys.readouterr()
    assert f"keepalived::{conf}: warning: {conf}:8: {NOTICE}\n" in printed.err
    assert printed.out == f"keepalived::{conf}: good\n"
    conf.write_text(conf.read_text().replace("priority 100", "mcast_dst_ip 192.0.2.7"))
    assert agent.main(["check", "--keepalived", str(conf)]) == 1
    assert f"{conf}:7: vrrp_instances.VI_1.mcast_dst_ip: " in capsys.readouterr().out


def test_a_file_that_is_not_there_or_cannot_be_read_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = str(tmp_path / "absent.conf")
    assert agent.main(["import", absent]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert agent.main(["check", "--keepalived", absent]) == 1
    assert "absent.conf" in capsys.readouterr().out


def test_lines_for_one_config_id_are_of_the_host_with_that_name(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf.write_text(conf.read_text() + "@one static_ipaddress {\n@one 192.0.2.1/24\n@one }\n")
    assert agent.main(["import", "--json", "--config-id", "one", str(conf)]) == 0
    assert "static_ipaddress" in json.loads(capsys.readouterr().out)
    assert agent.main(["import", "--json", "--config-id", "two", str(conf)]) == 0
    assert "static_ipaddress" not in json.loads(capsys.readouterr().out)
    named = keepalived_source.name(str(conf), "one")
    assert len(configuration.load(named).config.static_addresses) == 1


def test_the_digest_tells_whether_the_meaning_is_the_same(conf: Path) -> None:
    named = keepalived_source.name(str(conf))
    before = configuration.load(named)
    conf.write_text("# a comment\n" + conf.read_text())
    assert configuration.load(named).sha256 == before.sha256
    conf.write_text(conf.read_text().replace("priority 100", "priority 101"))
    assert configuration.load(named).sha256 != before.sha256


def test_notices_of_a_file_are_limited_and_counted(conf: Path) -> None:
    conf.write_text(conf.read_text() + "gadget 1\n" * 1000)
    notices = configuration.load(keepalived_source.name(str(conf))).notices
    assert len(notices) == 101
    assert notices[-1].startswith("and 901 more; see lvs-agent check --keepalived")


def test_run_says_what_the_file_says_and_is_not_here(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LVS_AGENT_RUNTIME_DIR", "")  # run sets it
    # A file where the agent wants its directory: as far as this comes a start that begins.
    (tmp_path / "run").touch()
    arguments = ["run", "--keepalived", str(conf), "--runtime-dir", str(tmp_path / "run")]
    assert agent.main(arguments) == run.EX_CANTCREAT
    assert f"warning: {conf}:8: {NOTICE}" in capsys.readouterr().err


def test_run_of_a_file_with_errors_ends_with_their_lines(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LVS_AGENT_RUNTIME_DIR", "")
    conf.write_text(conf.read_text().replace("priority 100", "mcast_dst_ip 192.0.2.7"))
    arguments = ["run", "--keepalived", str(conf), "--runtime-dir", str(tmp_path / "run")]
    assert agent.main(arguments) == run.EX_CONFIG
    assert f"{conf}:7: vrrp_instances.VI_1.mcast_dst_ip" in capsys.readouterr().err


def test_what_cannot_be_read_at_all_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigRejected):
        configuration.load(keepalived_source.name(str(tmp_path)))
