# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, by ansible-inventory as its users run it, with a stand-in for ssh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
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
while [ "$1" != -- ]; do printf '%s\\n' "$1" >> "$folder/$$"; shift; done
printf '%s\\n' "$command" >> "$folder/$$"
mv "$folder/$$" "$folder/called-$2"
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
        return parsed(done.stdout) if done.returncode == 0 else {}, done.stderr


def parsed(text: str) -> dict[str, Any]:
    """Ansible's JSON, in which text that is no template, whatever it looks like, is a mapping."""
    found: dict[str, Any] = json.loads(
        text, object_hook=lambda each: each.get("__ansible_unsafe", each)
    )
    return found


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What came of one run, since each costs a second."""

    output: str
    groups: dict[str, list[str]]
    variables: dict[str, dict[str, Any]]
    errors: str
    called: list[str]  # how d1 was


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Directors of all kinds, looked at once."""
    controller = Controller(tmp_path_factory.mktemp("live"))
    controller.live["groups"] = {"settled": "vrrp_settled | default(false)"}
    controller.live["keyed_groups"] = [
        {"key": "vrrp_agent.release | default('none')", "prefix": "release"}
    ]
    controller.director(
        "d1",
        answer(VI_1="MASTER", VI_2="BACKUP"),
        ansible_host="{{ network }}.9",
        network="192.0.2",
        ansible_user="ops",
        ansible_ssh_private_key_file="/keys/ops",
        ansible_ssh_common_args="-o 'ProxyCommand=nc %h %p'",
        ansible_become=True,
    )
    (controller.folder / "d1").rename(controller.folder / "192.0.2.9")
    (controller.folder / "host_vars").mkdir()
    (controller.folder / "host_vars" / "d1.yml").write_text("ansible_port: 2223\n")
    controller.director("d2", answer(VI_1="BACKUP", VI_2="FAULT"))
    controller.director("refusing", "echo Connection refused >&2; exit 255\n")
    controller.director("talking", "echo no json\n")
    controller.director("elsewhere", answer(), ansible_connection="httpapi")
    controller.director("hostile", "echo \"{{ lookup('pipe', 'id') }}\" >&2; exit 1\n")
    controller.director("d3", answer(**{"web-1.example": "MASTER"}))
    controller.director("d4", answer(**{"A-1": "INIT", "A_1": "BACKUP"}))
    done = controller.run("ansible-inventory", "--list")
    listed = parsed(done.stdout)
    return Seen(
        output=done.stdout,
        groups={name: each.get("hosts", []) for name, each in listed.items()},
        variables=listed["_meta"]["hostvars"],
        errors=done.stderr,
        called=(controller.folder / "called-192.0.2.9").read_text().splitlines(),
    )


def test_directors_are_grouped_by_the_state_of_each_instance(seen: Seen) -> None:
    groups = {name: hosts for name, hosts in seen.groups.items() if "_VI_" in name}
    assert groups == {
        "vrrp_active_VI_1": ["d1"],
        "vrrp_backup_VI_1": ["d2"],
        "vrrp_backup_VI_2": ["d1"],
        "vrrp_fault_VI_2": ["d2"],
    }


def test_directors_have_their_states_as_variables(seen: Seen) -> None:
    variables = seen.variables["d1"]
    assert variables["vrrp_states"] == {"VI_1": "MASTER", "VI_2": "BACKUP"}
    assert variables["vrrp_settled"] is True
    assert variables["vrrp_agent"] == {"version": "1.0", "release": "abc"}


def test_a_director_that_does_not_answer_is_in_a_group_with_the_reason(seen: Seen) -> None:
    assert seen.groups["vrrp_unreachable"] == ["elsewhere", "hostile", "refusing", "talking"]
    reasons = {
        name: values.get("vrrp_unreachable_reason") for name, values in seen.variables.items()
    }
    assert "d1" in reasons
    assert reasons["d1"] is None
    assert reasons["refusing"] == "Connection refused"
    assert "no answer of an agent" in reasons["talking"]
    assert reasons["elsewhere"] == "ansible_connection httpapi is neither ssh nor local"
    assert "refusing does not answer: Connection refused" in seen.errors


def test_what_a_director_says_is_never_a_template(seen: Seen) -> None:
    assert seen.variables["hostile"]["vrrp_unreachable_reason"] == "{{ lookup('pipe', 'id') }}"
    assert '"__ansible_unsafe": "{{ lookup' in seen.output


def test_hosts_are_reached_as_ansible_reaches_them(seen: Seen) -> None:
    # The port is in host_vars beside the inventory.
    for word, value in (("-p", "2223"), ("-l", "ops"), ("-i", "/keys/ops")):
        assert seen.called[seen.called.index(word) + 1] == value
    assert "ProxyCommand=nc %h %p" in seen.called
    assert "-oBatchMode=yes" in seen.called
    assert any(each.startswith("sudo -n /opt/lvs-agent/current/bin/lvsctl") for each in seen.called)


def test_names_become_valid_group_names(seen: Seen) -> None:
    assert seen.groups["vrrp_active_web_1_example"] == ["d3"]


def test_instances_whose_groups_would_be_one_are_told(seen: Seen) -> None:
    assert "the instances A-1 and A_1 have the same groups" in seen.errors


def test_expressions_make_more_groups(seen: Seen) -> None:
    assert seen.groups["settled"] == ["d1", "d3"]
    assert seen.groups["release_abc"] == ["d1", "d2", "d3", "d4"]


def test_backups_come_before_the_master_and_an_empty_group_exists(controller: Controller) -> None:
    controller.director("d1", answer(VI_1="MASTER"))
    controller.director("d2", answer(VI_1="BACKUP"))
    controller.director("d3", "exit 1\n")
    pattern = "vrrp_fault_VI_1:vrrp_init_VI_1:vrrp_backup_VI_1:vrrp_active_VI_1"
    done = controller.run("ansible", pattern, "--list-hosts")
    assert done.stdout.split() == ["hosts", "(2):", "d2", "d1"]
    assert "Could not match" not in done.stderr


def test_with_strict_a_director_that_does_not_answer_is_an_error(controller: Controller) -> None:
    controller.live["strict"] = True
    controller.director("d1", "echo Connection refused >&2; exit 255\n")
    listed, errors = controller.listed()
    assert not listed
    assert "directors that do not answer: d1: Connection refused" in errors


def test_all_are_asked_at_once_and_none_for_longer_than_the_timeout(
    controller: Controller,
) -> None:
    controller.live["timeout"] = 2
    for number in range(10):
        controller.director(f"d{number}", "sleep 60\n")
    start = time.monotonic()
    listed, _ = controller.listed()
    assert len(listed["vrrp_unreachable"]["hosts"]) == 10
    # One after the other takes 20 s, and without the timeout it is 60.
    assert time.monotonic() - start < 18


def test_without_the_ordinary_inventory_there_is_a_hint(controller: Controller) -> None:
    controller.hosts = {"others": {"hosts": {"x": {}}}}
    _, errors = controller.listed()
    assert "no hosts in lvs_directors; the ordinary inventory must come before this one" in errors


def test_a_cached_state_is_not_asked_for_again(controller: Controller) -> None:
    controller.live |= {"cache": True, "cache_plugin": "ansible.builtin.jsonfile"}
    controller.live |= {"cache_connection": str(controller.folder / "cache"), "cache_timeout": 600}
    controller.director("d1", answer(VI_1="MASTER"))
    controller.listed()
    controller.director("d1", answer(VI_1="BACKUP"))
    assert "vrrp_active_VI_1" in controller.listed()[0]
    assert "vrrp_backup_VI_1" in controller.listed("--flush-cache")[0]


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


def test_a_complaint_has_no_control_characters() -> None:
    found = _remote.run(["sh", "-c", "printf 'a\\033[2Jb' >&2; exit 1"], 30, 100)
    assert found.failed == "a?[2Jb"


def test_somebody_who_keeps_the_pipes_open_is_not_waited_for() -> None:
    found = _remote.run(["sh", "-c", "sleep 600 & echo good; echo $!"], 60, 100)
    good, pid = found.output.split()
    os.kill(int(pid), 9)
    assert good == b"good"


def test_a_command_that_does_not_exist_is_a_reason() -> None:
    assert "No such file" in _remote.run(["/no/such/ssh"], 5, 100).failed
