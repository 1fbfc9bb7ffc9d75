# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for programs that read keepalived's: the same configuration, Debian's keepalived beside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from keepalived_documents import imported
from netns.vrrp_harness import Agent, Lan, eventually, run

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
CONFIGURATION = """
vrrp_script good {
    script "/usr/bin/true a 'b c'"
    interval 1
}
vrrp_script bad {
    script "/usr/bin/false"
    interval 1
    weight -5
}
track_file number {
    file NUMBER
}
vrrp_sync_group both {
    group {
        one
        three
    }
}
vrrp_instance one {
    interface eth0
    virtual_router_id 51
    priority 150
    garp_master_delay 3
    garp_lower_prio_delay 4
    track_script {
        good
    }
    notify "/usr/bin/true y"
    notify_master "/usr/bin/true 'y z'"
    virtual_ipaddress {
        10.7.0.99/24 brd + dev eth0 label eth0:1
        10.7.0.98
    }
    virtual_ipaddress_excluded {
        2001:db8::98/64
    }
    virtual_routes {
        10.8.0.0/16 dev eth0 table 100
    }
    virtual_rules {
        from 10.7.0.98 table 100 preference 777
    }
}
vrrp_instance three {
    interface eth0
    virtual_router_id 53
    version 3
    advert_int 0.5
    nopreempt
    virtual_ipaddress {
        2001:db8::97
    }
}
vrrp_instance four {
    interface eth0
    virtual_router_id 54
    preempt_delay 7
    use_vmac
    track_script {
        bad
    }
    track_file {
        number
    }
    track_interface {
        eth1 weight -2
    }
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        10.7.0.94
    }
}
vrrp_instance five {
    interface eth1
    virtual_router_id 55
    virtual_ipaddress {
        10.7.0.95
    }
}
"""
STATES = {"one": 2, "three": 2, "four": 2, "five": 3}
PRIORITY = 100 - 5 + 4 - 2  # of "four", when all of its trackers have spoken
FILES = {
    "json": (signal.SIGRTMIN + 2, "keepalived.json"),
    "state": (signal.SIGUSR1, "keepalived.data"),
    "stats": (signal.SIGUSR2, "keepalived.stats"),
}

# What the files end with, or what is followed by nothing that matters here.
END = {
    "json": re.compile(r"\}\s*\]\s*\}?\s*$"),
    "state": re.compile(r"Track file = number\n(.*\n)+?     four, weight 1\n"),
    "stats": re.compile(r"(?s)(Priority Zero:\s+Received: \d+\s+Sent: \d+\n.*){4}"),
}


class Host:
    """A program on a network of its own, and the three files that it writes."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.process = folder, process
        self.seen: dict[str, int] = {}
        self.unset: list[str] = []

    def dump(self, kind: str) -> str:
        """The file, as it is written at the signal."""
        number, name = FILES[kind]
        path = self.folder / name
        path.unlink(missing_ok=True)
        self.process.send_signal(number)
        found = [""]

        def complete() -> bool:
            found.append(path.read_text() if path.exists() else "")
            return END[kind].search(found[-1]) is not None

        # keepalived's grows under its name.
        eventually(complete, 10, f"the whole of {path}")
        return found[-1]

    def instances(self) -> dict[str, dict[str, Any]]:
        return {one["data"]["iname"]: one for one in json.loads(self.dump("json"))}

    def is_settled(self) -> bool:
        found = self.instances()
        self.seen = {name: one["data"]["state"] for name, one in found.items()}
        self.seen["priority"] = found["four"]["data"]["effective_priority"]
        held = [one["data"] for one in found.values() if one["data"]["state"] == 2]
        self.unset = [vip for one in held for vip in one["vips"] if not vip.endswith(" set")]
        return self.seen == STATES | {"priority": PRIORITY} and not self.unset


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Callable[[str], Lan]]:
    made: list[Lan] = []

    def make(name: str) -> Lan:
        (tmp_path / name).mkdir()
        lan = Lan(tmp_path / name, {"a": "10.7.0.1/24"})
        made.append(lan)
        run("ip", "-n", lan.namespace("a"), "link", "add", "eth1", "type", "veth")
        return lan

    yield make
    for lan in made:
        lan.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Of the agent's files, which are never in /tmp."""
    with tempfile.TemporaryDirectory(dir="/run") as path:
        yield Path(path)


def keepalived(lan: Lan) -> Host:
    """Its files are in /tmp, which is a folder of its own here."""
    folder = lan.directory
    (folder / "number").write_text("4")
    configuration = "global_defs {\n script_user root\n enable_script_security\n}\n" + CONFIGURATION
    (folder / "k.conf").write_text(configuration.replace("NUMBER", "/tmp/number"))
    program = "exec keepalived -n -l -D -P -f /tmp/k.conf -p /tmp/k.pid -r /tmp/v.pid"
    log = folder / "keepalived.log"
    process = lan.spawn(
        *("a", "sh", "-c", f"mount --bind {folder} /tmp && {program}"),
        output=log,
    )
    eventually(lambda: "Entering" in log.read_text(), 10, "keepalived to be there")
    return Host(folder, process)


def agent(lan: Lan, folder: Path, **options: Any) -> Host:
    (folder / "number").write_text("4")
    found = imported(CONFIGURATION.replace("NUMBER", str(folder / "number")))
    files = {f"{kind}_dump_file": str(folder / name) for kind, (_, name) in FILES.items()}
    global_defs = found.document.get("global_defs", {})
    started: Agent = lan.agent(
        "a", {**found.document, "global_defs": {**global_defs, **files, **options}}
    )
    eventually(lambda: bool(started.status()), 10, "the agent to be there")
    return Host(folder, started.process)


def kinds(value: Any) -> Any:
    """The types of a JSON value; whole numbers and others are both numbers."""
    if isinstance(value, dict):
        return {name: kinds(one) for name, one in value.items()}
    if isinstance(value, list):
        return [kinds(one) for one in value]
    return "number" if type(value) in (int, float) else type(value).__name__


def without(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names}


def test_files_are_those_of_keepalived(network: Callable[[str], Lan], folder: Path) -> None:
    theirs, ours = keepalived(network("keepalived")), agent(network("agent"), folder)
    for host in (theirs, ours):
        with contextlib.suppress(AssertionError):
            eventually(host.is_settled, 20, "")
        assert host.seen == STATES | {"priority": PRIORITY}, host.folder
        assert host.unset == [], host.folder
    wanted, found = theirs.instances(), ours.instances()
    assert kinds(found) == kinds(wanted)
    for name, one in wanted.items():
        # When, and what routes are called.
        apart = ("last_transition", "vroutes", "vrules", "auth_data")
        assert without(found[name]["data"], *apart) == without(one["data"], *apart)
        assert abs(found[name]["data"]["last_transition"] - one["data"]["last_transition"]) < 60
        assert found[name]["stats"]["become_master"] == one["stats"]["become_master"]
    assert found["one"]["stats"]["advert_sent"] > 0
    assert "secret" not in ours.dump("json") + ours.dump("state") + ours.dump("stats")

    numbers = re.compile(r"\d+$", re.MULTILINE)
    assert numbers.sub("N", ours.dump("stats")) == numbers.sub("N", theirs.dump("stats"))

    lines = [blocks(host.dump("state")) for host in (theirs, ours)]
    for head, block in lines[1].items():
        more = block - lines[0][head]
        apart = (
            "Last transition", "Master down timer", "Command", "File", "Timeout", "10.8", "rule "
        )  # fmt: skip
        assert not [line for line in more if not line.strip().startswith(apart)], head
    assert {head for head in lines[0] if "Instance" in head or "Script" in head} <= set(lines[1])
    for path in (ours.folder / name for _, name in FILES.values()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def blocks(text: str) -> dict[str, set[str]]:
    """The lines of each block of keepalived.data, by its first one."""
    found: dict[str, set[str]] = {}
    head = ""
    for line in text.splitlines():
        if line.startswith(" ") and not line.startswith("  "):
            head = line
        elif line.startswith("  "):
            found.setdefault(head, set()).add(line.rstrip())
    return found


def test_second_layout_is_a_mapping(network: Callable[[str], Lan], folder: Path) -> None:
    host = agent(network("agent"), folder, json_version="2")
    found = json.loads(host.dump("json"))
    assert [one["data"]["iname"] for one in found["vrrp"]] == list(STATES)
    assert found.keys() == {"vrrp"}
