# SPDX-License-Identifier: GPL-3.0-or-later
"""What both an instance and `global_defs` can say: there with the prefix vrrp_, as a default.

Owns those options, as the instance has them: without a default of their own.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Option, flag, integer, seconds

PREFIX = "vrrp_"

INHERITED: tuple[Option, ...] = (
    integer(
        "garp_master_repeat",
        "Gratuitous ARP requests (IPv6: unsolicited neighbour advertisements) per virtual"
        " address in one burst.",
        (1, 100),
        default_doc="global_defs.vrrp_garp_master_repeat",
    ),
    seconds(
        "garp_master_delay",
        "Delay until the second burst after becoming master; 0 for no second burst.",
        (0, 1000),
        default_doc="global_defs.vrrp_garp_master_delay",
    ),
    seconds(
        "garp_master_refresh",
        "Period of further bursts while master; 0 for none.",
        (0, 86400),
        default_doc="global_defs.vrrp_garp_master_refresh",
    ),
    integer(
        "garp_master_refresh_repeat",
        "Requests per virtual address in each of those.",
        (1, 100),
        default_doc="global_defs.vrrp_garp_master_refresh_repeat",
    ),
    integer(
        "garp_lower_prio_repeat",
        "Requests per virtual address after an advert of lower priority came while master; 0"
        " for none.",
        (0, 100),
        default_doc="global_defs.vrrp_garp_lower_prio_repeat",
    ),
    seconds(
        "garp_lower_prio_delay",
        "Delay until a second such burst; 0 for no second burst.",
        (0, 1000),
        default_doc="global_defs.vrrp_garp_lower_prio_delay",
    ),
    seconds(
        "garp_interval",
        "Pause between two gratuitous ARP requests on an interface.",
        (0, 1),
        default_doc="global_defs.vrrp_garp_interval",
    ),
    seconds(
        "gna_interval",
        "Pause between two unsolicited neighbour advertisements on an interface.",
        (0, 1),
        default_doc="global_defs.vrrp_gna_interval",
    ),
    flag(
        "lower_prio_no_advert",
        "While master, answer an advert of lower priority with silence.",
        default=None,
        default_doc="global_defs.vrrp_lower_prio_no_advert",
    ),
    flag(
        "higher_prio_send_advert",
        "While master, answer an advert of higher priority with a last advert of our own. The agent"
        " does so in any case, except with strict_mode.",
        default=None,
        default_doc="global_defs.vrrp_higher_prio_send_advert",
    ),
    integer(
        "down_timer_adverts",
        "Advert intervals of silence until the master counts as gone.",
        (1, 100),
        default_doc="global_defs.vrrp_down_timer_adverts",
    ),
    flag(
        "skip_check_adv_addr",
        "Do not compare the addresses in an advert from the same master as before.",
        default=None,
        default_doc="global_defs.vrrp_skip_check_adv_addr",
    ),
    flag(
        "check_unicast_src",
        "Accept unicast adverts from the listed peers only.",
        default=None,
        default_doc="global_defs.vrrp_check_unicast_src",
    ),
    flag(
        "owner_ignore_adverts",
        "The address owner (priority 255) pays no heed to adverts.",
        default=None,
        default_doc="global_defs.vrrp_owner_ignore_adverts",
    ),
)
