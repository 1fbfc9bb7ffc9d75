# SPDX-License-Identifier: GPL-3.0-or-later
"""A document that uses every section, each in several of its forms. It is accepted."""

from __future__ import annotations

from typing import Any

FULL: dict[str, Any] = {
    "global_defs": {
        "notification_email": ["root@localhost"],
        "notification_email_from": "keepalived@localhost",
        "smtp_security": "starttls",
        "smtp_user": "a",
        "smtp_password": "b",
        "vrrp_min_garp": True,
        "smtp_server": "127.0.0.1",
        "smtp_connect_timeout": 30,
        "router_id": "drct1",
        "vrrp_mcast_group4": "224.200.100.18",
        "lvs_sync_daemon": "eth1 inst VI_1 id 51 ttl 2",
        "lvs_timeouts": "tcp 7200 udp 60",
        "notify_fifo": "/run/x/fifo",
        "notify_fifo_script": "/usr/local/bin/reader -v",
    },
    "vrrp_instances": {
        "VI_1": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "priority": 100,
            "use_vmac": True,
            "unicast_src_ip": "10.0.0.1",
            "unicast_peer": [
                "10.0.0.2",
                {"address": "10.0.0.3", "min_ttl": 254},
                "10.0.0.4 min_ttl 3 max_ttl 5",
            ],
            "virtual_ipaddress": [
                "10.0.0.9/24 brd + scope link no_track",
                "10.0.0.10/24 dev eth1 label eth1:1",
            ],
            "virtual_ipaddress_excluded": ["2001:db8::1/64 -nodad preferred_lft 5"],
            "virtual_routes": [
                "default via 10.0.0.254 dev eth0 src 10.0.0.9 table 100",
                "blackhole 10.9.0.0/16",
                "192.168.0.0/24 nexthop via 10.0.0.3 dev eth0 weight 2 nexthop via 10.0.0.4",
                {"to": "2001:db8:1::/48", "via": "2001:db8::2"},
                "src 10.0.0.9 to 10.8.0.0/16 via 10.0.0.2",
            ],
            "virtual_rules": [
                "not from 10.0.0.9 lookup 100 preference 1000",
                "fwmark 0x10/0xff iif eth0 ipproto tcp dport 80-90 blackhole",
                {"from": "10.0.0.9/32", "table": "main"},
            ],
            "track_script": ["chk weight -20 reverse", "chk2"],
            "track_interface": "eth1 weight -20 reverse",
            "track_file": [{"name": "f"}],
            "track_process": ["p"],
            "track_bfd": ["b weight 5"],
            "notify_master": "/bin/x a b",
            "smtp_alert": True,
        },
        "VI_6": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "use_vmac": "vv6",
            "virtual_ipaddress": ["fe80::9", "2001:db8::9/64"],
        },
    },
    "vrrp_sync_groups": {"G": {"group": "VI_1 VI_6", "notify": "/bin/n", "track_script": "chk"}},
    "vrrp_scripts": {
        "chk": {"script": "/usr/bin/killall -0 nginx"},
        "chk2": {
            "script": ["/bin/sh", "-c", "a && b"],
            "weight": 3,
            "interval": 0.5,
            "user": "nobody:nogroup",
        },
    },
    "vrrp_track_files": {"f": {"file": "/run/f", "init_file": 0}},
    "vrrp_track_processes": {"p": {"process": "nginx", "quorum": 2}},
    "bfd_instances": {"b": {"neighbor_ip": "10.0.0.2"}},
    "track_groups": {"T": {"group": "VI_1 VI_6"}},
    "static_ipaddress": ["10.7.0.1/24 dev eth2 track_group T"],
    "static_routes": ["10.6.0.0/16 via 10.7.0.2"],
    "static_rules": ["to 10.6.0.0/16 lookup 7 pref 5"],
    "interface_up_down_delays": {"eth0": "1 2", "eth1": {"down": 3}, "eth2": "0.5"},
    "virtual_server_groups": {
        "farm": {
            "members": [
                "10.0.0.20-23 80-81",
                "10.0.1.0/30 443",
                "fwmark 7",
                {"ip": "10.0.0.24", "port": 80},
            ]
        },
        "six": {"members": "2001:db8::a-c 53"},
    },
    "virtual_servers": {
        "farm": {
            "group": "farm",
            "lb_kind": "NAT",
            "lb_algo": "mh",
            "mh_port": True,
            "mh_fallback": True,
            "weight": 5,
            "real_servers": {
                "a": {"ip": "10.1.0.1", "port": 8080, "uthreshold": 9, "lthreshold": 3},
                "b": {"ip": "10.1.0.2", "weight": 0, "lb_kind": {"method": "DR"}},
            },
            "sorry_server": {"ip": "10.1.0.3", "lb_kind": "TUN type gre csum"},
        },
        "dns": {
            "group": "six",
            "protocol": "UDP",
            "ops": True,
            "lb_algo": "sh",
            "sh_port": True,
            "sh_fallback": True,
            "lb_kind": "TUN type gue port 6080 remcsum",
            "real_servers": {"a": {"ip": "2001:db8:1::1"}},
        },
        "all": {
            "ip": "10.0.0.30",
            "persistence_timeout": True,
            "persistence_granularity": "255.255.255.0",
            "flag_1": True,
            "real_servers": {
                "a": {
                    "ip": "10.1.0.1",
                    "misc_check": {"misc_path": "/bin/true", "user": "nobody:nogroup"},
                },
            },
        },
        "marked": {
            "fwmark": 8,
            "ip_family": "inet6",
            "protocol": "UDP",
            "persistence_timeout": 60,
            "persistence_granularity": 64,
            "persistence_engine": "sip",
            "real_servers": {"a": {"ip": "2001:db8:1::1"}},
        },
    },
}
