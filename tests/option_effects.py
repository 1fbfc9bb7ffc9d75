# SPDX-License-Identifier: GPL-3.0-or-later
"""For each option of VRRP, the test that fails if the option has no effect.

Data alone; tests/unit/test_option_effects.py compares it with the schema. A test that is named
here begins with the value in a document, as an operator writes it, and looks at what comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Witness(StrEnum):
    """Where the effect is seen."""

    KERNEL = "kernel"  # addresses, routes, interfaces, firewall, IPVS of a real kernel
    WIRE = "wire"  # packets on a network, or what the real process makes of them
    PROCESS = "process"  # real programs, files, pipes, mail servers
    DECISION = "decision"  # the core alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """`test`: path from the repository's root, and the function's name behind "::"."""

    witness: Witness
    test: str


EFFECTS: dict[str, Effect] = {}


def _shown(witness: Witness, test: str, block: str, options: str) -> None:
    """Each of `options` (names with blanks between them) of `block` is shown by this test."""
    for option in options.split():
        name = f"{block}.{option}"
        if name in EFFECTS:
            raise ValueError(f"{name} is shown twice")
        EFFECTS[name] = Effect(witness=witness, test=f"tests/{test}")


_KERNEL, _WIRE, _PROCESS = Witness.KERNEL, Witness.WIRE, Witness.PROCESS

# Addresses

_TEST = "netns/test_kernel_documents.py::test_every_option_of_an_address_is_in_the_kernel"
_shown(_KERNEL, _TEST, "vrrp_instance", "virtual_ipaddress virtual_ipaddress_excluded")
_shown(
    _KERNEL,
    _TEST,
    "virtual_ipaddress",
    "address brd dev label scope peer home nodad mngtmpaddr noprefixroute autojoin preferred_lft"
    " no_track",
)
_TEST = "netns/test_kernel_documents.py::test_instance_is_on_its_interface"
_shown(_KERNEL, _TEST, "document", "vrrp_instances")
_shown(_KERNEL, _TEST, "vrrp_instance", "interface")
_TEST = "netns/test_kernel_documents.py::test_vmac_has_the_name_and_mac_of_the_document"
_shown(_KERNEL, _TEST, "virtual_ipaddress", "use_vmac")
_shown(_KERNEL, _TEST, "use_vmac", "name mac")
_shown(_KERNEL, _TEST, "global_defs", "vmac_prefix")
_TEST = "netns/test_vrrp_vmac.py::test_client_keeps_its_neighbour_entry_over_a_takeover"
_shown(_WIRE, _TEST, "vrrp_instance", "use_vmac")
_TEST = (
    "netns/test_vrrp_vmac.py::"
    "test_xmit_base_sends_adverts_from_the_interface_and_announces_the_virtual_mac"
)
_shown(_WIRE, _TEST, "vrrp_instance", "vmac_xmit_base")
_TEST = "netns/test_kernel_documents.py::test_promote_secondaries_is_set_where_the_document_says_so"
_shown(_KERNEL, _TEST, "vrrp_instance", "promote_secondaries")
_TEST = (
    "netns/test_kernel_documents.py::test_strict_mode_closes_addresses_unless_the_document_accepts"
)
_shown(_KERNEL, _TEST, "vrrp_instance", "accept")
_TEST = "netns/test_kernel_firewall.py::test_no_accept_closes_the_addresses_while_they_are_held"
_shown(_KERNEL, _TEST, "vrrp_instance", "no_accept")
_TEST = "netns/test_kernel_documents.py::test_delays_of_an_interface_are_those_of_the_document"
_shown(_KERNEL, _TEST, "document", "interface_up_down_delays")
_shown(_KERNEL, _TEST, "interface_up_down_delay", "down up")

# Routes and rules

_TEST = (
    "netns/test_kernel_routes.py::"
    "test_hold_adds_every_kind_of_route_and_rule_and_release_removes_them"
)
_shown(_KERNEL, _TEST, "vrrp_instance", "virtual_routes virtual_rules")
_shown(
    _KERNEL, _TEST, "virtual_route", "type to via dev onlink nexthop src table metric mtu advmss"
)
_shown(
    _KERNEL,
    _TEST,
    "virtual_rule",
    "not from to iif oif fwmark tos ipproto sport dport preference action table"
    " suppress_prefixlength",
)
_TEST = "netns/test_kernel_documents.py::test_routes_and_rules_are_those_of_the_document"
_shown(_KERNEL, _TEST, "virtual_route", "scope protocol family")
_shown(_KERNEL, _TEST, "nexthop", "via dev weight onlink")
_shown(_KERNEL, _TEST, "virtual_rule", "family no_track")
_TEST = "netns/test_kernel_routes.py::test_no_track_route_stays_away_once_somebody_removed_it"
_shown(_KERNEL, _TEST, "virtual_route", "no_track")
_TEST = "netns/test_kernel_routes.py::test_static_ones_are_there_from_the_start_and_gone_at_the_end"
_shown(_KERNEL, _TEST, "document", "static_ipaddress static_routes static_rules")

_FILE = "netns/test_vrrp_tracking.py"
_TEST = f"{_FILE}::test_what_is_static_is_tracked_by_its_interface"
_shown(_KERNEL, _TEST, "document", "track_groups")
_shown(_KERNEL, _TEST, "track_group", "group")
for _block in ("virtual_ipaddress", "virtual_route", "virtual_rule"):
    _shown(_KERNEL, _TEST, _block, "track_group")

# IPVS connections

_TEST = "lab/test_sync_daemon.py::test_sync_daemon"
_shown(_KERNEL, _TEST, "global_defs", "lvs_sync_daemon")
_shown(_KERNEL, _TEST, "lvs_sync_daemon", "interface inst id maxlen port ttl group")

# Scheduling

_FILE = "netns/test_vrrp_scheduling.py"
_TEST = f"{_FILE}::test_process_has_the_scheduling_of_the_document_and_after_a_reload_the_new_one"
_shown(
    _KERNEL, _TEST, "global_defs", "vrrp_rt_priority vrrp_priority vrrp_no_swap vrrp_cpu_affinity"
)
_TEST = f"{_FILE}::test_kept_waiting_the_process_raises_its_priority_up_to_the_limit"
_shown(_KERNEL, _TEST, "global_defs", "max_auto_priority min_auto_priority_delay")
_TEST = "unit/proc/test_ha_scheduling.py::test_who_computes_too_long_goes_on_without_real_time"
_shown(_PROCESS, _TEST, "global_defs", "vrrp_rlimit_rttime")

# Files for programs that read keepalived's

_TEST = "netns/test_dump_files.py::test_files_are_those_of_keepalived"
_shown(_PROCESS, _TEST, "global_defs", "json_dump_file state_dump_file stats_dump_file")
_TEST = "netns/test_dump_files.py::test_second_layout_is_a_mapping"
_shown(_PROCESS, _TEST, "global_defs", "json_version")

# Elections

_TEST = "netns/test_vrrp_elections.py::test_returning_higher_priority_preempts"
_shown(_WIRE, _TEST, "vrrp_instance", "priority")
_TEST = "netns/test_vrrp_elections.py::test_nopreempt_leaves_the_working_master"
_shown(_WIRE, _TEST, "vrrp_instance", "nopreempt")
_TEST = "netns/test_vrrp_faults.py::test_ten_milliseconds_fail_over_in_a_fraction_of_a_second"
_shown(_WIRE, _TEST, "vrrp_instance", "advert_int")
_TEST = "netns/test_vrrp_documents.py::test_versions_groups_and_delays_go_by_the_document"
_shown(
    _WIRE,
    _TEST,
    "vrrp_instance",
    "virtual_router_id version no_virtual_ipaddress preempt preempt_delay",
)
_shown(
    _WIRE,
    _TEST,
    "global_defs",
    "vrrp_version vrrp_mcast_group4 vrrp_mcast_group6 vrrp_startup_delay",
)
_shown(_WIRE, _TEST, "document", "global_defs")
_TEST = (
    "unit/core/vrrp/test_stack_documents.py::"
    "test_host_that_booted_just_now_waits_as_the_document_says"
)
_shown(Witness.DECISION, _TEST, "global_defs", "vrrp_delay_after_boot")
_TEST = (
    "unit/cli/test_run_documents.py::"
    "test_missing_interface_ends_the_start_unless_the_file_waits_for_it"
)
_shown(_PROCESS, _TEST, "global_defs", "dynamic_interfaces")
_TEST = (
    "netns/test_vrrp_documents.py::"
    "test_instance_whose_own_interface_is_not_tracked_works_on_without_it"
)
_shown(_WIRE, _TEST, "vrrp_instance", "dont_track_primary")
_TEST = "lab/test_vrrp_options.py::test_a_dead_process_moves_the_whole_group_and_everybody_is_told"
_shown(_KERNEL, _TEST, "document", "vrrp_sync_groups")
_shown(_KERNEL, _TEST, "vrrp_sync_group", "group")

# Authentication and addressing of adverts

_TEST = "netns/test_vrrp_ah.py::test_keepalived_and_we_follow_each_other_by_multicast_and_unicast"
_shown(_WIRE, _TEST, "vrrp_instance", "authentication")
_shown(_WIRE, _TEST, "authentication", "auth_type")
_TEST = "netns/test_vrrp_keepalived.py::test_wrong_password_is_rejected_by_both_sides"
_shown(_WIRE, _TEST, "authentication", "auth_pass")
_TEST = "netns/test_vrrp_unicast.py::test_three_agents_elect_and_hand_over"
_shown(_WIRE, _TEST, "vrrp_instance", "unicast_peer")
_shown(_WIRE, _TEST, "unicast_peer", "address")
_TEST = "netns/test_vrrp_unicast.py::test_ttl_bounds_of_a_peer_and_strangers"
_shown(_WIRE, _TEST, "unicast_peer", "min_ttl max_ttl")
_TEST = "netns/test_vrrp_unicast.py::test_source_and_ttl_are_those_of_the_settings"
_shown(_WIRE, _TEST, "vrrp_instance", "unicast_src_ip unicast_ttl")
_TEST = "netns/test_vrrp_unicast.py::test_without_a_peer_it_is_a_fault_when_told_so"
_shown(_WIRE, _TEST, "vrrp_instance", "unicast_fault_no_peer")
_TEST = "netns/test_vrrp_unicast.py::test_missing_source_is_a_fault_when_tracked"
_shown(_WIRE, _TEST, "vrrp_instance", "track_src_ip")
_TEST = "netns/test_vrrp_unicast.py::test_multicast_source_is_that_of_the_settings"
_shown(_WIRE, _TEST, "vrrp_instance", "mcast_src_ip mcast_dst_ip")

# What an instance says, or takes from global_defs

_TEST = "netns/test_vrrp_documents.py::test_announcements_go_by_the_document"
_BURSTS = (
    "garp_master_repeat garp_master_delay garp_master_refresh garp_master_refresh_repeat"
    " garp_lower_prio_repeat garp_lower_prio_delay garp_interval gna_interval"
)
_shown(_WIRE, _TEST, "vrrp_instance", f"{_BURSTS} dual_active_probe")
_BURSTS = " ".join(f"vrrp_{option}" for option in _BURSTS.split())
_shown(_WIRE, _TEST, "global_defs", f"{_BURSTS} dual_active_probe vrrp_min_garp")
_TEST = "netns/test_vrrp_documents.py::test_receipt_of_adverts_goes_by_the_document"
_RECEIPT = (
    "lower_prio_no_advert down_timer_adverts skip_check_adv_addr check_unicast_src"
    " owner_ignore_adverts"
)
_shown(_WIRE, _TEST, "vrrp_instance", f"{_RECEIPT} strict_mode v3_checksum_as_v2")
_RECEIPT = " ".join(f"vrrp_{option}" for option in _RECEIPT.split())
_shown(_WIRE, _TEST, "global_defs", f"{_RECEIPT} vrrp_strict v3_checksum_as_v2")

# Trackers

_TEST = "netns/test_vrrp_tracking.py::test_priority_in_the_adverts_is_what_the_trackers_come_to"
_USES = "track_interface track_script track_process track_file track_bfd"
_shown(_WIRE, _TEST, "vrrp_instance", _USES)
_shown(_WIRE, _TEST, "vrrp_sync_group", f"{_USES} sync_group_tracking_weight")
for _block in _USES.split():
    _shown(_WIRE, _TEST, _block, "name weight reverse")
for _block in ("vrrp_script", "vrrp_track_process", "vrrp_track_file", "bfd_instance"):
    _shown(_WIRE, _TEST, _block, "weight reverse")
_FILE = "unit/proc/test_track_documents.py"
_TEST = f"{_FILE}::test_script_runs_at_its_interval"
_shown(_PROCESS, _TEST, "document", "vrrp_scripts")
_shown(_PROCESS, _TEST, "vrrp_script", "script interval")
_TEST = f"{_FILE}::test_script_is_ended_at_its_timeout"
_shown(_PROCESS, _TEST, "vrrp_script", "timeout")
_TEST = f"{_FILE}::test_script_rises_and_falls_after_so_many_results"
_shown(_PROCESS, _TEST, "vrrp_script", "rise fall init_fail")
_TEST = f"{_FILE}::test_script_runs_as_its_user_or_as_that_of_all"
_shown(_PROCESS, _TEST, "vrrp_script", "user")
_shown(_PROCESS, _TEST, "global_defs", "script_user")
_TEST = f"{_FILE}::test_which_and_how_many_processes_count"
_shown(_PROCESS, _TEST, "document", "vrrp_track_processes")
_shown(_PROCESS, _TEST, "vrrp_track_process", "process param_match full_command quorum quorum_max")
_TEST = f"{_FILE}::test_delays_of_processes_hold_changes_back"
_shown(_PROCESS, _TEST, "vrrp_track_process", "fork_delay terminate_delay delay")
_TEST = f"{_FILE}::test_file_is_where_and_begins_as_the_document_says"
_shown(_PROCESS, _TEST, "document", "vrrp_track_files")
_shown(_PROCESS, _TEST, "vrrp_track_file", "file init_file overwrite")
_TEST = "netns/test_bfd_documents.py::test_packets_are_those_of_the_document"
_shown(_WIRE, _TEST, "document", "bfd_instances")
_shown(
    _WIRE,
    _TEST,
    "bfd_instance",
    "neighbor_ip source_ip min_rx min_tx multiplier passive ttl hoplimit max_hops",
)
_TEST = "netns/test_bfd_documents.py::test_idle_interval_is_that_of_the_document"
_shown(_WIRE, _TEST, "bfd_instance", "idle_tx")

# Who is told

_TEST = f"{_FILE}::test_script_that_others_could_change_is_not_run_where_the_document_says_so"
_shown(_PROCESS, _TEST, "global_defs", "enable_script_security")
_FILE = "unit/proc/test_track_telling.py"
_TEST = f"{_FILE}::test_each_change_runs_the_command_of_the_document"
_COMMANDS = "notify_master notify_backup notify_fault notify_stop"
_shown(
    _PROCESS,
    _TEST,
    "vrrp_instance",
    f"{_COMMANDS} notify_deleted notify_master_rx_lower_pri notify_dual_active",
)
_shown(_PROCESS, _TEST, "vrrp_sync_group", _COMMANDS)
_TEST = f"{_FILE}::test_notify_gets_four_words_of_instance_and_group"
_shown(_PROCESS, _TEST, "vrrp_instance", "notify")
_shown(_PROCESS, _TEST, "vrrp_sync_group", "notify")
_TEST = f"{_FILE}::test_changes_of_priority_are_told_where_the_document_says_so"
_shown(_PROCESS, _TEST, "vrrp_instance", "notify_priority_changes")
_shown(_PROCESS, _TEST, "global_defs", "vrrp_notify_priority_changes")
_TEST = f"{_FILE}::test_notify_command_runs_as_the_user_and_ends_at_the_timeout"
_shown(_PROCESS, _TEST, "global_defs", "notify_timeout")
_TEST = f"{_FILE}::test_pipes_get_the_lines_of_their_subject_and_have_their_readers"
for _block in ("", "vrrp_", "lvs_"):
    _shown(_PROCESS, _TEST, "global_defs", f"{_block}notify_fifo {_block}notify_fifo_script")
_TEST = f"{_FILE}::test_mail_has_sender_recipients_and_names_of_the_document"
_shown(
    _PROCESS,
    _TEST,
    "global_defs",
    "router_id notification_email notification_email_from smtp_server smtp_helo_name",
)
_shown(_PROCESS, _TEST, "smtp_server", "host port")
_TEST = f"{_FILE}::test_mails_are_gathered_for_the_batch_time"
_shown(_PROCESS, _TEST, "global_defs", "smtp_batch")
_TEST = f"{_FILE}::test_who_is_mailed_about_is_what_the_document_says"
_shown(_PROCESS, _TEST, "vrrp_instance", "smtp_alert")
_shown(_PROCESS, _TEST, "vrrp_sync_group", "smtp_alert")
_shown(
    _PROCESS,
    _TEST,
    "global_defs",
    "smtp_alert smtp_alert_vrrp smtp_alert_checker no_checker_emails",
)
_TEST = f"{_FILE}::test_faults_are_mailed_unless_the_document_says_otherwise"
_shown(_PROCESS, _TEST, "global_defs", "no_email_faults")
_TEST = f"{_FILE}::test_silent_mail_server_is_given_up_after_the_timeout"
_shown(_PROCESS, _TEST, "global_defs", "smtp_connect_timeout")
_TEST = f"{_FILE}::test_connection_is_encrypted_and_logged_in_as_the_document_says"
_shown(_PROCESS, _TEST, "global_defs", "smtp_security smtp_user smtp_password")

# Options that no test shows, and why.
WITHOUT: dict[str, str] = {
    "vrrp_instance.state": "has none, as its text says: the election by priority decides",
    "vrrp_instance.higher_prio_send_advert": "has none: the parting advert goes out in any case but"
    " strict mode, which refuses the option",
    "global_defs.vrrp_higher_prio_send_advert": "as the instance's",
}
