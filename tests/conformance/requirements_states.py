# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements of section 6.4: what each state does about each event."""

from __future__ import annotations

from conformance.requirement import Level, Subject, at, covered, deviation

STEP, MUST, MUST_NOT = Level.step, Level.MUST, Level.MUST_NOT
SENDER, STATES, KERNEL = Subject.SENDER, Subject.STATES, Subject.KERNEL
VMAC = "with `use_vmac`; otherwise with the interface's own MAC, as keepalived"
AFTER_THE_KERNEL = "after the kernel confirmed the addresses, as section 8 wants"
NO_ROUTER_ADVERTISEMENTS = (
    "the agent sends none: an IPv6 gateway runs radvd beside it, as beside keepalived"
)

_INITIALIZE = (
    covered(
        at(STEP, "3768-6.4-1", "5798-6.4-1", "9568-6.4-1"),
        STATES,
        "Each virtual router has a state machine of its own.",
        "overview::virtual_routers_on_one_lan_are_independent",
        "overview::same_vrid_of_both_families_are_two_virtual_routers",
    ),
    covered(
        at(STEP, "3768-6.4.1-1", "5798-6.4.1-1", "9568-6.4.1-1"),
        STATES,
        "Initialize waits for a Startup event.",
        "initialize::startup_begins_the_protocol",
        "initialize::nothing_happens_before_startup",
        note="the event: the interfaces work and have an address",
    ),
    covered(
        at(STEP, "3768-6.4.1-2", "5798-6.4.1-2", "9568-6.4.1-2"),
        STATES,
        "At Startup an owner sends an advert.",
        "initialize::owner_becomes_active_at_once",
        "initialize::others_become_backup",
    ),
    covered(
        at(STEP, "3768-6.4.1-3", "5798-6.4.1-3", "9568-6.4.1-3"),
        STATES,
        "An owner broadcasts a gratuitous ARP with the virtual router MAC for each IPv4 address.",
        "initialize::owner_announces_every_address announce::gratuitous_arp_tells_the_mac",
        "initialize::others_announce_nothing",
        note=f"{VMAC}; {AFTER_THE_KERNEL}",
    ),
    covered(
        at(STEP, "5798-6.4.1-4", "9568-6.4.1-4"),
        STATES,
        "An owner sends an unsolicited neighbour advertisement (R and O set, S clear, target the"
        " address, link-layer address the virtual router MAC) for each IPv6 address.",
        "initialize::owner_announces_every_address announce::neighbour_advertisement_as_required",
        "initialize::others_announce_nothing",
        note=f"{VMAC}; {AFTER_THE_KERNEL}",
    ),
    covered(
        at(STEP, "3768-6.4.1-4", "5798-6.4.1-5", "9568-6.4.1-5"),
        STATES,
        "An owner starts its advert timer with its interval.",
        "initialize::owner_advertises_again_after_its_interval",
        "initialize::others_wait_by_their_own_interval",
    ),
    covered(
        at(STEP, "3768-6.4.1-5", "5798-6.4.1-6", "9568-6.4.1-6"),
        STATES,
        "An owner goes to Active.",
        "initialize::owner_becomes_active_at_once",
        "initialize::others_become_backup",
    ),
    covered(
        at(STEP, "5798-6.4.1-7", "9568-6.4.1-7"),
        STATES,
        "Any other router takes its own interval for the active router's.",
        "initialize::others_wait_by_their_own_interval",
        "initialize::restart_forgets_a_learned_interval",
    ),
    covered(
        at(STEP, "3768-6.4.1-6", "5798-6.4.1-8", "9568-6.4.1-8"),
        STATES,
        "Any other router starts its down timer with the down interval.",
        "initialize::others_wait_by_their_own_interval",
        "initialize::owner_advertises_again_after_its_interval",
    ),
    covered(
        at(STEP, "3768-6.4.1-7", "5798-6.4.1-9", "9568-6.4.1-9"),
        STATES,
        "Any other router goes to Backup.",
        "initialize::others_become_backup",
        "initialize::owner_becomes_active_at_once",
    ),
)

_BACKUP_TRAFFIC = (
    covered(
        at(MUST_NOT, "3768-6.4.2-1", "5798-6.4.2-1", "9568-6.4.2-1"),
        KERNEL,
        "A backup does not answer ARP requests for the addresses.",
        "wire::active_director_answers_arp",
        "wire::backup_does_not_answer_arp",
    ),
    covered(
        at(MUST_NOT, "5798-6.4.2-2", "9568-6.4.2-2"),
        KERNEL,
        "A backup does not answer neighbour solicitations for the addresses.",
        "ipv6::active_director_answers_solicitations",
        "ipv6::backup_does_not_answer_solicitations",
    ),
    covered(
        at(MUST_NOT, "5798-6.4.2-3", "9568-6.4.2-3"),
        SENDER,
        "A backup sends no router advertisements for the virtual router.",
        "ipv6::no_router_advertisements",
        "ipv6::no_router_advertisements",
    ),
    covered(
        at(MUST, "3768-6.4.2-2", "5798-6.4.2-4", "9568-6.4.2-4"),
        KERNEL,
        "A backup discards frames to the virtual router MAC.",
        "vmac::active_director_forwards_frames_to_the_virtual_mac",
        "vmac::backup_discards_frames_to_the_virtual_mac",
        note="with `use_vmac`; without it no interface takes them",
    ),
    covered(
        at(MUST_NOT, "3768-6.4.2-3", "5798-6.4.2-5", "9568-6.4.2-5"),
        KERNEL,
        "A backup does not accept packets to the addresses.",
        "wire::active_director_accepts_packets_to_the_addresses",
        "wire::backup_does_not_accept_packets_to_the_addresses",
    ),
)

_BACKUP = (
    covered(
        at(STEP, "3768-6.4.2-4", "5798-6.4.2-6", "9568-6.4.2-6"),
        STATES,
        "At Shutdown a backup cancels its down timer.",
        "backup::shutdown_ends_quietly",
        "backup::silence_makes_active_with_an_advert_first",
    ),
    covered(
        at(STEP, "3768-6.4.2-5", "5798-6.4.2-7", "9568-6.4.2-7"),
        STATES,
        "At Shutdown a backup goes to Initialize.",
        "backup::shutdown_ends_quietly",
        "backup::equal_or_higher_priority_is_obeyed",
    ),
    covered(
        at(STEP, "3768-6.4.2-6", "5798-6.4.2-8", "9568-6.4.2-8"),
        STATES,
        "When its down timer fires, a backup sends an advert.",
        "backup::silence_makes_active_with_an_advert_first",
        "backup::accepted_advert_restarts_the_timer",
        note="after a standstill of the process it first listens for one more interval",
    ),
    covered(
        at(STEP, "3768-6.4.2-7", "5798-6.4.2-9", "9568-6.4.2-9"),
        STATES,
        "It broadcasts a gratuitous ARP with the virtual router MAC for each IPv4 address.",
        "backup::new_active_announces_every_address announce::gratuitous_arp_tells_the_mac",
        "backup::nothing_is_announced_before_the_kernel_confirms",
        note=f"{VMAC}; {AFTER_THE_KERNEL}",
    ),
    covered(
        at(STEP, "5798-6.4.2-10", "9568-6.4.2-10"),
        KERNEL,
        "It joins the solicited-node group of each IPv6 address.",
        "ipv6::active_director_is_in_the_solicited_node_groups",
        "ipv6::backup_is_not_in_the_solicited_node_groups",
    ),
    covered(
        at(STEP, "5798-6.4.2-11", "9568-6.4.2-11"),
        STATES,
        "It sends an unsolicited neighbour advertisement (R and O set, S clear, target the address,"
        " link-layer address the virtual router MAC) for each IPv6 address.",
        "backup::new_active_announces_every_address announce::neighbour_advertisement_as_required",
        "backup::nothing_is_announced_before_the_kernel_confirms",
        note=f"{VMAC}; {AFTER_THE_KERNEL}",
    ),
    covered(
        at(STEP, "3768-6.4.2-8", "5798-6.4.2-12", "9568-6.4.2-12"),
        STATES,
        "It starts its advert timer with its own interval.",
        "backup::new_active_advertises_by_its_own_interval",
        "backup::accepted_advert_teaches_its_interval",
    ),
    covered(
        at(STEP, "3768-6.4.2-9", "5798-6.4.2-13", "9568-6.4.2-13"),
        STATES,
        "It goes to Active.",
        "backup::silence_makes_active_with_an_advert_first",
        "backup::accepted_advert_restarts_the_timer",
    ),
    covered(
        at(STEP, "3768-6.4.2-10", "5798-6.4.2-14", "9568-6.4.2-14"),
        STATES,
        "An advert of priority 0 sets the down timer to Skew_Time.",
        "backup::resignation_leaves_only_the_skew_time",
        "backup::equal_or_higher_priority_is_obeyed",
    ),
    covered(
        at(STEP, "5798-6.4.2-15", "9568-6.4.2-15"),
        STATES,
        "An advert that is obeyed teaches the active router's interval.",
        "backup::accepted_advert_teaches_its_interval",
        "backup::discarded_advert_teaches_no_interval",
    ),
    covered(
        at(STEP, "9568-6.4.2-16"),
        STATES,
        "Skew_Time is recomputed from it.",
        "backup::accepted_advert_changes_the_skew_time",
        "backup::discarded_advert_teaches_no_interval",
    ),
    covered(
        at(STEP, "5798-6.4.2-16", "9568-6.4.2-17"),
        STATES,
        "The down interval is recomputed from it.",
        "backup::accepted_advert_teaches_its_interval",
        "backup::discarded_advert_teaches_no_interval",
    ),
    covered(
        at(STEP, "3768-6.4.2-11", "5798-6.4.2-17", "9568-6.4.2-18"),
        STATES,
        "An advert of the same or a higher priority starts the down timer again.",
        "backup::equal_or_higher_priority_is_obeyed backup::accepted_advert_restarts_the_timer",
        "backup::lower_priority_is_discarded_when_preempting",
    ),
    covered(
        at(STEP, "3768-6.4.2-12", "5798-6.4.2-18", "9568-6.4.2-19"),
        STATES,
        "Without preemption an advert of lower priority starts it again as well.",
        "backup::without_preemption_a_lower_priority_is_obeyed",
        "backup::lower_priority_is_discarded_when_preempting",
    ),
    covered(
        at(STEP, "3768-6.4.2-13", "5798-6.4.2-19", "9568-6.4.2-20"),
        STATES,
        "With preemption an advert of lower priority is discarded.",
        "backup::lower_priority_is_discarded_when_preempting",
        "backup::without_preemption_a_lower_priority_is_obeyed",
    ),
)

_ACTIVE_TRAFFIC = (
    deviation(
        at(STEP, "5798-6.4.3-1", "9568-6.4.3-1"),
        STATES,
        "Preempt_Mode is not considered in Active.",
        why="after a standstill that others must have taken for its end, a router with `nopreempt`"
        " leaves the one that took over in place, whatever its priority",
        yes="active::option_nopreempt_does_not_matter",
        no="active::after_a_standstill_nopreempt_leaves_the_other_in_place",
    ),
    covered(
        at(MUST, "3768-6.4.3-1", "5798-6.4.3-2", "9568-6.4.3-2"),
        KERNEL,
        "The active router answers ARP requests for the addresses.",
        "wire::active_director_answers_arp accept::no_accept_still_answers_arp",
        "wire::backup_does_not_answer_arp",
    ),
    covered(
        at(MUST, "5798-6.4.3-3", "9568-6.4.3-3"),
        KERNEL,
        "It is a member of the addresses' solicited-node groups.",
        "ipv6::active_director_is_in_the_solicited_node_groups",
        "ipv6::backup_is_not_in_the_solicited_node_groups",
    ),
    covered(
        at(MUST, "5798-6.4.3-4", "9568-6.4.3-4a"),
        KERNEL,
        "It answers neighbour solicitations for the addresses.",
        "ipv6::active_director_answers_solicitations",
        "ipv6::backup_does_not_answer_solicitations",
    ),
    covered(
        at(MUST, "9568-6.4.3-4b"),
        KERNEL,
        "The answers have the Router flag.",
        "ipv6::forwarding_director_answers_as_a_router",
        "ipv6::director_that_does_not_forward_answers_as_a_host",
        note="where the kernel forwards IPv6: it sets the flag by that",
    ),
    deviation(
        at(MUST, "5798-6.4.3-5", "9568-6.4.3-5"),
        SENDER,
        "It sends router advertisements for the virtual router.",
        why=NO_ROUTER_ADVERTISEMENTS,
        yes="ipv6::no_router_advertisements",
        no="ipv6::no_router_advertisements",
    ),
    covered(
        at(MUST_NOT, "5798-6.4.3-6", "9568-6.4.3-6"),
        KERNEL,
        "With Accept_Mode off it does not drop neighbour solicitations and advertisements.",
        "accept::no_accept_still_answers_neighbour_solicitations",
        "accept::no_accept_drops_packets_to_the_addresses",
        note="with `no_accept`",
    ),
    covered(
        at(MUST, "3768-6.4.3-2", "5798-6.4.3-7", "9568-6.4.3-7"),
        KERNEL,
        "It forwards packets that come to the virtual router MAC.",
        "vmac::active_director_forwards_frames_to_the_virtual_mac",
        "vmac::frames_to_another_virtual_mac_are_nobodys",
        note="with `use_vmac`, where the kernel forwards",
    ),
    deviation(
        at(MUST_NOT, "3768-6.4.3-3"),
        KERNEL,
        "It does not accept packets to the addresses unless it is the owner.",
        why="a director serves at its virtual addresses, so the default is to accept, as in"
        " keepalived; `no_accept` or `strict_mode` is the RFC's rule",
        yes="accept::no_accept_drops_packets_to_the_addresses",
        no="accept::packets_to_the_addresses_are_accepted",
    ),
    covered(
        at(MUST, "3768-6.4.3-4"),
        KERNEL,
        "It accepts packets to the addresses if it is the owner.",
        "wire::active_director_accepts_packets_to_the_addresses",
        "wire::backup_does_not_accept_packets_to_the_addresses",
    ),
    covered(
        at(MUST, "5798-6.4.3-8", "9568-6.4.3-8"),
        KERNEL,
        "It accepts packets to the addresses if it is the owner, or Accept_Mode is on.",
        "accept::packets_to_the_addresses_are_accepted",
        "wire::backup_does_not_accept_packets_to_the_addresses",
    ),
    covered(
        at(MUST_NOT, "5798-6.4.3-9", "9568-6.4.3-9"),
        KERNEL,
        "Otherwise it does not accept them.",
        "accept::no_accept_drops_packets_to_the_addresses",
        "accept::packets_to_the_addresses_are_accepted",
        note="with `no_accept`",
    ),
)

_ACTIVE = (
    covered(
        at(STEP, "3768-6.4.3-5", "5798-6.4.3-10", "9568-6.4.3-10"),
        STATES,
        "At Shutdown it cancels its advert timer.",
        "active::shutdown_resigns_with_priority_0",
        "active::advert_every_interval",
    ),
    covered(
        at(STEP, "3768-6.4.3-6", "5798-6.4.3-11", "9568-6.4.3-11"),
        STATES,
        "At Shutdown it sends an advert of priority 0.",
        "active::shutdown_resigns_with_priority_0 wire::resignation_is_on_the_wire",
        "backup::shutdown_ends_quietly",
    ),
    covered(
        at(STEP, "3768-6.4.3-7", "5798-6.4.3-12", "9568-6.4.3-12"),
        STATES,
        "At Shutdown it goes to Initialize.",
        "active::shutdown_resigns_with_priority_0",
        "active::advert_every_interval",
    ),
    covered(
        at(STEP, "3768-6.4.3-8", "5798-6.4.3-13", "9568-6.4.3-13"),
        STATES,
        "When its advert timer fires, it sends an advert.",
        "active::advert_every_interval",
        "active::nothing_is_sent_before_the_interval_is_over",
    ),
    covered(
        at(STEP, "3768-6.4.3-9", "5798-6.4.3-14", "9568-6.4.3-14"),
        STATES,
        "It starts the timer again with its interval.",
        "active::advert_every_interval",
        "active::nothing_is_sent_before_the_interval_is_over",
        note="from the time when it was due, so that lateness does not add up",
    ),
    covered(
        at(STEP, "3768-6.4.3-10", "5798-6.4.3-15", "9568-6.4.3-15"),
        STATES,
        "An advert of priority 0 is answered with an advert.",
        "active::resignation_of_another_is_answered",
        "backup::resignation_leaves_only_the_skew_time",
    ),
    covered(
        at(STEP, "3768-6.4.3-11", "5798-6.4.3-16", "9568-6.4.3-16"),
        STATES,
        "And starts the advert timer again.",
        "active::resignation_of_another_is_answered",
        "active::nothing_is_sent_before_the_interval_is_over",
    ),
    covered(
        at(STEP, "3768-6.4.3-12", "5798-6.4.3-17", "9568-6.4.3-17"),
        STATES,
        "An advert of a higher priority ends the active state.",
        "active::yields_to_a_better_router",
        "active::loses_to_neither_lower_priority_nor_lower_address",
    ),
    covered(
        at(STEP, "3768-6.4.3-13", "5798-6.4.3-18", "9568-6.4.3-18"),
        STATES,
        "So does one of equal priority from a greater primary address.",
        "active::yields_to_a_better_router",
        "active::loses_to_neither_lower_priority_nor_lower_address",
    ),
    covered(
        at(STEP, "9568-6.4.3-19"),
        STATES,
        "Addresses compare as unsigned integers in network byte order.",
        "active::addresses_compare_unsigned_in_network_order",
        "active::loses_to_neither_lower_priority_nor_lower_address",
    ),
    covered(
        at(STEP, "3768-6.4.3-14", "5798-6.4.3-19", "9568-6.4.3-20"),
        STATES,
        "It then cancels its advert timer.",
        "active::yielding_ends_the_adverts active::strict_mode_yields_in_silence",
        "active::advert_every_interval",
        note="one parting advert goes out, so that a winner that had not heard of us announces"
        " itself; not with `strict_mode`",
    ),
    covered(
        at(STEP, "5798-6.4.3-20", "9568-6.4.3-21"),
        STATES,
        "It takes the interval from the advert.",
        "active::yielding_learns_the_interval",
        "active::losing_advert_teaches_no_interval",
    ),
    covered(
        at(STEP, "5798-6.4.3-21", "9568-6.4.3-22"),
        STATES,
        "It recomputes Skew_Time.",
        "active::yielding_changes_the_skew_time",
        "active::losing_advert_teaches_no_interval",
    ),
    covered(
        at(STEP, "5798-6.4.3-22", "9568-6.4.3-23"),
        STATES,
        "It recomputes the down interval.",
        "active::yielding_learns_the_interval",
        "active::losing_advert_teaches_no_interval",
    ),
    covered(
        at(STEP, "3768-6.4.3-15", "5798-6.4.3-23", "9568-6.4.3-24"),
        STATES,
        "It starts its down timer.",
        "active::yields_to_a_better_router",
        "active::loses_to_neither_lower_priority_nor_lower_address",
    ),
    covered(
        at(STEP, "3768-6.4.3-16", "5798-6.4.3-24", "9568-6.4.3-25"),
        STATES,
        "It goes to Backup.",
        "active::yields_to_a_better_router",
        "active::loses_to_neither_lower_priority_nor_lower_address",
    ),
    deviation(
        at(STEP, "3768-6.4.3-17", "5798-6.4.3-25"),
        STATES,
        "Any other advert is discarded.",
        why="it is answered with an advert, as RFC 9568 says for version 3; version 2 gains as"
        " much by it: the loser and the bridges learn at once; `lower_prio_no_advert: true` is"
        " the old rule",
        yes="active::losing_advert_is_answered"
        " active::option_lower_prio_no_advert_discards_in_silence",
        no="active::loses_to_neither_lower_priority_nor_lower_address",
    ),
    covered(
        at(STEP, "9568-6.4.3-26"),
        STATES,
        "Any other advert is discarded.",
        "active::loses_to_neither_lower_priority_nor_lower_address",
        "active::yields_to_a_better_router",
    ),
    deviation(
        at(STEP, "9568-6.4.3-27"),
        STATES,
        "And answered with an advert at once.",
        why="at most one answer in half an interval, so that a flood does not draw a flood",
        yes="active::losing_advert_is_answered",
        no="active::flood_of_losing_adverts_is_answered_twice_an_interval",
    ),
    covered(
        at(STEP, "9568-6.4.3-28"),
        SENDER,
        "Adverts leave with the virtual router MAC as their source, for the bridges.",
        "vmac::adverts_leave_from_the_virtual_mac",
        "vmac::without_the_option_adverts_leave_from_the_physical_mac",
        note="with `use_vmac`",
    ),
)

REQUIREMENTS = (*_INITIALIZE, *_BACKUP_TRAFFIC, *_BACKUP, *_ACTIVE_TRAFFIC, *_ACTIVE)
