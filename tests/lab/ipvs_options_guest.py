# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a lab host: documents with every option of IPVS, ipvsadm as the witness.

Usage: ipvs_options_guest.py SCENARIO. Every scenario has a network namespace of its own.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import Any

from ipvs_guest import CHECK, RS1, RS2, SERVICE, Bench, Watch, document, perform, verdict, web
from lvs_agent import schema
from lvs_agent.adapters.sweep import sweep
from lvs_agent.core.messages import VerdictsComplete
from netns.kernel_harness import eventually

AT = "192.0.2.80:80"
IN = f"-a -t {AT} -r"


def real(ip: str, **more: Any) -> dict[str, Any]:
    return {"ip": ip, **more}


def schedulers() -> list[str]:
    """Those that this kernel has: Debian builds all but the newest ones."""
    folder = Path("/lib/modules") / os.uname().release / "kernel/net/netfilter/ipvs"
    return [name for name in schema.SCHEDULERS if list(folder.glob(f"ip_vs_{name}.ko*"))]


def one(**more: Any) -> dict[str, Any]:
    """A virtual server with one real server."""
    return {"ip": "192.0.2.80", "port": 80, "lb_algo": "rr"} | {
        "real_servers": {"a": real("192.0.2.11")},
        **more,
    }


def forwarding_is_that_of_each_server(bench: Bench) -> None:
    process = bench.start(
        document(
            web=web(
                lb_kind="NAT",
                **CHECK,
                real_servers={
                    "nat": real("192.0.2.11", port=8080),
                    "dr": real("192.0.2.12", lb_kind="DR"),
                    "ipip": real("192.0.2.13", lb_kind={"method": "TUN"}),
                    "gue": real("192.0.2.14", lb_kind="TUN type gue port 6080"),
                    "csum": real("192.0.2.15", lb_kind="TUN type gue port 6081 csum"),
                    "remcsum": real("192.0.2.16", lb_kind="TUN type gue port 6082 remcsum"),
                    "gre": real("192.0.2.17", lb_kind="TUN type gre"),
                    "gresum": real("192.0.2.18", lb_kind="tun type GRE csum"),
                },
                sorry_server={"ip": "192.0.2.99", "port": 8000, "lb_kind": "NAT"},
            )
        )
    )
    bench.becomes(
        SERVICE,
        f"{IN} 192.0.2.11:8080 -m -w 1",
        f"{IN} 192.0.2.12:80 -g -w 1",
        f"{IN} 192.0.2.13:80 -i -w 1 --tun-type ipip",
        f"{IN} 192.0.2.14:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum",
        f"{IN} 192.0.2.15:80 -i -w 1 --tun-type gue --tun-port 6081 --tun-csum",
        f"{IN} 192.0.2.16:80 -i -w 1 --tun-type gue --tun-port 6082 --tun-remcsum",
        f"{IN} 192.0.2.17:80 -i -w 1 --tun-type gre --tun-nocsum",
        f"{IN} 192.0.2.18:80 -i -w 1 --tun-type gre --tun-csum",
    )
    shown = {row["name"]: row["tunnel"] for row in process.report()["services"][0]["destinations"]}
    assert shown["csum"] == "gue port 6081 csum", shown
    assert (shown["ipip"], shown["nat"], shown["gresum"]) == (None, None, "gre csum")
    for name in ("nat", "dr", "ipip", "gue", "csum", "remcsum", "gre", "gresum"):
        verdict(process, name, False)
    bench.becomes(SERVICE, f"{IN} 192.0.2.99:8000 -m -w 1")
    no_drift(process)


def no_drift(process: Any) -> None:
    """The kernel keeps what it was told: two audits find nothing to repair."""
    audits = process.report()["drift"]["ipvs_audits"]
    eventually(lambda: process.report()["drift"]["ipvs_audits"] >= audits + 2, 12.0)
    assert process.report()["drift"]["ipvs_operations"] == 0, process.logged()


def forwarding_is_changed_in_place(bench: Bench) -> None:
    process = bench.start(document(web=web()))
    bench.becomes(SERVICE, RS1, RS2)
    watched = Watch(bench)
    for kind, words in (
        ("NAT", "-m -w {}"),
        ("TUN", "-i -w {} --tun-type ipip"),
        ("TUN type gue port 6080 csum", "-i -w {} --tun-type gue --tun-port 6080 --tun-csum"),
        ("TUN type gre", "-i -w {} --tun-type gre --tun-nocsum"),
        ("TUN", "-i -w {} --tun-type ipip"),
        ("DR", "-g -w {}"),
    ):
        process.reconfigure(document(web=web(lb_kind=kind)))
        bench.becomes(
            SERVICE,
            f"{IN} 192.0.2.11:80 {words.format(1)}",
            f"{IN} 192.0.2.12:80 {words.format(2)}",
        )
    watched.end()


def ipv6_and_mixed_families(bench: Bench) -> None:
    six = one(
        ip="2001:db8::80",
        real_servers={
            "dr": real("2001:db8::11"),
            "nat": real("2001:db8::12", port=8080, lb_kind="NAT"),
            "tun": real("2001:db8::13", lb_kind="TUN type gue port 6080"),
            "four": real("192.0.2.11", lb_kind="TUN"),
        },
    )
    four = one(lb_kind="TUN", real_servers={"six": real("2001:db8::11")})
    process = bench.start(document(six=six, four=four))
    there = "-a -t [2001:db8::80]:80 -r"
    bench.becomes(
        "-A -t [2001:db8::80]:80 -s rr",
        f"{there} [2001:db8::11]:80 -g -w 1",
        f"{there} [2001:db8::12]:8080 -m -w 1",
        f"{there} [2001:db8::13]:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum",
        f"{there} 192.0.2.11:80 -i -w 1 --tun-type ipip",
        SERVICE,
        f"{IN} [2001:db8::11]:80 -i -w 1 --tun-type ipip",
    )
    no_drift(process)
    assert process.stop() == 0
    assert bench.table() == set()


def every_protocol(bench: Bench) -> None:
    process = bench.start(
        document(tcp=one(), udp=one(protocol="UDP"), sctp=one(protocol="sctp", lb_kind="NAT"))
    )
    bench.becomes(
        SERVICE,
        f"{IN} 192.0.2.11:80 -g -w 1",
        f"-A -u {AT} -s rr",
        f"-a -u {AT} -r 192.0.2.11:80 -g -w 1",
        f"-A --sctp-service {AT} -s rr",
        f"-a --sctp-service {AT} -r 192.0.2.11:80 -m -w 1",
    )
    no_drift(process)


def every_model_protocol_family_and_scheduler(bench: Bench) -> None:
    kinds = {"NAT": "-m", "DR": "-g", "TUN": "-i"}
    flags = {"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service"}
    tunnel = {"TUN": " --tun-type ipip"}
    servers, wanted = {}, set()
    port = 1000
    for kind, protocol, six, scheduler in itertools.product(
        kinds, flags, (False, True), schedulers()
    ):
        port += 1
        address = "2001:db8::80" if six else "192.0.2.80"
        behind = "2001:db8::11" if six else "192.0.2.11"
        servers[f"{kind}-{protocol}-{six}-{scheduler}"] = {
            "ip": address,
            "port": port,
            "protocol": protocol,
            "lb_algo": scheduler,
            "lb_kind": kind,
            "real_servers": {"a": real(behind)},
        }
        at, to = (f"[{text}]:{port}" if six else f"{text}:{port}" for text in (address, behind))
        service = f"{flags[protocol]} {at}"
        wanted |= {
            f"-A {service} -s {scheduler}",
            f"-a {service} -r {to} {kinds[kind]} -w 1{tunnel.get(kind, '')}",
        }
    process = bench.start(document(**servers))
    bench.becomes(*wanted, wait_s=5.0)
    print(f"{len(servers)} combinations")
    no_drift(process)


def firewall_marks_of_both_families(bench: Bench) -> None:
    marked = {"lb_algo": "rr", "real_servers": {"a": real("192.0.2.11")}}
    six = {"real_servers": {"a": real("2001:db8::11", port=80)}, "ip_family": "inet6"}
    process = bench.start(
        document(four=marked | {"fwmark": 7}, six=marked | six | {"fwmark": 2**32 - 1})
    )
    bench.becomes(
        "-A -f 7 -s rr",
        "-a -f 7 -r 192.0.2.11:0 -g -w 1",
        "-A -f -1 -6 -s rr",  # ipvsadm writes marks as signed numbers
        "-a -f -1 -6 -r [2001:db8::11]:80 -g -w 1",
    )
    no_drift(process)
    process.reconfigure(document(four=marked | {"fwmark": 8}))
    bench.becomes("-A -f 8 -s rr", "-a -f 8 -r 192.0.2.11:0 -g -w 1")


def group_shares_real_servers_and_verdicts(bench: Bench) -> None:
    members = [
        "192.0.2.80-81 80-81",
        {"ip": "192.0.2.88/31", "port": 443},
        "fwmark 7",
        {"fwmark": 7, "ip_family": "inet6"},
        "192.0.2.80 80",
    ]
    servers = {"a": real("192.0.2.11", port=8080), "b": real("192.0.2.12", lb_kind="TUN")}
    check = {"tcp_check": {"connect_port": 80}}  # the services have several
    farm = {"group": "farm", "lb_algo": "rr", "lb_kind": "TUN", "real_servers": servers, **check}
    servers["a"] = real("192.0.2.11")
    config = {"virtual_server_groups": {"farm": {"members": members}}, **document(web=farm)}
    process = bench.start(config)
    places = [f"-t 192.0.2.{n}:{port}" for n in (80, 81) for port in (80, 81)]
    places += ["-t 192.0.2.88:443", "-t 192.0.2.89:443", "-f 7", "-f 7 -6"]

    def table(*last: int) -> list[str]:
        lines = [f"-A {place} -s rr" for place in places]
        for place in places:
            port = place.rpartition(":")[2] if ":" in place else "0"
            lines += [f"-a {place} -r 192.0.2.{n}:{port} -i -w 1 --tun-type ipip" for n in last]
        return lines

    bench.becomes(*table(11, 12))
    verdict(process, "b", False)
    bench.becomes(*table(11))
    rows = process.report()["services"]
    assert [row["name"] for row in rows] == ["web"] * len(places)
    assert [len(row["real_servers"]) for row in rows] == [2] + [0] * (len(places) - 1)
    no_drift(process)
    config["virtual_server_groups"]["farm"]["members"] = members[:1]
    process.reconfigure(config)
    del places[4:]
    bench.becomes(*table(11))


def successor_holds_the_verdicts_of_a_group(bench: Bench) -> None:
    config = {
        "virtual_server_groups": {"farm": {"members": ["192.0.2.80 80-81"]}},
        **document(
            web={
                "group": "farm",
                "lb_algo": "rr",
                "tcp_check": {"connect_port": 80},
                "real_servers": {"a": real("192.0.2.11"), "b": real("192.0.2.12")},
            }
        ),
    }
    process = bench.start(config)
    eventually(lambda: len(bench.table()) == 6)
    verdict(process, "b", False)
    eventually(lambda: len(bench.table()) == 4)
    process.kill()
    process = bench.start(config, restarted=True, ends=process.ends)
    eventually(lambda: process.report()["drift"]["ipvs_audits"] >= 1, 12.0)
    assert len(bench.table()) == 4
    assert [row["up"] for row in process.report()["services"][0]["real_servers"]] == [True, False]


def family_that_the_sync_daemon_forbids_is_told_and_tried_again(bench: Bench) -> None:
    bench.namespace.ip("link", "set", "lo", "up")
    bench.ipvsadm("--start-daemon", "master", "--mcast-interface", "lo")
    mixed = one(ip="2001:db8::80", real_servers={"a": real("192.0.2.11", lb_kind="TUN")})
    process = bench.start(document(mixed=mixed, web=one()))
    bench.becomes("-A -t [2001:db8::80]:80 -s rr", SERVICE, f"{IN} 192.0.2.11:80 -g -w 1")
    error = process.report()["services"][0]["error"]
    assert "another family needs TUN, and no IPVS sync daemon that runs" in error, error
    bench.ipvsadm("--stop-daemon", "master")
    eventually(lambda: len(bench.table()) == 4, 7.0)
    assert process.report()["services"][0]["error"] is None


def scheduler_flags_and_one_packet_scheduling(bench: Bench) -> None:
    sh = {"lb_algo": "sh", "protocol": "UDP"}
    process = bench.start(
        document(
            both=one(**sh, sh_port=True, sh_fallback=True, ops=True),
            port=one(ip="192.0.2.81", lb_algo="sh", sh_port=True),
            fallback=one(ip="192.0.2.82", lb_algo="sh", sh_fallback=True),
            mh=one(ip="192.0.2.83", lb_algo="mh", mh_port=True),
            mhf=one(ip="192.0.2.84", lb_algo="mh", mh_fallback=True),
            plain=one(ip="192.0.2.85", flag_1=True, flag_3=True),
            second=one(ip="192.0.2.86", flag_2=True),
        )
    )
    wanted = {
        f"-A -u {AT} -s sh -o -b sh-fallback,sh-port",
        "-A -t 192.0.2.81:80 -s sh -b sh-port",
        "-A -t 192.0.2.82:80 -s sh -b sh-fallback",
        "-A -t 192.0.2.83:80 -s mh -b mh-port",
        "-A -t 192.0.2.84:80 -s mh -b mh-fallback",
        "-A -t 192.0.2.85:80 -s rr -b flag-1,flag-3",
        "-A -t 192.0.2.86:80 -s rr -b flag-2",
    }
    eventually(lambda: services(bench) == wanted)
    no_drift(process)
    process.reconfigure(document(both=one(**sh)))
    eventually(lambda: services(bench) == {f"-A -u {AT} -s sh"})


def services(bench: Bench) -> set[str]:
    return {line for line in bench.table() if line.startswith("-A")}


def persistence_of_every_kind(bench: Bench) -> None:
    process = bench.start(
        document(
            usual=one(persistence_timeout=True),
            all=one(ip="192.0.2.81", port=None, persistence_timeout=60),
            mask=one(
                ip="192.0.2.82", persistence_timeout=5, persistence_granularity="255.255.255.0"
            ),
            length=one(ip="192.0.2.83", persistence_timeout=5, persistence_granularity=20),
            six=one(
                ip="2001:db8::80",
                persistence_timeout=5,
                persistence_granularity=64,
                real_servers={"a": real("2001:db8::11")},
            ),
            sip=one(protocol="UDP", persistence_timeout=5, persistence_engine="sip"),
        )
    )
    wanted = {
        f"-A -t {AT} -s rr -p 360",
        "-A -t 192.0.2.81:0 -s rr -p 60",
        "-A -t 192.0.2.82:80 -s rr -p 5 -M 255.255.255.0",
        "-A -t 192.0.2.83:80 -s rr -p 5 -M 255.255.240.0",
        "-A -t [2001:db8::80]:80 -s rr -p 5 -M 64",
        f"-A -u {AT} -s rr -p 5 --pe sip",
    }
    eventually(lambda: services(bench) == wanted)
    assert "-a -t 192.0.2.81:0 -r 192.0.2.11:0 -g -w 1" in bench.table()
    no_drift(process)
    # In place, and all the way back.
    process.reconfigure(document(usual=one(), sip=one(protocol="UDP", persistence_timeout=7)))
    eventually(lambda: services(bench) == {SERVICE, f"-A -u {AT} -s rr -p 7"})


def weights_and_thresholds(bench: Bench) -> None:
    servers = {
        "own": real("192.0.2.11", weight=9, uthreshold=100, lthreshold=50),
        "usual": real("192.0.2.12", uthreshold=7),
        "none": real("192.0.2.13", weight=0),
    }
    process = bench.start(document(web=one(weight=4, real_servers=servers)))
    bench.becomes(
        SERVICE,
        f"{IN} 192.0.2.11:80 -g -w 9",
        f"{IN} 192.0.2.12:80 -g -w 4",
        f"{IN} 192.0.2.13:80 -g -w 0",
    )
    assert thresholds(bench) == {"11": ["100", "50"], "12": ["7", "0"], "13": ["0", "0"]}
    no_drift(process)
    servers["own"] |= {"uthreshold": 60, "lthreshold": 0}
    process.reconfigure(document(web=one(weight=4, real_servers=servers)))
    eventually(lambda: thresholds(bench)["11"] == ["60", "0"])


def thresholds(bench: Bench) -> dict[str, list[str]]:
    rows = [line.split() for line in bench.ipvsadm("-Ln", "--thresholds").splitlines()]
    return {
        row[1].partition(":")[0].rpartition(".")[2]: row[2:4]
        for row in rows
        if row[:1] == ["->"] and row[1][0].isdigit()
    }


def outside_hand_on_any_option_is_undone(bench: Bench) -> None:
    server = one(
        lb_algo="sh",
        sh_port=True,
        persistence_timeout=60,
        persistence_granularity=24,
        real_servers={"a": real("192.0.2.11", lb_kind="TUN type gue port 6080 csum", uthreshold=9)},
    )
    process = bench.start(document(web=server))
    wanted = (
        f"-A -t {AT} -s sh -p 60 -M 255.255.255.0 -b sh-port",
        f"{IN} 192.0.2.11:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
    )
    bench.becomes(*wanted)
    for line in (
        f"-E -t {AT} -s sh -p 60 -M 255.255.255.0 -b sh-fallback",
        f"-E -t {AT} -s sh -p 60 -M 255.255.0.0 -b sh-port",
        f"-E -t {AT} -s sh -b sh-port",
        f"-e -t {AT} -r 192.0.2.11:80 -i -w 1 -x 9",
        f"-e -t {AT} -r 192.0.2.11:80 -i -w 1 -x 9 --tun-type gre",
        f"-e -t {AT} -r 192.0.2.11:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
    ):
        operations = process.report()["drift"]["ipvs_operations"]
        bench.ipvsadm(*line.split())
        eventually(
            lambda now=operations: process.report()["drift"]["ipvs_operations"] == now + 1, 7.0
        )
        bench.becomes(*wanted)
        assert thresholds(bench) == {"11": ["9", "0"]}


def kill_and_sweep_leave_no_kind_of_service(bench: Bench) -> None:
    foreign = {"-A -f 9 -s rr", "-A -t [2001:db8::99]:80 -s rr", "-A -u 192.0.2.99:0 -s rr -p 5"}
    for line in foreign:
        bench.ipvsadm(*line.split())
    assert bench.table() == foreign
    config = {
        "virtual_server_groups": {
            "farm": {"members": ["192.0.2.80-89 80", "fwmark 7", "2001:db8::a-f 80"]}
        },
        **document(
            web={"group": "farm", "lb_kind": "TUN", "real_servers": {"a": real("192.0.2.11")}},
            sctp=one(protocol="SCTP"),
            all=one(ip="192.0.2.70", port=None, persistence_timeout=60),
        ),
    }
    process = bench.start(config)
    eventually(lambda: len(bench.table()) == 3 + 2 * (10 + 1 + 6 + 2))
    process.kill()
    pid = os.fork()
    if pid == 0:
        bench.namespace.enter()
        report = sweep(bench.directory)
        os._exit(0 if len(report.services_removed) == 19 and not report.errors else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert bench.table() == foreign


def timeouts_are_set_kept_and_put_back(bench: Bench) -> None:
    def shown() -> str:
        return bench.ipvsadm("-Ln", "--timeout").partition("): ")[2].strip()

    def config(line: str | None) -> dict[str, Any]:
        return {"global_defs": {"lvs_timeouts": line} if line else {}, **document(web=web())}

    bench.ipvsadm("--set", "800", "100", "250")
    process = bench.start(config("tcp 7200 udp 60"))
    eventually(lambda: shown() == "7200 100 60")
    bench.ipvsadm("--set", "5", "6", "7")
    eventually(lambda: shown() == "7200 100 60", 7.0)
    assert process.report()["drift"]["timeouts_put_back"] == 1
    process.reconfigure(config("tcpfin 30"))
    eventually(lambda: shown() == "800 30 250")
    assert process.report()["timeouts"]["before"] == {"tcp": 800, "tcpfin": 100, "udp": 250}
    process.kill()
    process = bench.start(config("tcpfin 31"), restarted=True, ends=process.ends)
    eventually(lambda: shown() == "800 31 250")
    process.reconfigure(config(None))
    eventually(lambda: shown() == "800 100 250")
    process.reconfigure(config("udp 9"))
    eventually(lambda: shown() == "800 100 9")
    assert process.stop() == 0
    assert shown() == "800 100 250"
    process = bench.start(config("udp 8"))
    eventually(lambda: shown() == "800 100 8")
    process.kill()
    pid = os.fork()
    if pid == 0:
        bench.namespace.enter()
        os._exit(1 if sweep(bench.directory).errors else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert shown() == "800 100 250"


def flush_at_the_start_removes_what_is_not_configured(bench: Bench) -> None:
    foreign = "-A -u 192.0.2.99:53 -s wlc", "-a -u 192.0.2.99:53 -r 192.0.2.66:53 -g -w 1"
    config = {"global_defs": {"lvs_flush": True}, **document(web=web())}

    def add(*lines: str) -> None:
        for line in lines:
            bench.ipvsadm(*line.split())

    add(SERVICE, RS1, f"{IN} 192.0.2.77:80 -g -w 9", *foreign)
    assert "remove service UDP 192.0.2.99:53" in bench.plan(config)
    watched = Watch(bench)  # rs11 is there at every moment
    process = bench.start(config)
    bench.becomes(SERVICE, RS1, RS2)
    watched.end()
    eventually(lambda: any("lvs_flush removes UDP 192.0.2.99:53" in a for a in process.logged()))

    add(*foreign)
    process.reconfigure({"global_defs": {"lvs_flush": True}, **document(web=web(lb_algo="wlc"))})
    changed = SERVICE.replace("-s rr", "-s wlc")
    bench.becomes(changed, RS1, RS2, *foreign)
    process.kill()
    process = bench.start(config, restarted=True, ends=process.ends)
    process.health.send(VerdictsComplete(generation=process.generation))
    bench.becomes(SERVICE, RS1, RS2, *foreign)
    assert process.stop() == 0
    bench.becomes(*foreign)


if __name__ == "__main__":
    perform(globals()[sys.argv[1]])
