# SPDX-License-Identifier: GPL-3.0-or-later
"""The core as the simulation uses it: one ha process, from the bytes of an advert to its actions.

Owns every call of the core's interface, so that a change of that interface is a change here. Does
what `proc/ha.py` does between its sockets and the stack, and nothing of its own.
"""

from __future__ import annotations

from ipaddress import ip_address

from lvs_agent.core.actions import Action
from lvs_agent.core.events import ClockGap, Event, TimerExpired
from lvs_agent.core.messages import InstanceOverride, LinkState, StepDown, TrackerState
from lvs_agent.core.model import Config, VrrpInstance
from lvs_agent.core.vrrp.advertising import own_advert
from lvs_agent.core.vrrp.packet import Advert, decode, decode_datagram, encode_datagram
from lvs_agent.core.vrrp.receive import Accepted, Receiver
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.stack import Outputs, VrrpStack

__all__ = ["HaProcess", "Outputs", "action_in_words", "in_words", "number_of"]

_EXPIRED = TimerExpired()


class HaProcess:
    """The instances of one host, numbered as the virtual routers of the world; v0 is the name of
    number 0, eth0 its interface.

    `addresses[n]`: the address that adverts of number n are sent from. `adopt` has the names of
    those that were MASTER in the process before. Times are the host's monotonic clock.
    """

    def __init__(
        self, config: Config, addresses: list[str], now_ns: int, adopt: frozenset[str]
    ) -> None:
        self._addresses = addresses
        self._sources = [int(ip_address(each)) for each in addresses]
        self._receivers = [Receiver(each.family) for each in config.vrrp_instances]
        self._stack = VrrpStack(config, now_ns, adopt=adopt)
        self._datagrams: dict[tuple[int, int], bytes] = {}
        self._prepare(config)

    def _prepare(self, config: Config) -> None:
        """Receivers and packets by these settings."""
        self._datagrams.clear()
        self._routers = list(self._stack.routers.values())
        for number, instance in enumerate(config.vrrp_instances):
            self._receivers[number].configure({number: instance})
            self._receivers[number].set_own_addresses([self._sources[number]])

    # What is seen of it.

    @property
    def deadline_ns(self) -> int | None:
        """When `expire` is due; None for never."""
        return self._stack.deadline

    def state(self, number: int) -> str:
        return self._routers[number].state.value

    def instance(self, number: int) -> VrrpInstance:
        return self._routers[number].instance

    def priority(self, number: int) -> int:
        """The effective one."""
        return self._routers[number].priority

    def down_ns(self, number: int) -> int:
        """How long it waits for the master it knows."""
        return self._routers[number].master_down_ns

    def retry_ns(self, number: int) -> int | None:
        """When a FAULT ends that waits for the retry of a failed takeover, its own or that of its
        sync group; None: it is in no FAULT."""
        if self._routers[number].state is not State.FAULT:
            return None
        retries = [router.deadline_ns for router in self._routers if router.retrying]
        return max((each for each in retries if each is not None), default=0)

    def datagram(self, number: int, resign: bool) -> bytes:
        """The bytes of an advert now."""
        router = self._routers[number]
        priority = 0 if resign else router.priority
        found = self._datagrams.get((number, priority))
        if found is None:
            group = int(ip_address(router.instance.mcast_group))
            advert = own_advert(router.instance, priority=priority)
            found = encode_datagram(advert, self._sources[number], group)
            self._datagrams[number, priority] = found
        return found

    # What it is told.

    def receive(self, number: int, datagram: bytes, now_ns: int) -> Outputs | None:
        """A datagram of the network of virtual router `number`; None when it is rejected."""
        result = self._receivers[number].examine(datagram)
        if type(result) is not Accepted:
            return None
        return self._stack.handle(result.instance, result.event, now_ns)

    def expire(self, now_ns: int) -> Outputs:
        """Tell those whose time has come."""
        outputs: Outputs = ()
        for router in self._routers:
            name = router.instance.name
            deadline_ns = self._stack.deadline_ns(name)
            if deadline_ns is not None and deadline_ns <= now_ns:
                outputs += self._stack.handle(name, _EXPIRED, now_ns)
        return outputs

    def tell(self, number: int, event: Event, now_ns: int) -> Outputs:
        """An event of one virtual router."""
        return self._stack.handle(f"v{number}", event, now_ns)

    def tell_all(self, event: Event, now_ns: int) -> Outputs:
        """An event of the whole process."""
        return self._stack.handle_all(event, now_ns)

    def clock_gap(self, gap_ns: int, now_ns: int) -> Outputs:
        """The host slept."""
        return self.tell_all(ClockGap(gap_ns=gap_ns), now_ns)

    def link(self, number: int, up: bool, now_ns: int) -> Outputs:
        """The interface of virtual router `number` works, or does not."""
        address = self._addresses[number]
        six = ":" in address
        link = LinkState(
            interface=f"eth{number}",
            index=number + 2,
            running=up,
            primary=None if six else address,
            mac="02:00:00:00:00:01",
            primary6=address if six else None,
        )
        return self._stack.link(link, now_ns)

    def tracker(self, state: TrackerState, now_ns: int) -> Outputs:
        """The track process says how something is."""
        return self._stack.tracker(state, now_ns)

    def override(self, number: int, state: str, now_ns: int) -> Outputs:
        """An operator gives it away, holds it, or lets it be ordinary again."""
        override = InstanceOverride(
            instance=f"v{number}",
            state=state,
            owner="sim",
            reason="",
            since_s=0,
            expires_s=None,
        )
        return self._stack.override(override, now_ns)

    def step_down(self, number: int, now_ns: int) -> Outputs:
        """Resign, with the sync group."""
        return self._stack.step_down(StepDown(instance=f"v{number}", reason="by order"), now_ns)

    def reconfigure(self, config: Config, now_ns: int) -> Outputs:
        """New settings: packets by them, before what the state machines send is sent."""
        outputs = self._stack.retire(config, now_ns) + self._stack.configure(config, now_ns)
        self._prepare(config)
        return outputs


def number_of(name: str) -> int | None:
    """The number of an instance's name; None for a sync group's actions, whose name is empty."""
    return int(name[1:]) if name else None


def in_words(datagram: bytes) -> str:
    """An advert for people."""
    packet = decode_datagram(datagram)
    if packet is None:
        return "no IP"
    advert = decode(packet.message, packet.source, packet.destination, packet.family)
    if not isinstance(advert, Advert):
        return f"nonsense ({advert})"
    sender = "abcde"[(packet.source & 0xFF) - 1]
    interval = f"{advert.advert_int_ns // 1_000_000} ms"
    return f"{sender}: priority {advert.priority}, interval {interval}"


def action_in_words(action: Action) -> str:
    """What is done, for people."""
    fields = ", ".join(
        f"{name}={getattr(action, name)!r}"
        for name in getattr(type(action), "__slots__", ())
        if name not in ("instance", "group")
    )
    return f"{type(action).__name__}({fields})"
