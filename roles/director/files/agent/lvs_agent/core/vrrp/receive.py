# SPDX-License-Identifier: GPL-3.0-or-later
"""The receive checks of RFC 3768 and RFC 9568, section 7.1: which adverts reach an instance.

Owns the way of a datagram to its instance, and the counters. What an instance accepts is in
`expectation.py`. Must never change a state: an accepted advert is handed to the caller as an event
for the instance's state machine.

Cheap checks come first, so that garbage costs little: nothing is summed for an unknown VRID.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.advertising import advertised_addresses, own_advert
from lvs_agent.core.vrrp.auth import AH_BYTES
from lvs_agent.core.vrrp.expectation import Accepted, Expectation
from lvs_agent.core.vrrp.packet import AH_PROTOCOL, Checksum, IpPayload, decode_datagram
from lvs_agent.core.vrrp.reasons import RejectReason, Remark

__all__ = ["Accepted", "Receiver", "Rejected", "advertised_addresses", "own_advert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A datagram without effect. `instance`: the name, if it got as far as an instance."""

    reason: RejectReason
    source: int
    instance: str | None


class Receiver:
    """The instances of one family that listen on one interface, multicast and unicast.

    `rejects` counts what reached no instance; per instance see `rejects_of` and `seen_by`.
    """

    def __init__(self, family: int = 4) -> None:
        self.family = family
        self.rejects = dict.fromkeys(RejectReason, 0)
        self._own: frozenset[int] = frozenset()
        self._by_key: dict[Hashable, Expectation] = {}
        # VRID and group; VRID: several unicast instances may share one if their peers differ.
        self._multicast: dict[tuple[int, int], Expectation] = {}
        self._unicast: dict[int, list[Expectation]] = {}

    def set_own_addresses(self, own: Iterable[int]) -> None:
        """The addresses that our own adverts on this interface carry."""
        self._own = frozenset(own)

    def configure(self, instances: Mapping[Hashable, VrrpInstance]) -> None:
        """Listen for exactly these; what is kept under the same key keeps its counters."""
        for key in self._by_key.keys() - instances.keys():
            del self._by_key[key]
        self._multicast, self._unicast = {}, {}
        for key, instance in instances.items():
            known = self._by_key.get(key)
            if known is None:
                known = self._by_key[key] = Expectation(instance)
            elif known.instance != instance:
                known.update(instance)
            vrid = instance.virtual_router_id
            if known.group is None:
                self._unicast.setdefault(vrid, []).append(known)
            else:
                self._multicast[vrid, known.group] = known

    def __len__(self) -> int:
        return len(self._by_key)

    def rejects_of(self, key: Hashable) -> dict[RejectReason, int]:
        """Rejected packets of one instance by reason."""
        return self._by_key[key].rejects

    def seen_by(self, key: Hashable) -> dict[Remark | Checksum, int]:
        """Accepted adverts of one instance by remark, and by what their checksum covered."""
        return self._by_key[key].seen

    def highest_sequence(self, key: Hashable) -> int:
        """The highest AH sequence number that anyone sent to one instance."""
        return self._by_key[key].window.highest

    def examine(self, datagram: bytes) -> Accepted | Rejected:
        """Every check, for one whole IP datagram; counts the result."""
        packet = decode_datagram(datagram)
        if packet is None or packet.family != self.family:
            return self._reject(RejectReason.IP_HEADER, 0, None)
        source = packet.source
        if source in self._own:
            return self._reject(RejectReason.OWN_ADVERT, source, None)
        at = 1 if packet.protocol != AH_PROTOCOL else AH_BYTES + 1
        if len(packet.message) <= at:
            return self._reject(RejectReason.TRUNCATED, source, None)
        known, reason = self._addressee(packet, packet.message[at])
        if known is None or reason is not None:
            return self._reject(reason or RejectReason.VIRTUAL_ROUTER_ID, source, known)
        result = known.accept(packet, datagram)
        if isinstance(result, RejectReason):
            return self._reject(result, source, known)
        return result

    def _addressee(
        self, packet: IpPayload, vrid: int
    ) -> tuple[Expectation | None, RejectReason | None]:
        """The instance that a packet is for; with a reason, the one it is not for but looks so."""
        destination = packet.destination
        if not _is_multicast(destination, self.family):
            return self._unicast_addressee(packet.source, vrid)
        known = self._multicast.get((vrid, destination))
        if known is not None:
            return known, None
        if (unicast := self._unicast.get(vrid)) is not None:
            return unicast[0], RejectReason.MULTICAST
        return self._of_other_group(vrid), RejectReason.DESTINATION

    def _unicast_addressee(
        self, source: int, vrid: int
    ) -> tuple[Expectation | None, RejectReason | None]:
        candidates = self._unicast.get(vrid)
        if candidates is None:
            return self._of_other_group(vrid), RejectReason.UNICAST
        for candidate in candidates:
            if source in candidate.peers:
                return candidate, None
        first = candidates[0]
        # With several of one VRID nobody could tell whose advert a stranger's is.
        strange = first.instance.check_unicast_src or len(candidates) > 1
        return first, RejectReason.NOT_A_PEER if strange else None

    def _of_other_group(self, vrid: int) -> Expectation | None:
        return next((each for (own, __), each in self._multicast.items() if own == vrid), None)

    def _reject(self, reason: RejectReason, source: int, known: Expectation | None) -> Rejected:
        if known is None:
            if reason in (RejectReason.DESTINATION, RejectReason.UNICAST):
                reason = RejectReason.VIRTUAL_ROUTER_ID
            self.rejects[reason] += 1
            return Rejected(reason=reason, source=source, instance=None)
        known.rejects[reason] += 1
        return Rejected(reason=reason, source=source, instance=known.instance.name)


def _is_multicast(address: int, family: int) -> bool:
    """224.0.0.0/4 (RFC 1112) or ff00::/8 (RFC 4291 section 2.7)."""
    return address >> 28 == 0xE if family == 4 else address >> 120 == 0xFF
