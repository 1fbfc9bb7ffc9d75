# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements of sections 6.1 and 6.2: what is configured, what is learned, and the timers."""

from __future__ import annotations

from conformance.requirement import Level, Subject, at, covered, deviation

STEP, MUST, MUST_NOT, must = Level.step, Level.MUST, Level.MUST_NOT, Level.must
SENDER, RECEIVER, STATES = Subject.SENDER, Subject.RECEIVER, Subject.STATES
CONFIGURATION, KERNEL = Subject.CONFIGURATION, Subject.KERNEL

_PARAMETERS = (
    covered(
        at(STEP, "3768-6.1-1", "5798-6.1-1", "9568-6.1-1"),
        CONFIGURATION,
        "The VRID is configured, from 1 to 255, and has no default.",
        "parameters::vrid_from_1_to_255",
        "parameters::vrid_outside_is_refused parameters::vrid_has_no_default",
    ),
    covered(
        at(STEP, "3768-6.1-2", "5798-6.1-2", "9568-6.1-2"),
        CONFIGURATION,
        "Priority 255 is reserved for the owner of the addresses.",
        "initialize::owner_becomes_active_at_once",
        "initialize::others_become_backup",
    ),
    covered(
        at(STEP, "3768-6.1-3", "5798-6.1-3", "9568-6.1-3"),
        CONFIGURATION,
        "Priority 0 is reserved for resigning.",
        "active::shutdown_resigns_with_priority_0",
        "parameters::priority_outside_is_refused",
    ),
    covered(
        at(STEP, "3768-6.1-4", "5798-6.1-4", "9568-6.1-4"),
        CONFIGURATION,
        "Backups use 1 to 254, and 100 unless configured otherwise.",
        "parameters::priority_from_1_to_255 parameters::priority_is_100_unless_said",
        "parameters::priority_outside_is_refused",
    ),
    covered(
        at(STEP, "3768-6.1-5", "5798-6.1-5", "9568-6.1-5"),
        CONFIGURATION,
        "One or more IPv4 addresses are configured; there is no default.",
        "parameters::virtual_router_has_its_addresses",
        "parameters::virtual_router_needs_an_address",
    ),
    covered(
        at(STEP, "5798-6.1-6", "9568-6.1-6"),
        CONFIGURATION,
        "One or more IPv6 addresses are configured; there is no default.",
        "parameters::virtual_router_has_its_addresses",
        "parameters::virtual_router_needs_an_address",
    ),
    deviation(
        at(must, "5798-6.1-7") + at(MUST, "9568-6.1-7"),
        CONFIGURATION,
        "The first IPv6 address is the link-local one of the virtual router.",
        why="a warning, so that configurations of keepalived go on working; `strict_mode: true`"
        " makes it an error",
        yes="packet::first_ipv6_address_is_link_local"
        " parameters::first_ipv6_address_that_is_not_link_local_is_warned_of",
        no="parameters::strict_mode_refuses_a_first_address_that_is_not_link_local",
    ),
    covered(
        at(STEP, "3768-6.1-6", "5798-6.1-8", "9568-6.1-8"),
        CONFIGURATION,
        "The interval between adverts is configured, and is one second by default.",
        "parameters::interval_is_1_s_unless_said active::advert_every_interval",
        "parameters::interval_of_version_2_is_whole_seconds"
        " parameters::interval_of_version_3_has_12_bits",
    ),
    covered(
        at(STEP, "5798-6.1-9", "9568-6.1-9"),
        STATES,
        "A backup keeps the interval that the active router advertises; at first it is its own.",
        "backup::accepted_advert_teaches_its_interval",
        "backup::discarded_advert_teaches_no_interval"
        " initialize::others_wait_by_their_own_interval",
    ),
    covered(
        at(STEP, "3768-6.1-7"),
        STATES,
        "Skew_Time is (256 - priority) / 256 seconds.",
        "parameters::skew_time",
        "parameters::skew_of_version_2_does_not_depend_on_the_interval",
    ),
    covered(
        at(STEP, "5798-6.1-10", "9568-6.1-10"),
        STATES,
        "Skew_Time is (256 - priority) / 256 of the active router's interval.",
        "parameters::skew_time",
        "parameters::one_step_of_priority_counts_at_the_shortest_interval",
    ),
    covered(
        at(STEP, "3768-6.1-8", "5798-6.1-11", "9568-6.1-11"),
        STATES,
        "The active router counts as down after three intervals and Skew_Time.",
        "parameters::down_interval",
        "backup::accepted_advert_restarts_the_timer",
    ),
    covered(
        at(STEP, "3768-6.1-9", "5798-6.1-12", "9568-6.1-12"),
        CONFIGURATION,
        "Preempt_Mode: whether a higher priority takes over from a lower; by default it does.",
        "parameters::preemption_is_on_unless_said"
        " backup::lower_priority_is_discarded_when_preempting",
        "backup::without_preemption_a_lower_priority_is_obeyed",
    ),
    covered(
        at(STEP, "3768-6.1-10", "5798-6.1-13", "9568-6.1-13"),
        STATES,
        "An address owner preempts whatever Preempt_Mode says.",
        "backup::owner_preempts_whatever_the_option_says",
        "parameters::owner_without_preemption_is_refused",
    ),
    covered(
        at(STEP, "5798-6.1-14", "9568-6.1-14"),
        CONFIGURATION,
        "Accept_Mode decides whether an active router that is no owner accepts packets to the"
        " addresses.",
        "accept::packets_to_the_addresses_are_accepted",
        "accept::no_accept_drops_packets_to_the_addresses",
    ),
    deviation(
        at(STEP, "5798-6.1-15", "9568-6.1-15"),
        CONFIGURATION,
        "Accept_Mode is off by default.",
        why="a director serves at its virtual addresses, so the default is to accept, as in"
        " keepalived; `no_accept` or `strict_mode` is the RFC's default",
        yes="parameters::packets_are_accepted_unless_said_otherwise",
        no="parameters::strict_mode_accepts_packets_for_the_owner_alone",
    ),
    covered(
        at(MUST_NOT, "5798-6.1-16", "9568-6.1-16"),
        KERNEL,
        "Neighbour solicitations and advertisements are not dropped when Accept_Mode is off.",
        "accept::no_accept_still_answers_neighbour_solicitations",
        "accept::no_accept_drops_packets_to_the_addresses",
        note="with `no_accept`",
    ),
    covered(
        at(STEP, "5798-6.1-17", "9568-6.1-17"),
        SENDER,
        "The virtual router MAC is the source of adverts and what ARP and ND tell.",
        "vmac::adverts_leave_from_the_virtual_mac vmac::arp_answer_tells_the_virtual_mac",
        "vmac::without_the_option_adverts_leave_from_the_physical_mac",
        note="with `use_vmac`",
    ),
    covered(
        at(STEP, "3768-6.1-11"),
        CONFIGURATION,
        "The authentication type is configured per virtual router.",
        "packet::authentication_type_is_the_instances",
        "receive::other_authentication_type_is_discarded",
    ),
    covered(
        at(STEP, "3768-6.1-12"),
        CONFIGURATION,
        "The authentication data belongs to the type.",
        "packet::authentication_type_is_the_instances",
        "receive::wrong_password_is_discarded",
    ),
)

_TIMERS = (
    covered(
        at(STEP, "3768-6.2-1", "5798-6.2-1", "9568-6.2-1"),
        STATES,
        "A backup's down timer fires when no advert came for the down interval.",
        "backup::silence_makes_active_with_an_advert_first",
        "backup::accepted_advert_restarts_the_timer",
    ),
    covered(
        at(STEP, "3768-6.2-2", "5798-6.2-2", "9568-6.2-2"),
        STATES,
        "The active router's advert timer fires every interval.",
        "active::advert_every_interval",
        "overview::backup_sends_nothing",
    ),
)

REQUIREMENTS = (*_PARAMETERS, *_TIMERS)
