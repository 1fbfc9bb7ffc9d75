# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements of the introductory sections 1 to 4: what the protocol promises as a whole."""

from __future__ import annotations

from conformance.requirement import Level, Subject, at, covered, outside

STEP, SHOULD, MAY, must, should, may = (
    Level.step, Level.SHOULD, Level.MAY, Level.must, Level.should, Level.may,
)  # fmt: skip
SENDER, RECEIVER, STATES = Subject.SENDER, Subject.RECEIVER, Subject.STATES
CONFIGURATION, OPERATOR = Subject.CONFIGURATION, Subject.OPERATOR
VMAC = "with `use_vmac`"

REQUIREMENTS = (
    covered(
        at(STEP, "5798-1-1", "9568-1-1"),
        RECEIVER,
        "A backup tells the family of the advertised addresses from the IP version of the packet.",
        "receive::addresses_have_the_family_of_the_packet",
        "receive::message_of_the_other_family_is_no_advert_of_ours",
    ),
    covered(
        at(STEP, "5798-1-2", "9568-1-2"),
        STATES,
        "IPv4 and IPv6 virtual routers of one router do not affect each other.",
        "overview::same_vrid_of_both_families_are_two_virtual_routers",
        "receive::message_of_the_other_family_is_no_advert_of_ours",
    ),
    outside(
        at(should, "3768-2.1-1", "5798-2.1-1", "9568-2.1-1"),
        Subject.STATES,
        "Keep outages short and the cost of traffic and processing low, on many kinds of LAN.",
        "aims of the protocol's design; the benchmarks measure ours",
    ),
    covered(
        at(should, "3768-2.1-2", "5798-2.1-2", "9568-2.1-2"),
        RECEIVER,
        "Several virtual routers on one LAN, for load sharing.",
        "overview::virtual_routers_on_one_lan_are_independent",
        "receive::unknown_vrid_is_discarded",
    ),
    covered(
        at(should, "3768-2.1-3", "5798-2.1-3", "9568-2.1-3"),
        CONFIGURATION,
        "Addresses of several subnets on one LAN.",
        "overview::addresses_of_several_subnets_are_one_virtual_router",
        "parameters::virtual_router_needs_an_address",
    ),
    covered(
        at(should, "3768-2.2-1", "5798-2.2-1", "9568-2.2-1"),
        STATES,
        "A preference between routers can be expressed, and the most preferred one alive wins.",
        "overview::most_preferred_of_three_becomes_active",
        "overview::next_one_takes_over_when_the_preferred_is_gone",
    ),
    covered(
        at(should, "3768-2.3-1", "5798-2.3-1", "9568-2.3-1"),
        STATES,
        "While the active router works, a backup of equal or lower preference changes nothing.",
        "active::loses_to_neither_lower_priority_nor_lower_address",
        "active::yields_to_a_better_router",
    ),
    covered(
        at(may, "3768-2.3-2", "5798-2.3-2", "9568-2.3-2"),
        STATES,
        "Going back to the preferred router at once can be switched off.",
        "backup::without_preemption_a_lower_priority_is_obeyed",
        "backup::lower_priority_is_discarded_when_preempting",
    ),
    covered(
        at(should, "3768-2.4-1", "5798-2.4-1", "9568-2.4-1"),
        SENDER,
        "The active router sends from the virtual router MAC, so that bridges learn it.",
        "vmac::adverts_leave_from_the_virtual_mac",
        "vmac::without_the_option_adverts_leave_from_the_physical_mac",
        note=VMAC,
    ),
    covered(
        at(should, "3768-2.4-2", "5798-2.4-2", "9568-2.4-2"),
        STATES,
        "A message goes out at once when a router becomes active.",
        "backup::silence_makes_active_with_an_advert_first",
        "backup::accepted_advert_restarts_the_timer",
    ),
    covered(
        at(should, "3768-2.4-3", "5798-2.4-3", "9568-2.4-3"),
        STATES,
        "The active router goes on sending periodically.",
        "active::advert_every_interval",
        "overview::backup_sends_nothing",
    ),
    covered(
        at(should, "5798-2.5-1", "9568-2.5-1"),
        SENDER,
        "Adverts should have priority over other traffic in the queues they pass.",
        "wire::adverts_are_marked_as_internetwork_control"
        " ipv6::adverts_are_marked_as_internetwork_control",
        "wire::adverts_are_marked_as_internetwork_control",
        note="DSCP CS6 and the socket's highest unprivileged priority",
    ),
    covered(
        at(should, "5798-2.5-2") + at(SHOULD, "9568-2.5-2"),
        STATES,
        "Log, at a limited rate, that backups become active although the active router lives.",
        "active::losing_advert_is_logged",
        "active::losing_adverts_are_logged_at_a_limited_rate",
    ),
    covered(
        at(STEP, "3768-3-1", "5798-3-1", "9568-3-1"),
        SENDER,
        "All messages are multicast datagrams.",
        "transmit::datagram_goes_to_the_group",
        "receive::other_destination_is_discarded",
        note="unicast peers are an option beyond the RFCs",
    ),
    covered(
        at(STEP, "3768-3-2", "5798-3-2", "9568-3-2"),
        SENDER,
        "The virtual router MAC is the source of all periodic adverts.",
        "vmac::adverts_leave_from_the_virtual_mac",
        "vmac::without_the_option_adverts_leave_from_the_physical_mac",
        note=VMAC,
    ),
    covered(
        at(may, "3768-3-3", "5798-3-3", "9568-3-3"),
        CONFIGURATION,
        "One router can back up several virtual routers, each with its own priority.",
        "overview::virtual_routers_on_one_lan_are_independent",
        "parameters::vrid_is_unique_on_an_interface",
    ),
    covered(
        at(must, "3768-3-4", "5798-3-4", "9568-3-4"),
        RECEIVER,
        "All routers of a LAN give a VRID the same addresses.",
        "receive::same_addresses_in_another_order_are_the_same",
        "receive::other_addresses_are_remarked",
        note="we cannot enforce it; a difference is logged and counted",
    ),
    covered(
        at(STEP, "3768-3-5", "5798-3-5", "9568-3-5"),
        CONFIGURATION,
        "A VRID may be used again, for other addresses, on another LAN.",
        "parameters::vrid_may_repeat_on_another_interface",
        "parameters::vrid_is_unique_on_an_interface",
    ),
    covered(
        at(STEP, "5798-3-6", "9568-3-6"),
        CONFIGURATION,
        "The same VRID for IPv4 and for IPv6 is allowed, and means two virtual routers.",
        "overview::same_vrid_of_both_families_are_two_virtual_routers",
        "parameters::vrid_is_unique_on_an_interface",
    ),
    covered(
        at(STEP, "3768-3-6", "5798-3-7", "9568-3-7"),
        STATES,
        "Only the active router sends adverts.",
        "active::advert_every_interval",
        "overview::backup_sends_nothing",
    ),
    covered(
        at(STEP, "3768-3-7", "5798-3-8", "9568-3-8"),
        STATES,
        "A backup does not preempt unless its priority is higher.",
        "backup::lower_priority_is_discarded_when_preempting",
        "backup::equal_or_higher_priority_is_obeyed",
    ),
    covered(
        at(STEP, "3768-3-8", "5798-3-9", "9568-3-9"),
        STATES,
        "Preemption can be prohibited, except that an address owner always becomes active.",
        "backup::without_preemption_a_lower_priority_is_obeyed",
        "backup::owner_preempts_whatever_the_option_says",
    ),
    covered(
        at(STEP, "3768-3-9", "5798-3-10", "9568-3-10"),
        STATES,
        "When the active router fails, the backup of highest priority takes over shortly after.",
        "overview::next_one_takes_over_when_the_preferred_is_gone",
        "overview::most_preferred_of_three_becomes_active",
    ),
    outside(
        at(STEP, "3768-4.1-1", "5798-4.1-1", "9568-4.1-1"),
        OPERATOR,
        "Worked examples: one virtual router, and two that share the load.",
        "the lab's topologies run them; the requirements behind them are listed in their sections",
    ),
    outside(
        at(SHOULD, "9568-1.1-1"),
        Subject.RECEIVER,
        "List of changes: unsolicited neighbour advertisements should be accepted.",
        "said again in section 8.2.4, listed there",
    ),
)
