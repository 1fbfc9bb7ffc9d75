# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong IPVS options, one slip each, with the path and the words that the error must have."""

from __future__ import annotations

import copy

from bad_documents import WEB, Document, Slip


def _server(option: str, words: str, **changes: object) -> Slip:
    """A slip in the virtual server, whose error is at `option`. None removes."""

    def spoil(document: Document) -> None:
        changed = {**document["virtual_servers"]["web"], **copy.deepcopy(changes)}
        document["virtual_servers"]["web"] = {
            name: value for name, value in changed.items() if value is not None
        }

    return Slip(name=f"{option}: {words}", spoil=spoil, path=f"{WEB}.{option}", words=words)


def _real(option: str, words: str, **changes: object) -> Slip:
    def spoil(document: Document) -> None:
        document["virtual_servers"]["web"]["real_servers"]["rs1"].update(changes)

    path = f"{WEB}.real_servers.rs1.{option}"
    return Slip(name=f"real server {option}: {words}", spoil=spoil, path=path, words=words)


def _group(path: str, words: str, *members: object, **changes: object) -> Slip:
    """The virtual server is that of a group with these members."""

    def spoil(document: Document) -> None:
        document["virtual_server_groups"] = {"farm": {"members": list(members)}}
        web = document["virtual_servers"]["web"]
        del web["ip"], web["port"]
        web |= {"group": "farm", "http_get": None, **changes}
        document["virtual_servers"]["web"] = {k: v for k, v in web.items() if v is not None}

    return Slip(name=f"{path}: {words}", spoil=spoil, path=path, words=words)


def _shared_address(document: Document) -> None:
    document["virtual_server_groups"] = {"farm": {"members": ["172.16.1.250-254 80"]}}
    document["virtual_servers"]["other"] = {"group": "farm"}


def _mixed_with_sync_daemon(document: Document) -> None:
    document["global_defs"]["lvs_sync_daemon"] = "eth1"
    web = document["virtual_servers"]["web"]
    web["lb_kind"] = "TUN"
    web["real_servers"]["rs1"]["ip"] = "2001:db8::3"


def _too_many(document: Document) -> None:
    document["virtual_server_groups"] = {"farm": {"members": ["10.0.0.0/24 80-83"]}}
    document["virtual_servers"]["farm"] = {
        "group": "farm",
        "real_servers": {f"rs{n}": {"ip": f"10.1.0.{n}"} for n in range(1, 65)},
    }


def _timeouts(document: Document) -> None:
    document["global_defs"]["lvs_timeouts"] = {}


_MEMBER = "virtual_server_groups.farm.members"

SLIPS: tuple[Slip, ...] = (
    _server("ip", "is required: say ip (a virtual address), fwmark or group", ip=None),
    _server("fwmark", "cannot be beside ip", fwmark=7),
    _server("group", "there is no virtual_server_group farm", ip=None, port=None, group="farm"),
    _server("ip", "224.0.0.5 cannot be a virtual address", ip="224.0.0.5"),
    _server("port", "belongs to ip, not to fwmark", ip=None, fwmark=7, http_get=None),
    _server("ip_family", "belongs to fwmark, not to ip", ip_family="inet6"),
    _server("port", "only a persistent virtual server", port=None, http_get=None),
    _server("fwmark", "from 1 to 4294967295", ip=None, port=None, fwmark=0),
    _server("sh_port", "belongs to the scheduler sh, not to rr", sh_port=True),
    _server(
        "mh_fallback", "belongs to the scheduler mh, not to sh", lb_algo="sh", mh_fallback=True
    ),
    _server("ops", "is for UDP, not for TCP", ops=True),
    _server("persistence_granularity", "needs a persistence_timeout", persistence_granularity=24),
    _server(
        "persistence_granularity",
        "must be from 1 to 32 for IPv4, not 64",
        persistence_timeout=True,
        persistence_granularity=64,
    ),
    _server(
        "persistence_granularity",
        "must be a netmask such as 255.255.255.0",
        persistence_timeout=True,
        persistence_granularity="255.0.255.0",
    ),
    _server("persistence_engine", "sip reads UDP", persistence_timeout=5, persistence_engine="sip"),
    _server("lb_kind", "unknown word 'kind'", lb_kind="TUN kind gue"),
    _server("lb_kind.method", "must be one of NAT, DR, TUN", lb_kind="ROUTE"),
    _server("lb_kind.type", "belongs to TUN, not to NAT", lb_kind="NAT type gue"),
    _server("lb_kind.port", "is required for gue", lb_kind="TUN type gue"),
    _server("lb_kind.port", "belongs to gue, not to gre", lb_kind="TUN type gre port 6080"),
    _server("lb_kind.checksum", "IP in IP has none", lb_kind="TUN csum"),
    _server("lb_kind.checksum", "remcsum is for gue", lb_kind="TUN type gre remcsum"),
    _server(
        "real_servers.rs1.ip",
        "NAT cannot cross that",
        lb_kind="NAT",
        ip="2001:db8::80",
        real_servers={"rs1": {"ip": "10.0.0.3"}},
        sorry_server=None,
    ),
    _server("sorry_server.ip", "DR cannot cross that", ip="2001:db8::80", real_servers={}),
    _server(
        "http_get[0].connect_port",
        "the real server rs1 has no port to check",
        port=None,
        persistence_timeout=360,
    ),
    _real("ip", "0.0.0.0 is the address of no host", ip="0.0.0.0"),
    _server(
        "real_servers.rs1.ip",
        "fe80::3 is link-local",
        ip="2001:db8::80",
        real_servers={"rs1": {"ip": "fe80::3"}},
        sorry_server=None,
    ),
    _real("lthreshold", "needs a uthreshold", lthreshold=5),
    _real("lthreshold", "must not be above uthreshold (5)", uthreshold=5, lthreshold=6),
    _real("lb_kind.port", "is required for gue", lb_kind="TUN type gue"),
    _real("port", "a tunnel cannot change the port: 8080 must be 80", port=8080, lb_kind="TUN"),
    _real("port", "direct routing cannot change the port", port=8080),
    _group(_MEMBER, "is empty; name an address or a firewall mark"),
    _group(f"{_MEMBER}[0]", "needs either ip or fwmark", {"port": 80}),
    _group(
        f"{_MEMBER}[1].port", "the firewall marks by port", "fwmark 3", {"fwmark": 7, "port": 80}
    ),
    _group(f"{_MEMBER}[0]", "unknown word '80'", "fwmark 7 80"),
    _group(f"{_MEMBER}[0].ip", "a range such as 192.0.2.10-20", "10.0.0.9-3 80"),
    _group(f"{_MEMBER}[0].ip", "has more than 4096 addresses", "10.0.0.0/8 80"),
    _group(
        f"{_MEMBER}[0].ip_family",
        "is told by the address",
        {"ip": "10.0.0.1", "port": 80, "ip_family": "inet"},
    ),
    _group(f"{WEB}.group", "makes 65535 services", "10.0.0.1 1-65535"),
    _group(
        f"{WEB}.group",
        "is required for 10.0.0.2, since only a persistent",
        "10.0.0.1 80",
        "10.0.0.2",
    ),
    _group(
        f"{WEB}.real_servers.rs1.port",
        "direct routing cannot change the port: 80 must be 81",
        "10.0.0.1 80-81",
        real_servers={"rs1": {"ip": "10.0.0.3", "port": 80}},
    ),
    _group(
        f"{WEB}.real_servers.rs1.port",
        "the virtual server takes all ports",
        "10.0.0.1",
        lb_kind="NAT",
        persistence_timeout=9,
        real_servers={"rs1": {"ip": "10.0.0.3", "port": 80}},
    ),
    Slip(
        name="more destinations than can be told",
        spoil=_too_many,
        path="virtual_servers.farm",
        words="makes 1025 services and 65538 destinations",
    ),
    Slip(
        name="timeouts that say nothing",
        spoil=_timeouts,
        path="global_defs.lvs_timeouts",
        words="set tcp, tcpfin or udp",
    ),
    Slip(
        name="address of a group that another virtual server has",
        spoil=_shared_address,
        path="virtual_servers.other",
        words="TCP 172.16.1.254:80 is already that of web",
    ),
    Slip(
        name="mixed families beside the sync daemon",
        spoil=_mixed_with_sync_daemon,
        path=f"{WEB}.real_servers.rs1.ip",
        words="the kernel does not synchronise connections",
    ),
)
