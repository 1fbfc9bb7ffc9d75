# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements of the sections after 7: ARP and ND, priorities, both versions, other media."""

from __future__ import annotations

from conformance.requirement import Level, Subject, at, covered, gap, outside

STEP, MUST, MUST_NOT, SHOULD, SHOULD_NOT, MAY = (
    Level.step, Level.MUST, Level.MUST_NOT, Level.SHOULD, Level.SHOULD_NOT, Level.MAY,
)  # fmt: skip
must, should, may = Level.must, Level.should, Level.may
SENDER, RECEIVER, STATES = Subject.SENDER, Subject.RECEIVER, Subject.STATES
CONFIGURATION, KERNEL = Subject.CONFIGURATION, Subject.KERNEL
OPERATOR, MEDIUM = Subject.OPERATOR, Subject.MEDIUM
VMAC = "with `use_vmac`"
PERMISSION = "a permission that we do not use"
ONE_VERSION = (
    "an instance speaks one version: the option to mix two is optional, and is not offered"
)
OTHER_MEDIA = "Ethernet only; FDDI, Token Ring and ATM LANE are history, and gone from RFC 9568"
REDIRECTS = (
    "the kernel sends redirects; which address it puts into them for a virtual router is not tested"
)

_ARP = (
    outside(
        at(may, "3768-8.1-1", "5798-8.1.1-1", "9568-8.1.1-1"),
        KERNEL,
        "ICMP redirects may be used as usual.",
        "the agent does not change how the kernel redirects",
    ),
    gap(
        at(should, "3768-8.1-2", "5798-8.1.1-2", "9568-8.1.1-2"),
        KERNEL,
        "The source of an ICMP redirect is the virtual address that the host used as its gateway.",
        REDIRECTS,
    ),
    covered(
        at(MUST, "3768-8.2-1", "5798-8.1.2-1", "9568-8.1.2-1"),
        KERNEL,
        "The active router answers ARP requests for the addresses with the virtual router MAC.",
        "vmac::arp_answer_tells_the_virtual_mac",
        "vmac::backup_with_a_virtual_mac_answers_no_arp vmac::own_address_keeps_the_physical_mac",
        note=VMAC,
    ),
    covered(
        at(MUST_NOT, "3768-8.2-2", "5798-8.1.2-2", "9568-8.1.2-2"),
        KERNEL,
        "It does not answer with its physical MAC.",
        "vmac::arp_answer_tells_the_virtual_mac",
        "vmac::without_the_option_arp_tells_the_physical_mac",
        note=VMAC,
    ),
    covered(
        at(SHOULD, "3768-8.2-3") + at(SHOULD_NOT, "5798-8.1.2-3", "9568-8.1.2-3"),
        SENDER,
        "A starting owner sends no ARP with its physical MAC for an address that it owns.",
        "vmac::starting_owner_sends_no_arp_from_the_physical_mac",
        "vmac::without_the_option_arp_tells_the_physical_mac",
        note=VMAC,
    ),
    covered(
        at(should, "3768-8.2-4", "5798-8.1.2-4") + at(SHOULD, "9568-8.1.2-4"),
        SENDER,
        "The active router broadcasts a gratuitous ARP with the virtual router MAC per address.",
        "vmac::gratuitous_arp_tells_the_virtual_mac",
        "initialize::others_announce_nothing",
        note=VMAC,
    ),
    covered(
        at(should, "3768-8.2-5", "5798-8.1.2-5") + at(MUST, "9568-8.1.2-5"),
        SENDER,
        "Gratuitous ARP waits until the address and the virtual router MAC are configured.",
        "backup::new_active_announces_every_address",
        "backup::nothing_is_announced_before_the_kernel_confirms",
    ),
    outside(
        at(must, "5798-8.1.2-6") + at(SHOULD, "9568-8.1.2-6"),
        OPERATOR,
        "To log in to one router, use an address of its own.",
        "advice to administrators; the documentation says it",
    ),
    outside(
        at(must, "3768-8.3-1", "5798-8.1.3-1") + at(MUST, "9568-8.1.3-1"),
        KERNEL,
        "Proxy ARP tells the virtual router MAC.",
        "the agent does not configure proxy ARP",
    ),
)

_ND = (
    outside(
        at(may, "5798-8.2.1-1", "9568-8.2.1-1"),
        KERNEL,
        "ICMPv6 redirects may be used as usual.",
        "the agent does not change how the kernel redirects",
    ),
    gap(
        at(should, "5798-8.2.1-2") + at(SHOULD, "9568-8.2.1-2"),
        KERNEL,
        "The source of an ICMPv6 redirect is the virtual address that the host had as its gateway.",
        REDIRECTS,
    ),
    covered(
        at(MUST, "5798-8.2.2-1", "9568-8.2.2-1"),
        KERNEL,
        "The active router answers neighbour solicitations with the virtual router MAC.",
        "vmac::neighbour_advertisement_tells_the_virtual_mac",
        "vmac::backup_with_a_virtual_mac_answers_no_solicitation",
        note=VMAC,
    ),
    covered(
        at(MUST_NOT, "5798-8.2.2-2", "9568-8.2.2-2"),
        KERNEL,
        "It does not answer with its physical MAC.",
        "vmac::neighbour_advertisement_tells_the_virtual_mac",
        "vmac::without_the_option_neighbours_learn_the_physical_mac",
        note=VMAC,
    ),
    covered(
        at(MUST, "5798-8.2.2-3", "9568-8.2.2-3"),
        KERNEL,
        "A solicitation for the virtual router has the virtual router MAC as its source option.",
        "vmac::solicitation_from_the_virtual_router_tells_the_virtual_mac",
        "vmac::without_the_option_neighbours_learn_the_physical_mac",
        note=VMAC,
    ),
    covered(
        at(MUST_NOT, "5798-8.2.2-4", "9568-8.2.2-4"),
        KERNEL,
        "It does not have the physical MAC there.",
        "vmac::solicitation_from_the_virtual_router_tells_the_virtual_mac",
        "vmac::without_the_option_neighbours_learn_the_physical_mac",
        note=VMAC,
    ),
    covered(
        at(SHOULD_NOT, "5798-8.2.2-5", "9568-8.2.2-5"),
        SENDER,
        "A starting owner sends no ND message with its physical MAC for an address that it owns.",
        "vmac::starting_owner_sends_no_nd_from_the_physical_mac",
        "vmac::without_the_option_neighbours_learn_the_physical_mac",
        note=VMAC,
    ),
    covered(
        at(should, "5798-8.2.2-6") + at(SHOULD, "9568-8.2.2-6"),
        SENDER,
        "The active router sends unsolicited neighbour advertisements with the virtual router MAC.",
        "vmac::unsolicited_advertisement_tells_the_virtual_mac",
        "initialize::others_announce_nothing",
        note=VMAC,
    ),
    covered(
        at(must, "5798-8.2.2-7") + at(MUST, "9568-8.2.2-7"),
        SENDER,
        "ND messages wait until the address and the virtual router MAC are configured.",
        "backup::new_active_announces_every_address",
        "backup::nothing_is_announced_before_the_kernel_confirms",
    ),
    covered(
        at(may, "5798-8.2.2-8") + at(MAY, "9568-8.2.2-8"),
        KERNEL,
        "Duplicate address detection of a returning owner may fail, as a backup may answer it.",
        "ipv6::addresses_skip_duplicate_address_detection",
        "ipv6::addresses_skip_duplicate_address_detection",
        note="virtual addresses skip the detection",
    ),
    outside(
        at(must, "5798-8.2.3-1") + at(MUST, "9568-8.2.3-1"),
        OPERATOR,
        "All routers send the same router advertisement options.",
        "the agent sends no router advertisements; the configuration is radvd's",
    ),
    outside(
        at(should, "5798-8.2.3-2") + at(SHOULD_NOT, "9568-8.2.3-2"),
        OPERATOR,
        "Options for services that backups cannot take over are not advertised.",
        "the agent sends no router advertisements; the configuration is radvd's",
    ),
    covered(
        at(SHOULD, "9568-8.2.4-1"),
        KERNEL,
        "Active and backup routers accept unsolicited neighbour advertisements.",
        "ipv6::unsolicited_advertisements_update_the_neighbour_cache",
        "ipv6::unsolicited_advertisements_update_the_neighbour_cache",
        note="the kernel's default, which the agent leaves alone",
    ),
)

_ROUTING = (
    covered(
        at(SHOULD, "3768-8.4-1") + at(SHOULD_NOT, "5798-8.3.1-1", "9568-8.3.1-1"),
        KERNEL,
        "An active router that is no owner does not forward packets to the addresses.",
        "wire::active_director_forwards_nothing_to_the_addresses"
        " ipv6::active_director_forwards_nothing_to_the_addresses",
        "wire::active_director_forwards_to_others",
    ),
    outside(
        at(may, "3768-8.4-2", "5798-8.3.1-2", "9568-8.3.1-2"),
        KERNEL,
        "A reject route per address is one way to that.",
        "one of several ways: the addresses are local, so there is nothing to forward",
    ),
    covered(
        at(must, "5798-8.3.2-1") + at(SHOULD, "9568-8.3.2-1"),
        OPERATOR,
        "Only one router of a VRID has priority 255.",
        "receive::second_owner_is_remarked",
        "active::of_two_owners_one_stays",
        note="we cannot enforce it; the controller refuses equal priorities of its own directors",
    ),
    covered(
        at(STEP, "5798-8.3.2-2", "9568-8.3.2-2"),
        STATES,
        "Priority 255 preempts every lower one as soon as it starts.",
        "initialize::owner_becomes_active_at_once active::yields_to_a_better_router",
        "initialize::others_become_backup",
    ),
    covered(
        at(SHOULD, "9568-8.3.2-3"),
        RECEIVER,
        "A second router of priority 255 is logged at a limited rate.",
        "wire::second_owner_is_logged",
        "wire::remarks_are_logged_at_a_limited_rate",
    ),
    covered(
        at(STEP, "5798-8.3.2-3", "9568-8.3.2-4"),
        STATES,
        "Without an owner and without preemption nobody preempts.",
        "backup::without_preemption_a_lower_priority_is_obeyed",
        "backup::owner_preempts_whatever_the_option_says",
    ),
    covered(
        at(should, "5798-8.3.2-4") + at(SHOULD, "9568-8.3.2-5"),
        OPERATOR,
        "Priorities differ, and by enough that the first to become active silences the others.",
        "overview::next_one_takes_over_when_the_preferred_is_gone",
        "unit/plugins/cluster_check::a_wrong_inventory_gives_its_error_with_its_place",
        note="we cannot enforce it; the controller refuses equal priorities of its own directors",
    ),
    covered(
        at(MAY, "9568-8.3.2-6"),
        RECEIVER,
        "Equal priorities may be logged.",
        "active::yielding_to_an_equal_says_so",
        "active::yields_to_a_better_router",
    ),
    covered(
        at(STEP, "9568-8.3.2-7"),
        STATES,
        "A higher priority converges faster.",
        "parameters::higher_priority_waits_less",
        "parameters::skew_time",
    ),
)

_BOTH_VERSIONS = (
    outside(
        at(STEP, "5798-8.4.1-1", "9568-8.4.1-1"),
        CONFIGURATION,
        "Working with both versions at once is optional.",
        ONE_VERSION,
    ),
    outside(
        at(should, "5798-8.4.1-2", "9568-8.4.1-2"),
        OPERATOR,
        "Mix the versions only while upgrading.",
        ONE_VERSION,
    ),
    outside(
        at(should, "5798-8.4.2-1") + at(Level.NOT_RECOMMENDED, "9568-8.4.2-1"),
        OPERATOR,
        "Mixing for good is not recommended.",
        ONE_VERSION,
    ),
    outside(
        at(MAY, "5798-8.4.2-2", "9568-8.4.2-2"),
        CONFIGURATION,
        "An option may make an instance speak and hear both versions.",
        PERMISSION,
    ),
    outside(
        at(MUST, "5798-8.4.2-3", "9568-8.4.2-3"),
        SENDER,
        "With that option, adverts of both versions go out at the configured rate.",
        ONE_VERSION,
    ),
    outside(
        at(should, "5798-8.4.2-4") + at(MUST, "9568-8.4.2-4"),
        STATES,
        "With it, a backup goes by the rate that the active router advertises.",
        ONE_VERSION,
    ),
    outside(
        at(must, "5798-8.4.2-5") + at(MUST, "9568-8.4.2-5"),
        STATES,
        "With it, seconds of version 2 are translated into centiseconds.",
        ONE_VERSION,
    ),
    outside(
        at(should, "5798-8.4.2-6") + at(SHOULD, "9568-8.4.2-6"),
        RECEIVER,
        "With it, version 2 is ignored from a router that also sends version 3.",
        ONE_VERSION,
    ),
    outside(
        at(MAY, "5798-8.4.2-7", "9568-8.4.2-7"),
        RECEIVER,
        "With it, an active router that does not send version 2 may be reported.",
        ONE_VERSION,
    ),
    outside(
        at(should, "5798-8.4.3.1-1") + at(SHOULD_NOT, "9568-8.4.2.1.1-1"),
        OPERATOR,
        "A router of version 2 does not get a higher priority than a sub-second one.",
        ONE_VERSION,
    ),
    outside(
        at(should, "5798-8.4.3.2-1", "9568-8.4.2.1.2-1"),
        OPERATOR,
        "While upgrading, run version 3 at slow rates first.",
        ONE_VERSION,
    ),
)

_THE_REST = (
    outside(
        at(Level.RECOMMENDED, "9568-9-1"),
        OPERATOR,
        "Follow RFC 9099's advice on the security of the link.",
        "a matter of switches and hosts",
    ),
    outside(
        at(should, "5798-9-1", "9568-9-2"),
        OPERATOR,
        "With SEND, routers share their prefixes and have key pairs of their own.",
        "the kernel has no SEND, and the agent does nothing against it",
    ),
    outside(
        at(SHOULD, "3768-9.1-1", "5798-A.1-1"),
        MEDIUM,
        "On FDDI the virtual router MAC is a filter, and not the device's address.",
        OTHER_MEDIA,
    ),
    outside(
        at(MUST, "3768-9.2-1", "5798-A.2-1"),
        MEDIUM,
        "On Token Ring the functional address mode is implemented.",
        OTHER_MEDIA,
    ),
    outside(
        at(MAY, "3768-9.2-2", "5798-A.2-2"),
        MEDIUM,
        "On Token Ring the unicast mode may be supported.",
        OTHER_MEDIA,
    ),
    outside(
        at(should, "3768-9.2-3", "5798-A.2-3"),
        MEDIUM,
        "On Token Ring, multicast is encapsulated as in RFC 1469.",
        OTHER_MEDIA,
    ),
)

REQUIREMENTS = (*_ARP, *_ND, *_ROUTING, *_BOTH_VERSIONS, *_THE_REST)
