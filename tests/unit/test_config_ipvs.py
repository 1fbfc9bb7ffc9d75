# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual servers: the forms they are written in, and what they become."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lvs_agent import config
from lvs_agent.core.ipvs.model import ServiceKey, Tunnel, marked
from lvs_agent.core.model import LvsTimeouts, VirtualServer

WEB: dict[str, Any] = {"ip": "192.0.2.80", "port": 80, "real_servers": {"a": {"ip": "10.0.0.1"}}}


def loaded(*members: Any, **changes: Any) -> VirtualServer:
    """WEB with `changes`; with `members` those of a group instead of its address."""
    server = WEB | changes
    document: dict[str, Any] = {"virtual_servers": {"web": server}}
    if members:
        document["virtual_server_groups"] = {"farm": {"members": list(members)}}
        server |= {"ip": None, "port": None, "group": "farm"}
    return config.load(json.dumps(document)).virtual_servers[0]


def services(*members: Any, **changes: Any) -> list[str]:
    return [str(key) for key in loaded(*members, **changes).services]


def test_direct_routing_is_what_is_not_said() -> None:
    (real,) = loaded().real_servers
    assert (real.forwarding, real.tunnel, real.endpoint.port, real.weight) == ("DR", None, 80, 1)
    assert loaded().settings.persistence_timeout_s == 0


@pytest.mark.parametrize(
    ("value", "forwarding"),
    [
        ("NAT", ("NAT", None)),
        ("dr", ("DR", None)),
        ("TUN", ("TUN", None)),
        ("TUN type ipip", ("TUN", None)),
        ("TUN type gue port 6080", ("TUN", Tunnel("gue", 6080, "nocsum"))),
        ("TUN type gue port 6080 remcsum", ("TUN", Tunnel("gue", 6080, "remcsum"))),
        ("TUN type gre csum", ("TUN", Tunnel("gre", 0, "csum"))),
        ({"method": "TUN", "type": "GRE"}, ("TUN", Tunnel("gre", 0, "nocsum"))),
        ({"method": "NAT"}, ("NAT", None)),
    ],
)
def test_forwarding_is_a_line_or_a_mapping_and_is_inherited(value: Any, forwarding: Any) -> None:
    (real,) = loaded(lb_kind=value).real_servers
    assert (real.forwarding, real.tunnel) == forwarding
    (real,) = loaded(real_servers={"a": {"ip": "10.0.0.1", "lb_kind": value}}).real_servers
    assert (real.forwarding, real.tunnel) == forwarding


def test_nat_may_change_the_port() -> None:
    (real,) = loaded(
        lb_kind="NAT", real_servers={"a": {"ip": "10.0.0.1", "port": 8080}}
    ).real_servers
    assert real.endpoint.port == 8080


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("10.0.0.1 80", ["10.0.0.1:80"]),
        ("10.0.0.254-255 80", ["10.0.0.254:80", "10.0.0.255:80"]),
        ("10.0.0.255-10.0.1.1 80", ["10.0.0.255:80", "10.0.1.0:80", "10.0.1.1:80"]),
        ("10.0.0.0/31 80", ["10.0.0.0:80", "10.0.0.1:80"]),
        ("10.0.0.1-2 80-81", [f"10.0.0.{n}:{port}" for n in (1, 2) for port in (80, 81)]),
        ("2001:db8::9-a 53", ["[2001:db8::9]:53", "[2001:db8::a]:53"]),
        ("2001:db8::/127 53", ["[2001:db8::]:53", "[2001:db8::1]:53"]),
        ({"ip": "10.0.0.1-2", "port": 80}, ["10.0.0.1:80", "10.0.0.2:80"]),
    ],
)
def test_members_of_a_group_are_services(member: Any, expected: list[str]) -> None:
    real = {"a": {"ip": "2001:db8:1::1" if ":" in str(expected) and "[" in expected[0] else
                  "10.9.0.1"}}  # fmt: skip
    assert services(member, real_servers=real) == [f"TCP {place}" for place in expected]


def test_marks_have_a_family_and_no_protocol() -> None:
    farm = loaded("fwmark 7", {"fwmark": 0x10}, lb_kind="TUN", protocol="UDP")
    assert farm.services == (marked(7, 4), marked(16, 4))
    assert (farm.protocol, farm.group, farm.identity) == ("UDP", "farm", marked(7, 4))
    six = loaded("fwmark 7 inet6", real_servers={"a": {"ip": "2001:db8::1"}})
    assert six.services == (marked(7, 6),)
    alone = loaded(ip=None, port=None, fwmark=8, ip_family="inet")
    assert (alone.services, alone.group) == ((marked(8, 4),), None)
    assert str(alone.identity) == "mark 8 (IPv4)"


def test_service_named_twice_in_a_group_is_one() -> None:
    assert services("10.0.0.1-2 80", "10.0.0.2-3 80") == [f"TCP 10.0.0.{n}:80" for n in (1, 2, 3)]


def test_real_server_has_the_port_that_all_services_share_and_else_none() -> None:
    assert loaded("10.0.0.1-2 443").real_servers[0].endpoint.port == 443
    assert loaded("10.0.0.1 80-81").real_servers[0].endpoint.port == 0
    assert loaded("10.0.0.1 80", "fwmark 7").real_servers[0].endpoint.port == 0
    assert loaded(port=None, persistence_timeout=True).real_servers[0].endpoint.port == 0


def test_service_without_a_port_takes_all() -> None:
    assert loaded(port=None, persistence_timeout=9).services == (ServiceKey("TCP", WEB["ip"], 0),)


@pytest.mark.parametrize(
    ("value", "seconds"), [(True, 360), (False, 0), (0, 0), (50, 50), (None, 0)]
)
def test_persistence_timeout_is_a_number_or_true(value: Any, seconds: int) -> None:
    assert loaded(persistence_timeout=value).settings.persistence_timeout_s == seconds


@pytest.mark.parametrize(
    ("value", "prefix"),
    [("255.255.255.0", 24), (24, 24), ("24", 24), ("255.255.255.255", None), (32, None), (1, 1)],
)
def test_granularity_is_a_mask_or_a_length(value: Any, prefix: int | None) -> None:
    server = loaded(persistence_timeout=True, persistence_granularity=value)
    assert server.settings.persistence_prefix == prefix


def test_flags_of_schedulers_are_bits() -> None:
    settings = loaded(lb_algo="sh", sh_port=True, flag_3=True, protocol="UDP", ops=True).settings
    assert (settings.scheduler_flags, settings.one_packet) == (0x30, True)
    assert loaded(lb_algo="mh", mh_fallback=True).settings.scheduler_flags == 0x08


def test_weight_of_the_virtual_server_is_the_usual_one() -> None:
    reals = {"a": {"ip": "10.0.0.1"}, "b": {"ip": "10.0.0.2", "weight": 0}}
    assert [real.weight for real in loaded(weight=7, real_servers=reals).real_servers] == [7, 0]


def test_timeouts_are_a_line_or_a_mapping() -> None:
    expected = LvsTimeouts(tcp_s=7200, tcpfin_s=None, udp_s=60)
    for value in ("tcp 7200 udp 60", {"tcp": 7200, "udp": 60}):
        document = {"global_defs": {"lvs_timeouts": value}}
        assert config.load(json.dumps(document)).global_defs.timeouts == expected
    assert config.load("{}").global_defs.timeouts is None


def test_the_same_virtual_server_under_another_name_is_the_same() -> None:
    assert loaded().identity == loaded(protocol="tcp").identity == ServiceKey("TCP", WEB["ip"], 80)


LINT: list[tuple[dict[str, Any], str, str]] = [
    ({"flag_1": True}, "virtual_servers.web.flag_1", "wlc of Linux does nothing with it"),
    ({"lb_algo": "sh", "flag_2": True}, "virtual_servers.web.flag_2", "is sh_port of"),
    (
        {"lb_algo": "fo", "real_servers": {"a": {"ip": "10.0.0.1"}, "b": {"ip": "10.0.0.2"}}},
        "virtual_servers.web.lb_algo",
        "give each its own",
    ),
]


@pytest.mark.parametrize(("changes", "path", "words"), LINT)
def test_what_is_rarely_meant_is_a_warning(changes: Any, path: str, words: str) -> None:
    document = {"virtual_servers": {"web": WEB | changes}}
    (warning,) = config.lint(json.dumps(document))
    assert warning.path == path
    assert words in warning.message


def test_group_that_nobody_uses_is_a_warning() -> None:
    document = {"virtual_server_groups": {"farm": {"members": ["10.0.0.1 80"]}}}
    (warning,) = config.lint(json.dumps(document))
    assert warning.path == "virtual_server_groups.farm"


def test_sound_virtual_server_has_no_warnings() -> None:
    assert config.lint(json.dumps({"virtual_servers": {"web": WEB}})) == ()
