# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements of section 5: the packet and its fields."""

from __future__ import annotations

from conformance.requirement import Level, Subject, at, covered, deviation

STEP, MUST, MUST_NOT, SHOULD = Level.step, Level.MUST, Level.MUST_NOT, Level.SHOULD
must, should, may = Level.must, Level.should, Level.may
SENDER, RECEIVER, STATES = Subject.SENDER, Subject.RECEIVER, Subject.STATES
CONFIGURATION, KERNEL = Subject.CONFIGURATION, Subject.KERNEL

# The datagram.
_DATAGRAM = (
    covered(
        at(STEP, "3768-5-1", "5798-5-1", "9568-5-1"),
        SENDER,
        "Adverts to the routers of a VRID tell the active router's priority and addresses.",
        "packet::advert_tells_what_the_instance_is",
        "overview::backup_sends_nothing",
    ),
    covered(
        at(STEP, "3768-5.2.1-1", "5798-5.1.1.1-1", "9568-5.1.1.1-1"),
        SENDER,
        "The IPv4 source is the primary address of the sending interface.",
        "wire::adverts_come_from_the_primary_address",
        "active::without_a_primary_address_nothing_is_sent",
    ),
    covered(
        at(STEP, "3768-5.2.2-1", "5798-5.1.1.2-1", "9568-5.1.1.2-1"),
        SENDER,
        "The IPv4 destination is 224.0.0.18.",
        "transmit::datagram_goes_to_the_group parameters::default_group_is_that_of_iana",
        "receive::other_destination_is_discarded",
    ),
    covered(
        at(MUST_NOT, "3768-5.2.2-2", "5798-5.1.1.2-2", "9568-5.1.1.2-2"),
        KERNEL,
        "A router does not forward a datagram to 224.0.0.18, whatever its TTL.",
        "wire::forwarding_director_does_not_forward_adverts",
        "wire::forwarding_director_does_not_forward_adverts",
        note="the kernel's doing; the agent never forwards",
    ),
    covered(
        at(MUST, "3768-5.2.3-1", "5798-5.1.1.3-1", "9568-5.1.1.3-1"),
        SENDER,
        "The TTL of an advert is 255.",
        "transmit::ttl_is_255 wire::adverts_have_ttl_255",
        "receive::other_ttl_is_discarded",
    ),
    covered(
        at(MUST, "3768-5.2.3-2", "5798-5.1.1.3-2", "9568-5.1.1.3-2"),
        RECEIVER,
        "An advert with another TTL than 255 is discarded.",
        "receive::good_advert_is_accepted",
        "receive::other_ttl_is_discarded",
    ),
    covered(
        at(STEP, "3768-5.2.4-1", "5798-5.1.1.4-1", "9568-5.1.1.4-1"),
        SENDER,
        "The IPv4 protocol number is 112.",
        "transmit::protocol_is_112",
        "wire::other_protocols_are_not_heard",
    ),
    covered(
        at(STEP, "5798-5.1.2.1-1", "9568-5.1.2.1-1"),
        SENDER,
        "The IPv6 source is the link-local address of the sending interface.",
        "ipv6::adverts_come_from_the_link_local_address",
        "active::without_a_primary_address_nothing_is_sent",
    ),
    covered(
        at(STEP, "5798-5.1.2.2-1", "9568-5.1.2.2-1"),
        SENDER,
        "The IPv6 destination is ff02::12.",
        "ipv6::adverts_go_to_the_group",
        "receive::other_destination_is_discarded",
    ),
    covered(
        at(MUST_NOT, "5798-5.1.2.2-2", "9568-5.1.2.2-2"),
        KERNEL,
        "A router does not forward a datagram to ff02::12, whatever its hop limit.",
        "ipv6::forwarding_director_does_not_forward_adverts",
        "ipv6::forwarding_director_does_not_forward_adverts",
        note="the kernel's doing; the agent never forwards",
    ),
    covered(
        at(MUST, "5798-5.1.2.3-1", "9568-5.1.2.3-1"),
        SENDER,
        "The hop limit of an advert is 255.",
        "ipv6::adverts_have_hop_limit_255",
        "receive::other_ttl_is_discarded",
    ),
    covered(
        at(MUST, "5798-5.1.2.3-2", "9568-5.1.2.3-2"),
        RECEIVER,
        "An advert with another hop limit than 255 is discarded.",
        "receive::good_advert_is_accepted",
        "receive::other_ttl_is_discarded ipv6::other_hop_limits_are_not_heard",
    ),
    covered(
        at(STEP, "5798-5.1.2.4-1", "9568-5.1.2.4-1"),
        SENDER,
        "The IPv6 next header is 112.",
        "ipv6::adverts_have_next_header_112",
        "ipv6::other_next_headers_are_not_heard",
    ),
)

# The message's fields.
_FIELDS = (
    covered(
        at(STEP, "3768-5.3.1-1"),
        SENDER,
        "The version field is 2.",
        "packet::version_and_type_are_in_the_first_byte",
        "receive::other_version_is_discarded",
    ),
    covered(
        at(STEP, "5798-5.2.1-1", "9568-5.2.1-1"),
        SENDER,
        "The version field is 3.",
        "packet::version_and_type_are_in_the_first_byte",
        "receive::other_version_is_discarded",
    ),
    covered(
        at(STEP, "3768-5.3.2-1", "5798-5.2.2-1", "9568-5.2.2-1"),
        SENDER,
        "The type of an advert is 1.",
        "packet::version_and_type_are_in_the_first_byte",
        "receive::other_type_is_discarded",
    ),
    covered(
        at(MUST, "3768-5.3.2-2", "5798-5.2.2-2", "9568-5.2.2-2"),
        RECEIVER,
        "A message of unknown type is discarded.",
        "receive::good_advert_is_accepted",
        "receive::other_type_is_discarded",
    ),
    covered(
        at(STEP, "3768-5.3.3-1", "5798-5.2.3-1", "9568-5.2.3-1"),
        SENDER,
        "The VRID field names the virtual router that the advert is about.",
        "packet::advert_tells_what_the_instance_is",
        "receive::unknown_vrid_is_discarded",
    ),
    covered(
        at(STEP, "3768-5.3.3-2"),
        CONFIGURATION,
        "A VRID is configured, from 1 to 255, and has no default.",
        "parameters::vrid_from_1_to_255",
        "parameters::vrid_outside_is_refused parameters::vrid_has_no_default",
    ),
    covered(
        at(STEP, "3768-5.3.4-1", "5798-5.2.4-1", "9568-5.2.4-1"),
        STATES,
        "The priority is an unsigned byte, and a higher value means a higher priority.",
        "packet::every_priority_survives_the_wire active::yields_to_a_better_router",
        "active::loses_to_neither_lower_priority_nor_lower_address",
    ),
    covered(
        at(MUST, "3768-5.3.4-2", "5798-5.2.4-2", "9568-5.2.4-2"),
        CONFIGURATION,
        "The owner of the addresses uses priority 255.",
        "initialize::owner_becomes_active_at_once",
        "initialize::others_become_backup",
        note="priority 255 is what makes a router the owner; nothing else does",
    ),
    covered(
        at(MUST, "3768-5.3.4-3", "5798-5.2.4-3", "9568-5.2.4-3"),
        CONFIGURATION,
        "A router that backs up uses a priority from 1 to 254.",
        "parameters::priority_from_1_to_255",
        "parameters::priority_outside_is_refused",
    ),
    covered(
        at(STEP, "3768-5.3.4-4", "5798-5.2.4-4", "9568-5.2.4-4"),
        CONFIGURATION,
        "The default priority is 100.",
        "parameters::priority_is_100_unless_said",
        "parameters::priority_outside_is_refused",
    ),
    covered(
        at(STEP, "3768-5.3.4-5", "5798-5.2.4-5", "9568-5.2.4-5"),
        STATES,
        "Priority 0 says that the active router stops; backups then need not wait its time out.",
        "active::shutdown_resigns_with_priority_0 backup::resignation_leaves_only_the_skew_time",
        "parameters::priority_outside_is_refused",
    ),
    covered(
        at(STEP, "3768-5.3.5-1", "5798-5.2.5-1", "9568-5.2.5-1"),
        SENDER,
        "The count field is the number of addresses in the advert.",
        "packet::count_is_the_number_of_addresses",
        "receive::missing_addresses_are_discarded",
    ),
    covered(
        at(STEP, "5798-5.2.5-2", "9568-5.2.5-2"),
        SENDER,
        "The count is at least 1.",
        "packet::count_is_the_number_of_addresses",
        "receive::count_0_is_discarded parameters::virtual_router_needs_an_address",
    ),
    covered(
        at(MUST, "9568-5.2.5-3"),
        RECEIVER,
        "An advert with a count of 0 is ignored.",
        "receive::good_advert_is_accepted",
        "receive::count_0_is_discarded",
    ),
    covered(
        at(MUST, "5798-5.2.6-1a", "9568-5.2.6-1a"),
        SENDER,
        "The reserved bits are sent as 0.",
        "packet::reserved_bits_are_0",
        "packet::longest_interval_leaves_the_reserved_bits_0",
    ),
    covered(
        at(MUST, "5798-5.2.6-1b", "9568-5.2.6-1b"),
        RECEIVER,
        "The reserved bits are ignored on receipt.",
        "receive::reserved_bits_are_ignored",
        "receive::interval_0_is_discarded",
    ),
    covered(
        at(STEP, "3768-5.3.7-1"),
        SENDER,
        "The interval field is in seconds, 1 by default.",
        "packet::interval_is_in_its_unit parameters::interval_is_1_s_unless_said",
        "parameters::interval_of_version_2_is_whole_seconds",
    ),
    covered(
        at(STEP, "5798-5.2.7-1", "9568-5.2.7-1"),
        SENDER,
        "The interval field has 12 bits and counts centiseconds, 100 by default.",
        "packet::interval_is_in_its_unit parameters::interval_is_1_s_unless_said",
        "parameters::interval_of_version_3_has_12_bits receive::interval_0_is_discarded",
    ),
    covered(
        at(STEP, "5798-5.2.7-2", "9568-5.2.7-2"),
        STATES,
        "A faster router of lower priority that became active gives up when it hears the slower.",
        "active::faster_router_yields_to_a_slower_one_of_higher_priority",
        "active::loses_to_neither_lower_priority_nor_lower_address",
    ),
)

_AUTHENTICATION = (
    covered(
        at(STEP, "3768-5.3.6-1"),
        CONFIGURATION,
        "The authentication type belongs to a virtual router and is one byte.",
        "packet::authentication_type_is_the_instances",
        "receive::other_authentication_type_is_discarded",
    ),
    covered(
        at(MUST, "3768-5.3.6-2a"),
        RECEIVER,
        "An advert of unknown authentication type is discarded.",
        "receive::good_advert_is_accepted",
        "receive::unknown_authentication_type_is_discarded",
    ),
    covered(
        at(MUST, "3768-5.3.6-2b"),
        RECEIVER,
        "An advert of another authentication type than the configured one is discarded.",
        "receive::good_advert_is_accepted",
        "receive::other_authentication_type_is_discarded",
    ),
    covered(
        at(should, "3768-5.3.6.1-1a"),
        SENDER,
        "Type 0 sends zeros as authentication data.",
        "packet::without_authentication_the_data_is_zero",
        "packet::authentication_type_is_the_instances",
    ),
    covered(
        at(should, "3768-5.3.6.1-1b"),
        RECEIVER,
        "Type 0 ignores the authentication data received.",
        "receive::authentication_data_of_type_0_is_ignored",
        "receive::other_authentication_type_is_discarded",
    ),
    deviation(
        at(STEP, "3768-5.3.6.2-1"),
        CONFIGURATION,
        "Type 1 is reserved for compatibility with RFC 2338.",
        why="keepalived's users have passwords: `auth_type: PASS` is RFC 2338's type 1",
        yes="packet::authentication_type_is_the_instances",
        no="receive::unknown_authentication_type_is_discarded",
    ),
    deviation(
        at(STEP, "3768-5.3.6.3-1"),
        CONFIGURATION,
        "Type 2 is reserved for compatibility with RFC 2338.",
        why="keepalived's users have it: `auth_type: AH` is RFC 2338's type 2",
        yes="ah::authentication_header_is_type_2",
        no="ah::altered_authentication_header_is_discarded"
        " ah::replayed_authentication_header_is_discarded",
    ),
    covered(
        at(SHOULD, "3768-5.3.10-1a"),
        SENDER,
        "The authentication data is sent as zeros.",
        "packet::without_authentication_the_data_is_zero",
        "packet::authentication_type_is_the_instances",
        note="except with `auth_type: PASS`",
    ),
    covered(
        at(SHOULD, "3768-5.3.10-1b"),
        RECEIVER,
        "The authentication data is ignored on receipt.",
        "receive::authentication_data_of_type_0_is_ignored",
        "receive::other_authentication_type_is_discarded",
        note="except with `auth_type: PASS`",
    ),
)

_CHECKSUM_AND_ADDRESSES = (
    covered(
        at(STEP, "3768-5.3.8-1"),
        SENDER,
        "The checksum is RFC 1071's over the whole message, authentication data included.",
        "packet::checksum_covers_the_message",
        "receive::any_flipped_bit_is_discarded",
    ),
    covered(
        at(STEP, "5798-5.2.8-1"),
        SENDER,
        "The checksum covers the message and a pseudo-header.",
        "packet::checksum_covers_the_pseudo_header",
        "receive::any_flipped_bit_is_discarded",
        note="over IPv4 with `v3_checksum_as_v2: false`; RFC 9568's reading is the default",
    ),
    covered(
        at(STEP, "5798-5.2.8-2", "9568-5.2.8-4"),
        SENDER,
        "The pseudo-header's next header is 112.",
        "packet::checksum_covers_the_pseudo_header",
        "receive::any_flipped_bit_is_discarded",
    ),
    covered(
        at(STEP, "3768-5.3.8-2", "5798-5.2.8-3", "9568-5.2.8-1"),
        SENDER,
        "The checksum field counts as 0 while the checksum is computed.",
        "packet::checksum_field_counts_as_0",
        "receive::any_flipped_bit_is_discarded",
    ),
    covered(
        at(STEP, "9568-5.2.8-2"),
        SENDER,
        "Over IPv4 the checksum covers the message alone.",
        "packet::checksum_covers_the_message",
        "receive::any_flipped_bit_is_discarded",
        note="RFC 5798's reading is accepted on receipt as well, and counted",
    ),
    covered(
        at(STEP, "9568-5.2.8-3"),
        SENDER,
        "Over IPv6 the checksum covers the message and a pseudo-header.",
        "packet::checksum_covers_the_pseudo_header",
        "receive::any_flipped_bit_is_discarded",
    ),
    covered(
        at(STEP, "3768-5.3.9-1", "5798-5.2.9-1", "9568-5.2.9-1"),
        SENDER,
        "One or more addresses of the virtual router follow, as many as the count says.",
        "packet::addresses_follow_in_configured_order",
        "receive::missing_addresses_are_discarded",
        note="255 at most; an instance of more advertises its first 255 and manages all",
    ),
    covered(
        at(should, "5798-5.2.9-2", "9568-5.2.9-2"),
        SENDER,
        "All routers send the addresses in the same order.",
        "packet::addresses_follow_in_configured_order",
        "receive::same_addresses_in_another_order_are_the_same",
    ),
    deviation(
        at(must, "5798-5.2.9-3") + at(MUST, "9568-5.2.9-3"),
        SENDER,
        "The first address over IPv6 is the link-local one of the virtual router.",
        why="configurations of keepalived without one go on working: a warning says so, and on"
        " receipt it is logged and counted; `strict_mode: true` refuses both",
        yes="packet::first_ipv6_address_is_link_local"
        " parameters::first_ipv6_address_that_is_not_link_local_is_warned_of"
        " receive::first_address_that_is_not_link_local_is_remarked",
        no="parameters::strict_mode_refuses_a_first_address_that_is_not_link_local"
        " receive::strict_mode_discards_a_first_address_that_is_not_link_local",
    ),
    covered(
        at(MUST_NOT, "5798-5.2.9-4") + at(MUST, "9568-5.2.9-4"),
        SENDER,
        "All addresses of an advert are of one family, that of the packet.",
        "receive::addresses_have_the_family_of_the_packet",
        "parameters::families_do_not_mix",
    ),
)

REQUIREMENTS = (*_DATAGRAM, *_FIELDS, *_AUTHENTICATION, *_CHECKSUM_AND_ADDRESSES)
