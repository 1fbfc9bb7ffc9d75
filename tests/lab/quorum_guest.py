# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a lab host: quorum, panic and sorry servers in real IPVS, ipvsadm as the witness.

Usage: quorum_guest.py SCENARIO. Every scenario begins with a document, as an operator writes it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipvs_guest
from ipvs_guest import CHECK, RS1, RS2, SERVICE, SORRY, Bench, document, verdict
from lvs_agent.core.messages import PoolChange, ProcessRestarted, Suspended, VerdictsComplete
from netns.kernel_harness import KernelProcess, run

SORRY2 = SORRY.replace("127.0.0.1", "127.0.0.2")
QUIET1, QUIET2 = RS1.replace("-w 1", "-w 0"), RS2.replace("-w 2", "-w 0")


def web(**options: Any) -> dict[str, Any]:
    """A virtual server whose real servers are checked."""
    return ipvs_guest.web(**(CHECK | options))


def news(process: KernelProcess, event: str) -> PoolChange:
    """The next word on that event; what came before it is forgotten."""
    change = process.supervisor.wait_for(PoolChange, event=event)
    assert isinstance(change, PoolChange)
    return change


def quorum_is_lost_below_the_band_and_gained_above_it(bench: Bench) -> None:
    process = bench.start(document(web=web(weights=(1, 2), quorum=2, hysteresis=1)))
    assert news(process, "START").quorum
    bench.becomes(SERVICE, RS1, RS2)
    verdict(process, "rs12", False)  # weight 1: within the band
    bench.becomes(SERVICE, RS1)
    verdict(process, "rs11", False)
    assert not news(process, "QUORUM_DOWN").quorum
    bench.becomes(SERVICE, SORRY)
    verdict(process, "rs12", True)  # weight 2: within the band
    bench.becomes(SERVICE, QUIET2, SORRY)
    verdict(process, "rs11", True)
    assert news(process, "QUORUM_UP").quorum
    bench.becomes(SERVICE, RS1, RS2)


def first_healthy_sorry_server_answers(bench: Bench) -> None:
    sorry = [{"ip": "127.0.0.1", **CHECK}, {"ip": "127.0.0.2"}]
    process = bench.start(document(web=web(sorry_server=sorry)))
    verdict(process, "rs11", False)
    verdict(process, "rs12", False)
    bench.becomes(SERVICE, SORRY)
    verdict(process, "sorry_server[0]", False)
    bench.becomes(SERVICE, SORRY2)
    verdict(process, "sorry_server[0]", True)
    bench.becomes(SERVICE, SORRY)


def sorry_server_with_inhibit_stays_with_weight_0(bench: Bench) -> None:
    process = bench.start(document(web=web(sorry_server_inhibit=True)))
    bench.becomes(SERVICE, RS1, RS2, SORRY.replace("-w 1", "-w 0"))
    verdict(process, "rs11", False)
    verdict(process, "rs12", False)
    bench.becomes(SERVICE, SORRY)


def dead_real_server_with_inhibit_stays_with_weight_0(bench: Bench) -> None:
    wanted = web(inhibit_on_failure=True)
    wanted["real_servers"]["rs12"]["inhibit_on_failure"] = False
    process = bench.start(document(web=wanted))
    verdict(process, "rs11", False)
    bench.becomes(SERVICE, QUIET1, RS2)
    verdict(process, "rs12", False)
    bench.becomes(SERVICE, QUIET1, SORRY)


def real_server_with_alpha_waits_for_its_first_check(bench: Bench) -> None:
    wanted = web(alpha=True)
    wanted["real_servers"]["rs12"]["alpha"] = False
    process = bench.start(document(web=wanted))
    bench.becomes(SERVICE, RS2)
    verdict(process, "rs11", True)
    bench.becomes(SERVICE, RS1, RS2)


def panic_keeps_the_last_good_set(bench: Bench) -> None:
    process = bench.start(document(web=web(weights=(1, 2), panic_threshold="50%")))
    for name in ("rs11", "rs12"):
        verdict(process, name, True)
    verdict(process, "rs11", False)
    bench.becomes(SERVICE, RS2)
    verdict(process, "rs12", False)
    news(process, "PANIC")
    bench.becomes(SERVICE, RS1, RS2)
    assert any("panic" in line for line in process.logged())
    assert process.report()["services"][0]["panic"]["held"] == ["rs11", "rs12"]
    process.reconfigure(document(web=web(weights=(1, 3), panic_threshold="50%")))
    bench.becomes(SERVICE, RS1, RS2.replace("-w 2", "-w 3"))
    verdict(process, "rs12", True)
    news(process, "PANIC_OVER")
    bench.becomes(SERVICE, RS2.replace("-w 2", "-w 3"))


def successor_goes_on_with_quorum_and_panic(bench: Bench) -> None:
    config = document(web=web(weights=(1, 2), quorum=2, hysteresis=1, panic_threshold=1))
    process = bench.start(config)
    for up in (True, False):
        for name in ("rs11", "rs12"):
            verdict(process, name, up)
    said = news(process, "PANIC")
    bench.becomes(SERVICE, RS1, RS2)
    process.kill()
    process = bench.start(config, restarted=True, ends=process.ends, pools=(said,))
    for name in ("rs11", "rs12"):
        verdict(process, name, False)
    process.health.send(VerdictsComplete(generation=1))
    time.sleep(1.0)
    bench.becomes(SERVICE, RS1, RS2)
    assert process.report()["services"][0]["panic"]["held"] == ["rs11", "rs12"]
    assert not [one for one in process.supervisor.received if isinstance(one, PoolChange)]


def new_real_server_takes_part_after_its_first_check(bench: Bench) -> None:
    process = bench.start(document(web=web(weights=(1,))))
    verdict(process, "rs11", True)
    bench.becomes(SERVICE, RS1)
    process.reconfigure(document(web=web(weights=(1, 2))))
    process.supervisor.wait_for(PoolChange, event="SAME")
    time.sleep(0.2)
    bench.becomes(SERVICE, RS1)
    verdict(process, "rs12", True)
    bench.becomes(SERVICE, RS1, RS2)


def weight_of_a_check_is_the_weight_in_the_kernel(bench: Bench) -> None:
    process = bench.start(document(web=web()))
    for weight, shown in ((7, "-w 7"), (0, "-w 0"), (None, "-w 1")):
        verdict(process, "rs11", True, weight=weight)
        bench.becomes(SERVICE, RS1.replace("-w 1", shown), RS2)


def health_process_is_told_where_the_address_is(bench: Bench) -> None:
    process = bench.start(
        document(web=web(ha_suspend=True), other=web(ip="192.0.2.81", ha_suspend=True))
    )
    process.health.wait_for(Suspended, virtual_servers=("web", "other"), suspended=True)
    bench.namespace.ip("addr", "add", "192.0.2.80/32", "dev", "eth0")
    process.health.wait_for(Suspended, virtual_servers=("web",), suspended=False)
    process.supervisor.send(ProcessRestarted(name="health"))
    process.health.wait_for(Suspended, virtual_servers=("other",), suspended=True)
    bench.namespace.ip("addr", "del", "192.0.2.80/32", "dev", "eth0")
    process.health.wait_for(Suspended, virtual_servers=("web",), suspended=True)
    process.reconfigure(document(web=web()))
    process.health.wait_for(Suspended, virtual_servers=("web", "other"), suspended=False)


SCENARIOS: dict[str, Callable[[Bench], None]] = {
    scenario.__name__: scenario
    for scenario in (
        quorum_is_lost_below_the_band_and_gained_above_it,
        first_healthy_sorry_server_answers,
        sorry_server_with_inhibit_stays_with_weight_0,
        dead_real_server_with_inhibit_stays_with_weight_0,
        real_server_with_alpha_waits_for_its_first_check,
        panic_keeps_the_last_good_set,
        successor_goes_on_with_quorum_and_panic,
        new_real_server_takes_part_after_its_first_check,
        weight_of_a_check_is_the_weight_in_the_kernel,
        health_process_is_told_where_the_address_is,
    )
}


def main() -> None:
    run("modprobe", "ip_vs")
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        try:
            SCENARIOS[sys.argv[1]](bench)
        finally:
            for process in bench.started:
                print("\n".join(process.logged()))
            bench.close()


if __name__ == "__main__":
    main()
