# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS operations as a person reads them.

Owns the words: ipvsadm's where it has one. Must never decide anything.
"""

from __future__ import annotations

from typing import assert_never

from lvs_agent.core.ipvs.model import (
    SCHEDULER_FLAGS,
    DeleteDestination,
    DeleteService,
    Destination,
    NewDestination,
    NewService,
    Operation,
    ServiceSettings,
    SetDestination,
    SetService,
)

# What no other encapsulation is called.
_PLAIN_TUNNEL = "ipip"
# Fields of a destination that operators know by another name.
_OPTIONS = {"upper_threshold": "uthreshold", "lower_threshold": "lthreshold"}


def describe(operation: Operation) -> str:
    """The operation as a person reads it."""
    match operation:
        case NewService(key=key, settings=settings):
            return f"add service {key} scheduler {settings_text(settings)}"
        case SetService(key=key, settings=settings):
            return f"change service {key} to scheduler {settings_text(settings)}"
        case DeleteService(key=key):
            return f"remove service {key}"
        case NewDestination(key=key, endpoint=endpoint, destination=destination):
            return f"add {endpoint} to {key} {_destination(destination)}"
        case SetDestination(key=key, endpoint=endpoint):
            return f"change {endpoint} of {key}: {_changes(operation)}"
        case DeleteDestination(key=key, endpoint=endpoint):
            return f"remove {endpoint} from {key}"
        case _:
            assert_never(operation)


def settings_text(settings: ServiceSettings) -> str:
    """Scheduler, its flags, and persistence."""
    words = [settings.scheduler, *flag_names(settings)]
    if settings.one_packet:
        words.append("ops")
    if settings.persistence_timeout_s:
        words.append(f"persistence_timeout {settings.persistence_timeout_s}")
    if settings.persistence_prefix is not None:
        words.append(f"persistence_granularity {settings.persistence_prefix}")
    if settings.persistence_engine is not None:
        words.append(f"persistence_engine {settings.persistence_engine}")
    return " ".join(words)


def flag_names(settings: ServiceSettings) -> list[str]:
    """The scheduler's flags under the names that ipvsadm gives them."""
    own = {
        name: bit
        for name, bit in SCHEDULER_FLAGS.items()
        if name.partition("-")[0] == settings.scheduler
    }
    rest = {bit for bit in SCHEDULER_FLAGS.values() if bit not in own.values()}
    usual = {n: b for n, b in SCHEDULER_FLAGS.items() if n.startswith("flag-") and b in rest}
    return [name for name, bit in (own | usual).items() if settings.scheduler_flags & bit]


def _destination(destination: Destination) -> str:
    text = f"weight {destination.weight} forwarding {destination.forwarding}"
    if destination.tunnel is not None:
        text += f" {destination.tunnel}"
    if destination.upper_threshold:
        text += f" uthreshold {destination.upper_threshold}"
    if destination.lower_threshold:
        text += f" lthreshold {destination.lower_threshold}"
    return text


def _changes(operation: SetDestination) -> str:
    before, after = operation.before, operation.destination
    return ", ".join(
        f"{_OPTIONS.get(name, name)} {_PLAIN_TUNNEL if old is None else old} ->"
        f" {_PLAIN_TUNNEL if new is None else new}"
        for name, old, new in zip(after._fields, before, after, strict=True)
        if old != new
    )
