# SPDX-License-Identifier: GPL-3.0-or-later
"""How the hosts of a lab are, asked from the system at this moment. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lvslab import network
from lvslab.machine import Machine, Power
from lvslab.network import Namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """How a host is. `unplugged` names its interfaces whose cable is out; `cut_from`
    the hosts whose frames a partition keeps from it.
    """

    name: str
    role: str
    power: Power
    management: str
    addresses: dict[str, str]
    unplugged: tuple[str, ...]
    cut_from: tuple[str, ...]


def collect(machines: Sequence[Machine], namespace: Namespace) -> list[HostStatus]:
    """The status of each host, in order."""
    owner = {i.tap: machine.host.name for machine in machines for i in machine.host.interfaces}
    plugged = network.plugged(namespace, owner)
    cuts = {
        (owner.get(source, source), owner.get(target)) for source, target in network.cuts(namespace)
    }
    return [
        HostStatus(
            name=machine.host.name,
            role=machine.host.role,
            power=machine.power(),
            management=machine.host.management,
            addresses={i.name: str(i.address) for i in machine.host.interfaces[1:]},
            unplugged=tuple(i.name for i in machine.host.interfaces if not plugged[i.tap]),
            cut_from=tuple(sorted(a for a, b in cuts if b == machine.host.name)),
        )
        for machine in machines
    ]
