# SPDX-License-Identifier: GPL-3.0-or-later
"""Keywords of keepalived that are not options here, and what to do instead.

Owns that list. An option that is known to the schema must not be in it; what other blocks know is
named with its block, as "tcp_check.fwmark".
"""

from __future__ import annotations

_SYSTEMD = "set it in a drop-in of lvs-agent.service (systemctl edit lvs-agent)"
_PRIORITY = f"the agent keeps VRRP in a process of its own; for all of them {_SYSTEMD}"
_STATUS = "ask the running agent instead: lvsctl status --json"
_SNMP = "there is no SNMP agent; lvsctl status --json says everything that it would"
_DBUS = "there is no D-Bus interface; use lvsctl, or the notify FIFO"
_BUFFERS = "the agent sizes its netlink buffers itself and reads everything again when one is full"
_FIREWALL = "the agent has an nftables table of its own and needs no name for it; remove it"
_RELOAD = "the agent checks every new configuration whole before it takes effect; remove it"
_DEPRECATED = "has no effect in keepalived either; remove it"
_REPLACED = "write one entry in the plural form, by name"

NOT_SUPPORTED: dict[str, str] = {
    # Authentication
    "auth_hmac": "is still changing: its draft's packet format changed twice within 2026, and no"
    " released router speaks the present one; between directors use unicast_peer with"
    " check_unicast_src on a network of their own, or IPsec",
    # Names of keepalived's blocks where this document has a mapping of all of them
    "vrrp_instance": f"{_REPLACED}: vrrp_instances",
    "vrrp_sync_group": f"{_REPLACED}: vrrp_sync_groups",
    "vrrp_script": f"{_REPLACED}: vrrp_scripts",
    "vrrp_track_file": f"{_REPLACED}: vrrp_track_files",
    "vrrp_track_process": f"{_REPLACED}: vrrp_track_processes",
    "bfd_instance": f"{_REPLACED}: bfd_instances",
    "document.track_group": f"{_REPLACED}: track_groups",
    "virtual_server": f"{_REPLACED}: virtual_servers",
    "real_server": f"{_REPLACED}: real_servers",
    "nb_get_retry": "is called retry",
    "lvs_sched": "is called lb_algo",
    "lvs_method": "is called lb_kind",
    "nat_mask": _DEPRECATED,
    # Scheduling and resources of processes
    **dict.fromkeys(
        (
            "checker_priority", "bfd_priority", "checker_rt_priority", "bfd_rt_priority",
        ),
        f"{_PRIORITY} with CPUSchedulingPolicy=",
    ),
    **dict.fromkeys(
        ("checker_no_swap", "bfd_no_swap"), f"{_PRIORITY} with MemorySwapMax=0"
    ),
    **dict.fromkeys(
        ("checker_cpu_affinity", "bfd_cpu_affinity"),
        f"{_SYSTEMD} with CPUAffinity=",
    ),
    **dict.fromkeys(
        (
            "checker_rlimit_rttime", "bfd_rlimit_rttime",
            "checker_rlimit_rtime", "bfd_rlimit_rtime",
        ),
        f"{_SYSTEMD} with LimitRTTIME=",
    ),
    "child_wait_time": f"{_SYSTEMD} with TimeoutStopSec=",
    "umask": f"{_SYSTEMD} with UMask=",
    "startup_script": f"{_SYSTEMD} with ExecStartPre=",
    "startup_script_timeout": f"{_SYSTEMD} with ExecStartPre=",
    "shutdown_script": f"{_SYSTEMD} with ExecStopPost=",
    "shutdown_script_timeout": f"{_SYSTEMD} with ExecStopPost=",
    "net_namespace": f"{_SYSTEMD} with NetworkNamespacePath=",
    "net_namespace_ipvs": "IPVS is in the agent's own network namespace",
    "namespace_with_ipsets": _FIREWALL,
    "instance": "one agent runs per host; start others in network namespaces of their own",
    "use_pid_dir": "there are no files of process ids; ask systemctl status lvs-agent",
    **dict.fromkeys(
        ("process_names", "process_name", "vrrp_process_name", "checker_process_name",
         "lvs_process_name", "bfd_process_name"),
        "the processes are called lvs-agent: and what they do; remove it",
    ),
    "random_seed": "nothing random decides here; remove it",
    # Buffers
    **dict.fromkeys(
        (
            "vrrp_netlink_cmd_rcv_bufs", "vrrp_netlink_cmd_rcv_bufs_force",
            "vrrp_netlink_monitor_rcv_bufs", "vrrp_netlink_monitor_rcv_bufs_force",
            "lvs_netlink_cmd_rcv_bufs", "lvs_netlink_cmd_rcv_bufs_force",
            "lvs_netlink_monitor_rcv_bufs", "lvs_netlink_monitor_rcv_bufs_force",
            "process_monitor_rcv_bufs", "process_monitor_rcv_bufs_force",
        ),
        f"{_BUFFERS}; remove it",
    ),
    **dict.fromkeys(
        ("vrrp_rx_bufs_policy", "vrrp_rx_bufs_multiplier", "kernel_rx_buf_size"),
        "the agent sizes its receive buffers itself; remove it",
    ),
    # Interfaces to other programs
    **dict.fromkeys(
        (
            "snmp_socket", "enable_snmp_keepalived", "enable_snmp_vrrp", "enable_snmp_checker",
            "enable_snmp_rfc", "enable_snmp_rfcv2", "enable_snmp_rfcv3", "enable_traps",
            "snmp_vs_stats_update_interval", "snmp_rs_stats_update_interval", "snmp_name",
        ),
        _SNMP,
    ),
    **dict.fromkeys(
        ("enable_dbus", "dbus_service_name", "dbus_no_interface_name"),
        _DBUS,
    ),
    "config_save_dir": _STATUS,
    "data_use_instance": "one agent runs per host: its files need no other names; remove it",
    "tmp_config_directory": "the configuration is read once, by one process; remove it",
    "fifo_write_vrrp_states_on_reload": "a reload changes no state here; ask lvsctl status",
    # Configuration files
    "include": "use the inventory: group_vars and host_vars take the place of files to include",
    "include_check": "use the inventory: there are no files to include",
    **dict.fromkeys(
        ("reload_check_config", "reload_file"),
        _RELOAD,
    ),
    **dict.fromkeys(
        ("reload_time_file", "reload_repeat"),
        "run the playbook at that time; it reloads the directors one after the other",
    ),
    "default_interface": "say interface in each instance",
    "iproute_usr_dir": "say tables and protocols by number",
    "iproute_etc_dir": "say tables and protocols by number",
    # Firewall
    **dict.fromkeys(
        (
            "nftables", "nftables_priority", "nftables_counters", "nftables_ifindex",
            "vrrp_iptables", "vrrp_ipsets",
        ),
        _FIREWALL,
    ),
    **dict.fromkeys(
        ("nftables_ipvs", "nftables_ipvs_priority", "nftables_ipvs_start_fwmark"),
        "give the packets a mark by a rule of your own, and write a virtual server with fwmark",
    ),
    # VRRP
    **dict.fromkeys(
        ("vrrp_garp_extra_if", "vrrp_vmac_garp_intvl", "vmac_garp_intvl", "garp_extra_if"),
        "addresses on other interfaces are announced like the rest; for a repetition set"
        " garp_master_refresh",
    ),
    "garp_group": "set garp_interval and gna_interval of the instances behind that switch",
    "linkbeat_use_polling": "link changes are told by the kernel at once; remove it",
    "linkbeat_interfaces": "link changes are told by the kernel at once; remove it",
    "vmac_addr_prefix": "addresses on other interfaces get no VMAC of their own; remove it",
    "use_vmac_addr": "addresses on other interfaces get no VMAC of their own; make an instance"
    " with use_vmac on that interface, and join the two in a sync group",
    "use_ipvlan": "ipvlan cannot have the virtual MAC address; use use_vmac",
    "disable_local_igmp": "the agent keeps IGMP and MLD off its VMAC interfaces; remove it",
    "old_unicast_checksum": "keepalived before 1.3.7 used it; update that peer",
    "timer_expired_backup": "after a stall the agent reads what is queued before it acts on its"
    " timers; remove it",
    "vrf": "create the interface inside the VRF and name it as interface",
    "native_ipv6": _DEPRECATED,
    "debug": "the agent's journal has everything: journalctl -u lvs-agent",
    "global_tracking": "is sync_group_tracking_weight",
    "log_unknown_vrids": "lvsctl status counts them; remove it",
    "set_supplementary_groups": "scripts have their user's groups; remove it",
    "use_symlink_paths": "scripts are run by the path given; remove it",
    "lvs_sync_daemon_interface": "write lvs_sync_daemon in global_defs, with inst",
    "multihop": "BFD runs over one hop (RFC 5881); name a neighbour on the link",
    # Checks
    **dict.fromkeys(
        (
            "http_get.fwmark", "ssl_get.fwmark", "tcp_check.fwmark", "udp_check.fwmark",
            "ping_check.fwmark", "smtp_check.fwmark", "dns_check.fwmark", "host.fwmark",
        ),
        "a mark needs a privilege that the process which reads what servers send must not have; use"
        " bind_if, or bindto with a routing rule for that source address",
    ),
    "smtp_check.host": "write an smtp_check with connect_ip and connect_port for each",
    "fast_recovery": "every url is fetched in every check; remove it",
    "tls_compliant": "an answer that ends without TLS's own end is accepted; remove it",
    "regex_stack": "searching needs no stack; remove it",
    **dict.fromkeys(
        ("regex_min_offset", "regex_max_offset"),
        "the first 256 KiB of the body are searched; remove it",
    ),
    "ssl": "say ca, certificate and key in each ssl_get",
    "hashed": "is a mark that the kernel sets by itself; remove it",
    "vrrp_sync_group.notify_priority_changes": "a group has no priority of its own that could"
    " change; set it in the instances",
    "ssl.password": "the key must have none: openssl pkey -in OLD -out NEW",
    "ssl_get.password": "the key must have none: openssl pkey -in OLD -out NEW",
    # IPVS
    "vrrp_rlimit_rtime": "is called vrrp_rlimit_rttime",
    "lvs_flush_on_stop": "the agent removes its services when it stops; remove it",
    "lvs_flush_onstop": "the agent removes its services when it stops; remove it",
    "checker_log_all_failures": "set log_all_failures in the checks that it is for",
    "rs_init_notifies": "only changes are told; ask lvsctl status for what holds",
    "virtual_server_group": f"{_REPLACED}: virtual_server_groups",
    "sorry_server_lvs_method": "is lb_kind in sorry_server",
}  # fmt: skip
