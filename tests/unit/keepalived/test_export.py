# SPDX-License-Identifier: GPL-3.0-or-later
"""A document as a keepalived.conf: what it says, and what it says that it does not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from full_document import FULL
from keepalived_documents import exported, imported
from lvs_agent import config
from lvs_agent.keepalived.exporting import export

INSTANCE: dict[str, Any] = {
    "interface": "eth0",
    "virtual_router_id": 51,
    "virtual_ipaddress": ["192.0.2.9/24"],
}


def instance(**options: Any) -> dict[str, Any]:
    """An accepted document with these options in its instance."""
    document = {"vrrp_instances": {"VI_1": INSTANCE | options}}
    config.from_document(document)
    return document


def server(real: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """An accepted document with these options in its virtual server."""
    reals = {"a": {"ip": "198.51.100.1"} | (real or {})}
    one = {"ip": "192.0.2.1", "port": 80, "real_servers": reals, **options}
    document = {"virtual_servers": {"web": one}}
    config.from_document(document)
    return document


def lines(document: dict[str, Any]) -> list[str]:
    """The lines of the file, without their indentation."""
    return [line.strip() for line in exported(document).splitlines()]


def lost(document: dict[str, Any]) -> tuple[str, ...]:
    return export(document).lost


def test_an_instance_is_written_as_people_write_it() -> None:
    document = instance(
        priority=100,
        advert_int=1,
        nopreempt=True,
        authentication={"auth_type": "PASS", "auth_pass": "zrs66zrs"},
        unicast_peer=["192.0.2.2", {"address": "192.0.2.3", "min_ttl": 254}],
        notify_master=["/usr/local/bin/tell", "the master"],
    )
    assert (
        exported(document)
        == """\
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass zrs66zrs
    }
    nopreempt
    virtual_ipaddress {
        192.0.2.9/24
    }
    unicast_peer {
        192.0.2.2
        192.0.2.3 min_ttl 254
    }
    notify_master "/usr/local/bin/tell 'the master'"
}
"""
    )
    assert lost(document) == ()


def test_a_virtual_server_is_written_with_our_defaults_said_where_keepalived_s_differ() -> None:
    assert (
        exported(server({"tcp_check": {}}))
        == """\
virtual_server 192.0.2.1 80 {
    protocol TCP
    lb_kind DR
    real_server 198.51.100.1 80 {
        TCP_CHECK {
        }
    }
}
"""
    )


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"tcp_check": {}}, []),
        ({"misc_check": {"misc_path": "/bin/true"}}, ["retry 1"]),
        ({"dns_check": {}}, ["retry 1", "delay_before_retry 1"]),
        ({"http_get": {"url": {}}}, ["delay_before_retry 1"]),
        ({"ssl_get": {"url": {}}}, ["delay_before_retry 1", "enable_sni"]),
    ],
)  # fmt: skip
def test_defaults_of_checks_that_differ_are_said(check: dict[str, Any], said: list[str]) -> None:
    words = ("retry", "delay_before_retry", "enable_sni")
    found = [line for line in lines(server(check)) if line.split(" ")[0] in words]
    assert sorted(found) == sorted(said)


def test_our_checksum_of_version_3_is_said() -> None:
    assert "v3_checksum_as_v2" in lines(instance(version="3"))
    assert "v3_checksum_as_v2" not in lines(instance(version="2"))
    off = instance(version="3") | {"global_defs": {"v3_checksum_as_v2": False}}
    assert [line for line in lines(off) if "checksum" in line] == []


def test_checks_of_all_real_servers_are_written_at_each_that_has_none() -> None:
    document = server(tcp_check={})
    reals = document["virtual_servers"]["web"]["real_servers"]
    reals["b"] = {"ip": "198.51.100.2", "ping_check": {}}
    found = lines(document)
    assert found.count("TCP_CHECK {") == 1
    assert found.count("PING_CHECK {") == 1


def test_what_keepalived_has_no_keyword_for_is_named() -> None:
    assert lost(instance(dual_active_probe=3)) == (
        "vrrp_instances.VI_1.dual_active_probe: 3: keepalived has no such keyword",
    )
    assert lost(server(panic_threshold="50%")) == (
        "virtual_servers.web.panic_threshold: 50%: keepalived has no such keyword",
    )


def test_secrets_are_not_in_what_is_named() -> None:
    mail = {
        "notification_email": ["root@localhost"],
        "smtp_server": "127.0.0.1",
        "smtp_security": "tls",
        "smtp_user": "me",
        "smtp_password": "hidden",
    }
    assert "hidden" not in str(lost({"global_defs": mail}))
    assert any("smtp_password: (secret)" in one for one in lost({"global_defs": mail}))


def test_of_several_sorry_servers_the_first_is_written_and_that_is_said() -> None:
    sorry = [{"ip": "198.51.100.8"}, {"ip": "198.51.100.9"}]
    document = server(sorry_server=sorry)
    assert "sorry_server 198.51.100.8 80" in lines(document)
    assert lost(document) == (
        "virtual_servers.web.sorry_server: keepalived has one; the first is written",
    )


def test_a_certificate_is_written_once_for_all() -> None:
    check = {"ssl_get": {"url": {}, "certificate": "/c.pem", "key": "/k.pem"}}
    found = lines(server(check))
    at = found.index("SSL {")
    assert found[at + 1 : at + 3] == ["certificate /c.pem", "key /k.pem"]


def test_what_the_language_cannot_say_is_named() -> None:
    document = {"global_defs": {"router_id": 'a "b"'}}
    assert exported(document) == "global_defs {\n}\n"
    assert len(lost(document)) == 1
    assert lost(document)[0].startswith("global_defs.router_id: ")


def test_options_that_are_off_are_not_written_where_keepalived_has_no_off() -> None:
    found = lines(instance(nopreempt=False, use_vmac=False, smtp_alert=False))
    assert [line for line in found if line.startswith(("nopreempt", "use_vmac"))] == []
    assert "smtp_alert off" in found


def test_a_document_of_nulls_is_empty() -> None:
    assert exported(dict.fromkeys(("global_defs", "vrrp_instances", "static_routes"))) == ""


def test_what_is_exported_is_accepted_again() -> None:
    again = imported(exported(server({"http_get": {"url": [{}, {"path": "/a"}]}})))
    assert again.errors() == ()


def test_what_others_refer_to_is_written_first_as_keepalived_does_not_look_ahead() -> None:
    document = {
        "vrrp_instances": {"VI_1": INSTANCE | {"track_script": ["s"], "track_file": ["f"]}},
        "vrrp_scripts": {"s": {"script": "/bin/true"}},
        "vrrp_track_files": {"f": {"file": "/run/f"}},
    }
    found = [line for line in lines(document) if line.endswith("{")]
    assert found[:3] == ["vrrp_script s {", "track_file f {", "vrrp_instance VI_1 {"]
    sorry = lines(server(sorry_server={"ip": "198.51.100.9"}, sorry_server_inhibit=True))
    assert sorry.index("sorry_server 198.51.100.9 80") < sorry.index("sorry_server_inhibit")


def test_each_port_of_a_range_has_its_line_and_of_a_large_one_none() -> None:
    def groups(*members: str) -> dict[str, Any]:
        return {"virtual_server_groups": {"g": {"members": list(members)}}}

    assert lines(groups("192.0.2.1-3 80-82", "fwmark 7 inet6"))[1:-1] == [
        "192.0.2.1-3 80",
        "192.0.2.1-3 81",
        "192.0.2.1-3 82",
        "fwmark 7 inet6",
    ]
    assert lost(groups("192.0.2.1 1-1000")) == (
        "virtual_server_groups.g.members[0]: keepalived has no ranges of ports",
    )


def test_rules_and_routes_are_in_words_that_keepalived_knows() -> None:
    rules = [
        "from 192.0.2.9 lookup 7 pref 9",
        "inet6 iif eth0 unreachable pref 10",
        {"from": "192.0.2.9", "dport": 80, "table": 7, "preference": 11},
    ]
    routes = ["default dev eth0 inet6", "203.0.113.0/24 gw 192.0.2.1 proto 5"]
    found = lines(instance(virtual_rules=rules, virtual_routes=routes))
    assert found[found.index("virtual_rules {") + 1 :][:3] == [
        "from 192.0.2.9 preference 9 table 7",
        "from ::/0 iif eth0 preference 10 unreachable",
        "from 192.0.2.9 dport 80-80 preference 11 table 7",
    ]
    assert found[found.index("virtual_routes {") + 1 :][:2] == [
        "::/0 dev eth0",
        "203.0.113.0/24 via 192.0.2.1 protocol 5",
    ]


def test_fractions_of_seconds_are_written_and_named_where_old_keepaliveds_ignore_them() -> None:
    document = {"vrrp_scripts": {"s": {"script": "/bin/true", "interval": 0.5}}}
    assert "interval 0.5" in lines(document)
    assert lost(document) == (
        "vrrp_scripts.s.interval: 0.5: keepalived up to 2.3.1 takes whole seconds only",
    )


KEEPALIVED = shutil.which("keepalived", path="/usr/sbin:/usr/bin")


@pytest.mark.skipif(KEEPALIVED is None, reason="keepalived is not installed here")
def test_keepalived_understands_every_line_of_a_document_that_says_everything(
    tmp_path: Path,
) -> None:
    assert KEEPALIVED is not None
    file = tmp_path / "keepalived.conf"
    # This host has other interfaces; and the one thing of which `lost` warns.
    file.write_text(exported(FULL).replace("interval 0.5", "interval 1"))
    command = [KEEPALIVED, "--config-test", "--log-console", f"--use-file={file}"]
    found = subprocess.run(command, capture_output=True, check=False, timeout=60)
    said = (found.stdout + found.stderr).decode("latin-1")
    bad = re.compile(r"(?i)unknown (keyword|.*option)|invalid|not found|skipping|missing")
    assert [line for line in said.splitlines() if bad.search(line)] == []
