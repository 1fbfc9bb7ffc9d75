# SPDX-License-Identifier: GPL-3.0-or-later
"""Small configurations for the tests of what the kernel process decides."""

from __future__ import annotations

import json
from typing import Any

from lvs_agent import config as configuration
from lvs_agent.core.model import Config


def virtual_server(*weights: int, sorry: bool = True, **more: Any) -> dict[str, Any]:
    """TCP 192.0.2.80:80 with real servers 192.0.2.11, .12, ... of these weights."""
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


def config(*addresses: str, **servers: dict[str, Any]) -> Config:
    """An instance VI_1 on eth0 with these addresses, and these virtual servers."""
    document = {
        "vrrp_instances": {
            "VI_1": {
                "interface": "eth0",
                "virtual_router_id": 51,
                "priority": 100,
                "virtual_ipaddress": list(addresses),
            }
        }
        if addresses
        else {},
        "virtual_servers": servers,
    }
    return configuration.load(json.dumps(document))
