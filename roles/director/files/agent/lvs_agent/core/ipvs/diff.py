# SPDX-License-Identifier: GPL-3.0-or-later
"""From what IPVS has to what it should have, as a list of operations of which every prefix is safe.

Owns the order. Must never touch a service that is neither desired nor owned, and must never
produce an order in which a pool that has a usable destination, and shall have one, has a moment
without: the agent may die between any two operations.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import assert_never

from lvs_agent.core.ipvs.model import (
    DeleteDestination,
    DeleteService,
    NewDestination,
    NewService,
    Operation,
    Pool,
    Service,
    ServiceKey,
    SetDestination,
    SetService,
)


def diff(
    desired: Mapping[ServiceKey, Service],
    actual: Mapping[ServiceKey, Service],
    owned: Container[ServiceKey],
) -> list[Operation]:
    """The operations that lead from `actual` to `desired`.

    Desired services first, in their order; then the removal of services in `owned` that are no
    longer desired. Other services in `actual` are somebody else's.
    """
    operations: list[Operation] = []
    for key, service in desired.items():
        operations += diff_service(service, actual.get(key))
    operations += (DeleteService(key) for key in actual if key not in desired and key in owned)
    return operations


def diff_service(desired: Service, actual: Service | None) -> list[Operation]:
    """The operations for one service; `actual` None: it does not exist.

    Order: settings, added destinations, raised weights, lowered weights, removed destinations.
    Until the first lowering every desired destination takes at least its desired share.
    """
    key = desired.key
    if actual is None:
        operations: list[Operation] = [NewService(key, desired.settings)]
        return operations + _added(key, desired.pool, {})
    operations = []
    if actual.settings != desired.settings:
        operations.append(SetService(key, desired.settings))
    if actual.pool == desired.pool:
        return operations
    operations += _added(key, desired.pool, actual.pool)
    changed = [
        SetDestination(key, endpoint, wanted, before)
        for endpoint, wanted in desired.pool.items()
        if (before := actual.pool.get(endpoint)) is not None and before != wanted
    ]
    # Raised before lowered: a stable sort keeps the order of the configuration within each.
    changed.sort(key=lambda change: change.destination.weight <= change.before.weight)
    operations += changed
    operations += (
        DeleteDestination(key, endpoint) for endpoint in actual.pool if endpoint not in desired.pool
    )
    return operations


def _added(key: ServiceKey, wanted: Pool, existing: Pool) -> list[Operation]:
    return [
        NewDestination(key, endpoint, destination)
        for endpoint, destination in wanted.items()
        if endpoint not in existing
    ]


def apply(
    operations: Iterable[Operation], services: Mapping[ServiceKey, Service]
) -> dict[ServiceKey, Service]:
    """What `services` become when every operation succeeds.

    Raises KeyError for an operation on something that is not there: the kernel would refuse it.
    """
    result = dict(services)
    pools = {key: dict(service.pool) for key, service in services.items()}
    for operation in operations:
        key = operation.key
        match operation:
            case NewService(settings=settings):
                pools[key] = {}
                result[key] = Service(key=key, settings=settings, pool={})
            case SetService(settings=settings):
                result[key] = Service(key=key, settings=settings, pool=result[key].pool)
            case DeleteService():
                del result[key], pools[key]
            case NewDestination() | SetDestination():
                pools[key][operation.endpoint] = operation.destination
            case DeleteDestination():
                del pools[key][operation.endpoint]
            case _:
                assert_never(operation)
    return {
        key: Service(key=key, settings=service.settings, pool=pools[key])
        for key, service in result.items()
    }
