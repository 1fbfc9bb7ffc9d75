# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, by ansible-inventory as its users run it, with a stand-in for ssh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.lvs.cluster.plugins.inventory import live
from ansible_collections.lvs.cluster.plugins.plugin_utils import _remote

BIN = Path(sys.executable).parent
COLLECTIONS = next(each for each in sys.path if "lvs-collections-" in each)

# Answers from a file named like the host, which is the last but one word; notes how it was called.
SSH = """#!/bin/sh
folder=$(dirname "$0")
for word in "$@"; do command=$word; done
while [ "$1" != -- ]; do printf '%s\\n' "$1" >> "$folder/called"; shift; done
printf '%s\\n' "$command" >> "$folder/called"
. "$folder/$2"
"""


def answer(**states: str) -> str:
    """Shell text that prints a director's status."""
    instances = [
        {"name": name, "state": state, "master": {"address": "192.0.2.1"}}
        for name, state in states.items()
    ]
    agent = {"version": "1.0", "release": "abc", "processes": {}}
    return f"cat <<'END'\n{json.dumps({'agent': agent, 'instances': instances})}\nEND\n"


class Controller:
    """A folder with an ordinary inventory, a live one, and the answers of the directors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live: dict[str, Any] = {"plugin": "lvs.cluster.live"}
        self.hosts: dict[str, Any] = {
            "lvs_directors": {"hosts": {}, "vars": {"ansible_ssh_executable": str(folder / "ssh")}}
        }
        ssh = folder / "ssh"
        ssh.write_text(SSH)
        ssh.chmod(0o755)

    def director(self, name: str, text: str, **variables: Any) -> None:
        self.hosts["lvs_directors"]["hosts"][name] = variables
        (self.folder / name).write_text(text)

    def called(self) -> list[str]:
        return (self.folder / "called").read_text().splitlines()

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of Ansible's programs on both inventories."""
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(self.hosts))
        (self.folder / "lvs_live.yml").write_text(yaml.safe_dump(self.live))
        return subprocess.run(
            [str(BIN / program), "-i", "hosts.yml", "-i", "lvs_live.yml", *words],
            cwd=self.folder,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
                "ANSIBLE_HOME": str(self.folder / "home"),
                "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
                "ANSIBLE_NOCOLOR": "1",
                "COLUMNS": "1000",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def listed(self, *words: str) -> tuple[dict[str, Any], str]:
        """What ansible-inventory --list says, and its warnings."""
        done = self.run("ansible-inventory", "--list", *words)
        if done.returncode:
            return {}, done.stderr
        # What must not be a template is a mapping there.
        plain = {"object_hook": lambda each: each.get("__ansible_unsafe", each)}
        return json.loads(done.stdout, **plain), done.stderr

    def groups(self) -> dict[str, list[str]]:
        """The hosts of each group of live state that has any."""
        listed, errors = self.listed()
        assert listed, errors
        return {
            name: sorted(group["hosts"])
            for name, group in listed.items()
            if name.startswith("vrrp_") and "hosts" in group
        }


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def test_directors_are_grouped_by_the_state_of_each_instance(controller: Controller) -> None:
    controller.director("d1", answer(VI_1="MASTER", VI_2="BACKUP"))
    controller.director("d2", answer(VI_1="BACKUP", VI_2="FAULT"))
    listed, _ = controller.listed()
    groups = {name: group.get("hosts") for name, group in listed.items() if "vrrp_" in name}
    assert groups == {
        "vrrp_active_VI_1": ["d1"],
        "vrrp_backup_VI_1": ["d2"],
        "vrrp_backup_VI_2": ["d1"],
        "vrrp_fault_VI_2": ["d2"],
    }
    variables = listed["_meta"]["hostvars"]["d1"]
    assert variables["vrrp_states"] == {"VI_1": "MASTER", "VI_2": "BACKUP"}
    assert variables["vrrp_settled"] is True
    assert variables["vrrp_agent"] == {"version": "1.0", "release": "abc"}


def test_backups_come_before_the_master_in_a_play(controller: Controller) -> None:
    controller.director("d1", answer(VI_1="MASTER"))
    controller.director("d2", answer(VI_1="BACKUP"))
    controller.director("d3", "exit 1\n")
    done = controller.run("ansible", "vrrp_backup_VI_1:vrrp_active_VI_1", "--list-hosts")
    assert done.stdout.split() == ["hosts", "(2):", "d2", "d1"]


def test_a_group_that_is_empty_now_exists_all_the_same(controller: Controller) -> None:
    controller.director("d1", answer(VI_1="BACKUP"))
    controller.director("d2", answer(VI_1="BACKUP"))
    _, errors = controller.listed("--limit", "vrrp_active_VI_1:vrrp_unreachable:vrrp_backup_VI_1")
    assert "Could not match" not in errors


def test_a_director_that_does_not_answer_is_in_a_group_with_the_reason(
    controller: Controller,
) -> None:
    controller.director("d1", answer(VI_1="MASTER"))
    controller.director("d2", "echo Connection refused >&2; exit 255\n")
    controller.director("d3", "echo no json\n")
    controller.director("d4", answer(), ansible_connection="httpapi")
    listed, errors = controller.listed()
    assert listed["vrrp_unreachable"]["hosts"] == ["d2", "d3", "d4"]
    reasons = {
        name: values.get("vrrp_unreachable_reason")
        for name, values in listed["_meta"]["hostvars"].items()
    }
    assert reasons["d1"] is None
    assert reasons["d2"] == "Connection refused"
    assert "no answer of an agent" in reasons["d3"]
    assert reasons["d4"] == "ansible_connection httpapi is neither ssh nor local"
    assert "d2 does not answer: Connection refused" in errors


def test_with_strict_a_director_that_does_not_answer_is_an_error(controller: Controller) -> None:
    controller.live["strict"] = True
    controller.director("d1", "echo Connection refused >&2; exit 255\n")
    listed, errors = controller.listed()
    assert not listed
    assert "directors that do not answer: d1: Connection refused" in errors


def test_hosts_are_reached_as_ansible_reaches_them(controller: Controller) -> None:
    controller.director(
        "d1",
        answer(VI_1="MASTER"),
        ansible_host="{{ network }}.9",
        network="192.0.2",
        ansible_user="ops",
        ansible_port=2222,
        ansible_ssh_private_key_file="/keys/ops",
        ansible_ssh_common_args="-o 'ProxyCommand=nc %h %p'",
        ansible_become=True,
    )
    (controller.folder / "d1").rename(controller.folder / "192.0.2.9")
    assert controller.groups() == {"vrrp_active_VI_1": ["d1"]}
    called = controller.called()
    for words in (
        ["-p", "2222"],
        ["-l", "ops"],
        ["-i", "/keys/ops"],
        ["-o", "ProxyCommand=nc %h %p"],
    ):
        at = called.index(words[0]) if words[0] != "-o" else called.index(words[1]) - 1
        assert called[at : at + 2] == words
    assert "-oBatchMode=yes" in called
    assert called[-1].startswith("sudo -n /opt/lvs-agent/current/bin/lvsctl status --json --query")


def test_host_vars_beside_the_inventory_are_read(controller: Controller) -> None:
    controller.director("d1", answer(VI_1="MASTER"))
    (controller.folder / "host_vars").mkdir()
    (controller.folder / "host_vars" / "d1.yml").write_text("ansible_port: 2223\n")
    assert controller.groups() == {"vrrp_active_VI_1": ["d1"]}
    assert "2223" in controller.called()


def test_all_are_asked_at_once_and_none_for_longer_than_the_timeout(
    controller: Controller,
) -> None:
    controller.live["timeout"] = 2
    for number in range(10):
        controller.director(f"d{number}", "sleep 60\n")
    start = time.monotonic()
    groups = controller.groups()
    assert len(groups["vrrp_unreachable"]) == 10
    # One after the other takes 20 s, and without the timeout it is 60.
    assert time.monotonic() - start < 18


def test_names_become_valid_group_names(controller: Controller) -> None:
    controller.director("d1", answer(**{"web-1.example": "MASTER"}))
    assert controller.groups() == {"vrrp_active_web_1_example": ["d1"]}


def test_instances_whose_groups_would_be_one_are_told(controller: Controller) -> None:
    controller.director("d1", answer(**{"VI-1": "MASTER", "VI_1": "BACKUP"}))
    _, errors = controller.listed()
    assert "the instances VI-1 and VI_1 have the same groups" in errors


def test_without_the_ordinary_inventory_there_is_a_hint(controller: Controller) -> None:
    controller.hosts = {"others": {"hosts": {"x": {}}}}
    _, errors = controller.listed()
    assert "no hosts in lvs_directors; the ordinary inventory must come before this one" in errors


def test_a_cached_state_is_not_asked_for_again(controller: Controller) -> None:
    controller.live |= {"cache": True, "cache_plugin": "ansible.builtin.jsonfile"}
    controller.live |= {"cache_connection": str(controller.folder / "cache"), "cache_timeout": 600}
    controller.director("d1", answer(VI_1="MASTER"))
    assert controller.groups() == {"vrrp_active_VI_1": ["d1"]}
    controller.director("d1", answer(VI_1="BACKUP"))
    assert controller.groups() == {"vrrp_active_VI_1": ["d1"]}
    listed, _ = controller.listed("--flush-cache")
    assert listed["vrrp_backup_VI_1"]["hosts"] == ["d1"]


def test_expressions_make_more_groups(controller: Controller) -> None:
    controller.live["groups"] = {"lvs_settled": "vrrp_settled | default(false)"}
    controller.live["keyed_groups"] = [{"key": "vrrp_agent.release", "prefix": "release"}]
    controller.director("d1", answer(VI_1="MASTER"))
    controller.director("d2", answer(VI_1="INIT"))
    listed, _ = controller.listed()
    assert listed["lvs_settled"]["hosts"] == ["d1"]
    assert listed["release_abc"]["hosts"] == ["d1", "d2"]


def test_what_a_director_says_is_never_a_template(controller: Controller) -> None:
    controller.director("d1", "echo \"{{ lookup('pipe', 'id') }}\" >&2; exit 1\n")
    words = ("-m", "ansible.builtin.debug", "-a", "msg={{ vrrp_unreachable_reason }}")
    done = controller.run("ansible", "d1", *words)
    assert "lookup('pipe', 'id')" in done.stdout
    assert "uid=" not in done.stdout


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("[]", "no answer of an agent"),
        ('{"agent": {}, "instances": [{"name": "A", "state": "NEW"}]}', "unknown state NEW"),
        (
            json.dumps({"agent": {}, "instances": [{"name": n} for n in range(1021)]}),
            "more than 1020",
        ),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_reason(output: str, message: str) -> None:
    assert message in live.read(_remote.Answer(output=output.encode()))["failed"]


# -- the bounded command -----------------------------------------------------------------


def test_a_command_that_never_stops_talking_is_ended() -> None:
    found = _remote.run(["yes"], 30, 10_000)
    assert found.failed == "it answers with more than 10000 bytes"


def test_complaints_without_end_do_not_fill_memory_or_block() -> None:
    found = _remote.run(
        ["sh", "-c", "yes no 2>/dev/null | head -c 1000000 >&2; echo good"], 30, 100
    )
    assert found == _remote.Answer(output=b"good\n")


def test_somebody_who_keeps_the_pipes_open_is_not_waited_for() -> None:
    found = _remote.run(["sh", "-c", "sleep 600 & echo good; echo $!"], 60, 100)
    good, pid = found.output.split()
    os.kill(int(pid), 9)
    assert good == b"good"


def test_a_command_that_does_not_exist_is_a_reason() -> None:
    assert "No such file" in _remote.run(["/no/such/ssh"], 5, 100).failed
