# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel process tells of its pools and to the health process, even without IPVS."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.core.messages import PoolChange, ProcessRestarted, Ready, Suspended, Verdict
from netns.kernel_harness import KernelProcess, Namespace

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

Start = Callable[..., KernelProcess]


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    one = Namespace()
    yield one
    one.close()


@pytest.fixture
def start(namespace: Namespace, tmp_path: Path) -> Iterator[Start]:
    started: list[KernelProcess] = []

    def begin(document: dict[str, Any], **options: Any) -> KernelProcess:
        process = KernelProcess(document, tmp_path, namespace=namespace, **options)
        started.append(process)
        process.supervisor.wait_for(Ready)
        return process

    yield begin
    for one in started:
        one.close()


def web(**options: Any) -> dict[str, Any]:
    real_servers = {f"rs{n}": {"ip": f"192.0.2.{n}", "weight": n - 10} for n in (11, 12)}
    check = {"tcp_check": {}}  # only of real servers with checks there are verdicts
    return {"ip": "192.0.2.80", "port": 80, "real_servers": real_servers, **check, **options}


def document(**servers: Any) -> dict[str, Any]:
    return {"virtual_servers": servers}


def verdict(process: KernelProcess, name: str, *, up: bool) -> None:
    process.health.send(
        Verdict(
            generation=process.generation,
            virtual_server="web",
            real_server=name,
            up=up,
            checked=True,
            reason="test",
        )
    )


def change(process: KernelProcess, event: str) -> PoolChange:
    found = process.supervisor.wait_for(PoolChange, event=event)
    assert isinstance(found, PoolChange)
    return found


def test_quorum_is_told_from_start_to_reload(start: Start) -> None:
    process = start(document(web=web(quorum=2, hysteresis=1)))
    assert change(process, "START").quorum
    verdict(process, "rs12", up=False)  # weight 1: within the band
    verdict(process, "rs11", up=False)
    lost = change(process, "QUORUM_DOWN")
    assert not lost.quorum
    assert any("web: quorum down: weights of only 0" in line for line in process.logged())
    process.reconfigure(document(renamed=web(quorum=2, hysteresis=1)))
    same = change(process, "SAME")
    assert (same.virtual_server, same.quorum) == ("renamed", False)
    assert same.quorum_since_ns == lost.quorum_since_ns


def test_health_process_is_told_where_the_address_is(start: Start, namespace: Namespace) -> None:
    process = start(document(web=web(ha_suspend=True), other=web(ip="192.0.2.81", ha_suspend=True)))
    process.health.wait_for(Suspended, virtual_servers=("web", "other"), suspended=True)
    namespace.ip("addr", "add", "192.0.2.80/32", "dev", "eth0")
    process.health.wait_for(Suspended, virtual_servers=("web",), suspended=False)
    process.supervisor.send(ProcessRestarted(name="health"))
    process.health.wait_for(Suspended, virtual_servers=("other",), suspended=True)
    namespace.ip("addr", "del", "192.0.2.80/32", "dev", "eth0")
    process.health.wait_for(Suspended, virtual_servers=("web",), suspended=True)
    process.reconfigure(document(web=web()))
    process.health.wait_for(Suspended, virtual_servers=("web", "other"), suspended=False)


def test_held_address_wakes_the_checks(start: Start) -> None:
    instance = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "virtual_ipaddress": ["192.0.2.80/32"],
    }
    process = start({"vrrp_instances": {"VI": instance}, **document(web=web(ha_suspend=True))})
    process.health.wait_for(Suspended, virtual_servers=("web",), suspended=True)
    assert process.hold("VI") is None
    process.health.wait_for(Suspended, virtual_servers=("web",), suspended=False)
    assert process.hold("VI", hold=False) is None
    process.health.wait_for(Suspended, virtual_servers=("web",), suspended=True)
