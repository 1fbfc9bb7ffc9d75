# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a received packet was rejected, or accepted with a remark: names for counters and people.

Owns the labels and their explanations. Every label is a metric; none may be reused for another
meaning.
"""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """The packet had no effect. Sources: RFC 3768 section 7.1, RFC 9568 section 7.1."""

    IP_HEADER = "ip_header"
    OWN_ADVERT = "own_advert"
    TTL = "ttl"
    DESTINATION = "destination"
    MULTICAST = "multicast"
    UNICAST = "unicast"
    NOT_A_PEER = "not_a_peer"
    TRUNCATED = "truncated"
    VIRTUAL_ROUTER_ID = "virtual_router_id"
    VERSION = "version"
    TYPE = "type"
    LENGTH = "length"
    CHECKSUM = "checksum"
    COUNT_ZERO = "count_zero"
    INTERVAL_ZERO = "interval_zero"
    FIRST_ADDRESS = "first_address"
    ADDRESS_LIST = "address_list"
    AUTH_TYPE = "auth_type"
    AUTH_DATA = "auth_data"
    AUTH_HEADER = "auth_header"
    AUTH_ICV = "auth_icv"
    REPLAY = "replay"
    ADVERT_INTERVAL = "advert_interval"
    ADDRESS_OWNER = "address_owner"


class Remark(StrEnum):
    """The packet counts, but something about it wants an operator's eye."""

    ADVERT_INTERVAL_DIFFERS = "advert_interval_differs"
    ADDRESS_LIST_DIFFERS = "address_list_differs"
    FIRST_ADDRESS_NOT_LINK_LOCAL = "first_address_not_link_local"
    DUPLICATE_OWNER = "duplicate_owner"


EXPLANATIONS: dict[RejectReason | Remark, str] = {
    RejectReason.IP_HEADER: "its IP header is malformed",
    RejectReason.OWN_ADVERT: "it carries our own source address; look for a network loop or for"
    " a host with the same address",
    RejectReason.TTL: "its TTL is not 255, or not within min_ttl and max_ttl of its peer, so it was"
    " routed or forged",
    RejectReason.DESTINATION: "it was sent to another multicast group than the instance's; set the"
    " same on all directors",
    RejectReason.MULTICAST: "it was sent by multicast, and the instance has a unicast_peer list;"
    " use one of the two on all directors",
    RejectReason.UNICAST: "it was sent to this director alone, and the instance has no unicast_peer"
    " list; use one of the two on all directors",
    RejectReason.NOT_A_PEER: "its sender is not in the unicast_peer list",
    RejectReason.TRUNCATED: "it is shorter than its address count says",
    RejectReason.VIRTUAL_ROUTER_ID: "no instance here has its virtual_router_id",
    RejectReason.VERSION: "its VRRP version differs; set the same version on all directors",
    RejectReason.TYPE: "it is not an advertisement",
    RejectReason.LENGTH: "it is longer than its address count says",
    RejectReason.CHECKSUM: "its checksum is wrong",
    RejectReason.COUNT_ZERO: "it names no address (RFC 9568 erratum 8299)",
    RejectReason.INTERVAL_ZERO: "its advertisement interval is 0 (RFC 9568 erratum 8301)",
    RejectReason.FIRST_ADDRESS: "its first address is not link-local, which strict_mode demands"
    " (RFC 9568 section 5.2.9); put a fe80:: address first on all directors",
    RejectReason.ADDRESS_LIST: "its virtual addresses differ from ours, which strict_mode forbids"
    " in version 2; compare virtual_ipaddress on all directors",
    RejectReason.AUTH_TYPE: "its authentication type differs; compare authentication on all"
    " directors",
    RejectReason.AUTH_DATA: "its password differs; compare auth_pass on all directors",
    RejectReason.AUTH_HEADER: "its authentication header is malformed",
    RejectReason.AUTH_ICV: "its integrity value is wrong; compare auth_pass on all directors",
    RejectReason.REPLAY: "its sequence number was used before: it was recorded and sent again, or"
    " its sender restarted and counts from the beginning",
    RejectReason.ADVERT_INTERVAL: "its advert_int differs, which VRRP version 2 forbids; set the"
    " same on all directors",
    RejectReason.ADDRESS_OWNER: "this director is the address owner (priority 255), and so says"
    " the sender; give 255 to one director only",
    Remark.ADVERT_INTERVAL_DIFFERS: "its advert_int differs from ours; the master's is used",
    Remark.ADDRESS_LIST_DIFFERS: "its virtual addresses differ from ours; compare"
    " virtual_ipaddress on all directors",
    Remark.FIRST_ADDRESS_NOT_LINK_LOCAL: "its first address is not link-local; RFC 9568 section"
    " 5.2.9 wants a fe80:: address first",
    Remark.DUPLICATE_OWNER: "it comes to an address owner (priority 255); no other director"
    " should advertise while the owner lives",
}
