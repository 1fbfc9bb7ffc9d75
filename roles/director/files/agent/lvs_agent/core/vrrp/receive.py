# SPDX-License-Identifier: GPL-3.0-or-later
"""The receive checks of RFC 3768 and RFC 9568, section 7.1: which adverts reach an instance.

Owns the checks and the counters of what they found. Must never change a state: an accepted advert
is handed to the caller as an event for the instance's state machine.

Cheap checks come first, so that garbage costs little: nothing is summed for an unknown VRID.
Checks that two RFCs decide differently follow the instance's version.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from ipaddress import IPv4Address

from lvs_agent.core.events import AdvertReceived
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.packet import (
    ADVERTISEMENT,
    AUTH_DATA_BYTES,
    AUTH_NONE,
    AUTH_PASS,
    MAX_ADDRESSES,
    VRRP_TTL,
    Advert,
    Checksum,
    decode,
    decode_datagram,
)
from lvs_agent.core.vrrp.reasons import RejectReason, Remark
from lvs_agent.core.vrrp.timers import OWNER_PRIORITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A datagram without effect. `instance`: the name, if it got as far as an instance."""

    reason: RejectReason
    source: int
    instance: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An advert for `instance`, with what an operator should hear about it."""

    instance: str
    event: AdvertReceived
    remarks: tuple[Remark, ...]


def advertised_addresses(instance: VrrpInstance) -> bytes:
    """The addresses of the instance's adverts: its first MAX_ADDRESSES, as on the wire."""
    listed = instance.addresses[:MAX_ADDRESSES]
    return b"".join(IPv4Address(address.address).packed for address in listed)


def own_advert(instance: VrrpInstance, *, resign: bool) -> Advert:
    """What the instance sends; `resign`: with priority 0."""
    passing = instance.auth_pass
    return Advert(
        version=instance.version,
        virtual_router_id=instance.virtual_router_id,
        priority=0 if resign else instance.priority,
        advert_int_ns=instance.advert_int_ns,
        addresses=advertised_addresses(instance),
        auth_type=AUTH_NONE if passing is None else AUTH_PASS,
        auth_data=auth_data(passing),
        checksum=Checksum.PSEUDO_HEADER
        if instance.version == 3 and not instance.v3_checksum_as_v2
        else Checksum.MESSAGE,
    )


def auth_data(auth_pass: bytes | None) -> bytes:
    """The 8 bytes of authentication data (RFC 2338 section 5.3.10): cut or filled with zeros."""
    return (auth_pass or b"")[:AUTH_DATA_BYTES].ljust(AUTH_DATA_BYTES, b"\0")


class _Expectation:
    """What an instance compares adverts with, made once, and what it counted."""

    __slots__ = ("_instance", "_last", "_last_message", "own", "own_addresses", "rejects", "seen")

    def __init__(self, instance: VrrpInstance) -> None:
        self.rejects = dict.fromkeys(RejectReason, 0)
        self.seen: dict[Remark | Checksum, int] = dict.fromkeys((*Remark, *Checksum), 0)
        self.update(instance)

    def update(self, instance: VrrpInstance) -> None:
        self._instance = instance
        self.own = own_advert(instance, resign=False)
        self.own_addresses = _address_set(self.own.addresses)
        self._last_message = b""
        self._last: Accepted | None = None

    @property
    def instance(self) -> VrrpInstance:
        return self._instance

    def accept(self, message: bytes, source: int, destination: int) -> Accepted | RejectReason:
        """The result for a message of this instance's VRID; counts what is accepted."""
        accepted = self._last
        if (
            accepted is None
            or source != accepted.event.source
            or not hmac.compare_digest(message, self._last_message)
        ):
            checked = self._check(message, source, destination)
            if not isinstance(checked, Accepted):
                return checked
            # A master repeats itself: the same bytes of the same sender need no second decoding.
            self._last_message, self._last = message, checked
            accepted = checked
        for remark in accepted.remarks:
            self.seen[remark] += 1
        self.seen[accepted.event.advert.checksum] += 1
        return accepted

    def _check(self, message: bytes, source: int, destination: int) -> Accepted | RejectReason:
        if message[0] >> 4 != self._instance.version:
            return RejectReason.VERSION
        if message[0] & 0x0F != ADVERTISEMENT:
            return RejectReason.TYPE
        advert = decode(message, source, destination)
        if not isinstance(advert, Advert):
            return advert
        reason = self._version_2_reject(advert) if advert.version == 2 else None
        if reason is not None:
            return reason
        return Accepted(
            instance=self._instance.name,
            event=AdvertReceived(source=source, advert=advert),
            remarks=tuple(self._remarks(advert)),
        )

    def _version_2_reject(self, advert: Advert) -> RejectReason | None:
        if advert.auth_type != self.own.auth_type:
            return RejectReason.AUTH_TYPE
        # Data of type 0 is ignored on reception (RFC 3768 section 5.3.6.1).
        if advert.auth_type == AUTH_PASS and not hmac.compare_digest(
            advert.auth_data, self.own.auth_data
        ):
            return RejectReason.AUTH_DATA
        if self._instance.priority == OWNER_PRIORITY:
            return RejectReason.ADDRESS_OWNER
        if advert.advert_int_ns != self.own.advert_int_ns:
            return RejectReason.ADVERT_INTERVAL
        return None

    def _remarks(self, advert: Advert) -> list[Remark]:
        remarks: list[Remark] = []
        if advert.advert_int_ns != self.own.advert_int_ns:
            remarks.append(Remark.ADVERT_INTERVAL_DIFFERS)
        # RFC 3768 lets us look at the list, and then wants the advert dropped. Dropping makes two
        # masters whenever addresses are added to one director after the other, so version 2 is
        # treated as version 3: say it, and go on.
        if (
            advert.addresses != self.own.addresses
            and _address_set(advert.addresses) != self.own_addresses
        ):
            remarks.append(Remark.ADDRESS_LIST_DIFFERS)
        # RFC 9568 erratum 8298: an owner hears adverts, so that two owners elect one of them.
        if self._instance.priority == OWNER_PRIORITY and advert.priority == OWNER_PRIORITY:
            remarks.append(Remark.DUPLICATE_OWNER)
        return remarks


def _address_set(addresses: bytes) -> frozenset[bytes]:
    return frozenset(addresses[at : at + 4] for at in range(0, len(addresses), 4))


class Receiver:
    """The instances that listen on one interface and group, by VRID.

    `rejects` counts what reached no instance; per instance see `rejects_of` and `seen_by`.
    """

    def __init__(self, group: str) -> None:
        self.group = group
        self.rejects = dict.fromkeys(RejectReason, 0)
        self._group = int(IPv4Address(group))
        self._own_address = 0
        self._by_vrid: dict[int, _Expectation] = {}

    def set_own_address(self, primary: int) -> None:
        """The address our own adverts on this interface carry; 0 for none."""
        self._own_address = primary

    def add(self, instance: VrrpInstance) -> None:
        """Listen for `instance`, or go on with its new settings; counters stay."""
        known = self._by_vrid.get(instance.virtual_router_id)
        if known is not None and known.instance.version == instance.version:
            known.update(instance)
        else:
            self._by_vrid[instance.virtual_router_id] = _Expectation(instance)

    def remove(self, virtual_router_id: int) -> None:
        """Stop listening for a VRID; its adverts are then those of an unknown one."""
        self._by_vrid.pop(virtual_router_id, None)

    def __len__(self) -> int:
        return len(self._by_vrid)

    def rejects_of(self, virtual_router_id: int) -> dict[RejectReason, int]:
        """Rejected packets of this VRID by reason."""
        return self._by_vrid[virtual_router_id].rejects

    def seen_by(self, virtual_router_id: int) -> dict[Remark | Checksum, int]:
        """Accepted adverts of this VRID by remark, and by what their checksum covered."""
        return self._by_vrid[virtual_router_id].seen

    def examine(self, datagram: bytes) -> Accepted | Rejected:
        """Every check, for one datagram as a raw IPv4 socket gives it; counts the result."""
        packet = decode_datagram(datagram)
        if packet is None:
            return self._reject(RejectReason.IP_HEADER, 0, None)
        message, source = packet.message, packet.source
        if source == self._own_address:
            return self._reject(RejectReason.OWN_ADVERT, source, None)
        known = self._by_vrid.get(message[1]) if len(message) > 1 else None
        if packet.ttl != VRRP_TTL:
            return self._reject(RejectReason.TTL, source, known)
        if packet.destination != self._group:
            return self._reject(RejectReason.DESTINATION, source, known)
        if len(message) < 2:
            return self._reject(RejectReason.TRUNCATED, source, None)
        if known is None:
            return self._reject(RejectReason.VIRTUAL_ROUTER_ID, source, None)
        result = known.accept(message, source, packet.destination)
        if isinstance(result, RejectReason):
            return self._reject(result, source, known)
        return result

    def _reject(self, reason: RejectReason, source: int, known: _Expectation | None) -> Rejected:
        counters = self.rejects if known is None else known.rejects
        counters[reason] += 1
        name = None if known is None else known.instance.name
        return Rejected(reason=reason, source=source, instance=name)
