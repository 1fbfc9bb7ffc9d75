# SPDX-License-Identifier: GPL-3.0-or-later
"""What a keepalived.conf and our configuration say differently."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lvs_agent import config as configuration
from lvs_agent.cli import against, agent
from lvs_agent.core.model import Config
from lvs_agent.proc import keepalived_source

CONF = """\
vrrp_instance outside {
    interface lo
    virtual_router_id 51
    priority 100
    authentication {
        auth_type PASS
        auth_pass secret99
    }
    virtual_ipaddress {
        192.0.2.99/32
    }
}
virtual_server 192.0.2.99 80 {
    protocol TCP
    lb_algo rr
    lb_kind DR
    real_server 192.0.2.11 80 {
    }
}
"""


def theirs(tmp_path: Path, text: str = CONF) -> Config:
    path = tmp_path / "keepalived.conf"
    path.write_text(text)
    return keepalived_source.read_file(str(path), None).accepted()


def ours(
    *, priority: int = 100, vrid: int = 51, password: str = "secret99", address: str = "192.0.2.11"
) -> Config:
    document = {
        "global_defs": {"router_id": "x"},
        "vrrp_instances": {
            "VI_1": {
                "interface": "lo",
                "virtual_router_id": vrid,
                "priority": priority,
                "authentication": {"auth_type": "PASS", "auth_pass": password},
                "virtual_ipaddress": ["192.0.2.99/32"],
            }
        },
        "virtual_servers": {
            "web": {
                "ip": "192.0.2.99",
                "port": 80,
                "lb_algo": "rr",
                "lb_kind": "DR",
                "real_servers": {"rs1": {"ip": address, "port": 80}},
            }
        },
    }
    return configuration.load(json.dumps(document))


def lines(tmp_path: Path, mine: Config) -> list[str]:
    found = against.against(theirs(tmp_path), mine)
    return [line for line in found if "router_id:" not in line or "virtual" in line]


def test_the_same_under_other_names_is_no_difference(tmp_path: Path) -> None:
    assert lines(tmp_path, ours()) == []


def test_an_option_is_told_with_our_name_and_both_values(tmp_path: Path) -> None:
    assert lines(tmp_path, ours(priority=90)) == ["~ vrrp_instances.VI_1.priority: 100 -> 90"]


def test_another_password_is_told_and_not_shown(tmp_path: Path) -> None:
    (line,) = lines(tmp_path, ours(password="another9"))
    assert line == "~ vrrp_instances.VI_1.authentication: another password"


def test_another_virtual_router_is_gone_on_one_side_and_new_on_the_other(tmp_path: Path) -> None:
    assert lines(tmp_path, ours(vrid=52)) == [
        "- vrrp_instances.outside",
        "+ vrrp_instances.VI_1",
    ]
    named_alike = theirs(tmp_path, CONF.replace("outside", "VI_1"))
    assert "- vrrp_instances.VI_1 (keepalived's)" in against.against(named_alike, ours(vrid=52))


def test_real_servers_go_by_their_place(tmp_path: Path) -> None:
    assert lines(tmp_path, ours(address="192.0.2.12")) == [
        "- virtual_servers.web.real_servers.192.0.2.11:80",
        "+ virtual_servers.web.real_servers.rs1",
    ]


def test_an_address_more_is_told_as_that_one(tmp_path: Path) -> None:
    more = CONF.replace("192.0.2.99/32\n", "192.0.2.99/32\n192.0.2.98/32 dev eth1\n", 1)
    found = against.against(theirs(tmp_path, more), ours())
    assert "- vrrp_instances.VI_1.addresses.192.0.2.98/32 on eth1" in found


def test_plan_against_a_file_that_is_not_there_says_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "config.json"
    mine.write_text("{}")
    words = ["plan", str(mine), "--runtime-dir", str(tmp_path)]
    assert agent.main([*words, "--against", str(tmp_path / "none.conf")]) == 1
    assert "none.conf: No such file" in capsys.readouterr().err
