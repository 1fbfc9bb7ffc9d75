# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements of section 7: receiving and sending, the virtual router MAC, IPv6 identifiers."""

from __future__ import annotations

from conformance.requirement import Level, Subject, at, covered, deviation

STEP, MUST, MUST_NOT, SHOULD, MAY = (
    Level.step, Level.MUST, Level.MUST_NOT, Level.SHOULD, Level.MAY,
)  # fmt: skip
SENDER, RECEIVER, KERNEL = Subject.SENDER, Subject.RECEIVER, Subject.KERNEL
GOOD = "receive::good_advert_is_accepted"
OWNERS_ELECT = (
    "adverts reach an owner of version 3, as RFC 9568's erratum 8298 wants: otherwise two owners"
    " would never elect one; it is logged and counted; `strict_mode` or `owner_ignore_adverts`"
    " makes an owner deaf"
)

_RECEIVING = (
    covered(
        at(MUST, "3768-7.1-1", "5798-7.1-1", "9568-7.1-1"),
        RECEIVER,
        "The TTL is checked to be 255.",
        GOOD,
        "receive::other_ttl_is_discarded",
    ),
    covered(
        at(MUST, "5798-7.1-2", "9568-7.1-2"),
        RECEIVER,
        "The hop limit is checked to be 255.",
        GOOD,
        "receive::other_ttl_is_discarded ipv6::other_hop_limits_are_not_heard",
    ),
    covered(
        at(MUST, "3768-7.1-2"),
        RECEIVER,
        "The version is checked to be 2.",
        GOOD,
        "receive::other_version_is_discarded",
    ),
    covered(
        at(MUST, "5798-7.1-3", "9568-7.1-3"),
        RECEIVER,
        "The version is checked to be 3.",
        GOOD,
        "receive::other_version_is_discarded",
    ),
    covered(
        at(MUST, "9568-7.1-4"),
        RECEIVER,
        "The type is checked to be 1.",
        GOOD,
        "receive::other_type_is_discarded",
    ),
    covered(
        at(MUST, "3768-7.1-3"),
        RECEIVER,
        "The message is checked to be complete, with its addresses and authentication data.",
        GOOD,
        "receive::any_truncation_is_discarded receive::missing_addresses_are_discarded",
    ),
    covered(
        at(MUST, "5798-7.1-4", "9568-7.1-5"),
        RECEIVER,
        "The message is checked to be complete, with its addresses.",
        GOOD,
        "receive::any_truncation_is_discarded receive::missing_addresses_are_discarded",
    ),
    covered(
        at(MUST, "3768-7.1-4", "5798-7.1-5", "9568-7.1-6"),
        RECEIVER,
        "The checksum is checked.",
        GOOD,
        "receive::any_flipped_bit_is_discarded",
    ),
    covered(
        at(MUST, "3768-7.1-5a", "5798-7.1-6a", "9568-7.1-7a"),
        RECEIVER,
        "The VRID is checked to be configured on the receiving interface.",
        GOOD,
        "receive::unknown_vrid_is_discarded wire::vrid_of_another_interface_is_unknown",
    ),
    covered(
        at(MUST, "3768-7.1-5b"),
        RECEIVER,
        "An owner discards adverts.",
        "receive::owner_of_version_2_discards_adverts active::owner_of_version_2_stays",
        GOOD,
    ),
    deviation(
        at(MUST, "5798-7.1-6b", "9568-7.1-7b"),
        RECEIVER,
        "An owner discards adverts.",
        why=OWNERS_ELECT,
        yes="receive::owner_of_version_3_hears_adverts active::of_two_owners_one_stays",
        no="receive::strict_mode_makes_an_owner_deaf",
    ),
    covered(
        at(MUST, "3768-7.1-6"),
        RECEIVER,
        "The authentication is checked to be of the configured type, and to be right.",
        "receive::good_advert_is_accepted receive::right_password_is_accepted",
        "receive::other_authentication_type_is_discarded receive::wrong_password_is_discarded",
    ),
    covered(
        at(MUST, "3768-7.1-7", "5798-7.1-7", "9568-7.1-8"),
        RECEIVER,
        "A packet that fails a check is discarded.",
        "receive::failed_check_has_no_effect",
        GOOD,
    ),
    covered(
        at(SHOULD, "3768-7.1-8", "5798-7.1-8", "9568-7.1-9"),
        RECEIVER,
        "It is logged (RFC 9568: at a limited rate).",
        "wire::failed_checks_are_logged",
        "wire::failed_checks_are_logged_at_a_limited_rate",
        note="one line per instance, reason and minute; other people's VRIDs are only counted",
    ),
    covered(
        at(MAY, "3768-7.1-9", "5798-7.1-9", "9568-7.1-10"),
        RECEIVER,
        "It may be indicated to network management.",
        "receive::failed_check_is_counted",
        "receive::good_advert_counts_as_no_error",
        note="counters by reason in `lvsctl status`",
    ),
    covered(
        at(SHOULD, "9568-7.1-11"),
        RECEIVER,
        "The interval is compared with the configured one.",
        "receive::other_interval_of_version_3_is_remarked",
        "receive::good_advert_counts_as_no_error",
    ),
    covered(
        at(SHOULD, "9568-7.1-12"),
        RECEIVER,
        "A difference is logged at a limited rate.",
        "wire::remarks_are_logged",
        "wire::remarks_are_logged_at_a_limited_rate",
    ),
    covered(
        at(MAY, "9568-7.1-13"),
        RECEIVER,
        "It may be indicated to network management.",
        "receive::other_interval_of_version_3_is_remarked",
        "receive::good_advert_counts_as_no_error",
        note="a counter in `lvsctl status`",
    ),
    covered(
        at(MAY, "3768-7.1-10", "5798-7.1-10", "9568-7.1-14"),
        RECEIVER,
        "The count and the addresses may be compared with the configured ones.",
        "receive::other_addresses_are_remarked",
        "receive::same_addresses_in_another_order_are_the_same",
    ),
    covered(
        at(SHOULD, "3768-7.1-11", "5798-7.1-11", "9568-7.1-15"),
        RECEIVER,
        "A difference is logged (RFC 9568: at a limited rate).",
        "wire::remarks_are_logged",
        "wire::remarks_are_logged_at_a_limited_rate",
    ),
    covered(
        at(MAY, "3768-7.1-12", "5798-7.1-12", "9568-7.1-16"),
        RECEIVER,
        "It may be indicated to network management.",
        "receive::other_addresses_are_remarked",
        "receive::good_advert_counts_as_no_error",
        note="a counter in `lvsctl status`",
    ),
    deviation(
        at(MUST, "3768-7.1-13"),
        RECEIVER,
        "An advert with other addresses is dropped, unless its sender is the owner.",
        why="the comparison is optional, and dropping makes two active routers whenever addresses"
        " are added to one director after the other: version 2 is treated as version 3;"
        " `strict_mode: true` is the RFC's rule",
        yes="receive::other_addresses_are_remarked"
        " receive::same_addresses_in_another_order_are_the_same",
        no="receive::strict_mode_discards_other_addresses_of_version_2",
    ),
    covered(
        at(MUST, "3768-7.1-14"),
        RECEIVER,
        "The interval is checked to be the configured one.",
        GOOD,
        "receive::other_interval_of_version_2_is_discarded",
    ),
    covered(
        at(MUST, "3768-7.1-15"),
        RECEIVER,
        "An advert of another interval is discarded.",
        "receive::other_interval_of_version_2_is_discarded",
        GOOD,
    ),
    covered(
        at(SHOULD, "3768-7.1-16"),
        RECEIVER,
        "It is logged.",
        "wire::failed_checks_are_logged",
        "wire::failed_checks_are_logged_at_a_limited_rate",
    ),
    covered(
        at(MAY, "3768-7.1-17"),
        RECEIVER,
        "It may be indicated to network management.",
        "receive::failed_check_is_counted",
        "receive::good_advert_counts_as_no_error",
        note="counters by reason in `lvsctl status`",
    ),
)

_SENDING = (
    covered(
        at(STEP, "3768-7.2-1", "5798-7.2-1", "9568-7.2-1"),
        SENDER,
        "The fields are filled in from the virtual router's configuration.",
        "packet::advert_tells_what_the_instance_is",
        "transmit::changed_settings_are_sent_at_once",
    ),
    covered(
        at(STEP, "3768-7.2-2", "5798-7.2-2", "9568-7.2-2"),
        SENDER,
        "The checksum is computed.",
        "wire::checksums_are_right ipv6::checksums_are_right",
        "receive::any_flipped_bit_is_discarded",
    ),
    covered(
        at(STEP, "3768-7.2-3", "5798-7.2-3", "9568-7.2-3"),
        SENDER,
        "The source MAC is the virtual router MAC.",
        "vmac::adverts_leave_from_the_virtual_mac",
        "vmac::without_the_option_adverts_leave_from_the_physical_mac",
        note="with `use_vmac`",
    ),
    covered(
        at(STEP, "3768-7.2-4", "5798-7.2-4", "9568-7.2-4"),
        SENDER,
        "The IPv4 source is the interface's primary address.",
        "wire::adverts_come_from_the_primary_address",
        "active::without_a_primary_address_nothing_is_sent",
    ),
    covered(
        at(STEP, "5798-7.2-5", "9568-7.2-5"),
        SENDER,
        "The IPv6 source is the interface's link-local address.",
        "ipv6::adverts_come_from_the_link_local_address",
        "active::without_a_primary_address_nothing_is_sent",
    ),
    covered(
        at(STEP, "3768-7.2-5", "5798-7.2-6", "9568-7.2-6"),
        SENDER,
        "The protocol is VRRP's.",
        "transmit::protocol_is_112",
        "wire::other_protocols_are_not_heard",
    ),
    covered(
        at(STEP, "3768-7.2-6", "5798-7.2-7", "9568-7.2-7"),
        SENDER,
        "The packet goes to the VRRP group.",
        "transmit::datagram_goes_to_the_group transmit::whole_datagram_is_that_of_the_reference",
        "receive::other_destination_is_discarded transmit::what_we_send_is_what_we_accept",
    ),
)

_ADDRESSES = (
    covered(
        at(STEP, "3768-7.3-1", "5798-7.3-1", "9568-7.3-1"),
        KERNEL,
        "The virtual router MAC for IPv4 is 00-00-5E-00-01-VRID.",
        "vmac::virtual_mac_is_that_of_the_vrid",
        "vmac::other_vrid_has_another_virtual_mac",
        note="with `use_vmac`",
    ),
    covered(
        at(STEP, "5798-7.3-2", "9568-7.3-2"),
        KERNEL,
        "The virtual router MAC for IPv6 is 00-00-5E-00-02-VRID.",
        "vmac::virtual_mac_is_that_of_the_vrid",
        "vmac::other_vrid_has_another_virtual_mac",
        note="with `use_vmac`",
    ),
    covered(
        at(MUST, "5798-7.4-1"),
        KERNEL,
        "IPv6 interface identifiers are made in the normal way.",
        "vmac::virtual_mac_makes_no_interface_identifier",
        "vmac::virtual_mac_makes_no_interface_identifier",
        note="the agent makes none: the interface keeps its own",
    ),
    covered(
        at(MUST_NOT, "5798-7.4-2"),
        KERNEL,
        "The virtual router MAC is not used for EUI-64 identifiers.",
        "vmac::virtual_mac_makes_no_interface_identifier",
        "vmac::virtual_mac_makes_no_interface_identifier",
        note="with `use_vmac`",
    ),
    covered(
        at(MUST_NOT, "9568-7.4-1"),
        KERNEL,
        "The virtual router MAC is not a parameter of stable or temporary identifiers.",
        "vmac::virtual_mac_makes_no_interface_identifier",
        "vmac::virtual_mac_makes_no_interface_identifier",
        note="with `use_vmac`",
    ),
)

REQUIREMENTS = (*_RECEIVING, *_SENDING, *_ADDRESSES)
