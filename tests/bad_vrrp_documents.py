# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong VRRP options, one slip each, with the path and the words that the error must have."""

from __future__ import annotations

import copy

from bad_documents import VI_1, Document, Slip

IPV6 = ["fe80::51/64", "2001:db8::51/64"]


def _instance(option: str, words: str, *, at: str = "", **changes: object) -> Slip:
    """A slip in VI_1, whose error is at `option` (or at `at`). None removes."""

    def spoil(document: Document) -> None:
        changed = {**document["vrrp_instances"]["VI_1"], **changes}
        document["vrrp_instances"]["VI_1"] = {
            name: value for name, value in changed.items() if value is not None
        }

    return Slip(
        name=f"{option}: {words}",
        spoil=spoil,
        path=f"{VI_1}.{at or option}",
        words=words,
    )


def _top(path: str, words: str, **sections: object) -> Slip:
    """A slip in whole sections of the document."""

    def spoil(document: Document) -> None:
        for name, value in sections.items():
            if isinstance(value, dict):
                document.setdefault(name, {}).update(copy.deepcopy(value))
            else:
                document[name] = value

    return Slip(name=f"{path}: {words}", spoil=spoil, path=path, words=words)


def _global(option: str, words: str, **changes: object) -> Slip:
    return _top(f"global_defs.{option}", words, global_defs=changes)


def _second(option: str, words: str, **changes: object) -> Slip:
    """A slip in a second instance beside VI_1."""

    def spoil(document: Document) -> None:
        second = copy.deepcopy(document["vrrp_instances"]["VI_1"])
        second |= {"virtual_router_id": 80, "virtual_ipaddress": ["172.16.1.88/32"], **changes}
        document["vrrp_instances"]["VI_2"] = second

    path = f"vrrp_instances.VI_2.{option}"
    return Slip(name=f"VI_2.{option}: {words}", spoil=spoil, path=path, words=words)


def _ipv6(**changes: object) -> dict[str, object]:
    """What makes VI_1 an IPv6 instance."""
    return {
        "authentication": None,
        "virtual_ipaddress": IPV6,
        **changes,
    }


def _rules(network: str) -> list[str]:
    """As many rules without a preference as a list may have."""
    return [f"from {network}.{one // 250}.{one % 250} lookup 5" for one in range(1000)]


STRICT: dict[str, object] = {"strict_mode": True, "state": "BACKUP", "authentication": None}

SLIPS: tuple[Slip, ...] = (
    # What an instance is
    _instance("version", "IPv4 only", **_ipv6(version=2)),
    _instance("authentication", "no authentication", **_ipv6(
        authentication={"auth_type": "AH", "auth_pass": "x"})),
    _instance("preempt", "contradicts nopreempt", preempt=True, nopreempt=True),
    _instance("preempt_delay", "no effect with nopreempt", nopreempt=True, preempt_delay=3),
    _instance("accept", "contradicts no_accept", accept=True, no_accept=True),
    _instance("virtual_ipaddress", "is required", virtual_ipaddress=None),
    _instance("no_virtual_ipaddress", "contradicts", no_virtual_ipaddress=True),
    _instance("auth_hmac", "changed twice within 2026", auth_hmac={"key": 1}),
    _instance("use_ipvlan", "use use_vmac", use_ipvlan=True),
    # Transport
    _instance("unicast_src_ip", "is not IPv4", unicast_src_ip="fe80::1"),
    _instance("mcast_src_ip", "contradicts unicast_src_ip", unicast_src_ip="10.0.0.1",
              mcast_src_ip="10.0.0.2"),
    _instance("track_src_ip", "needs unicast_src_ip", track_src_ip=True),
    _instance("mcast_dst_ip", "not a multicast address", mcast_dst_ip="10.0.0.1"),
    _instance("mcast_dst_ip", "no effect with unicast_peer", mcast_dst_ip="224.0.0.99",
              unicast_peer=["10.0.0.2"]),
    _instance("unicast_peer", "not 0 entries", unicast_peer=[]),
    _instance("unicast_peer", "listed twice", at="unicast_peer[1]",
              unicast_peer=["10.0.0.2", "10.0.0.2 min_ttl 3"]),
    _instance("unicast_peer", "is not IPv4", at="unicast_peer[0]", unicast_peer=["fe80::1"]),
    _instance("unicast_peer", "list the others only", at="unicast_peer[0]",
              unicast_peer=["10.0.0.2"], unicast_src_ip="10.0.0.2"),
    _instance("unicast_peer", "above max_ttl", at="unicast_peer[0].min_ttl",
              unicast_peer=["10.0.0.2 min_ttl 9 max_ttl 8"]),
    _instance("unicast_peer", "behind the %", at="unicast_peer[0].address",
              **_ipv6(unicast_peer=["fe80::1%eth0"])),
    # VMAC
    _instance("vmac_xmit_base", "no effect without use_vmac", vmac_xmit_base=True),
    _instance("vmac_xmit_base", "cannot leave by the VMAC", use_vmac=True, vmac_xmit_base=False,
              unicast_peer=["10.0.0.2"], virtual_ipaddress=["172.16.1.254/32"]),
    _instance("use_vmac", "not a name", at="use_vmac.name", use_vmac="a-name-that-is-too-long"),
    _instance("use_vmac", "cannot be the address", at="use_vmac.mac",
              use_vmac="vrrp.1 01:00:5e:00:00:12"),
    _second("virtual_ipaddress[0].use_vmac", "has no VMAC",
            virtual_ipaddress=["172.16.1.88 use_vmac"]),
    # Addresses
    _instance("virtual_ipaddress", "move it to virtual_ipaddress_excluded",
              at="virtual_ipaddress[1].address",
              virtual_ipaddress=["172.16.1.254/32", "2001:db8::1/64"]),
    _instance("virtual_ipaddress", "cannot be a virtual address", at="virtual_ipaddress[1].address",
              virtual_ipaddress=["172.16.1.254/32", "127.0.0.1/8"]),
    _instance("virtual_ipaddress", "IPv6 only", at="virtual_ipaddress[0].home",
              virtual_ipaddress=["172.16.1.254/32 home"]),
    _instance("virtual_ipaddress", "IPv4 only", at="virtual_ipaddress[0].label",
              **_ipv6(virtual_ipaddress=["fe80::1/64 label eno16777736:1"])),
    _instance("virtual_ipaddress", "did you mean label?", at="virtual_ipaddress[0]",
              virtual_ipaddress=["172.16.1.254/32 labl eno16777736:1"]),
    _instance("virtual_ipaddress", "lacks its value", at="virtual_ipaddress[0]",
              virtual_ipaddress=["172.16.1.254/32 dev"]),
    _instance("virtual_ipaddress", "given twice", at="virtual_ipaddress[0]",
              virtual_ipaddress=["172.16.1.254/32 scope link scope host"]),
    _instance("virtual_ipaddress_excluded", "already in", at="virtual_ipaddress_excluded[0]",
              virtual_ipaddress_excluded=["172.16.1.99"]),
    _top("static_ipaddress[0].dev", "is required", static_ipaddress=["10.0.0.1/24"]),
    _top("static_ipaddress[0]", "already in", static_ipaddress=["172.16.1.99/32 dev eth0"]),
    # Routes and rules
    _instance("virtual_routes", "leads nowhere", at="virtual_routes[0]",
              virtual_routes=["10.9.0.0/16"]),
    _instance("virtual_routes", "write 10.9.0.0/16", at="virtual_routes[0].to",
              virtual_routes=["10.9.0.1/16 via 10.0.0.1"]),
    _instance("virtual_routes", "have no gateway", at="virtual_routes[0]",
              virtual_routes=["blackhole 10.9.0.0/16 via 10.0.0.1"]),
    _instance("virtual_routes", "is not IPv4", at="virtual_routes[0].via",
              virtual_routes=["10.9.0.0/16 via fe80::1"]),
    _instance("virtual_routes", "write each gateway as nexthop", at="virtual_routes[0]",
              virtual_routes=["default via 10.0.0.1 or 10.0.0.2"]),
    _instance("virtual_routes", "must be a routing table", at="virtual_routes[0].table",
              virtual_routes=["default via 10.0.0.1 table vpn"]),
    _instance("virtual_routes", "unknown word 'encap'", at="virtual_routes[0]",
              virtual_routes=["default via 10.0.0.1 encap mpls 3"]),
    _instance("virtual_routes", "same destination", at="virtual_routes[1]",
              virtual_routes=["default via 10.0.0.1", "0.0.0.0/0 dev eth0 metric 0"]),
    _instance("virtual_routes", "takes the place of via", at="virtual_routes[0].nexthop",
              virtual_routes=["default via 10.0.0.1 nexthop via 10.0.0.2"]),
    _instance("virtual_rules", "lookup needs a table", at="virtual_rules[0].table",
              virtual_rules=["from 10.0.0.1 preference 5"]),
    _instance("virtual_rules", "no effect with blackhole", at="virtual_rules[0].table",
              virtual_rules=["from 10.0.0.1 lookup 5 blackhole preference 5"]),
    _instance("virtual_rules", "can never match", at="virtual_rules[0].fwmark",
              virtual_rules=["fwmark 0x11/0x10 lookup 5 preference 5"]),
    _instance("virtual_rules", "must be a port", at="virtual_rules[0].dport",
              virtual_rules=["dport 90-80 lookup 5 preference 5"]),
    _top("static_rules[1]", "is the same as", static_rules=["to 10.1.0.0/16 lookup 5 pref 5"] * 2),
    # Trackers
    _top(
        f"{VI_1}.track_script[0]", "did you mean chk_nginx?",
        vrrp_scripts={"chk_nginx": {"script": "/bin/true"}},
        vrrp_instances={"VI_1": {
            "interface": "eth0", "virtual_router_id": 1,
            "virtual_ipaddress": ["172.16.1.254"], "track_script": ["chk_ngnix weight 2"]}}),
    _instance("track_interface", "listed twice", at="track_interface[1]",
              track_interface=["eth1", "eth1 weight 3"]),
    _instance("track_interface", "from -253 to 253", at="track_interface[0].weight",
              track_interface=["eth1 weight 254"]),
    _top("vrrp_scripts.x.script", "full path of a program, such as /usr/bin/killall",
         vrrp_scripts={"x": {"script": "killall -0 nginx"}}),
    _top("vrrp_scripts.x.script", "without a shell, which alone knows '&'",
         vrrp_scripts={"x": {"script": "/bin/true && /bin/false"}}),
    _top("vrrp_scripts.x.user", "'no body' is not the name of a group",
         vrrp_scripts={"x": {"script": "/bin/true", "user": "nobody:no body"}}),
    _top("vrrp_scripts.x.user", "'65534' is not the name of a user",
         vrrp_scripts={"x": {"script": "/bin/true", "user": "65534:nogroup"}}),
    _top("global_defs.script_user", "'' is not the name of a group",
         global_defs={"script_user": "nobody:"}),
    _top("vrrp_track_files.x.file", "full path of a file",
         vrrp_track_files={"x": {"file": "maintenance"}}),
    _top("vrrp_track_files.x.overwrite", "set init_file",
         vrrp_track_files={"x": {"file": "/run/x", "overwrite": True}}),
    _top("vrrp_track_processes.x.quorum_max", "below quorum",
         vrrp_track_processes={"x": {"process": "nginx", "quorum": 3, "quorum_max": 2}}),
    _top("bfd_instances.x.source_ip", "is not IPv4",
         bfd_instances={"x": {"neighbor_ip": "10.0.0.1", "source_ip": "2001:db8::1"}}),
    _top("bfd_instances.x.multihop", "over one hop",
         bfd_instances={"x": {"neighbor_ip": "10.0.0.1", "multihop": True}}),
    # Sync groups
    _top("vrrp_sync_groups.G.group[1]", "did you mean VI_1?",
         vrrp_sync_groups={"G": {"group": ["VI_1", "VI1"]}}),
    _top("vrrp_sync_groups.H.group[0]", "already in vrrp_sync_groups.G",
         vrrp_sync_groups={"G": {"group": "VI_1"}, "H": {"group": "VI_1"}}),
    # global_defs
    _global("notification_email", "set smtp_server", notification_email=["root@localhost"]),
    _global("notification_email[0]", "not a mail address", smtp_server="127.0.0.1",
            notification_email=["<root@localhost>"]),
    _global("smtp_password", "clear text", smtp_user="a", smtp_password="b"),
    _global("smtp_password", "other half of the login", smtp_user="a", smtp_security="tls"),
    _global("smtp_server.port", "from 1 to 65535", smtp_server="mail.example.org 0"),
    _global("notify_fifo_script", "nothing to read", notify_fifo_script="/bin/cat"),
    _global("lvs_notify_fifo", "already that of notify_fifo", notify_fifo="/run/x",
            lvs_notify_fifo="/run/x"),
    _global("notify_fifo", "more than a path", notify_fifo="/run/x keepalived_script"),
    _global("vrrp_mcast_group6", "not an IPv6 multicast", vrrp_mcast_group6="224.0.0.18"),
    _global("lvs_sync_daemon.inst", "did you mean VI_1?", lvs_sync_daemon="eth1 inst VI_2"),
    _global("enable_snmp_vrrp", "lvsctl status --json", enable_snmp_vrrp=True),
    _global("checker_rt_priority", "systemctl edit lvs-agent", checker_rt_priority=50),
    _global("vrrp_rlimit_rtime", "is called vrrp_rlimit_rttime", vrrp_rlimit_rtime=1),
    _top("static_ipaddress[0].track_group", "there is no H in track_groups",
         static_ipaddress=["10.7.0.1/24 dev eth2 track_group H"]),
    _top("static_ipaddress[0].track_group", "no_track says the opposite",
         track_groups={"G": {"group": ["VI_1"]}},
         static_ipaddress=["10.7.0.1/24 dev eth2 no_track track_group G"]),
    _top("static_routes[0].track_group", "needs dev", track_groups={"G": {"group": ["VI_1"]}},
         static_routes=["10.6.0.0/16 via 172.16.0.9 track_group G"]),
    _top("static_rules[0].track_group", "needs iif", track_groups={"G": {"group": ["VI_1"]}},
         static_rules=["from 10.6.0.0/16 lookup 9 track_group G"]),
    _top("track_groups.G.group[0]", "did you mean VI_1?", track_groups={"G": {"group": ["VI_2"]}}),
    _top("track_groups.G.group", "from 1 to 255", track_groups={"G": {"group": []}}),
    _top("track_group", "write one entry in the plural form", track_group={"G": {}}),
    _instance("virtual_ipaddress[0].track_group", "is for static entries",
            virtual_ipaddress=["172.16.1.254/24 track_group G"]),
    _global("umask", "systemctl edit lvs-agent", umask="022"),
    _global("vrrp_iptables", "nftables table of its own", vrrp_iptables="INPUT"),
    _top("interface_up_down_delays.eth0.down", "from 0 to 255",
         interface_up_down_delays={"eth0": "256 1"}),
    _top("interface_up_down_delays.eth0", "unknown word",
         interface_up_down_delays={"eth0": "1 2 3"}),
    _top("interface_up_down_delays.eth 0", "can have", interface_up_down_delays={"eth 0": "1"}),
    _top(
        "static_rules[766]",
        "only 1766 can be assigned",
        static_rules=_rules("10.0"),
        vrrp_instances={
            "VI_1": {
                "interface": "eth0",
                "virtual_router_id": 1,
                "virtual_ipaddress": ["172.16.1.254"],
                "virtual_rules": _rules("10.1"),
            }
        },
    ),
    # Strict mode
    _instance("authentication", "strict mode: RFC 3768", **{
        **STRICT, "authentication": {"auth_type": "PASS", "auth_pass": "x"}}),
    _instance("state", "only the address owner", **{**STRICT, "state": "MASTER"}),
    _instance("unicast_peer", "adverts are multicast", **STRICT, unicast_peer=["10.0.0.2"]),
    _instance("preempt_delay", "no RFC has", **STRICT, preempt_delay=3),
    _instance("accept", "address owner only", **STRICT, accept=True),
    _instance("down_timer_adverts", "three intervals", **STRICT, down_timer_adverts=4),
    _instance("garp_lower_prio_repeat", "no RFC repeats", **STRICT, garp_lower_prio_repeat=1),
    _instance("higher_prio_send_advert", "is silent", **STRICT, higher_prio_send_advert=True),
    _instance("use_vmac.mac", "section 7.3", **STRICT, use_vmac="vrrp.1 02:00:00:00:00:01",
              virtual_ipaddress=["172.16.1.254/32"]),
    _instance("vmac_xmit_base", "virtual MAC address", **STRICT, use_vmac=True,
              vmac_xmit_base=True, virtual_ipaddress=["172.16.1.254/32"]),
    _instance("virtual_ipaddress", "link-local", **_ipv6(
        **{**STRICT, "virtual_ipaddress": ["2001:db8::51/64"]})),
)  # fmt: skip
