# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy LVS-DR cluster as `host_info` sees it, to be spoilt at will."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _health

VIP = "172.16.1.254"
SERVICE = f"TCP {VIP}:80"
ADDRESSES = {"drct1": "172.16.1.9", "drct2": "172.16.1.2"}
SHA256 = "c0ffee"
RELEASE = "0123456789abcdef"


def instance(state: str, master: str | None, priority: int) -> dict[str, Any]:
    return {
        "name": "VI_1",
        "state": state,
        "reason": "",
        "since_s": 4000.5,
        "interface": "eth0",
        "virtual_router_id": 81,
        "priority": priority,
        "waiting_for": [],
        "addresses": [f"{VIP}/32"],
        "addresses_excluded": [],
        "master": {"address": master, "priority": 100},
        "dual_active": {"active": False, "since_s": None, "source": None},
    }


def real_server(name: str, address: str) -> dict[str, Any]:
    return {
        "name": name,
        "address": address,
        "port": 80,
        "weight": 1,
        "up": True,
        "checked": True,
        "reason": "all checks passed",
        "takes_part": True,
    }


def destination(address: str) -> dict[str, Any]:
    return {"address": address, "port": 80, "weight": 1, "active": 3, "inactive": 1}


def service() -> dict[str, Any]:
    return {
        "name": "web",
        "service": SERVICE,
        "scheduler": "rr",
        "in_kernel": True,
        "error": None,
        "destinations": [destination("172.16.1.3"), destination("172.16.1.4")],
        "quorum": {"reached": True, "weight": 2, "quorum": 1, "hysteresis": 0},
        "panic": None,
        "sorry_servers": [{"name": "sorry_server", "address": "127.0.0.1", "in_use": False}],
        "real_servers": [real_server("rs1", "172.16.1.3"), real_server("rs2", "172.16.1.4")],
        "left_out": {"up": 0, "down": 0, "checked_down": 0, "active": 0, "inactive": 0},
    }


def director(name: str) -> dict[str, Any]:
    """What `host_info` returns of a director; drct1 is the master."""
    master = name == "drct1"
    own = [f"{ADDRESSES[name]}/16"]
    return {
        "status": {
            "at": "2026-01-01T00:00:00.000+00:00",
            "agent": {
                "version": "0.1.0",
                "release": RELEASE,
                "config_sha256": SHA256,
                "uptime_s": 90000.0,
                "processes": {"ha": {"state": "running"}, "kernel": {"state": "running"}},
                "warnings": [],
            },
            "stale": {},
            "instances": [
                instance("MASTER", None, 100)
                if master
                else instance("BACKUP", ADDRESSES["drct1"], 90)
            ],
            "addresses": [
                {
                    "instance": "VI_1",
                    "address": VIP,
                    "prefix": 32,
                    "interface": "eth0",
                    "held": "held" if master else "released",
                    "present": master,
                    "duplicate": False,
                }
            ],
            "services": [service()],
        },
        "error": "",
        "unit": {
            "load": "loaded",
            "active": "active",
            "sub": "running",
            "enabled": "enabled",
            "restarts": "0",
        },
        "release": RELEASE,
        "releases": [RELEASE],
        "go_back_to": "",
        "config_sha256": SHA256,
        "addresses": {"lo": ["127.0.0.1/8"], "eth0": own + [f"{VIP}/32"] * master},
        "ipvs": [
            {
                "service": SERVICE,
                "scheduler": "rr",
                "destinations": [
                    {
                        "address": f"172.16.1.{last}:80",
                        "forwarding": "DR",
                        "weight": 1,
                        "active": 3,
                        "inactive": 1,
                    }
                    for last in (3, 4)
                ],
            }
        ],
        "host": host(name),
    }


def host(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "kernel": "6.1.0",
        "os": "Debian GNU/Linux 12 (bookworm)",
        "uptime_s": 100000,
        "at": "2026-01-01T00:00:00Z",
    }


def plain_host(name: str, address: str) -> dict[str, Any]:
    """What it returns of a real server."""
    return {
        **director("drct2"),
        "status": None,
        "error": "no answer",
        "ipvs": [],
        "addresses": {"lo": ["127.0.0.1/8", f"{VIP}/32"], "eth0": [f"{address}/16"]},
        "host": host(name),
    }


def infos() -> dict[str, Any]:
    """Of all directors."""
    return copy.deepcopy({name: director(name) for name in ADDRESSES})


def seen(infos: dict[str, Any], *, complete: bool = True) -> _health.Seen:
    """`infos` as the judge takes them; a text in place of one is why it is not there."""
    return _health.Seen(
        directors={
            name: _health.Sight(info=None, error=info)
            if isinstance(info, str)
            else _health.Sight(info=info)
            for name, info in infos.items()
        },
        real_servers={
            "rs1": _health.Sight(info=plain_host("rs1", "172.16.1.3")),
            "rs2": _health.Sight(info=plain_host("rs2", "172.16.1.4")),
        },
        expected={
            name: _health.Expected(config_sha256=SHA256, addresses=(address,))
            for name, address in ADDRESSES.items()
        },
        complete=complete,
    )
