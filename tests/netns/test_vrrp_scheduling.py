# SPDX-License-Identifier: GPL-3.0-or-later
"""How the kernel schedules the real ha process of a document."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.config import from_document
from lvs_agent.core.messages import Reconfigure
from lvs_agent.proc.config_parts import pack
from netns.vrrp_harness import Lan, Node, eventually

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
# A unit's limits allow what these do; to raise limits needs more than a container may have.
CAPABILITIES = ("sys_nice", "ipc_lock")
ROUND_ROBIN = os.SCHED_RR | os.SCHED_RESET_ON_FORK


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    made = Lan(tmp_path, {"a": "10.7.0.1/24"})
    yield made
    made.close()


def document(**global_defs: Any) -> dict[str, Any]:
    return {
        "global_defs": global_defs,
        "vrrp_instances": {
            "web": {
                "interface": "eth0",
                "virtual_router_id": 7,
                "virtual_ipaddress": ["10.7.1.1/32"],
            }
        },
    }


def locked_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (locked,) = (int(line.split()[1]) for line in lines if line.startswith("VmLck:"))
    return locked


def priority(pid: int) -> int:
    return os.sched_getparam(pid).sched_priority


def reload(node: Node, said: dict[str, Any]) -> None:
    node.from_supervisor(Reconfigure(generation=2, config=pack(from_document(said))))


def test_process_has_the_scheduling_of_the_document_and_after_a_reload_the_new_one(
    lan: Lan,
) -> None:
    usual_nice, all_cpus = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)
    cpu = max(all_cpus)
    said = document(
        vrrp_rt_priority=31, vrrp_priority=-7, vrrp_no_swap=True, vrrp_cpu_affinity=[cpu]
    )
    node = lan.node("a", said, capabilities=CAPABILITIES)
    node.report()
    pid = node.process.pid
    assert os.sched_getscheduler(pid) == ROUND_ROBIN
    assert priority(pid) == 31
    assert os.getpriority(os.PRIO_PROCESS, pid) == -7
    assert os.sched_getaffinity(pid) == {cpu}
    assert locked_kb(pid) > 0
    assert not [line for line in node.log() if "not in force" in line]

    reload(node, document(vrrp_rt_priority=12))
    eventually(lambda: priority(pid) == 12, 5, "the new priority")
    assert os.sched_getaffinity(pid) == all_cpus
    assert os.getpriority(os.PRIO_PROCESS, pid) == usual_nice
    assert locked_kb(pid) == 0


def test_kept_waiting_the_process_raises_its_priority_up_to_the_limit(lan: Lan) -> None:
    said = document(max_auto_priority=21, min_auto_priority_delay=200_000)
    node = lan.node("a", said, capabilities=CAPABILITIES)
    node.report()
    pid = node.process.pid
    assert priority(pid) == 20
    for __ in range(2):
        # Its heartbeat is due every 250 ms.
        node.process.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
        node.process.send_signal(signal.SIGCONT)
        eventually(lambda: priority(pid) == 21, 5, "a raised priority")
        node.report()
    assert sum("from now on (max_auto_priority)" in line for line in node.log()) == 1


def test_what_is_refused_is_told_and_vrrp_works_without(lan: Lan) -> None:
    said = document(
        vrrp_rt_priority=99, vrrp_priority=-19, vrrp_no_swap=True, vrrp_cpu_affinity=8191
    )
    node = lan.node("a", said)
    node.wait_for("MASTER", 10)
    told = " | ".join(node.log())
    for text in (
        "no real-time priority 99: Operation not permitted; its unit needs LimitRTPRIO=99",
        "vrrp_priority -19 is not in force: Permission denied; its unit needs LimitNICE=-19",
        "vrrp_no_swap is not in force: Cannot allocate memory; its unit needs LimitMEMLOCK=",
        "vrrp_cpu_affinity 8191 is not in force: ",
    ):
        assert text in told
