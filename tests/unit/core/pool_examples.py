# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual servers for the tests of pools, without a document."""

from __future__ import annotations

from typing import Any

from lvs_agent.core.checks import TcpCheck
from lvs_agent.core.ipvs.model import Destination, Endpoint, ServiceKey, ServiceSettings
from lvs_agent.core.messages import Verdict
from lvs_agent.core.model import Config, GlobalDefs, RealServer, SorryServer, VirtualServer
from lvs_agent.core.policy import PoolPolicy, ServerPolicy
from lvs_agent.core.pools import Pools

S = 1_000_000_000
WEB = ServiceKey("TCP", "192.0.2.80", 80)
SORRY = Endpoint("127.0.0.1", 80)


def at(number: int) -> Endpoint:
    return Endpoint(f"192.0.2.{number}", 80)


def check(address: str, port: int = 80, **other: Any) -> TcpCheck:
    usual = {
        "connect_timeout_ns": S,
        "retry": 0,
        "delay_before_retry_ns": 0,
        "delay_loop_ns": 8 * S,
    }
    return TcpCheck(address=address, port=port, **(usual | other))


def real(
    number: int,
    weight: int = 1,
    *,
    checked: bool = True,
    alpha: bool = False,
    name: str | None = None,
    **policy: Any,
) -> RealServer:
    address = at(number).address
    return RealServer(
        name=name or f"rs{number}",
        endpoint=Endpoint(address, 80),
        weight=weight,
        checks=(check(address, alpha=alpha),) if checked else (),
        policy=ServerPolicy(**policy),
    )


def sorry(number: int = 0, *, checked: bool = False) -> SorryServer:
    address = f"127.0.0.{number + 1}"
    return SorryServer(
        name=f"sorry_server[{number}]",
        endpoint=Endpoint(address, 80),
        checks=(check(address),) if checked else (),
    )


def server(
    *real_servers: RealServer,
    sorry_servers: tuple[SorryServer, ...] = (),
    name: str = "web",
    services: tuple[ServiceKey, ...] = (WEB,),
    **policy: Any,
) -> VirtualServer:
    return VirtualServer(
        name=name,
        protocol="TCP",
        services=services,
        settings=ServiceSettings(scheduler="rr"),
        real_servers=real_servers,
        sorry_servers=sorry_servers,
        policy=PoolPolicy(**policy),
    )


def config(*servers: VirtualServer) -> Config:
    return Config(
        global_defs=GlobalDefs(router_id="drct1"), vrrp_instances=(), virtual_servers=servers
    )


def verdict(
    name: str, *, up: bool, generation: int = 1, of: str = "web", weight: int | None = None
) -> Verdict:
    return Verdict(
        generation=generation,
        virtual_server=of,
        real_server=name,
        up=up,
        checked=True,
        reason="refused",
        weight=weight,
    )


def weights(pool: dict[Endpoint, Destination]) -> dict[str, int]:
    """The last number of each address, and the weight."""
    return {
        endpoint.address.removeprefix("192.0.2."): destination.weight
        for endpoint, destination in pool.items()
    }


class Bench:
    """Pools with a clock: what is told is settled at once."""

    def __init__(self, *servers: VirtualServer, **options: Any) -> None:
        self.now_ns = 100 * S
        self.generation = 1
        self.servers = servers
        self.pools = Pools(config(*servers), 1, **options)
        self.events: list[tuple[str, str]] = []
        if "adopt" not in options:
            self.settle()

    def settle(self) -> None:
        news = self.pools.settle(self.now_ns).news
        self.events += [(one.virtual_server, one.event) for one in news]

    def tell(self, name: str, *, up: bool, weight: int | None = None, of: str = "web") -> None:
        told = verdict(name, up=up, generation=self.generation, of=of, weight=weight)
        self.pools.note(told, self.now_ns)
        self.settle()

    def reload(self, *servers: VirtualServer) -> None:
        self.generation += 1
        self.servers = servers
        self.pools.reconfigure(config(*servers), self.generation, self.now_ns)
        self.settle()

    def wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * S)

    def weights(self, identity: ServiceKey = WEB) -> dict[str, int]:
        return weights(self.pools.pool(identity))

    def names(self) -> list[str]:
        return [event for _, event in self.events]

    def report(self, position: int = 0) -> dict[str, Any]:
        return self.pools.report(self.servers[position], self.now_ns)
