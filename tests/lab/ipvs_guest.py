# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a lab host: the kernel process against real IPVS, ipvsadm as the witness.

Usage: ipvs_guest.py SCENARIO. Every scenario has a network namespace, so an IPVS table, of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lvs_agent import config as configuration
from lvs_agent import schema
from lvs_agent.adapters.ipvs_netlink import Ipvs
from lvs_agent.adapters.plan import plan
from lvs_agent.adapters.sweep import sweep
from lvs_agent.core.ipvs.model import ServiceKey
from lvs_agent.core.messages import ProcessDied, Ready, Verdict, VerdictsComplete
from netns.kernel_harness import KernelProcess, Namespace, eventually, run


class Bench:
    """A namespace, a runtime directory, and the processes started in them."""

    def __init__(self, directory: Path) -> None:
        self.namespace = Namespace()
        self.directory = directory
        self.started: list[KernelProcess] = []

    def start(self, config: dict[str, Any], **options: Any) -> KernelProcess:
        process = KernelProcess(config, self.directory, namespace=self.namespace, **options)
        self.started.append(process)
        process.supervisor.wait_for(Ready)
        return process

    def ipvsadm(self, *arguments: str) -> str:
        return run("ip", "netns", "exec", self.namespace.name, "ipvsadm", *arguments)

    def table(self) -> set[str]:
        """What `ipvsadm -Sn` says, line by line."""
        return {line.strip() for line in self.ipvsadm("-Sn").splitlines() if line.strip()}

    def becomes(self, *lines: str, wait_s: float = 2.0) -> None:
        try:
            eventually(lambda: self.table() == set(lines), wait_s)
        except AssertionError:
            raise AssertionError(f"IPVS has {sorted(self.table())}, not {sorted(lines)}") from None

    def plan(self, config: dict[str, Any]) -> list[str]:
        """What the agent would change in the namespace if it started with `config`."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            self.namespace.enter()
            accepted = configuration.load(json.dumps(config))
            lines = plan(accepted, runtime_directory=self.directory)
            os.write(writer, json.dumps(lines).encode())
            os._exit(0)
        os.close(writer)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        with os.fdopen(reader) as file:
            found: list[str] = json.load(file)
        return found

    def close(self) -> None:
        for process in self.started:
            process.close()
        self.namespace.close()


# Only of real servers with checks there are verdicts.
CHECK: dict[str, Any] = {"tcp_check": {"connect_timeout": 1}}


def web(*, weights: tuple[int, ...] = (1, 2), sorry: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "ip": "192.0.2.80",
        "port": 80,
        "lb_algo": "rr",
        "lb_kind": "DR",
        "real_servers": {
            f"rs{n}": {"ip": f"192.0.2.{n}", "port": 80, "weight": weight}
            for n, weight in enumerate(weights, 11)
        },
        **({"sorry_server": {"ip": "127.0.0.1", "port": 80}} if sorry else {}),
        **more,
    }


def document(**servers: Any) -> dict[str, Any]:
    return {"virtual_servers": servers}


def verdict(
    process: KernelProcess, name: str, up: bool, server: str = "web", weight: int | None = None
) -> None:
    process.health.send(
        Verdict(
            generation=process.generation,
            virtual_server=server,
            real_server=name,
            up=up,
            checked=True,
            reason="test",
            weight=weight,
        )
    )


SERVICE = "-A -t 192.0.2.80:80 -s rr"
RS1 = "-a -t 192.0.2.80:80 -r 192.0.2.11:80 -g -w 1"
RS2 = "-a -t 192.0.2.80:80 -r 192.0.2.12:80 -g -w 2"
SORRY = "-a -t 192.0.2.80:80 -r 127.0.0.1:80 -g -w 1"


def configuration_becomes_the_table(bench: Bench) -> None:
    dns = web(ip="192.0.2.53", protocol="UDP", lb_algo="wlc", persistence_timeout=360)
    bench.start(document(web=web(), dns=dns))
    bench.becomes(
        SERVICE,
        RS1,
        RS2,
        "-A -u 192.0.2.53:80 -s wlc -p 360",
        "-a -u 192.0.2.53:80 -r 192.0.2.11:80 -g -w 1",
        "-a -u 192.0.2.53:80 -r 192.0.2.12:80 -g -w 2",
    )


def every_scheduler_is_accepted(bench: Bench) -> None:
    # Debian builds all but the newest ones.
    folder = Path("/lib/modules") / os.uname().release / "kernel/net/netfilter/ipvs"
    built = [name for name in schema.SCHEDULERS if list(folder.glob(f"ip_vs_{name}.ko*"))]
    assert len(built) >= 12, built
    servers = {name: web(ip=f"192.0.2.{n}", lb_algo=name) for n, name in enumerate(built, 100)}
    process = bench.start(document(**servers))
    wanted = {f"-A -t 192.0.2.{n}:80 -s {name}" for n, name in enumerate(built, 100)}
    eventually(lambda: wanted <= bench.table(), 5.0)
    assert not any("error" in line for line in process.logged()), process.logged()


def verdicts_move_servers_and_sorry_server(bench: Bench) -> None:
    process = bench.start(document(web=web(**CHECK)))
    bench.becomes(SERVICE, RS1, RS2)
    verdict(process, "rs11", False)
    bench.becomes(SERVICE, RS2)
    verdict(process, "rs12", False)
    bench.becomes(SERVICE, SORRY)
    verdict(process, "rs11", True)
    bench.becomes(SERVICE, RS1)
    verdict(process, "rs12", True)
    bench.becomes(SERVICE, RS1, RS2)
    real_servers = process.report()["services"][0]["real_servers"]
    assert [row["reason"] for row in real_servers] == ["test", "test"]


def foreign_services_are_never_touched(bench: Bench) -> None:
    for line in (
        "-A -t 192.0.2.99:99 -s wrr",
        "-a -t 192.0.2.99:99 -r 192.0.2.11:99 -m -w 7",
        "-A -f 7 -s rr",
        "-A -t [2001:db8::1]:80 -s rr",
    ):
        bench.ipvsadm(*line.split())
    foreign = bench.table()
    assert len(foreign) == 4
    process = bench.start(document(web=web()))
    bench.becomes(*foreign, SERVICE, RS1, RS2)
    process.reconfigure(document())
    bench.becomes(*foreign)
    process.reconfigure(document(web=web()))
    bench.becomes(*foreign, SERVICE, RS1, RS2)
    assert process.stop() == 0
    assert bench.table() == foreign


def start_adopts_configured_and_removes_owned_services(bench: Bench) -> None:
    for line in (SERVICE, RS2, "-a -t 192.0.2.80:80 -r 192.0.2.13:80 -g -w 1"):
        bench.ipvsadm(*line.split())
    bench.ipvsadm("-A", "-t", "192.0.2.81:81", "-s", "rr")
    (bench.directory / "owned.json").write_text(
        '{"addresses": [], "services": [{"protocol": "TCP", "address": "192.0.2.81", "port": 81}]}'
    )
    process = bench.start(document(web=web()))
    bench.becomes(SERVICE, RS1, RS2)
    eventually(lambda: "192.0.2.81" not in (bench.directory / "owned.json").read_text())
    assert process.report()["drift"]["ipvs_operations"] == 0


def changes_are_made_in_place(bench: Bench) -> None:
    process = bench.start(document(web=web()))
    bench.becomes(SERVICE, RS1, RS2)
    watched = Watch(bench)
    for _ in range(4):  # the watcher has to have its turns beside it
        process.reconfigure(document(web=web(weights=(5, 0))))
        bench.becomes(SERVICE, RS1.replace("-w 1", "-w 5"), RS2.replace("-w 2", "-w 0"))
        changed = web(weights=(5,), lb_algo="wrr", persistence_timeout=60)
        process.reconfigure(document(web=changed))
        bench.becomes("-A -t 192.0.2.80:80 -s wrr -p 60", RS1.replace("-w 1", "-w 5"))
        process.reconfigure(document(web=web()))
        bench.becomes(SERVICE, RS1, RS2)
    assert watched.end() > 10, "the watcher saw too little to tell"


class Watch:
    """Reads the pool of the service in a loop and insists that it is never empty."""

    def __init__(self, bench: Bench) -> None:
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        self._pid = os.fork()
        if self._pid == 0:
            bench.namespace.enter()
            ipvs, seen = Ipvs(), 0
            # The end is a signal: processes that are started meanwhile would hold a pipe open.
            while not signal.sigpending():
                pool, _ = ipvs.destinations(ServiceKey("TCP", "192.0.2.80", 80))
                if not any(destination.weight for destination in pool.values()):
                    os._exit(255)
                if os.getppid() != parent:
                    os._exit(254)
                seen += 1
            os._exit(min(seen, 200))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def end(self) -> int:
        os.kill(self._pid, signal.SIGTERM)
        seen = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        assert seen != 255, "there was a moment without a usable destination"
        assert seen >= 0, f"the watcher died of signal {-seen}"
        return seen


class Seen:
    """Looks, in a process of its own, for the moment when the last destination has a weight."""

    def __init__(self, bench: Bench, key: ServiceKey, weight: int) -> None:
        self._reader, writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            bench.namespace.enter()
            ipvs, deadline = Ipvs(), time.monotonic() + 60
            while time.monotonic() < deadline:
                pool, _ = ipvs.destinations(key)
                if len(pool) == 100 and all(d.weight == weight for d in pool.values()):
                    os.write(writer, str(time.monotonic()).encode())
                    os._exit(0)
                time.sleep(0.01)
            os._exit(1)
        os.close(writer)

    def end(self) -> float:
        assert os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1]) == 0
        return float(os.read(self._reader, 64))


def outside_hand_is_undone_and_counted(bench: Bench) -> None:
    process = bench.start(document(web=web()))
    bench.becomes(SERVICE, RS1, RS2)
    bench.ipvsadm("-C")
    bench.becomes(SERVICE, RS1, RS2, wait_s=6.0)
    assert process.report()["drift"]["ipvs_operations"] == 3
    bench.ipvsadm("-e", "-t", "192.0.2.80:80", "-r", "192.0.2.11:80", "-g", "-w", "9")
    bench.ipvsadm("-d", "-t", "192.0.2.80:80", "-r", "192.0.2.12:80")
    bench.ipvsadm("-a", "-t", "192.0.2.80:80", "-r", "192.0.2.66:80", "-g")
    bench.becomes(SERVICE, RS1, RS2, wait_s=6.0)
    assert process.report()["drift"]["ipvs_operations"] == 6
    assert any("weight 9 -> 1" in line for line in process.logged()), process.logged()


def sorry_server_on_this_host_is_not_drift(bench: Bench) -> None:
    process = bench.start(document(web=web(**CHECK)))
    verdict(process, "rs11", False)
    verdict(process, "rs12", False)
    bench.becomes(SERVICE, SORRY)
    eventually(lambda: process.report()["drift"]["ipvs_audits"] >= 2, 12.0)
    assert process.report()["drift"]["ipvs_operations"] == 0


def successor_holds_the_last_verdicts(bench: Bench) -> None:
    process = bench.start(document(web=web(**CHECK)))
    verdict(process, "rs11", False)
    bench.becomes(SERVICE, RS2)
    process.kill()
    bench.ipvsadm("-e", "-t", "192.0.2.80:80", "-r", "192.0.2.12:80", "-g", "-w", "9")
    process = bench.start(document(web=web(**CHECK)), restarted=True, ends=process.ends)
    time.sleep(1.0)
    assert RS2.replace("-w 2", "-w 9") in bench.table(), "touched before the verdicts were told"
    verdict(process, "rs12", True)
    process.health.send(VerdictsComplete(generation=1))
    bench.becomes(SERVICE, RS2)
    verdict(process, "rs11", True)
    bench.becomes(SERVICE, RS1, RS2)


def successor_without_health_goes_on_with_what_the_kernel_has(bench: Bench) -> None:
    process = bench.start(document(web=web(**CHECK)))
    verdict(process, "rs12", False)
    bench.becomes(SERVICE, RS1)
    process.kill()
    process = bench.start(document(web=web(**CHECK)), restarted=True, ends=process.ends)
    process.supervisor.send(ProcessDied(name="health"))
    eventually(lambda: process.report()["services"][0]["in_kernel"], 4.0)
    assert bench.table() == {SERVICE, RS1}
    rows = process.report()["services"][0]["real_servers"]
    assert [row["up"] for row in rows] == [True, False]


def stop_and_sweep_leave_nothing(bench: Bench) -> None:
    process = bench.start(document(web=web(), other=web(ip="192.0.2.81")))
    eventually(lambda: len(bench.table()) == 6)
    process.kill()
    pid = os.fork()
    if pid == 0:
        bench.namespace.enter()
        began = time.monotonic()
        report = sweep(bench.directory)
        print(f"sweep took {(time.monotonic() - began) * 1e3:.1f} ms", flush=True)
        os._exit(0 if len(report.services_removed) == 2 and not report.errors else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert bench.table() == set()
    process = bench.start(document(web=web()))
    bench.becomes(SERVICE, RS1, RS2)
    assert process.stop() == 0
    assert bench.table() == set()


def refused_service_is_told_once_and_does_not_stop_others(bench: Bench) -> None:
    # Source hashing by a scheduler that this kernel does not have.
    bad = web(ip="192.0.2.81", lb_algo="mh")
    name = "ip_vs_mh"
    blocked = Path("/run/modprobe.d/lvs-test.conf")
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text(f"install {name} /bin/false\n")
    subprocess.run(["rmmod", name], check=False, stderr=subprocess.DEVNULL)
    try:
        process = bench.start(document(bad=bad, web=web()))
        bench.becomes(SERVICE, RS1, RS2)
        time.sleep(6.0)  # over an audit
        lines = [line for line in process.logged() if "modprobe ip_vs_mh" in line]
        assert len(lines) == 1, process.logged()
        report = process.report()
        assert "ip_vs_mh" in report["services"][0]["error"]
        assert report["drift"]["ipvs_operations"] == 0
    finally:
        blocked.unlink()
    eventually(lambda: "-A -t 192.0.2.81:80 -s mh" in bench.table(), 7.0)


def plan_tells_what_would_change(bench: Bench) -> None:
    assert len(bench.plan(document(web=web()))) == 3
    bench.start(document(web=web()))
    bench.becomes(SERVICE, RS1, RS2)
    assert bench.plan(document(web=web())) == []
    assert bench.plan(document(web=web(weights=(4,)))) == [
        "change 192.0.2.11:80 of TCP 192.0.2.80:80: weight 1 -> 4",
        "remove 192.0.2.12:80 from TCP 192.0.2.80:80",
    ]
    assert bench.plan(document()) == ["remove service TCP 192.0.2.80:80"]
    assert bench.table() == {SERVICE, RS1, RS2}


def counters_of_traffic_are_reported(bench: Bench) -> None:
    here = web(weights=(), sorry=True, ip="192.0.2.1", port=8080)
    here["sorry_server"] = {"ip": "127.0.0.1", "port": 8080}
    process = bench.start(document(web=here))
    eventually(lambda: len(bench.table()) == 2)
    pid = os.fork()
    if pid == 0:
        bench.namespace.enter()
        listener = socket.create_server(("0.0.0.0", 8080))
        for _ in range(3):
            socket.create_connection(("192.0.2.1", 8080), timeout=2).close()
        listener.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    # The kernel sums its counters up every two seconds (net/netfilter/ipvs/ip_vs_est.c).
    eventually(lambda: process.report()["services"][0]["connections"] == 3, 5.0)
    service = process.report()["services"][0]
    assert service["destinations"][0]["connections"] == 3
    assert service["destinations"][0]["active"] + service["destinations"][0]["inactive"] == 3
    assert service["packets_in"] >= 6


def ten_thousand_destinations(bench: Bench) -> None:
    def config(weight: int) -> dict[str, Any]:
        return document(
            **{
                f"vs{n}": {
                    "ip": f"10.1.0.{n + 1}",
                    "port": 80,
                    "lb_algo": "wrr",
                    "lb_kind": "DR",
                    "real_servers": {
                        f"rs{m}": {"ip": f"10.2.{n}.{m + 1}", "port": 80, "weight": weight}
                        for m in range(100)
                    },
                }
                for n in range(100)
            }
        )

    def count(weight: int) -> int:
        return sum(line.endswith(f"-w {weight}") for line in bench.table())

    first, second = config(1), config(2)
    last = ServiceKey("TCP", "10.1.0.100", 80)
    seen = Seen(bench, last, 1)
    process = bench.start(first)
    began = time.monotonic()
    print(f"10,000 destinations {seen.end() - began:+.2f} s after Ready")
    assert count(1) == 10_000
    seen = Seen(bench, last, 2)
    began = time.monotonic()
    process.reconfigure(second)
    process.supervisor.wait_for(Ready, generation=2)
    ready_s = time.monotonic() - began
    print(f"all weights: Ready after {ready_s:.2f} s, in force after {seen.end() - began:.2f} s")
    assert count(2) == 10_000
    began = time.monotonic()
    cpu = _cpu_s(process.pid)
    process.report()
    used = _cpu_s(process.pid) - cpu
    print(f"status after {time.monotonic() - began:.2f} s, {used:.2f} s of CPU in the process")
    audits = process.report()["drift"]["ipvs_audits"]
    cpu = _cpu_s(process.pid)
    time.sleep(11.0)
    used = _cpu_s(process.pid) - cpu
    audits = process.report()["drift"]["ipvs_audits"] - audits
    print(f"{audits} audits: {used:.2f} s of CPU")
    assert audits >= 1
    assert process.report()["drift"]["ipvs_operations"] == 0
    began = time.monotonic()
    assert process.stop() == 0
    print(f"stop after {time.monotonic() - began:.2f} s")
    assert bench.table() == set()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def missing_module_is_retried(bench: Bench) -> None:
    """Last: it unloads the module for the whole host."""
    bench.close()
    time.sleep(0.5)
    for name in sorted(_modules("ip_vs_")):
        run("rmmod", name)
    run("rmmod", "ip_vs")
    fresh = Bench(bench.directory)
    try:
        process = fresh.start(document(web=web()))
        eventually(lambda: any("modprobe ip_vs" in line for line in process.logged()), 2.0)
        run("modprobe", "ip_vs")
        fresh.becomes(SERVICE, RS1, RS2, wait_s=5.0)
        assert any("works again" in line for line in process.logged())
    finally:
        fresh.close()
        bench.namespace, bench.started = Namespace(), []


def _modules(prefix: str) -> list[str]:
    names = (line.split()[0] for line in Path("/proc/modules").read_text().splitlines())
    return [name for name in names if name.startswith(prefix)]


SCENARIOS: dict[str, Callable[[Bench], None]] = {
    scenario.__name__: scenario
    for scenario in (
        configuration_becomes_the_table,
        every_scheduler_is_accepted,
        verdicts_move_servers_and_sorry_server,
        foreign_services_are_never_touched,
        start_adopts_configured_and_removes_owned_services,
        changes_are_made_in_place,
        outside_hand_is_undone_and_counted,
        sorry_server_on_this_host_is_not_drift,
        successor_holds_the_last_verdicts,
        successor_without_health_goes_on_with_what_the_kernel_has,
        stop_and_sweep_leave_nothing,
        refused_service_is_told_once_and_does_not_stop_others,
        plan_tells_what_would_change,
        counters_of_traffic_are_reported,
        ten_thousand_destinations,
        missing_module_is_retried,
    )
}


def perform(scenario: Callable[[Bench], None]) -> None:
    """Run one scenario in a namespace of its own."""
    run("modprobe", "ip_vs")
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        try:
            scenario(bench)
        finally:
            for process in bench.started:
                print("\n".join(process.logged()))
            bench.close()


if __name__ == "__main__":
    perform(SCENARIOS[sys.argv[1]])
