# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent's own nf_tables table has to hold back.

Owns that decision and the difference between two of its outcomes. Must never talk to the kernel.

Three things are held back. Packets to the addresses of a held instance with no_accept: RFC 9568
section 6.4.3 lets only the owner of an address accept them. Packets to a virtual MAC that is not
ours at the moment: a Backup must discard them (section 6.4.2), and the kernel would route them,
because the VMAC interface is always up. And what the kernel says by itself
through a VMAC: a frame from a router that is not Active would move the virtual router's MAC
to the wrong port of the switches. While the instance is held its VMAC may report multicast groups
(switches that snoop MLD need that for neighbor solicitations), but never solicits routers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # not at run time: the sweep imports the ledger, which imports this
    from lvs_agent.core.model import Config, VrrpInstance

OWNER_PRIORITY = 255  # RFC 9568 section 5.2.4: the owner of the addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """The elements of the table's sets. `closed` addresses get nothing delivered here; `vmacs`
    never solicit routers; those of them in `quiet` report no multicast groups either, and what
    comes to them is not forwarded."""

    closed4: frozenset[str] = frozenset()
    closed6: frozenset[str] = frozenset()
    vmacs: frozenset[str] = frozenset()
    quiet: frozenset[str] = frozenset()

    def sets(self) -> dict[str, frozenset[str]]:
        """The elements by the name of their set."""
        return {
            "closed4": self.closed4,
            "closed6": self.closed6,
            "vmacs": self.vmacs,
            "quiet": self.quiet,
        }

    def without(self, other: Firewall) -> dict[str, frozenset[str]]:
        """The elements that are not in `other`; only sets that have some."""
        theirs = other.sets()
        left = {name: elements - theirs[name] for name, elements in self.sets().items()}
        return {name: elements for name, elements in left.items() if elements}


class Part(NamedTuple):
    """What one instance contributes."""

    closed4: frozenset[str]
    closed6: frozenset[str]
    vmac: str | None


def _is_closed(instance: VrrpInstance) -> bool:
    return not instance.accept and instance.priority != OWNER_PRIORITY


def needed(config: Config) -> bool:
    """Whether there has to be a table at all."""
    return any(_is_closed(one) or one.vmac is not None for one in config.vrrp_instances)


def parts(config: Config) -> dict[str, Part]:
    """By the name of the instance; those that contribute nothing are left out."""
    found: dict[str, Part] = {}
    for instance in config.vrrp_instances:
        closed = _is_closed(instance)
        addresses = (*instance.addresses, *instance.excluded) if closed else ()
        if closed or instance.vmac is not None:
            found[instance.name] = Part(
                closed4=frozenset(a.address for a in addresses if ":" not in a.address),
                closed6=frozenset(a.address for a in addresses if ":" in a.address),
                vmac=instance.vmac.interface if instance.vmac is not None else None,
            )
    return found


def wanted(contributions: Mapping[str, Part], held: Collection[str]) -> Firewall:
    """What to hold back while the instances named in `held` are held."""
    closed = [part for name, part in contributions.items() if name in held]
    vmacs = {part.vmac: name in held for name, part in contributions.items() if part.vmac}
    return Firewall(
        closed4=frozenset().union(*(part.closed4 for part in closed)),
        closed6=frozenset().union(*(part.closed6 for part in closed)),
        vmacs=frozenset(vmacs),
        quiet=frozenset(vmac for vmac, speaks in vmacs.items() if not speaks),
    )
