# SPDX-License-Identifier: GPL-3.0-or-later
"""The same virtual routers for this agent and for keepalived, and what their processes cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.segment import Segment
from interop.speakers import Flavour, Keepalived, Ours, Speaker

# The real servers: addresses of the active host itself, all answered by one process.
FARM, WEB_PORT = "10.10", 8080


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`instances` virtual routers with `addresses` VIPs each, over IPv4, version 3.

    `real_servers`: so many are checked over HTTP once a second, by the active host alone (in
    earnest two directors are two machines).
    """

    interval_s: float = 1.0
    instances: int = 1
    addresses: int = 1
    real_servers: int = 0

    def vips(self, number: int) -> list[str]:
        """The addresses of virtual router `number`, from 0."""
        first = number * self.addresses
        return [
            f"10.9.{100 + n // 250}.{1 + n % 250}" for n in range(first, first + self.addresses)
        ]


class OurAgent(Ours):
    """This agent with any load."""

    load: Load

    def document(self) -> dict[str, Any]:
        load = self.load
        document = self._routers()
        if load.real_servers and self.host == "a":
            document["virtual_servers"] = {
                "farm": {
                    "ip": load.vips(0)[0],
                    "port": WEB_PORT,
                    "delay_loop": 1,
                    "http_get": {"url": [{"path": "/", "status_code": 200}]},
                    "real_servers": {
                        f"rs{n}": {"ip": f"{FARM}.{n // 250}.{1 + n % 250}"}
                        for n in range(load.real_servers)
                    },
                }
            }
        return document

    def _routers(self) -> dict[str, Any]:
        load = self.load
        return {
            "vrrp_instances": {
                f"vi{number}": {
                    "interface": "eth0",
                    "virtual_router_id": number + 1,
                    "priority": self.priority,
                    "version": "3",
                    "advert_int": load.interval_s,
                    "v3_checksum_as_v2": False,
                    "garp_master_delay": 1,
                    "virtual_ipaddress": [f"{vip}/16" for vip in load.vips(number)],
                }
                for number in range(load.instances)
            }
        }


class TheirDaemon(Keepalived):
    """keepalived with any load, logging as Debian starts it: not a line for every frame."""

    load: Load
    options = ()

    def text(self) -> str:
        load = self.load
        blocks = ["global_defs {\n vrrp_version 3\n vrrp_garp_master_delay 1\n}"]
        for number in range(load.instances):
            vips = "\n".join(f"  {vip}/16" for vip in load.vips(number))
            blocks.append(
                f"vrrp_instance vi{number} {{\n state BACKUP\n interface eth0\n"
                f" virtual_router_id {number + 1}\n priority {self.priority}\n"
                f" advert_int {load.interval_s}\n virtual_ipaddress {{\n{vips}\n }}\n}}"
            )
        return "\n".join(blocks) + "\n"


CONTESTANTS: dict[str, type[OurAgent] | type[TheirDaemon]] = {
    "lvs-agent": OurAgent,
    "keepalived": TheirDaemon,
}


def contestant(name: str, segment: Segment, host: str, load: Load, priority: int) -> Speaker:
    """One side of a pair."""
    speaker = CONTESTANTS[name](segment, host, Flavour(version=3, family=4), priority)
    speaker.load = load
    return speaker


def holds_all(speaker: Speaker, load: Load) -> bool:
    """Whether the first and the last address are there."""
    first, last = load.vips(0)[0], load.vips(load.instances - 1)[-1]
    return all(speaker.segment.holds(speaker.host, vip) for vip in (first, last))


def start_farm(segment: Segment, host: str) -> None:
    """A web server behind every address of FARM, on `host`; it ends with the segment."""
    segment.run(host, "ip", "route", "add", "local", f"{FARM}.0.0/16", "dev", "lo")
    script = str(Path(__file__).with_name("web.py"))
    command = (sys.executable, script, str(WEB_PORT))
    segment.spawn(host, *command, output=segment.directory / "web.log", stdin=subprocess.PIPE)


def family_of(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def child_called(pid: int, title: str) -> int:
    """The descendant with this command line."""
    for one in family_of(pid):
        if Path(f"/proc/{one}/cmdline").read_bytes().rstrip(b"\0") == title.encode():
            return one
    raise AssertionError(f"{pid} has no child {title}")


def checks_done(speaker: Speaker) -> int:
    """How many checks this agent has made so far."""
    assert isinstance(speaker, OurAgent)
    return int(speaker.status()["health"]["tries"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`cpu_share`: of one core. `pss_mib`: proportional set size of all processes together."""

    cpu_share: float
    pss_mib: float


def cost(speaker: Speaker, seconds: float) -> Cost:
    """What the speaker's processes use while nothing happens."""
    assert speaker.process is not None
    pids = family_of(speaker.process.pid)
    before, begin = sum(map(_ticks, pids)), time.monotonic()
    time.sleep(seconds)
    used = (sum(map(_ticks, pids)) - before) / os.sysconf("SC_CLK_TCK")
    share = used / (time.monotonic() - begin)
    return Cost(cpu_share=share, pss_mib=sum(map(_pss_kib, pids)) / 1024)


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _pss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
