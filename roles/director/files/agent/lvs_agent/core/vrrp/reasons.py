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
    TRUNCATED = "truncated"
    VIRTUAL_ROUTER_ID = "virtual_router_id"
    VERSION = "version"
    TYPE = "type"
    LENGTH = "length"
    CHECKSUM = "checksum"
    COUNT_ZERO = "count_zero"
    INTERVAL_ZERO = "interval_zero"
    AUTH_TYPE = "auth_type"
    AUTH_DATA = "auth_data"
    ADVERT_INTERVAL = "advert_interval"
    ADDRESS_OWNER = "address_owner"


class Remark(StrEnum):
    """The packet counts, but something about it wants an operator's eye."""

    ADVERT_INTERVAL_DIFFERS = "advert_interval_differs"
    ADDRESS_LIST_DIFFERS = "address_list_differs"
    DUPLICATE_OWNER = "duplicate_owner"


EXPLANATIONS: dict[RejectReason | Remark, str] = {
    RejectReason.IP_HEADER: "its IPv4 header is malformed",
    RejectReason.OWN_ADVERT: "it carries our own source address; look for a network loop or for"
    " a host with the same address",
    RejectReason.TTL: "its TTL is not 255, so it was routed or forged",
    RejectReason.DESTINATION: "it was not sent to the multicast group of the instance",
    RejectReason.TRUNCATED: "it is shorter than its address count says",
    RejectReason.VIRTUAL_ROUTER_ID: "no instance here has its virtual_router_id",
    RejectReason.VERSION: "its VRRP version differs; set the same version on all directors",
    RejectReason.TYPE: "it is not an advertisement",
    RejectReason.LENGTH: "it is longer than its address count says",
    RejectReason.CHECKSUM: "its checksum is wrong",
    RejectReason.COUNT_ZERO: "it names no address (RFC 9568 erratum 8299)",
    RejectReason.INTERVAL_ZERO: "its advertisement interval is 0 (RFC 9568 erratum 8301)",
    RejectReason.AUTH_TYPE: "its authentication type differs; compare authentication on all"
    " directors",
    RejectReason.AUTH_DATA: "its password differs; compare auth_pass on all directors",
    RejectReason.ADVERT_INTERVAL: "its advert_int differs, which VRRP version 2 forbids; set the"
    " same on all directors",
    RejectReason.ADDRESS_OWNER: "this director is the address owner (priority 255), and so says"
    " the sender; give 255 to one director only",
    Remark.ADVERT_INTERVAL_DIFFERS: "its advert_int differs from ours; the master's is used",
    Remark.ADDRESS_LIST_DIFFERS: "its virtual addresses differ from ours; compare"
    " virtual_ipaddress on all directors",
    Remark.DUPLICATE_OWNER: "it comes to an address owner (priority 255); no other director"
    " should advertise while the owner lives",
}
