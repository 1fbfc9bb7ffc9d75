# SPDX-License-Identifier: GPL-3.0-or-later
"""What the schema cannot say of keepalived's keywords.

Owns synonyms, the ways of writing that differ from the schema's kinds, what is read in a way of its
own, what is not here and where it would stand. Why something is not here is said once, in
`schema/unsupported.py`. A place is a block of keepalived's, by the keyword that opens it.
"""

from __future__ import annotations

from lvs_agent.schema import CHECK_NAMES

TOP = "the file"

# Section of our document -> keyword of keepalived, where the names differ.
SECTIONS = {
    "vrrp_instances": "vrrp_instance",
    "vrrp_sync_groups": "vrrp_sync_group",
    "vrrp_scripts": "vrrp_script",
    "vrrp_track_files": "track_file",
    "vrrp_track_processes": "vrrp_track_process",
    "bfd_instances": "bfd_instance",
    "track_groups": "track_group",
    "virtual_server_groups": "virtual_server_group",
    "virtual_servers": "virtual_server",
}
SECTION_SYNONYMS = {"track_file": ("vrrp_track_file",)}

# Place -> keyword -> (the keyword that means the same, whether this is an old name for it).
SYNONYMS: dict[str, dict[str, tuple[str, bool]]] = {
    "virtual_server": {
        "lvs_sched": ("lb_algo", False), "lvs_method": ("lb_kind", False),
    },
    "global_defs": {"vrrp_rlimit_rtime": ("vrrp_rlimit_rttime", True)},
    "bfd_instance": {"neighbour_ip": ("neighbor_ip", False)},
    "HTTP_GET": {"nb_get_retry": ("retry", True)},
    "SSL_GET": {"nb_get_retry": ("retry", True)},
    "vrrp_sync_group": {"global_tracking": ("sync_group_tracking_weight", True)},
}  # fmt: skip

# (place, option) -> its keyword there, where keepalived has another name for it.
NAMES = {("real_server", "lb_kind"): "lvs_method"}

# Options whose way of writing does not follow from their kind.
FORMS = {
    "init_file": "INIT_FILE",
    "user": "USER",
    "script_user": "USER",
    "script": "SCRIPT",
    "misc_path": "SCRIPT",
    "regex_options": "WORDS",
}
# Places where a weight may be followed by reverse.
WEIGHTED = ("vrrp_script", "track_file", "vrrp_track_process", "bfd_instance", "FILE_CHECK")

# Yes-or-no keywords that take no word behind them: `nopreempt off` means nopreempt. Of one place
# alone: PLACE.NAME.
FLAGS = (
    "nopreempt", "preempt", "accept", "no_accept", "promote_secondaries", "dont_track_primary",
    "vmac_xmit_base", "track_src_ip", "unicast_fault_no_peer", "init_fail", "passive",
    "full_command", "sync_group_tracking_weight", "omega", "ha_suspend", "ops",
    "sorry_server_inhibit", "misc_dynamic", "regex_no_match", "no_email_faults",
    "no_checker_emails", "vrrp_strict", "enable_script_security", "sh_port", "sh_fallback",
    "mh_port", "mh_fallback", "flag_1", "flag_2", "flag_3", "vrrp_skip_check_adv_addr",
    "vrrp_check_unicast_src", "check_unicast_src", "virtual_server.alpha",
    "virtual_server.inhibit_on_failure", "vrrp_no_swap", "lvs_flush",
)  # fmt: skip

# Options of ours that keepalived has no keyword for, by block of the schema.
OURS: dict[str, tuple[str, ...]] = {
    "global_defs": (
        "notify_timeout", "dual_active_probe", "smtp_security", "smtp_user", "smtp_password",
        "smtp_batch",
    ),
    "vrrp_instance": (
        "dual_active_probe", "notify_dual_active", "no_virtual_ipaddress", "garp_interval",
        "gna_interval",
    ),
    "file_check": ("delay_loop", "retry", "delay_before_retry", "alpha", "log_all_failures"),
    "virtual_server": ("panic_threshold",),
    "ssl_get": (
        "verify", "tls_min_version", "tls_max_version", "expire_warning",
    ),
}  # fmt: skip

# Options that keepalived has behind the keyword of their block, or in another one: a server's
# address, the checks that a virtual server says once for all of its real servers.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "virtual_server": ("ip", "port", "fwmark", "group", "real_servers", *CHECK_NAMES),
    "real_server": ("ip", "port"),
    "ssl_get": ("ca", "certificate", "key"),
}
# What an old host block of SMTP_CHECK may say: of its own connection, and of the whole check.
HOST = ("connect_ip", "connect_port", "bindto", "bind_if", "bind_port", "connect_timeout")
HOST_PACE = ("retry", "delay_before_retry", "delay_loop", "warmup", "alpha", "log_all_failures")

_ON_STOP = (
    "the agent removes its own services at its end in any case, each as a whole, as with VS; what"
    " others have in IPVS stays"
)
_PORT = "without NAT its port is only where it is checked: packets keep theirs"
_ALL_CHECKS = "becomes log_all_failures of every check"

# Place -> keyword -> how it differs; these are read in a way of their own (`translate_special.py`).
SPECIAL: dict[str, dict[str, str]] = {
    TOP: {
        "virtual_server": "",
        "virtual_server_group": "",
        "interface_up_down_delays": "",
        "SSL": "its certificate and key go into every SSL_GET; a key must have no password",
    },
    "global_defs": {
        "dynamic_interfaces": "is always on here unless said to be off; a changed type of interface"
        " is always allowed",
        "default_interface": "becomes dev of the static addresses that name none",
        "lvs_sync_daemon": "",
        "checker_log_all_failures": _ALL_CHECKS,
        **dict.fromkeys(("lvs_flush_on_stop", "lvs_flush_onstop"), _ON_STOP),
    },
    "vrrp_instance": {"use_vmac": ""},
    "virtual_server": {
        "real_server": _PORT,
        "sorry_server": "without a port it has the virtual server's, not 0",
        "sorry_server_lvs_method": "",
    },
    "HTTP_GET": {"virtualhost": "goes into every url that has none"},
    "SSL_GET": {"virtualhost": "goes into every url that has none"},
    "SMTP_CHECK": {"host": "each becomes an smtp_check of its own"},
    "FILE_CHECK": {"dynamic": "is said by a weight other than 0"},
    # Read as a whole, by the reader of the block.
    "SSL": {
        "ca": "is left out: keepalived verifies nothing by it; set verify and ca in ssl_get",
        **dict.fromkeys(("certificate", "key"), "goes into every SSL_GET"),
    },
    "host": dict.fromkeys((*HOST, *HOST_PACE), ""),
}
BLOCKS_READ_SPECIALLY = ("virtual_server", "real_server", "SSL", "host")
PLACES_WITHOUT_BLOCK = ("SSL", "host")

# Keywords that need nothing here: what they ask for holds in any case.
_INCLUDE = "is read with the file, on the host that has it"
IGNORED: dict[str, dict[str, str]] = {
    TOP: {
        **dict.fromkeys(("include", "includer", "includem", "includew"), _INCLUDE),
        **dict.fromkeys(("includeb", "includea"), _INCLUDE),
    },
    "global_defs": {"include_check": _INCLUDE},
    "bfd_instance": {
        "vrrp": "a session serves whoever names it",
        "checker": "a session serves whoever names it",
    },
    "HTTP_GET": {"enable_sni": "HTTP has no SNI"},
    "PING_CHECK": {"connect_port": "ICMP has no ports", "bind_port": "ICMP has no ports"},
}

# (place or *, keyword) -> how it differs from keepalived's.
DIFFERENT: dict[tuple[str, str], str] = {
    ("vrrp_instance", "state"): "has no effect: priority decides. MASTER without a priority becomes"
    " priority 255, as in keepalived",
    ("*", "script_user"): "without it scripts run as the agent's own user, without privileges,"
    " never as root",
    ("*", "warmup"): "checks start evenly, not at random, and within 5 s where nothing is said",
    ("*", "http_protocol"): "1.0C is 1.0: each request has a connection of its own in any case",
    ("*", "enable_script_security"): "a script that fails the test counts as failed",
    ("*", "regex"): "without backreferences and look-around",
    ("*", "regex_options"): "caseless, dotall and multiline",
    ("*", "v3_checksum_as_v2"): "is on by default here; imported files say it is off",
    ("*", "enable_sni"): "is on by default here; imported files say it is off",
    ("*", "lb_kind"): "is DR by default here; imported files say NAT",
    ("*", "protocol"): "is TCP by default here, UDP in keepalived; imported files say UDP",
    ("*", "vrrp_higher_prio_send_advert"): "the agent does so in any case, except in strict mode",
    ("*", "higher_prio_send_advert"): "the agent does so in any case, except in strict mode",
    ("*", "notify_fifo"): "belongs to the agent's own user and group",
    ("*", "vrrp_notify_fifo"): "belongs to the agent's own user and group",
    ("*", "lvs_notify_fifo"): "belongs to the agent's own user and group",
    ("*", "vrrp_rt_priority"): "is 20 where nothing is said",
    ("*", "vrrp_rlimit_rttime"): "is 0.1 s where nothing is said. A process that takes longer"
    " loses its real-time priority until it is back in its loop, and is not ended",
    ("*", "vrrp_priority"): "has no effect as long as the process has a real-time priority, as it"
    " has by default",
    ("*", "max_auto_priority"): "the time that the process itself used does not count as waiting",
    ("*", "lvs_flush"): "what is configured is not removed, so that its connections live on",
    **dict.fromkeys(
        (("*", "json_dump_file"), ("*", "state_dump_file"), ("*", "stats_dump_file")),
        "is written only where its name is said, and not in /tmp; of VRRP, and without passwords",
    ),
    ("*", "max_hops"): "of one hop only, as RFC 5881 wants by default",
    ("*", "payload"): "without it the datagram is empty, not random",
    ("virtual_server", "smtp_alert"): "is on by default for the quorum too, in keepalived for real"
    " servers only",
    ("virtual_server", "delay_before_retry"): "is 1 s by default here, also for HTTP_GET and"
    " SSL_GET (3 s) and DNS_CHECK (delay_loop); imported checks say theirs",
    ("virtual_server", "retry"): "is 1 by default here, also for DNS_CHECK (3) and MISC_CHECK (0);"
    " imported checks say theirs",
}  # fmt: skip

# (place or *, keyword) -> the release of keepalived that it came with, after Debian 12's 2.2.7.
SINCE: dict[tuple[str, str], str] = {
    ("*", "v3_checksum_as_v2"): "2.2.8",
    ("*", "vrrp_owner_ignore_adverts"): "2.3.3",
    ("*", "owner_ignore_adverts"): "2.3.3",
    ("*", "vrrp_delay_after_boot"): "2.4.0",
    ("*", "sni_name"): "2.2.8",
    **dict.fromkeys(
        (
            ("*", "json_dump_file"),
            ("*", "state_dump_file"),
            ("*", "stats_dump_file"),
            ("*", "json_version"),
        ),
        "2.2.8",
    ),
}

_CHECK_FWMARK = "fwmark"
_OTHERS = ("checker", "bfd")
_PROCESSES = ("vrrp", *_OTHERS)
_NETLINK = ("vrrp_netlink_cmd", "vrrp_netlink_monitor", "lvs_netlink_cmd", "lvs_netlink_monitor")

# Place -> keywords that nobody misses: what they ask for holds here in any case, or they are about
# the inside of keepalived. How: schema/unsupported.py.
NEEDLESS: dict[str, str] = {
    TOP: "linkbeat_use_polling linkbeat_interfaces",
    "global_defs": " ".join((
        "tmp_config_directory process_names set_supplementary_groups disable_local_igmp",
        "data_use_instance reload_check_config random_seed log_unknown_vrids",
        "nftables nftables_priority nftables_counters nftables_ifindex vrrp_iptables vrrp_ipsets",
        *(f"{name}_priority {name}_rt_priority" for name in _OTHERS),
        *(f"{name}_rcv_bufs {name}_rcv_bufs_force" for name in (*_NETLINK, "process_monitor")),
        "vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier",
    )),
    "vrrp_instance": "linkbeat_use_polling native_ipv6 debug kernel_rx_buf_size",
    "HTTP_GET": "fast_recovery",
    "SSL_GET": "fast_recovery",
    "url": "regex_stack",
}  # fmt: skip

# Place -> what keepalived knows there and we do not; why: schema/unsupported.py.
NOT_HERE: dict[str, str] = {
    TOP: """
        net_namespace net_namespace_ipvs namespace_with_ipsets instance use_pid_dir
        child_wait_time garp_group
    """,
    "global_defs": " ".join((
        "config_save_dir lvs_process_name process_name",
        *(f"{name}_process_name" for name in _PROCESSES),
        "startup_script startup_script_timeout shutdown_script shutdown_script_timeout",
        "use_symlink_paths",
        "vrrp_garp_extra_if vrrp_vmac_garp_intvl vmac_addr_prefix",
        "nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark",
        *(
            f"{name}_rlimit_rttime {name}_rlimit_rtime {name}_no_swap {name}_cpu_affinity"
            for name in _OTHERS
        ),
        "snmp_socket enable_snmp_keepalived enable_snmp_vrrp enable_snmp_checker enable_snmp_rfc",
        "enable_snmp_rfcv2 enable_snmp_rfcv3 enable_traps",
        "snmp_vs_stats_update_interval snmp_rs_stats_update_interval",
        "enable_dbus dbus_service_name dbus_no_interface_name",
        "fifo_write_vrrp_states_on_reload reload_time_file reload_repeat",
        "reload_file umask rs_init_notifies",
        "iproute_usr_dir iproute_etc_dir",
    )),
    "vrrp_instance": """
        vrf use_ipvlan use_vmac_addr old_unicast_checksum auth_hmac
        garp_extra_if vmac_garp_intvl timer_expired_backup lvs_sync_daemon_interface
    """,
    "vrrp_sync_group": "notify_priority_changes",
    "bfd_instance": "multihop",
    "virtual_server": "nat_mask snmp_name hashed",
    "real_server": "snmp_name",
    "HTTP_GET": _CHECK_FWMARK,
    "SSL_GET": "fwmark tls_compliant",
    "TCP_CHECK": _CHECK_FWMARK,
    "UDP_CHECK": _CHECK_FWMARK,
    "PING_CHECK": _CHECK_FWMARK,
    "SMTP_CHECK": _CHECK_FWMARK,
    "DNS_CHECK": _CHECK_FWMARK,
    "SSL": "password",
    "host": _CHECK_FWMARK,
    "url": "regex_min_offset regex_max_offset tls_compliant",
}  # fmt: skip
