# SPDX-License-Identifier: GPL-3.0-or-later
"""What one virtual server makes of the verdicts: quorum, panic, and the destinations it has.

Owns that decision. Must never remember anything: all of the past that counts is in the `PoolState`
that comes in and goes out, and in what is `Known` of each server.

In this order: who takes part (the healthy, and in a panic the last good set), what weight they have
together, whether that is a quorum, and what IPVS is to have. A pool with a healthy real server that
has a weight never comes out without a destination that has one.

Whom an operator drains or disables (`overrides.py`) takes no part and is no failure either: the
quorum goes without it, and a panic does not count it.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import NamedTuple

from lvs_agent.core.ipvs.model import Destination, Endpoint, Service, ServiceKey, service_pool
from lvs_agent.core.model import RealServer, SorryServer, VirtualServer
from lvs_agent.core.overrides import Override, State

# IP_VS weights are C ints; the schema has the same bound.
WEIGHT_LIMIT = 2**31 - 1


class Known(NamedTuple):
    """What is known of a server. `checked` False: `up` is an assumption.

    `weight`: what a check says in place of the configured one; None: nothing. `good_ns`: when a
    check, or the pool that the kernel had, last vouched for it; None: never. For one that is up it
    is when that began. `override`: what an operator says; None: nothing.
    """

    up: bool
    checked: bool
    reason: str
    weight: int | None = None
    good_ns: int | None = None
    override: Override | None = None


Lookup = Callable[[Endpoint], Known]


class Panic(NamedTuple):
    """Since when too many real servers are down. Who was good at `horizon_ns` or later is held."""

    since_ns: int
    horizon_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """`weight`: of all that take part; `quorum`: whether it is enough, and since when it is so."""

    quorum: bool
    quorum_since_ns: int
    weight: int
    panic: Panic | None = None


def destination_of(server: RealServer | SorryServer, weight: int) -> Destination:
    """How a server takes part with `weight`."""
    if isinstance(server, SorryServer):
        return Destination(weight, server.forwarding, tunnel=server.tunnel)
    return Destination(
        weight,
        server.forwarding,
        server.upper_threshold,
        server.lower_threshold,
        server.tunnel,
    )


def weight_of(real: RealServer, known: Known) -> int:
    """The weight a real server has when it takes part: an operator's word, else that of a check,
    else the configured one; never a sum."""
    if known.override is not None and known.override.weight is not None:
        return known.override.weight
    if known.weight is None:
        return real.weight
    return min(max(known.weight, 0), WEIGHT_LIMIT)


def quorum_after(before: bool, weight: int, quorum: int, hysteresis: int) -> bool:
    """Whether there is a quorum with `weight`, when there was (or was not) `before`.

    Gained at quorum + hysteresis, lost below quorum - hysteresis and always at 0; in between
    nothing changes (keepalived.conf(5), hysteresis).
    """
    if before:
        return weight > 0 and weight >= quorum - hysteresis
    return weight >= quorum + hysteresis


def decide(
    server: VirtualServer, lookup: Lookup, before: PoolState | None, now_ns: int
) -> PoolState:
    """The state that follows. `before` None: the beginning, when there is no quorum yet."""
    return conclude(server, lookup, before, now_ns)[0]


def conclude(
    server: VirtualServer, lookup: Lookup, before: PoolState | None, now_ns: int
) -> tuple[PoolState, dict[Endpoint, Destination]]:
    """As `decide`, and the `desired_pool` of that state."""
    policy = server.policy
    panic = _panic(server, lookup, None if before is None else before.panic, now_ns)
    members = taking_part(server, lookup, panic)
    weight = sum(members.values())
    had = before is not None and before.quorum
    quorum = quorum_after(had, weight, policy.quorum, policy.hysteresis)
    same = before is not None and quorum == had
    state = PoolState(
        quorum=quorum,
        quorum_since_ns=before.quorum_since_ns if before is not None and same else now_ns,
        weight=weight,
        panic=panic,
    )
    return state, _pool(server, lookup, state, members)


def _panic(
    server: VirtualServer, lookup: Lookup, before: Panic | None, now_ns: int
) -> Panic | None:
    """There is one while more real servers are down than panic_threshold allows, and some of them
    are worth holding: nobody is who was never seen to be good, as at the start of the agent."""
    threshold = server.policy.panic
    if threshold is None:
        return None
    everybody = [lookup(real.endpoint) for real in server.real_servers]
    in_service = [known for known in everybody if not is_aside(known)]
    down = [known for known in in_service if is_down(known)]
    if not threshold.exceeded(len(down), len(in_service)):
        return None
    panic = before or Panic(now_ns, now_ns - threshold.window_ns)
    return panic if any(_is_held(known, panic) for known in down) else None


def starts_down(server: RealServer | SorryServer) -> bool:
    """Whether it counts as down as long as nothing is known of it (alpha)."""
    return any(check.alpha for check in server.checks)


def can_wait(
    server: VirtualServer, lookup: Lookup, state: PoolState, unknown: Container[Endpoint]
) -> bool:
    """Whether servers that are new to a working virtual server, of which nothing is known, may be
    left out until they are checked: those that were there keep the quorum, or a sorry server keeps
    answering. Otherwise they are assumed up, as at the start of the agent: somebody has to do the
    work."""
    members = taking_part(server, lookup, state.panic)
    weight = sum(part for endpoint, part in members.items() if endpoint not in unknown)
    policy = server.policy
    if state.quorum:
        return weight > 0 and weight >= policy.quorum - policy.hysteresis
    sorry = (one.endpoint for one in server.sorry_servers)
    return weight > 0 or any(lookup(one).up for one in sorry if one not in unknown)


def is_aside(known: Known) -> bool:
    """An operator drains or disables it."""
    return known.override is not None and known.override.aside


def is_down(known: Known) -> bool:
    """A check says so. One that waits for its first check is neither up nor down."""
    return known.checked and not known.up


def _is_held(known: Known, panic: Panic | None) -> bool:
    """It is down, and belongs to the last good set: it was good when the panic began, or failed
    within one round of checks before, or since."""
    return (
        panic is not None
        and is_down(known)
        and known.good_ns is not None
        and known.good_ns >= panic.horizon_ns
    )


def taking_part(server: VirtualServer, lookup: Lookup, panic: Panic | None) -> dict[Endpoint, int]:
    """The real servers that are up, or held in a panic, with their weights; none that an operator
    set aside."""
    found: dict[Endpoint, int] = {}
    for real in server.real_servers:
        endpoint = real.endpoint
        known = lookup(endpoint)
        if known.override is not None and known.override.aside:
            continue
        if known.up or _is_held(known, panic):
            found[endpoint] = weight_of(real, known)
    return found


def sorry_in_use(server: VirtualServer, lookup: Lookup, state: PoolState) -> SorryServer | None:
    """The first sorry server that is not known to be dead, when the quorum is lost."""
    if state.quorum:
        return None
    return next((one for one in server.sorry_servers if lookup(one.endpoint).up), None)


def desired_pool(
    server: VirtualServer, lookup: Lookup, state: PoolState
) -> dict[Endpoint, Destination]:
    """What IPVS is to have in `state`, which `decide` found with the same `lookup`."""
    return _pool(server, lookup, state, taking_part(server, lookup, state.panic))


def _pool(
    server: VirtualServer, lookup: Lookup, state: PoolState, members: dict[Endpoint, int]
) -> dict[Endpoint, Destination]:
    """What IPVS is to have of those who take part and of others.

    While a sorry server answers, the real servers that are up stay with weight 0: they get no new
    connections, and those they have are not cut off (ipvsadm(8), quiesce); keepalived removes
    them. The same is true of a healthy real server of weight 0. Without a quorum and without a
    usable sorry server the healthy real servers do what they can, as in keepalived.
    """
    sorry = sorry_in_use(server, lookup, state)
    pool: dict[Endpoint, Destination] = {}
    for real in server.real_servers:
        endpoint = real.endpoint
        if endpoint in members:
            weight = members[endpoint] if sorry is None else 0
            pool[endpoint] = destination_of(real, weight)
        elif _stays(real, lookup(endpoint), state.panic):
            pool[endpoint] = destination_of(real, 0)
    for one in server.sorry_servers:
        if one is sorry:
            pool[one.endpoint] = destination_of(one, one.weight)
        elif server.policy.sorry_inhibit:
            pool[one.endpoint] = destination_of(one, 0)
    return pool


def _stays(real: RealServer, known: Known, panic: Panic | None) -> bool:
    """Whether one that takes no part has a place in the pool, with weight 0: a dead one by
    inhibit_on_failure, a drained one as long as it could serve; a disabled one never."""
    if is_aside(known):
        assert known.override is not None
        if known.override.state is State.DISABLED:
            return False
        return real.policy.inhibit or known.up or _is_held(known, panic)
    return real.policy.inhibit


def desired_service(
    server: VirtualServer, key: ServiceKey, pool: dict[Endpoint, Destination]
) -> Service:
    """The IPVS service `key` of `server` with its `desired_pool`."""
    return Service(key=key, settings=server.settings, pool=service_pool(key, pool))
