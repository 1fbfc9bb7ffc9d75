# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a host with IPVS: one daemon, one load, figures as JSON on standard output.

    python3 lvs_guest.py scale WHO SERVICES SERVERS     start, load, memory, reweight, status, stop
    python3 lvs_guest.py checks WHO SERVICES SERVERS    CPU of HTTP checks, each once a second
    python3 lvs_guest.py shared WHO SERVICES SERVERS    the same, all services with the same servers

Owns the daemons that it starts and what they leave. ipvsadm is the witness of what the kernel has.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
AGENT = HERE / "agent"
RUN = Path("/run/lvs-bench")
INTERFACE = "eno16777736"
# Virtual addresses of the services, real servers behind them: all of them this host's own.
VIPS, FARM, PORT, WEB_PORT = "10.20.0", "10.30", 80, 8080
LONGEST_S = 180.0
CHECK_S = 20.0


class Daemon:
    """A daemon on this host. `weight` is every real server's; `checked`: HTTP once a second.

    `distinct` False: the same real servers behind every service.
    """

    def __init__(self, services: int, servers: int, *, checked: bool, distinct: bool) -> None:
        self.services, self.servers = services, servers
        self.checked, self.distinct = checked, distinct
        self.weight = 1
        self.process: subprocess.Popen[bytes] | None = None
        RUN.mkdir(exist_ok=True)

    def vips(self) -> list[str]:
        return [f"{VIPS}.{number + 1}" for number in range(self.services)]

    def real_servers(self, service: int) -> list[str]:
        network = service if self.distinct else 0
        return [f"{FARM}.{network}.{n + 1}" for n in range(self.servers)]

    @property
    def port(self) -> int:
        return WEB_PORT if self.checked else PORT

    def write(self) -> None:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Begin; it ends with `stop` or `kill`."""
        self.write()
        with (RUN / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=RUN
            )

    def reload(self) -> None:
        """Read the file again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LONGEST_S)

    def family(self) -> list[int]:
        """Its processes."""
        assert self.process is not None
        found = [self.process.pid]
        for one in found:
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def cpu_s(self) -> float:
        """Processor time of all its processes so far."""
        ticks = 0
        for pid in self.family():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def pss_mib(self) -> float:
        """Memory of all its processes."""
        total = 0
        for pid in self.family():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += next(int(row.split()[1]) for row in text.splitlines() if row[:4] == "Pss:")
        return total / 1024


class OurAgent(Daemon):
    def write(self) -> None:
        check: dict[str, Any] = {}
        if self.checked:
            check = {"delay_loop": 1, "http_get": {"url": [{"path": "/"}]}}
        document = {
            "vrrp_instances": {
                "vi": {
                    "interface": INTERFACE,
                    "virtual_router_id": 51,
                    "virtual_ipaddress": ["172.16.1.254/32"],
                }
            },
            "virtual_servers": {
                f"vs{number}": {
                    "ip": vip,
                    "port": self.port,
                    "lb_algo": "wrr",
                    "lb_kind": "DR",
                    **check,
                    "real_servers": {
                        f"rs{n}": {"ip": real, "weight": self.weight}
                        for n, real in enumerate(self.real_servers(number))
                    },
                }
                for number, vip in enumerate(self.vips())
            },
        }
        (RUN / "config.json").write_text(json.dumps(document))

    def _program(self, name: str) -> list[str]:
        return ["/usr/bin/python3", "-IS", str(AGENT / "bin" / name)]

    def command(self) -> list[str]:
        (RUN / "agent").mkdir(exist_ok=True)
        return [
            *(*self._program("lvs-agent"), "run", "--config", str(RUN / "config.json")),
            *("--runtime-dir", str(RUN / "agent")),
        ]

    def status_s(self) -> float:
        """How long `lvsctl status` takes."""
        command = [*self._program("lvsctl"), "--runtime-dir", str(RUN / "agent"), "status"]
        begin = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
        return time.monotonic() - begin


class TheirDaemon(Daemon):
    def write(self) -> None:
        blocks = [
            f"vrrp_instance vi {{\n interface {INTERFACE}\n state BACKUP\n virtual_router_id 51\n"
            " virtual_ipaddress {\n  172.16.1.254/32\n }\n}"
        ]
        check = ""
        if self.checked:
            check = "HTTP_GET { url { path /\n status_code 200\n } }"
        for number, vip in enumerate(self.vips()):
            rows = "\n".join(
                f" real_server {real} {self.port} {{\n  weight {self.weight}\n  {check}\n }}"
                for real in self.real_servers(number)
            )
            blocks.append(
                f"virtual_server {vip} {self.port} {{\n lb_algo wrr\n lb_kind DR\n protocol TCP\n"
                f" delay_loop 1\n warmup 1\n{rows}\n}}"
            )
        (RUN / "keepalived.conf").write_text("\n".join(blocks) + "\n")

    def command(self) -> list[str]:
        return [
            *("keepalived", "-n", "-l", "-f", str(RUN / "keepalived.conf")),
            *("-p", str(RUN / "pid"), "-r", str(RUN / "vrrp.pid"), "-c", str(RUN / "check.pid")),
        ]


DAEMONS: dict[str, type[OurAgent] | type[TheirDaemon]] = {
    "lvs-agent": OurAgent,
    "keepalived": TheirDaemon,
}


def ipvsadm(*words: str) -> list[str]:
    """What it prints."""
    done = subprocess.run(
        ["ipvsadm", *words], check=False, capture_output=True, text=True, timeout=60
    )
    return done.stdout.splitlines()


def destinations(weight: int | None = None) -> int:
    """How many the kernel has, of all weights or of one."""
    rows = [row.split() for row in ipvsadm("-Sn") if row.startswith("-a")]
    return sum(weight is None or row[row.index("-w") + 1] == str(weight) for row in rows)


def until(condition: Callable[[], bool], what: str) -> float:
    """Wait; the seconds it took."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > LONGEST_S:
            raise SystemExit(f"not within {LONGEST_S} s: {what}\n{(RUN / 'log').read_text()}")
        time.sleep(0.02)
    return time.monotonic() - begin


def in_force(daemon: Daemon) -> bool:
    """Whether the last real server of the last service has its weight. One service alone is
    listed: listing 10,000 destinations would be most of what is measured."""
    rows = ipvsadm("-Ln", "-t", f"{daemon.vips()[-1]}:{daemon.port}")
    last = f"{daemon.real_servers(daemon.services - 1)[-1]}:{daemon.port}"
    return any(last in row and row.split()[3] == str(daemon.weight) for row in rows)


def all_in_force(daemon: Daemon) -> bool:
    return destinations(daemon.weight) == daemon.services * daemon.servers


def scale(daemon: Daemon) -> dict[str, float]:
    """Into an empty table by a start and by a reload, with other weights, and out of it again."""
    ipvsadm("-C")
    begin = time.monotonic()
    daemon.start()
    until(lambda: in_force(daemon), "the last real server")
    figures = {"start": time.monotonic() - begin}
    until(lambda: all_in_force(daemon), "all real servers")
    daemon.stop()
    ipvsadm("-C")
    services, daemon.services = daemon.services, 0
    daemon.start()
    time.sleep(5)  # it is master by then, and at rest
    daemon.services = services
    daemon.write()
    begin = time.monotonic()
    daemon.reload()
    until(lambda: in_force(daemon), "the last real server after a reload")
    figures["load"] = time.monotonic() - begin
    until(lambda: all_in_force(daemon), "all real servers after a reload")
    time.sleep(8)  # an audit of ours, and whatever else comes after a start
    figures["memory"] = daemon.pss_mib()
    daemon.weight = 2
    daemon.write()
    begin, cpu_s = time.monotonic(), daemon.cpu_s()
    daemon.reload()
    until(lambda: in_force(daemon), "the last weight")
    figures["reweight"] = time.monotonic() - begin
    until(lambda: all_in_force(daemon), "all weights")
    figures["reweight cpu"] = daemon.cpu_s() - cpu_s
    if isinstance(daemon, OurAgent):
        figures["status"] = min(daemon.status_s() for _ in range(3))
    begin = time.monotonic()
    daemon.stop()
    figures["stop"] = time.monotonic() - begin
    figures["left"] = float(destinations())
    ipvsadm("-C")
    return figures


@contextmanager
def farm() -> Iterator[Callable[[], int]]:
    """A web server behind every real server's address; gives the number of answers so far."""
    subprocess.run(["ip", "route", "replace", "local", f"{FARM}.0.0/16", "dev", "lo"], check=True)
    counter = RUN / "answers"
    server = subprocess.Popen(
        [sys.executable, str(HERE / "web.py"), str(WEB_PORT), str(counter)], stdin=subprocess.PIPE
    )
    try:
        yield lambda: os.stat(counter).st_size
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(10)


def checks(daemon: Daemon) -> dict[str, float]:
    """Processor time per check, and of all of them."""
    ipvsadm("-C")
    with farm() as answers:
        daemon.start()
        until(lambda: in_force(daemon), "the last real server")
        time.sleep(8)  # every check has its place in time
        begin, cpu_s, before = time.monotonic(), daemon.cpu_s(), answers()
        time.sleep(CHECK_S)
        elapsed = time.monotonic() - begin
        used, done = daemon.cpu_s() - cpu_s, answers() - before
        daemon.stop()
    ipvsadm("-C")
    return {
        "cpu": 100 * used / elapsed,
        "rate": done / elapsed,
        "cpu per check": 1e6 * used / max(done, 1),
    }


def main() -> None:
    """One measurement, as JSON."""
    what, who, services, servers = sys.argv[1:5]
    daemon = DAEMONS[who](
        int(services),
        int(servers),
        checked=what != "scale",
        distinct=what != "shared",
    )
    try:
        figures = scale(daemon) if what == "scale" else checks(daemon)
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.process.kill()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
