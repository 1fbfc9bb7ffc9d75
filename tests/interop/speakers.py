# SPDX-License-Identifier: GPL-3.0-or-later
"""Who speaks VRRP on a host: this agent, Debian's keepalived, FRR's vrrpd."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.segment import ADDRESSES, Segment, eventually

AGENT = Path(__file__).resolve().parents[2] / "roles/director/files/agent"
VIP = {4: "10.9.0.100", 6: "fd00:9::100"}
LINK_LOCAL_VIP = "fe80::9:100"
VRID = 51


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """What both sides are configured to speak."""

    version: int
    family: int
    unicast: bool = False
    vmac: bool = False
    authentication: str | None = None

    @property
    def interval_s(self) -> float:
        """Version 2 has whole seconds."""
        return 1 if self.version == 2 else 0.2

    @property
    def vip(self) -> str:
        return VIP[self.family]

    def skew_s(self, priority: int) -> float:
        base = 1 if self.version == 2 else self.interval_s
        return (256 - priority) / 256 * base

    def down_s(self, priority: int) -> float:
        return 3 * self.interval_s + self.skew_s(priority)

    def name(self) -> str:
        words = [f"VRRP v{self.version}", f"IPv{self.family}"]
        words.append("unicast" if self.unicast else "multicast")
        words += ["VMAC"] if self.vmac else []
        words += [self.authentication] if self.authentication else []
        return " ".join(words)


class Speaker:
    """One side. `priority` and `preempt` hold from the next start on."""

    def __init__(self, segment: Segment, host: str, flavour: Flavour, priority: int) -> None:
        self.segment = segment
        self.host = host
        self.flavour = flavour
        self.priority = priority
        self.preempt = True
        self.process: subprocess.Popen[bytes] | None = None
        self.directory = segment.directory / host
        self.directory.mkdir(exist_ok=True)
        self.log = self.directory / "log"

    @property
    def peer_host(self) -> str:
        return "b" if self.host == "a" else "a"

    def address(self, host: str) -> str:
        return ADDRESSES[host][0 if self.flavour.family == 4 else 1]

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        assert self.process is not None
        os.kill(self._main_pid(), signal.SIGTERM)
        self.process.wait(10)

    def _main_pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def holds(self) -> bool:
        return self.segment.holds(self.host, self.flavour.vip)


class Ours(Speaker):
    """The whole agent, run from the source tree."""

    def document(self) -> dict[str, Any]:
        flavour = self.flavour
        addresses = [f"{flavour.vip}/{24 if flavour.family == 4 else 64}"]
        if flavour.family == 6:
            addresses.insert(0, f"{LINK_LOCAL_VIP}/64")
        web: dict[str, Any] = {
            "interface": "eth0",
            "virtual_router_id": VRID,
            "priority": self.priority,
            "version": str(flavour.version),
            "advert_int": flavour.interval_s,
            "virtual_ipaddress": addresses,
            "nopreempt": not self.preempt,
            "garp_master_delay": 1,
        }
        if flavour.version == 3 and flavour.family == 4:
            web["v3_checksum_as_v2"] = False  # beside keepalived 2.2.7 and FRR 8.4
        if flavour.unicast:
            web["unicast_src_ip"] = self.address(self.host)
            web["unicast_peer"] = [self.address(self.peer_host)]
        if flavour.vmac:
            web["use_vmac"] = True
            if flavour.unicast:
                web["vmac_xmit_base"] = True  # keepalived insists on it
        if flavour.authentication:
            web["authentication"] = {"auth_type": flavour.authentication, "auth_pass": "s3cr3t"}
        return {"vrrp_instances": {"web": web}}

    def start(self) -> None:
        config = self.directory / "config.json"
        config.write_text(json.dumps(self.document()))
        self.process = self.segment.spawn(
            self.host,
            *(sys.executable, "-I", str(AGENT / "bin/lvs-agent"), "run"),
            *("--config", str(config), "--runtime-dir", str(self.directory / "run")),
            output=self.log,
        )

    def status(self) -> dict[str, Any]:
        """`lvsctl status --json`."""
        text = self.segment.run(
            self.host,
            *(sys.executable, "-I", str(AGENT / "bin/lvsctl")),
            *("--runtime-dir", str(self.directory / "run"), "status", "--json"),
        )
        status: dict[str, Any] = json.loads(text)
        return status

    def instance(self) -> dict[str, Any]:
        (instance,) = self.status()["instances"]
        return dict(instance)


class Keepalived(Speaker):
    """Debian's keepalived. `options`: what it is to log."""

    options: tuple[str, ...] = ("-D",)

    def text(self) -> str:
        flavour = self.flavour
        lines = [
            "global_defs {",
            f" vrrp_version {flavour.version}",
            " vrrp_garp_master_delay 1",
            "}",
            "vrrp_instance web {",
            " state BACKUP",
            " interface eth0",
            f" virtual_router_id {VRID}",
            f" priority {self.priority}",
            f" advert_int {flavour.interval_s}",
        ]
        lines += [] if self.preempt else [" nopreempt"]
        if flavour.unicast:
            peer = self.address(self.peer_host)
            lines += [
                f" unicast_src_ip {self.address(self.host)}",
                f" unicast_peer {{\n {peer}\n }}",
            ]
        if flavour.vmac:
            lines += [" use_vmac"] + ([" vmac_xmit_base"] if flavour.unicast else [])
        if flavour.authentication:
            kind = flavour.authentication
            lines.append(f" authentication {{\n auth_type {kind}\n auth_pass s3cr3t\n }}")
        length = 24 if flavour.family == 4 else 64
        first = f"  {LINK_LOCAL_VIP}/64\n" if flavour.family == 6 else ""
        lines += [f" virtual_ipaddress {{\n{first}  {flavour.vip}/{length}\n }}", "}", ""]
        return "\n".join(lines)

    def start(self) -> None:
        config = self.directory / "keepalived.conf"
        config.write_text(self.text())
        self.process = self.segment.spawn(
            self.host,
            *("keepalived", "-n", "-l", *self.options, "-P", "-f", str(config)),
            *("-p", str(self.directory / "pid"), "-r", str(self.directory / "vrrp.pid")),
            output=self.log,
        )


class FrrVrrpd(Speaker):
    """FRR's vrrpd with its zebra; the macvlans are made beforehand, as its manual asks."""

    def start(self) -> None:
        run = self.directory / "run"
        common = ("-u", "frr", "-g", "frr", "--vty_socket", str(run), "-z", str(run / "zserv"))
        config = self.directory / "vrrpd.conf"
        if self.process is None:
            self._make_macvlan()
            self._start_zebra(run, common)
        config.write_text(self._text())
        shutil.chown(config, "frr", "frr")
        self.process = self.segment.spawn(
            self.host,
            *("/usr/lib/frr/vrrpd", *common, "-f", str(config), "-i", str(run / "vrrpd.pid")),
            *("-P", "0"),
            output=self.log,
        )

    @property
    def device(self) -> str:
        return f"vrrp{self.flavour.family}"

    def _addresses(self) -> list[str]:
        return [self.flavour.vip] + ([LINK_LOCAL_VIP] if self.flavour.family == 6 else [])

    def _make_macvlan(self) -> None:
        family = self.flavour.family
        mac = f"00:00:5e:00:{'01' if family == 4 else '02'}:{VRID:02x}"
        link = ("ip", "link", "add", self.device, "link", "eth0", "address", mac)
        self.segment.run(self.host, *link, "type", "macvlan", "mode", "bridge")
        for address in self._addresses():
            place = ("dev", self.device) if family == 4 else ("dev", self.device, "nodad")
            prefix = f"{address}/{24 if family == 4 else 64}"
            self.segment.run(self.host, "ip", "address", "add", prefix, *place)
        # As vrrpd leaves it on a backup; else it would answer for the address until vrrpd is up.
        self.segment.run(self.host, "ip", "link", "set", self.device, "protodown", "on")
        self.segment.run(self.host, "ip", "link", "set", self.device, "up")

    def _start_zebra(self, run: Path, common: tuple[str, ...]) -> None:
        run.mkdir(exist_ok=True)
        config = self.directory / "zebra.conf"
        config.write_text("")
        for path in (run, config):
            shutil.chown(path, "frr", "frr")
        self.segment.spawn(
            self.host,
            *("/usr/lib/frr/zebra", *common, "-f", str(config)),
            *("-i", str(run / "zebra.pid"), "-P", "0"),
            output=self.log,
        )
        eventually((run / "zserv").exists, 10, "zebra is ready")

    def _text(self) -> str:
        words = "ip" if self.flavour.family == 4 else "ipv6"
        interval_ms = int(self.flavour.interval_s * 1000)
        lines = [
            "interface eth0",
            f" vrrp {VRID} version 3",
            f" vrrp {VRID} priority {self.priority}",
            f" vrrp {VRID} advertisement-interval {interval_ms}",
            *(f" vrrp {VRID} {words} {address}" for address in self._addresses()),
            "",
        ]
        return "\n".join(lines)

    def holds(self) -> bool:
        """vrrpd leaves the addresses where they are, and takes the macvlan down as a backup."""
        return "LOWER_UP" in self.segment.link(self.host, self.device)
