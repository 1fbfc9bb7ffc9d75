# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of `site.yml` that changes nothing costs, beside a role that templates a file.

Owns the inventories, each in both notations, and the order of the runs: on two directors of the
lab, with the same Ansible settings (pipelining on). The role (`plain_role`) has the steps of the
widely used keepalived roles, module execution by module execution, without the package step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.report import OURS, THEIRS
from bench.series import Series
from cluster import Cluster, Run, install_collection
from lvslab import Lab

NAME = "bench-playbooks"
FEW, MANY = 10, 1000
_VIP = "172.16.1.254"
_INTERFACE = "eno16777736"
_PRIORITIES = {"drct1": 100, "drct2": 90}
_ADDRESSES = {"drct1": "172.16.1.9", "drct2": "172.16.1.2"}


@contextmanager
def up(lab: Lab) -> Iterator[Cluster]:
    """Two bare directors and the collection as a user has it; gone afterwards."""
    lab.down()
    try:
        lab.up()
        yield Cluster(lab, install_collection(NAME))
    finally:
        lab.down()


def unchanged(series: dict[str, Series], cluster: Cluster, rounds: int, scratch: Path) -> None:
    """Install with few and with many real servers; then what one more run takes, in turns.

    Each contestant is alone on the hosts while it is measured: two VRRP daemons with one address
    would fight for it.
    """
    ping = _playbook(scratch / "ping.yml", {"ansible.builtin.ping": {}}, facts=False)
    site, plain = Path("lvs.cluster.site"), _plain_play(scratch / "plain.yml")
    few, many = (_inventory(scratch / str(count), count) for count in (FEW, MANY))
    for who, play in ((THEIRS, plain), (OURS, site)):
        _good(cluster.playbook(few, name=str(play)))
        for _ in range(rounds):
            pinged = _good(cluster.playbook(few, name=str(ping))).duration_s
            took = _unchanged(cluster.playbook(few, name=str(play)))
            series["few"].add(who, took)
            series["pings"].add(who, took / pinged)
        _good(cluster.playbook(many, name=str(play)))
        for _ in range(rounds):
            series["many"].add(who, _unchanged(cluster.playbook(many, name=str(play))))
        before, after = series["few"].median(who), series["many"].median(who)
        assert before
        assert after
        series["growth"].add(who, 100 * (after / before - 1))
        if play is plain:
            for host in _PRIORITIES:
                cluster.lab.run(host, "systemctl disable --now keepalived.service")


def _good(run: Run) -> Run:
    assert run.good, run.output
    return run


def _unchanged(run: Run) -> float:
    assert not any(_good(run).changed.values()), run.output
    return run.duration_s


def _inventory(folder: Path, count: int) -> Path:
    """Both notations in one: each side reads its own variables."""
    folder.mkdir()
    reals = [f"172.16.{100 + n // 250}.{1 + n % 250}" for n in range(count)]
    instance = {
        "interface": _INTERFACE,
        "virtual_router_id": 81,
        "virtual_ipaddress": [f"{_VIP}/32"],
    }
    shared: dict[str, Any] = {
        "lvs_vrrp_instances": {"VI_1": instance},
        "lvs_virtual_servers": {
            "web": {
                "ip": _VIP,
                "port": 80,
                "lb_algo": "rr",
                "lb_kind": "DR",
                "real_servers": {f"rs{n}": {"ip": one} for n, one in enumerate(reals)},
            }
        },
        "lvs_unmanaged_real_servers": reals,
        "plain_role_virtual_server": _VIP,
        "plain_role_real_servers": reals,
    }
    hosts = {
        host: {
            "lvs_address": _ADDRESSES[host],
            "lvs_interfaces": {_INTERFACE: [f"{_ADDRESSES[host]}/16"]},
            "lvs_host": {"vrrp_instances": {"VI_1": {"priority": priority}}},
            "plain_role_instances": {"VI_1": {**instance, "priority": priority}},
        }
        for host, priority in _PRIORITIES.items()
    }
    document = {"lvs_directors": {"hosts": hosts, "vars": shared}}
    (folder / "hosts.json").write_text(json.dumps(document))
    return folder


def _plain_play(path: Path) -> Path:
    role = {"ansible.builtin.include_role": {"name": str(Path(__file__).with_name("plain_role"))}}
    return _playbook(path, role, facts=True)


def _playbook(path: Path, task: dict[str, Any], *, facts: bool) -> Path:
    play = {"hosts": "lvs_directors", "gather_facts": facts, "tasks": [{"name": "Do it", **task}]}
    path.write_text(json.dumps([{"name": "Measured", **play}]))
    return path
