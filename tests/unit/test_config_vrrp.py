# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP options become what the agent works with: families, transport, VMACs, inheritance."""

from __future__ import annotations

from typing import Any

import pytest
from lvs_agent import config
from lvs_agent.core.model import (
    AhAuthentication,
    Config,
    TrackerKind,
    Tracking,
    TrackInterface,
    UnicastPeer,
    Vmac,
    VrrpInstance,
)

S = 1_000_000_000


def loaded(instance: dict[str, Any], **sections: Any) -> Config:
    values = {"interface": "eth0", "virtual_router_id": 51, "priority": 100, **instance}
    values.setdefault("virtual_ipaddress", ["10.0.0.9/24"])
    return config.from_document({"vrrp_instances": {"VI_1": values}, **sections})


def one(instance: dict[str, Any], **sections: Any) -> VrrpInstance:
    return loaded(instance, **sections).vrrp_instances[0]


def test_the_family_is_that_of_the_first_address_and_ipv6_is_version_3() -> None:
    four, six = one({}), one({"virtual_ipaddress": ["fe80::9/64", "2001:db8::9/64"]})
    assert (four.family, four.version, four.mcast_group) == (4, 2, "224.0.0.18")
    assert (six.family, six.version, six.mcast_group) == (6, 3, "ff02::12")


def test_without_addresses_the_source_or_the_peers_tell_the_family() -> None:
    nothing: dict[str, Any] = {"virtual_ipaddress": None, "no_virtual_ipaddress": True}
    del nothing["virtual_ipaddress"]
    values = {"interface": "eth0", "virtual_router_id": 51, **nothing}
    for more, family in (
        ({}, 4),
        ({"unicast_src_ip": "2001:db8::1"}, 6),
        ({"unicast_peer": "2001:db8::2"}, 6),
        ({"mcast_dst_ip": "ff02::99"}, 6),
    ):
        document = {"vrrp_instances": {"VI_1": {**values, **more}}}
        assert config.from_document(document).vrrp_instances[0].family == family


def test_groups_can_be_said_once_or_per_instance() -> None:
    groups = {"vrrp_mcast_group4": "224.200.100.18", "vrrp_mcast_group6": "ff02::112"}
    assert one({}, global_defs=groups).mcast_group == "224.200.100.18"
    six = {"virtual_ipaddress": "fe80::9"}
    assert one(six, global_defs=groups).mcast_group == "ff02::112"
    assert one({"mcast_dst_ip": "224.0.0.99"}, global_defs=groups).mcast_group == "224.0.0.99"


def test_unicast_peers_are_lines_or_mappings() -> None:
    instance = one(
        {
            "unicast_src_ip": "10.0.0.1",
            "track_src_ip": True,
            "unicast_ttl": 64,
            "unicast_peer": [
                "10.0.0.2",
                "10.0.0.3 min_ttl 254 max_ttl 255",
                {"address": "10.0.0.4", "max_ttl": 9},
            ],
        }
    )
    assert (instance.source, instance.track_source, instance.unicast_ttl) == ("10.0.0.1", True, 64)
    assert instance.peers == (
        UnicastPeer(address="10.0.0.2"),
        UnicastPeer(address="10.0.0.3", min_ttl=254),
        UnicastPeer(address="10.0.0.4", max_ttl=9),
    )


@pytest.mark.parametrize(
    ("use_vmac", "addresses", "vmac"),
    [
        (True, "10.0.0.9", ("vrrp.51", "00:00:5e:00:01:33", False)),
        ({}, "10.0.0.9", ("vrrp.51", "00:00:5e:00:01:33", False)),
        (True, "fe80::9", ("vrrp6.51", "00:00:5e:00:02:33", False)),
        ("v0", "10.0.0.9", ("v0", "00:00:5e:00:01:33", False)),
        ("v0 02-00-00-00-00-0A", "10.0.0.9", ("v0", "02:00:00:00:00:0a", False)),
        ({"name": "v1"}, "fe80::9", ("v1", "00:00:5e:00:02:33", False)),
    ],
)
def test_a_vmac_has_the_name_and_address_of_its_virtual_router(
    use_vmac: Any, addresses: str, vmac: tuple[str, str, bool]
) -> None:
    instance = one({"use_vmac": use_vmac, "virtual_ipaddress": [addresses]})
    name, mac, xmit_base = vmac
    assert instance.vmac == Vmac(interface=name, mac=mac, xmit_base=xmit_base)
    assert instance.addresses[0].interface == name


def test_no_vmac_unless_asked_for() -> None:
    assert one({}).vmac is None
    assert one({"use_vmac": False}).vmac is None


def test_unicast_adverts_leave_by_the_interface_below_the_vmac() -> None:
    vmac = one({"use_vmac": True, "unicast_peer": ["10.0.0.2"]}).vmac
    assert vmac is not None
    assert vmac.xmit_base


def test_an_address_with_its_own_device_is_not_on_the_vmac() -> None:
    instance = one(
        {
            "use_vmac": True,
            "virtual_ipaddress": ["10.0.0.9", "10.0.0.10 dev eth1", "10.0.0.11 dev eth0 use_vmac"],
        }
    )
    assert [each.interface for each in instance.addresses] == ["vrrp.51", "eth1", "vrrp.51"]


def test_an_address_of_the_other_family_is_not_on_the_vmac_unless_it_says_so() -> None:
    excluded = ["2001:db8::9", "2001:db8::8 use_vmac", "10.0.0.10"]
    instance = one(
        {
            "use_vmac": True,
            "virtual_ipaddress": ["10.0.0.9"],
            "virtual_ipaddress_excluded": excluded,
        }
    )
    assert [each.interface for each in instance.excluded] == ["eth0", "vrrp.51", "vrrp.51"]


def test_two_vmacs_of_one_name_are_refused_where_two_families_are_not() -> None:
    other = {"interface": "eth1", "virtual_router_id": 51, "use_vmac": True}
    document = {
        "vrrp_instances": {
            "A": {**other, "interface": "eth0", "virtual_ipaddress": ["10.0.0.9"]},
            "B": {**other, "virtual_ipaddress": ["fe80::9"]},
        }
    }
    assert len(config.from_document(document).vrrp_instances) == 2
    document["vrrp_instances"]["B"]["virtual_ipaddress"] = ["10.0.0.10"]
    with pytest.raises(config.ConfigRejected, match=r"vrrp\.51 is already that of A"):
        config.from_document(document)


def two_of_one_vrid(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """A with the peer 10.0.0.2, and B with 10.0.0.3 and 10.0.0.4."""
    common = {"interface": "eth0", "virtual_router_id": 51}
    a = {"unicast_peer": ["10.0.0.2"], "virtual_ipaddress": ["10.0.0.8"]}
    b = {"unicast_peer": ["10.0.0.3", "10.0.0.4"], "virtual_ipaddress": ["10.0.0.9"]}
    return {"vrrp_instances": {"A": common | a | first, "B": common | b | second}}


def test_unicast_instances_may_share_a_vrid_if_no_peer_has_both() -> None:
    assert len(config.from_document(two_of_one_vrid({}, {})).vrrp_instances) == 2
    overlapping = two_of_one_vrid({}, {"unicast_peer": ["10.0.0.3", "10.0.0.2"]})
    refusal = r"B\.virtual_router_id: 51 on eth0 .* of A, and both have the peer 10\.0\.0\.2;"
    with pytest.raises(config.ConfigRejected, match=refusal):
        config.from_document(overlapping)


def test_two_vmacs_with_one_mac_address_on_an_interface_are_refused() -> None:
    first = {"use_vmac": "vrrp.a"}
    with pytest.raises(config.ConfigRejected, match="00:00:5e:00:01:33 on eth0 is already that"):
        config.from_document(two_of_one_vrid(first, {"use_vmac": "vrrp.b"}))
    own_mac = two_of_one_vrid(first, {"use_vmac": "vrrp.b 02:00:5e:00:01:33"})
    assert len(config.from_document(own_mac).vrrp_instances) == 2


def test_authentication_header_has_the_first_8_bytes_as_key() -> None:
    authentication = {"auth_type": "AH", "auth_pass": "long-password"}
    assert one({"authentication": authentication}).authentication == AhAuthentication(
        key=b"long-pas"
    )


def test_instances_inherit_what_they_do_not_say() -> None:
    global_defs = {
        "vrrp_garp_master_repeat": 3,
        "vrrp_garp_master_delay": 2,
        "vrrp_garp_interval": 0.001,
        "vrrp_down_timer_adverts": 4,
        "vrrp_skip_check_adv_addr": True,
        "v3_checksum_as_v2": False,
        "dual_active_probe": 7,
        "vrrp_notify_priority_changes": True,
    }
    instance = one({"garp_master_delay": 0, "skip_check_adv_addr": False}, global_defs=global_defs)
    assert (instance.garp_master_repeat, instance.garp_master_delay_ns) == (3, 0)
    # As keepalived: unless said, the second kind of burst is like the first.
    assert (instance.garp_lower_prio_repeat, instance.garp_lower_prio_delay_ns) == (3, 0)
    assert instance.garp_interval_ns == 1_000_000
    assert instance.down_timer_adverts == 4
    assert not instance.skip_check_adv_addr
    assert not instance.v3_checksum_as_v2
    assert instance.dual_active_probe_ns == 7 * S
    assert instance.notify.priority_changes


def test_min_garp_is_one_request_where_nothing_else_is_said() -> None:
    few = one({}, global_defs={"vrrp_min_garp": True})
    assert (few.garp_master_repeat, few.garp_master_delay_ns) == (1, 0)
    own = one({"garp_master_repeat": 4}, global_defs={"vrrp_min_garp": True})
    assert (own.garp_master_repeat, own.garp_lower_prio_repeat) == (4, 4)


def test_preemption_and_accept_can_be_said_in_both_ways() -> None:
    assert one({}).preempt
    assert not one({"nopreempt": True}).preempt
    assert not one({"preempt": False}).preempt
    assert one({}).accept
    assert not one({"no_accept": True}).accept
    assert not one({"accept": False}).accept


@pytest.mark.parametrize(
    ("version", "priority", "accept", "silent"), [(2, 100, False, True), (3, 100, False, False)]
)
def test_strict_mode_is_what_the_rfc_of_the_version_says(
    version: int, priority: int, accept: bool, silent: bool
) -> None:
    instance = one({"version": version}, global_defs={"vrrp_strict": True})
    assert instance.strict_mode
    assert instance.accept is accept
    assert instance.lower_prio_no_advert is silent
    assert (instance.garp_lower_prio_repeat, instance.owner_ignore_adverts) == (0, True)
    assert one({"strict_mode": True, "priority": 255, "state": "MASTER"}).accept
    assert one({"strict_mode": True, "version": 3, "accept": True}).accept


def test_the_same_vrid_is_fine_for_another_family_group_or_transport() -> None:
    base = {"interface": "eth0", "virtual_router_id": 51}
    document = {
        "vrrp_instances": {
            "four": {**base, "virtual_ipaddress": ["10.0.0.9"]},
            "six": {**base, "virtual_ipaddress": ["fe80::9"]},
            "group": {**base, "virtual_ipaddress": ["10.0.0.10"], "mcast_dst_ip": "224.0.0.99"},
            "unicast": {**base, "virtual_ipaddress": ["10.0.0.11"], "unicast_peer": "10.0.0.2"},
        }
    }
    assert len(config.from_document(document).vrrp_instances) == 4


def test_trackers_have_their_own_weight_unless_the_use_says_another() -> None:
    instance = one(
        {
            "track_interface": ["eth1 weight -20 reverse", "eth2", {"name": "eth3", "weight": 5}],
            "track_script": ["a", "b weight 7 noreverse", {"name": "c", "reverse": True}],
            "track_file": "f",
            "track_process": "p weight 3",
            "track_bfd": ["n"],
            "dont_track_primary": True,
        },
        vrrp_scripts={
            "a": {"script": "/bin/true", "weight": -30, "reverse": True},
            "b": {"script": "/bin/true", "reverse": True},
            "c": {"script": "/bin/true"},
        },
        vrrp_track_files={"f": {"file": "/run/f"}},
        vrrp_track_processes={"p": {"process": "nginx"}},
        bfd_instances={"n": {"neighbor_ip": "10.0.0.2", "weight": 4}},
    )
    assert instance.track_interfaces == (
        TrackInterface(interface="eth1", weight=-20, reverse=True),
        TrackInterface(interface="eth2", weight=0),
        TrackInterface(interface="eth3", weight=5),
    )
    assert instance.trackers == (
        Tracking(kind=TrackerKind.SCRIPT, name="a", weight=-30, reverse=True),
        Tracking(kind=TrackerKind.SCRIPT, name="b", weight=7),
        Tracking(kind=TrackerKind.SCRIPT, name="c", weight=0, reverse=True),
        Tracking(kind=TrackerKind.PROCESS, name="p", weight=3),
        Tracking(kind=TrackerKind.FILE, name="f", weight=1),
        Tracking(kind=TrackerKind.BFD, name="n", weight=4),
    )
    assert not instance.track_primary


def test_trackers_themselves() -> None:
    accepted = loaded(
        {},
        global_defs={"script_user": "keepalived_script"},
        vrrp_scripts={
            "a": {"script": "/bin/a -x", "interval": 0.5, "init_fail": True, "fall": 3},
            "b": {"script": ["/bin/b", "c d"], "timeout": 0.25, "user": "nobody"},
        },
        vrrp_track_files={"f": {"file": "/run/f", "init_file": -3, "overwrite": True}},
        vrrp_track_processes={
            "any": {"process": "nginx", "delay": 2, "terminate_delay": 1},
            "bare": {"process": "nginx", "param_match": "initial"},
            "some": {"process": ["nginx", "-g"], "param_match": "partial", "quorum_max": 4},
        },
        bfd_instances={"six": {"neighbor_ip": "2001:db8::1", "min_rx": 2.5, "hoplimit": 64}},
    )
    a, b = accepted.scripts
    assert (a.command.argv, a.command.user) == (("/bin/a", "-x"), "keepalived_script")
    assert (a.interval_ns, a.command.timeout_ns) == (S // 2, S // 2)  # the timeout: one interval
    assert (a.init_fail, a.rise, a.fall) == (True, 1, 3)
    assert (b.command.argv, b.command.user) == (("/bin/b", "c d"), "nobody")
    assert b.command.timeout_ns == S // 4
    (file,) = accepted.files
    assert (file.init_value, file.overwrite) == (-3, True)
    whole, bare, some = accepted.processes
    assert (whole.arguments, whole.fork_delay_ns, whole.terminate_delay_ns) == (None, 2 * S, S)
    assert (bare.arguments, bare.partial) == ((), False)
    assert (some.arguments, some.partial, some.quorum_max) == (("-g",), True, 4)
    (session,) = accepted.bfd_instances
    assert (session.min_rx_ns, session.min_tx_ns) == (2_500_000, 10_000_000)
    assert (session.idle_tx_ns, session.ttl, session.multiplier) == (S, 64, 5)


def test_sync_groups_track_and_tell_of_their_own() -> None:
    accepted = loaded(
        {},
        vrrp_sync_groups={
            "G": {
                "group": "VI_1",
                "notify_master": "/bin/m",
                "track_interface": "eth1",
                "sync_group_tracking_weight": True,
            }
        },
    )
    (group,) = accepted.sync_groups
    assert (group.members, group.tracking_weight) == (("VI_1",), True)
    assert group.notify.master is not None
    assert group.notify.master.argv == ("/bin/m",)
    assert group.track_interfaces == (TrackInterface(interface="eth1", weight=0),)


def test_notify_commands_run_as_the_script_user_with_a_time_limit() -> None:
    instance = one(
        {
            "notify": "/bin/n",
            "notify_dual_active": "/bin/d 1",
            "notify_master_rx_lower_pri": ["/bin/l"],
            "notify_deleted": "/bin/x",
        },
        global_defs={"script_user": "nobody", "notify_timeout": 3},
    )
    notify = instance.notify
    commands = (notify.always, notify.dual_active, notify.master_rx_lower_pri, notify.deleted)
    assert [each and each.argv for each in commands] == [
        ("/bin/n",),
        ("/bin/d", "1"),
        ("/bin/l",),
        ("/bin/x",),
    ]
    assert {each and (each.user, each.timeout_ns) for each in commands} == {("nobody", 3 * S)}
