# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall of a director, in a real kernel: adverts of peers pass, those of strangers do not.

nftables for IPv4 is not in the kernel of the lab's hosts, so this is where it is tried.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from collection_path import make_importable
from lvs_agent.core.vrrp.packet import SECOND_NS, encode_datagram
from netns.vrrp_harness import Lan, eventually
from vrrp_builders import advert, instance, ip, virtual

make_importable()

from ansible_collections.lvs.cluster.plugins.module_utils import (  # noqa: E402
    _firewall,
    _host,
)

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
]
OWN, PEER, STRANGER = "10.7.0.1", "10.7.0.2", "10.7.0.3"
TEMPLATE = instance(version=3, advert_int_ns=SECOND_NS // 5, addresses=(virtual("10.7.0.100"),))
DOCUMENT: dict[str, object] = {
    "vrrp_instances": {
        "web": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "priority": 100,
            "version": "3",
            "advert_int": 0.2,
            "virtual_ipaddress": [{"address": "10.7.0.100/16"}],
        }
    }
}


class Module:
    """What an Ansible module offers, for a namespace; units are only written down."""

    check_mode = False

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self.asked: list[str] = []

    def run_command(self, words: list[str], **_: object) -> tuple[int, str, str]:
        if words[0].endswith("systemctl"):
            self.asked.append(" ".join(words[1:]))
            running = "start lvs-agent-firewall.service" in self.asked
            state = "active" if running else "inactive"
            enabled = "enabled" if running else "disabled"
            return 0, f"LoadState=loaded\nActiveState={state}\nUnitFileState={enabled}\n", ""
        command = ["ip", "netns", "exec", self._namespace, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout, done.stderr

    def get_bin_path(self, name: str, **_: object) -> str | None:
        return "/bin/systemctl" if name == "systemctl" else shutil.which(name)

    def counters(self) -> dict[str, int]:
        """Packets by verdict, of our table for IPv4; nothing where there is none."""
        code, text, _ = self.run_command(["nft", "-j", "list", "table", "ip", "lvs_agent_host"])
        found: dict[str, int] = {}
        for each in json.loads(text)["nftables"] if code == 0 else []:
            expressions: list[dict[str, Any]] = each.get("rule", {}).get("expr", [])
            packets = next((e["counter"]["packets"] for e in expressions if "counter" in e), None)
            if packets is not None:
                found[next(iter(expressions[-1]))] = packets
        return found


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    hosts = {"a": f"{OWN}/16", "b": f"{PEER}/16", "c": f"{STRANGER}/16"}
    made = Lan(tmp_path, hosts)
    yield made
    made.close()


@pytest.fixture
def module(lan: Lan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    for name in ("UNIT_PATH", "RULESET", "RECORD"):
        monkeypatch.setattr(_firewall, name, str(tmp_path / name.lower()))
    return Module(lan.namespace("a"))


def converge(module: Module, kind: str, *sources: str, family: int = 4) -> list[str]:
    rule = {"protocol": "vrrp", "port": 0, "family": family, "destination": "",
            "sources": list(sources)}  # fmt: skip
    changes = _host.Changes()
    _firewall.ensure(module, changes, _firewall.Wish(kind, [rule], ["eth0"], "# Managed."))
    return changes.done


def forged(source: str) -> bytes:
    return encode_datagram(advert(TEMPLATE, priority=200), ip(source), ip("224.0.0.18"))


def test_a_strangers_advert_is_dropped_and_counted_and_moves_nothing(
    lan: Lan, module: Module
) -> None:
    converge(module, "nftables", PEER)
    a = lan.node("a", DOCUMENT)
    a.wait_for("MASTER", 10)
    lan.inject("c", [forged(STRANGER)])
    eventually(lambda: module.counters()["drop"] == 1, 5, "the stranger's advert is dropped")
    assert module.counters()["accept"] == 0
    assert a.state() == "MASTER"
    # The control: with the same words the peer is believed.
    lan.inject("b", [forged(PEER)])
    a.wait_for("BACKUP", 5)
    assert module.counters()["accept"] == 1


def test_it_is_loaded_once_replaced_whole_and_taken_away(lan: Lan, module: Module) -> None:
    assert converge(module, "nftables", PEER)
    assert converge(module, "nftables", PEER) == []
    assert converge(module, "nftables", PEER, STRANGER)
    text = module.run_command(["nft", "list", "ruleset"])[1]
    assert text.count("table ip lvs_agent_host") == 1
    assert text.count(PEER) == text.count(STRANGER) == 1
    module.run_command(["nft", "flush", "ruleset"])
    assert converge(module, "nftables", PEER, STRANGER) == [f"load {_firewall.RULESET}"]
    # Another family, and the table of the former one is gone.
    converge(module, "nftables", "fe80::/10", family=6)
    text = module.run_command(["nft", "list", "ruleset"])[1]
    assert "table ip6 lvs_agent_host" in text
    assert "table ip lvs_agent_host" not in text


def test_turned_off_nothing_is_left(lan: Lan, module: Module) -> None:
    converge(module, "nftables", PEER)
    done = converge(module, "none")
    assert "stop lvs-agent-firewall.service" in done
    assert not Path(_firewall.RULESET).exists()
    assert not Path(_firewall.UNIT_PATH).exists()
    # What stops the unit is in its text; the unit itself is not run here.
    assert converge(module, "none") == []


def test_the_unit_loads_and_deletes_what_the_module_does(lan: Lan, module: Module) -> None:
    converge(module, "nftables", PEER)
    lines = Path(_firewall.UNIT_PATH).read_text().splitlines()
    stop = [line.partition("=-")[2] for line in lines if line.startswith("ExecStop=-")]
    (start,) = (line.partition("=")[2] for line in lines if line.startswith("ExecStart="))
    for command in stop:
        module.run_command(command.split())
    assert "lvs_agent_host" not in module.run_command(["nft", "list", "ruleset"])[1]
    assert module.run_command(start.split())[0] == 0
    assert set(module.counters()) == {"accept", "drop"}


def test_a_kernel_without_nftables_is_named(lan: Lan, module: Module) -> None:
    refusing = SimpleNamespace(
        check_mode=False,
        get_bin_path=module.get_bin_path,
        run_command=lambda words, **_: (
            (1, "", "Could not process rule: Operation not supported")
            if words[0].endswith("nft")
            else module.run_command(words)
        ),
    )
    with pytest.raises(_host.HostError, match="this kernel has no nftables"):
        converge(refusing, "nftables", PEER)  # type: ignore[arg-type]
