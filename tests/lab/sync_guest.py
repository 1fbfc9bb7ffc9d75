# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a lab host: the sync daemon of real IPVS, and no_accept where it cannot work.

Usage: sync_guest.py SCENARIO. ipvsadm is the witness.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipvs_guest import Bench, web
from lvs_agent.adapters.sweep import sweep
from netns.kernel_harness import Namespace, eventually, run

VIP = "192.0.2.80"


def document(daemon: dict[str, Any] | None, **instance: Any) -> dict[str, Any]:
    return {
        "global_defs": {} if daemon is None else {"lvs_sync_daemon": daemon},
        "vrrp_instances": {
            "VI_1": {
                "interface": "eth0",
                "virtual_router_id": 51,
                "priority": 100,
                "virtual_ipaddress": [f"{VIP}/32"],
                **instance,
            }
        },
    }


FOLLOWING = {"interface": "eth0", "inst": "VI_1", "id": 7}


def halves(namespace: Namespace) -> dict[str, str]:
    """What `ipvsadm -L --daemon` says: half -> its settings in parentheses."""
    shown = run("ip", "netns", "exec", namespace.name, "ipvsadm", "-L", "--daemon")
    lines = [line for line in shown.splitlines() if "sync daemon" in line]
    return {line.split()[0]: line.partition("(")[2] for line in lines}


def running(bench: Bench, *expected: str, wait_s: float = 2.0) -> None:
    try:
        eventually(lambda: set(halves(bench.namespace)) == set(expected), wait_s)
    except AssertionError:
        raise AssertionError(f"{halves(bench.namespace)} run, not {expected}") from None


def follows_the_instance(bench: Bench) -> None:
    process = bench.start(document(FOLLOWING))
    running(bench, "backup")
    assert process.hold("VI_1") is None
    running(bench, "master")
    assert process.report()["sync_daemon"]["error"] is None
    assert list(process.report()["sync_daemon"]["running"]) == ["master"]
    assert process.hold("VI_1", False) is None
    running(bench, "backup")
    assert process.report()["drift"]["sync_daemon_put_back"] == 0
    assert process.stop() == 0
    running(bench)


def without_an_instance_both_halves_run_with_every_setting(bench: Bench) -> None:
    settings = {"maxlen": 1200, "port": 8850, "ttl": 3, "group": "224.0.0.82"}
    process = bench.start(document({"interface": "eth0", "id": 9, **settings}))
    running(bench, "master", "backup")
    for text in halves(bench.namespace).values():
        for word in ("mcast=eth0", "syncid=9", "maxlen=1200", "port=8850", "ttl=3", "224.0.0.82"):
            assert word in text, text
    process.reconfigure(document({"interface": "eth0", "id": 9, **settings, "port": 8851}))
    eventually(lambda: all("port=8851" in t for t in halves(bench.namespace).values()), 2.0)
    process.reconfigure(document({"interface": "eth0", "id": 9, "maxlen": 1300}))
    eventually(lambda: all("maxlen=1300" in t for t in halves(bench.namespace).values()), 2.0)
    process.reconfigure(document(None))
    running(bench)


def length_that_the_kernel_adjusts_is_no_drift(bench: Bench) -> None:
    process = bench.start(document({"interface": "eth0", "id": 9, "maxlen": 100}))
    running(bench, "master", "backup")
    assert any("maxlen=100," not in text for text in halves(bench.namespace).values())
    time.sleep(5.5)  # over an audit
    assert process.report()["drift"]["sync_daemon_put_back"] == 0


def stopped_by_somebody_is_started_again_and_counted(bench: Bench) -> None:
    process = bench.start(document(FOLLOWING))
    running(bench, "backup")
    bench.ipvsadm("--stop-daemon", "backup")
    running(bench, "backup", wait_s=7.0)
    assert process.report()["drift"]["sync_daemon_put_back"] == 1
    assert any("sync daemon was changed by somebody else" in text for text in process.logged())


def trouble_is_logged_once_and_tried_again(bench: Bench) -> None:
    process = bench.start(document({"interface": "eth7", "id": 1}))
    eventually(lambda: any("master half on eth7" in text for text in process.logged()), 2.0)
    bench.namespace.add_interface("eth7")
    bench.namespace.ip("addr", "add", "198.51.100.1/24", "dev", "eth7")
    running(bench, "master", "backup", wait_s=7.0)
    assert sum("lvs_sync_daemon:" in text for text in process.logged()) == 1
    assert any("lvs_sync_daemon works again" in text for text in process.logged())


def killed_process_leaves_the_halves_to_its_successor_and_to_the_sweep(bench: Bench) -> None:
    process = bench.start(document(FOLLOWING))
    process.hold("VI_1")
    running(bench, "master")
    process.kill()
    running(bench, "master")
    successor = bench.start(document(FOLLOWING), restarted=True, ends=process.ends)
    time.sleep(0.3)
    running(bench, "master")
    assert successor.hold("VI_1") is None
    time.sleep(0.2)
    running(bench, "master")
    successor.kill()
    in_namespace(bench.namespace, lambda: sweep(bench.directory).sync_daemon)
    running(bench)


def held_connections_reach_the_backup_director(bench: Bench) -> None:
    other = Bench(Path(tempfile.mkdtemp()))
    other.namespace.ip("link", "del", "eth0")
    bench.namespace.ip("link", "set", "eth0p", "netns", other.namespace.name)
    for words in ("set eth0p name eth0", "set eth0 up"):
        other.namespace.ip("link", *words.split())
    other.namespace.ip("addr", "add", "192.0.2.2/24", "dev", "eth0")
    config = document(FOLLOWING) | {"virtual_servers": {"dns": web(ip=VIP, protocol="UDP")}}
    try:
        master, _backup = bench.start(config), other.start(config)
        running(other, "backup")
        assert master.hold("VI_1") is None
        running(bench, "master")
        eventually(lambda: len(bench.table()) > 1, 2.0)
        # net.ipv4.vs.sync_threshold: the third packet of a connection is the first to be told.
        in_namespace(bench.namespace, lambda: send(VIP, 80, 5))
        eventually(lambda: f"{VIP}:80" in other.ipvsadm("-Lnc"), 5.0)
    finally:
        other.close()


def no_accept_is_never_a_reason_to_give_up_the_addresses(bench: Bench) -> None:
    """This kernel has nf_tables without the families ip, ip6 and inet."""
    server = web(ip=VIP, protocol="UDP", weights=(1,), sorry=False)
    config = document(None, no_accept=True) | {"virtual_servers": {"dns": server}}
    process = bench.start(config)
    assert process.hold("VI_1") is None
    assert bench.namespace.has("eth0", VIP)
    firewall = process.report()["firewall"]
    assert not firewall["present"]
    assert "no_accept" in firewall["error"]
    time.sleep(5.5)  # over an audit
    assert sum("nf_tables:" in text for text in process.logged()) == 1
    assert process.hold("VI_1", False) is None
    assert process.stop() == 0


# Inside a namespace


def in_namespace(namespace: Namespace, act: Callable[[], object]) -> None:
    """Run `act` in a process of its own there; it has to be true."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            namespace.enter()
            status = 0 if act() else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def send(address: str, port: int, times: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(times):
            sender.sendto(b"x", (address, port))
    return True


def main() -> None:
    run("modprobe", "ip_vs")
    scenario = globals()[sys.argv[1]]
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        try:
            scenario(bench)
        except BaseException:
            for process in bench.started:
                print("\n".join(process.logged()))
            raise
        finally:
            bench.close()


if __name__ == "__main__":
    main()
