# SPDX-License-Identifier: GPL-3.0-or-later
"""What one instance accepts: the checks of a datagram that is addressed to it.

Owns the comparison with the instance's settings, and what it counted. Checks that two RFCs decide
differently follow the instance's version.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lvs_agent.core.events import AdvertReceived
from lvs_agent.core.model import AhAuthentication, VrrpInstance
from lvs_agent.core.vrrp.advertising import address_number, own_advert
from lvs_agent.core.vrrp.auth import ReplayWindow, unseal
from lvs_agent.core.vrrp.packet import (
    ADDRESS_BYTES,
    ADVERTISEMENT,
    AH_PROTOCOL,
    AUTH_PASS,
    VRRP_TTL,
    Advert,
    Checksum,
    IpPayload,
    decode,
)
from lvs_agent.core.vrrp.reasons import RejectReason, Remark
from lvs_agent.core.vrrp.timers import OWNER_PRIORITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An advert for `instance`, with what an operator should hear about it."""

    instance: str
    event: AdvertReceived
    remarks: tuple[Remark, ...]


class Expectation:
    """What an instance compares adverts with, made once, and what it counted.

    `group` None: unicast, from `peers` with the TTL that is accepted of each.
    """

    __slots__ = (
        "_addresses",
        "_instance",
        "_last",
        "_last_message",
        "_own",
        "group",
        "peers",
        "rejects",
        "seen",
        "window",
    )

    def __init__(self, instance: VrrpInstance) -> None:
        self.rejects = dict.fromkeys(RejectReason, 0)
        self.seen: dict[Remark | Checksum, int] = dict.fromkeys((*Remark, *Checksum), 0)
        self.window = ReplayWindow()
        self.update(instance)

    def update(self, instance: VrrpInstance) -> None:
        """Go by these settings."""
        self._instance = instance
        self._own = own_advert(instance)
        self._addresses = _address_set(self._own.addresses, instance.family)
        self.group = None if instance.peers else address_number(instance.mcast_group)
        self.peers = {
            address_number(peer.address): (peer.min_ttl, peer.max_ttl) for peer in instance.peers
        }
        self._last_message = b""
        self._last: Accepted | None = None

    @property
    def instance(self) -> VrrpInstance:
        return self._instance

    def accept(self, packet: IpPayload, datagram: bytes) -> Accepted | RejectReason:
        """The result for a packet of this instance's VRID; counts what is accepted."""
        least, most = VRRP_TTL, VRRP_TTL
        if self.group is None:
            least, most = self.peers.get(packet.source, (0, 255))
        if not least <= packet.ttl <= most:
            return RejectReason.TTL
        message = self._authentic(packet, datagram)
        if isinstance(message, RejectReason):
            return message
        accepted = self._last
        if (
            accepted is None
            or packet.source != accepted.event.source
            or message != self._last_message
        ):
            checked = self._check(message, packet)
            if not isinstance(checked, Accepted):
                return checked
            # A master repeats itself: the same bytes of the same sender need no second decoding.
            self._last_message, self._last = message, self._remembered(checked)
            accepted = checked
        for remark in accepted.remarks:
            self.seen[remark] += 1
        self.seen[accepted.event.advert.checksum] += 1
        return accepted

    def _remembered(self, accepted: Accepted) -> Accepted:
        """skip_check_adv_addr: a master is told once that its list differs, not at each advert."""
        if not self._instance.skip_check_adv_addr:
            return accepted
        kept = tuple(each for each in accepted.remarks if each != Remark.ADDRESS_LIST_DIFFERS)
        return replace(accepted, remarks=kept)

    def _authentic(self, packet: IpPayload, datagram: bytes) -> bytes | RejectReason:
        """The VRRP message, out of its authentication header if the instance demands one."""
        authentication = self._instance.authentication
        if not isinstance(authentication, AhAuthentication):
            return packet.message if packet.protocol != AH_PROTOCOL else RejectReason.AUTH_TYPE
        if packet.protocol != AH_PROTOCOL:
            return RejectReason.AUTH_TYPE
        opened = unseal(authentication.key, datagram)
        if isinstance(opened, RejectReason):
            return opened
        if not self.window.admit(packet.source, opened.sequence):
            return RejectReason.REPLAY
        return opened.message

    def _check(self, message: bytes, packet: IpPayload) -> Accepted | RejectReason:
        if not message:
            return RejectReason.TRUNCATED
        if message[0] >> 4 != self._instance.version:
            return RejectReason.VERSION
        if message[0] & 0x0F != ADVERTISEMENT:
            return RejectReason.TYPE
        advert = decode(message, packet.source, packet.destination, packet.family)
        if not isinstance(advert, Advert):
            return advert
        remarks = self._remarks(advert, packet.source)
        reason = self._version_2_reject(advert) if advert.version == 2 else None
        reason = reason or self._owner_reject() or self._strict_reject(advert, remarks)
        if reason is not None:
            return reason
        return Accepted(
            instance=self._instance.name,
            event=AdvertReceived(source=packet.source, advert=advert),
            remarks=tuple(remarks),
        )

    def _version_2_reject(self, advert: Advert) -> RejectReason | None:
        if advert.auth_type != self._own.auth_type:
            return RejectReason.AUTH_TYPE
        # Data of type 0 is ignored on reception (RFC 3768 section 5.3.6.1), and type 2 has none.
        # It travels in clear text: there is nothing to hide from a clock.
        if advert.auth_type == AUTH_PASS and advert.auth_data != self._own.auth_data:
            return RejectReason.AUTH_DATA
        if self._instance.priority == OWNER_PRIORITY:
            return RejectReason.ADDRESS_OWNER
        if advert.advert_int_ns != self._own.advert_int_ns:
            return RejectReason.ADVERT_INTERVAL
        return None

    def _owner_reject(self) -> RejectReason | None:
        """RFC 5798 section 7.1 lets the owner hear nothing; RFC 9568 erratum 8298 does."""
        instance = self._instance
        deaf = instance.owner_ignore_adverts or instance.strict_mode
        owner = instance.priority == OWNER_PRIORITY
        return RejectReason.ADDRESS_OWNER if owner and deaf else None

    def _strict_reject(self, advert: Advert, remarks: list[Remark]) -> RejectReason | None:
        if not self._instance.strict_mode:
            return None
        if Remark.FIRST_ADDRESS_NOT_LINK_LOCAL in remarks:
            return RejectReason.FIRST_ADDRESS
        # RFC 3768 section 7.1: to be dropped unless the address owner says so.
        if (
            advert.version == 2
            and advert.priority != OWNER_PRIORITY
            and Remark.ADDRESS_LIST_DIFFERS in remarks
        ):
            return RejectReason.ADDRESS_LIST
        return None

    def _remarks(self, advert: Advert, source: int) -> list[Remark]:
        remarks: list[Remark] = []
        if advert.advert_int_ns != self._own.advert_int_ns:
            remarks.append(Remark.ADVERT_INTERVAL_DIFFERS)
        # RFC 3768 lets us look at the list, and then wants the advert dropped. Dropping makes two
        # masters whenever addresses are added to one director after the other, so version 2 is
        # treated as version 3: say it, and go on.
        if not self._trusted(source) and self._list_differs(advert):
            remarks.append(Remark.ADDRESS_LIST_DIFFERS)
        if advert.family == 6 and not _is_link_local(advert.addresses):
            remarks.append(Remark.FIRST_ADDRESS_NOT_LINK_LOCAL)
        # RFC 9568 erratum 8298: an owner hears adverts, so that two owners elect one of them.
        if self._instance.priority == OWNER_PRIORITY and advert.priority == OWNER_PRIORITY:
            remarks.append(Remark.DUPLICATE_OWNER)
        return remarks

    def _trusted(self, source: int) -> bool:
        """Whether the list of addresses need not be looked at: it is the master heard last."""
        last = self._last
        skip = self._instance.skip_check_adv_addr
        return skip and last is not None and last.event.source == source

    def _list_differs(self, advert: Advert) -> bool:
        if advert.addresses == self._own.addresses:
            return False
        return _address_set(advert.addresses, advert.family) != self._addresses


def _address_set(addresses: bytes, family: int) -> frozenset[bytes]:
    size = ADDRESS_BYTES[family]
    return frozenset(addresses[at : at + size] for at in range(0, len(addresses), size))


def _is_link_local(addresses: bytes) -> bool:
    """Whether the first of some IPv6 addresses is in fe80::/10 (RFC 4291 section 2.5.6)."""
    return addresses[0] == 0xFE and addresses[1] & 0xC0 == 0x80
