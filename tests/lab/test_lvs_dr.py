# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed's section 4.3: LVS-DR with checked real servers, seen from the client. From
keepalived.conf files that forget to give the virtual server's address to an instance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import imported
import pytest
from cluster import Cluster, Run
from lvslab import Lab
from lvslab.job import Job

pytestmark = pytest.mark.lab

VIP = "172.16.1.254"
URL = f"http://{VIP}/index.html"
DIRECTORS = ("drct1", "drct2")
REAL = {"172.16.1.3:80": "rs1", "172.16.1.4:80": "rs2"}
SLOW_DOWNLOAD = Path(__file__).with_name("slow_download.py")
TAKE_OUT = Path(__file__).with_name("take_out.yml")
LVSCTL = "/opt/lvs-agent/current/bin/lvsctl"
LONG_SESSION = Path(__file__).with_name("long_session.py")
SERVICE = f"-A -t {VIP}:80 -s rr"
RS1 = f"-a -t {VIP}:80 -r 172.16.1.3:80 -g -w 1"
RS2 = f"-a -t {VIP}:80 -r 172.16.1.4:80 -g -w 2"
SORRY = re.compile(rf"-a -t {VIP}:80 -r 127\.0\.0\.1:80 -g -w 1")
# delay_loop 3 s, then three more tries 1 s apart; a refused connection takes no time.
DEAD_AFTER_S = 3 + 3 * 1
SLACK_S = 4.0


@pytest.fixture(scope="module", autouse=True)
def inventory(bare: Lab, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As it was imported; the second test mends it."""
    for director in DIRECTORS:
        # The sorry server of the seed is 127.0.0.1: something must answer there.
        bare.run(director, "echo sorry > /var/www/html/index.html; systemctl start nginx")
    bare.run("rs2", "sync")
    hosts = {address.partition(":")[0]: name for address, name in REAL.items()}
    made = imported.inventory(cluster, "lvs_dr", tmp_path_factory.mktemp("lvs_dr"), hosts)
    cluster.apply(made)
    return made


def everywhere(cluster: Cluster, *lines: str) -> bool:
    return all(cluster.ipvs(director) == sorted(lines) for director in DIRECTORS)


def answers(lab: Lab, count: int) -> list[str]:
    command = f"for i in $(seq {count}); do curl -s -m 3 {URL} | head -1; done"
    return lab.run("client", command, timeout=60).stdout.split("\n")[:count]


@contextmanager
def stopped_nginx(lab: Lab, *hosts: str) -> Iterator[None]:
    for host in hosts:
        lab.run(host, "systemctl stop nginx")
    try:
        yield
    finally:
        for host in hosts:
            lab.run(host, "systemctl start nginx")


def test_as_imported_it_runs_as_with_keepalived_and_what_is_missing_is_told(
    cluster: Cluster, inventory: Path
) -> None:
    said = imported.notes(inventory)
    assert f"drct1, drct2: {imported.CONF}:49: presistence_timeout is not a keyword" in said
    assert "Addresses of virtual servers that no vrrp_instance has." in said
    cluster.wait("the table", lambda: everywhere(cluster, SERVICE, RS1, RS2))
    assert cluster.holders(VIP) == []
    verified = cluster.playbook(inventory, name="lvs.cluster.verify")
    assert not verified.good
    assert f"1. virtual server {VIP}:80: no director has {VIP}" in verified.output
    assert "There is 1 problem:" in verified.output, verified.output


def test_with_its_address_in_an_instance_nothing_else_is_to_be_done(
    cluster: Cluster, inventory: Path
) -> None:
    first = "      - 172.16.1.99/32 brd 172.16.1.99 dev eno16777736 label eno16777736:0\n"
    mine = f"      - {VIP}/32 dev eno16777736\n"
    imported.edit(inventory, imported.SHARED, first, first + mine)
    listed = f"lvs_unmanaged_virtual_addresses:\n  - {VIP}\n"
    imported.edit(inventory, imported.SHARED, listed, "")
    mended = cluster.apply(inventory)
    # The real servers have the virtual server's address already.
    assert {host for host, count in mended.changed.items() if count} == set(DIRECTORS)
    cluster.wait("drct1 has it", lambda: cluster.holders(VIP) == ["drct1"])
    assert everywhere(cluster, SERVICE, RS1, RS2)


def test_requests_alternate_between_the_real_servers(lab: Lab, cluster: Cluster) -> None:
    cluster.wait("the table", lambda: everywhere(cluster, SERVICE, RS1, RS2))
    seen = answers(lab, 10)
    assert len(set(seen)) == 2
    assert all(one != other for one, other in pairwise(seen)), seen


def test_real_servers_stay_silent_to_arp_for_the_virtual_address(lab: Lab) -> None:
    (mac,) = {
        lab.run(host, "cat /sys/class/net/eno16777736/address").stdout.strip()
        for host in DIRECTORS
        if lab.run(host, f"ip -o address show to {VIP}").stdout
    }
    with lab.capture("outside", f"arp and host {VIP}") as pcap:
        shown = lab.run(
            "client", f"arping -I eno16777736 -c 5 -w 6 {VIP}", check=False, timeout=20
        ).stdout
    assert pcap.exists()
    repliers = {found.lower() for found in re.findall(r"reply from .*?\[([0-9A-Fa-f:]+)\]", shown)}
    assert repliers == {mac}, shown


def test_a_dead_real_server_leaves_and_comes_back(lab: Lab, cluster: Cluster) -> None:
    cluster.wait("the table", lambda: everywhere(cluster, SERVICE, RS1, RS2))
    with stopped_nginx(lab, "rs1"):
        cluster.wait(
            "rs1 is out",
            lambda: everywhere(cluster, SERVICE, RS2),
            timeout_s=DEAD_AFTER_S + SLACK_S,
        )
        assert len(set(answers(lab, 4))) == 1
    cluster.wait(
        "rs1 is back", lambda: everywhere(cluster, SERVICE, RS1, RS2), timeout_s=3 + SLACK_S
    )


def test_with_both_dead_the_sorry_server_answers(lab: Lab, cluster: Cluster) -> None:
    with stopped_nginx(lab, "rs1", "rs2"):
        cluster.wait(
            "the sorry server alone",
            lambda: all(
                len(cluster.ipvs(director)) == 2 and SORRY.match(cluster.ipvs(director)[1])
                for director in DIRECTORS
            ),
            timeout_s=DEAD_AFTER_S + SLACK_S,
        )
        assert set(answers(lab, 3)) == {"sorry"}
    cluster.wait(
        "both are back", lambda: everywhere(cluster, SERVICE, RS1, RS2), timeout_s=3 + SLACK_S
    )


def connections(lab: Lab, director: str) -> dict[str, str]:
    """The established connections that a director knows: the client's port, and who serves it."""
    lines = [line.split() for line in lab.run(director, "ipvsadm -Lnc").stdout.splitlines()]
    rows = [line for line in lines if "ESTABLISHED" in line]
    return {row[3].rpartition(":")[2]: REAL[row[-1]] for row in rows}


def with_synchronisation(cluster: Cluster, inventory: Path, server: str, weight: int) -> str:
    """The inventory's variables with another weight of a real server, and a sync daemon."""
    variables = cluster.variables(inventory)
    servers = variables["lvs_virtual_servers"]
    (name,) = servers
    servers[name]["real_servers"][server]["weight"] = weight
    defs = variables.get("lvs_global_defs", {}) | {"lvs_sync_daemon": "eno16777736 inst VI_1"}
    return json.dumps({"lvs_virtual_servers": servers, "lvs_global_defs": defs})


def test_connections_survive_a_reload_the_health_process_and_the_director(
    lab: Lab, cluster: Cluster, inventory: Path
) -> None:
    for host in REAL.values():
        lab.run(host, "head -c 10000000 /dev/urandom > /var/www/html/big; sync")
    sums = {lab.run(host, "md5sum < /var/www/html/big").stdout.split()[0] for host in REAL.values()}
    for script in (SLOW_DOWNLOAD, LONG_SESSION):
        lab.put("client", f"/root/{script.name}", script.read_text())
    # 200 s and 180 s: longer than all of this takes on a busy machine.
    download = lab.start("client", f"python3 /root/slow_download.py http://{VIP}/big 50000")
    session = lab.start("client", f"python3 /root/long_session.py {URL} 180")
    cluster.wait("both run", lambda: len(connections(lab, "drct1")) == 2)
    served = connections(lab, "drct1")
    before = lab.run("drct1", "systemctl show -p MainPID --value lvs-agent").stdout
    cluster.apply(inventory, "-e", with_synchronisation(cluster, inventory, "rs1", 7))
    for director in DIRECTORS:
        assert any(line.endswith("-w 7") for line in cluster.ipvs(director))
    assert lab.run("drct1", "systemctl show -p MainPID --value lvs-agent").stdout == before
    lab.run("drct1", "pkill -KILL -f '^lvs-agent: health'")
    cluster.wait(
        "the other director knows both", lambda: connections(lab, "drct2") == served, timeout_s=30
    )
    assert download.running(), "the download must still be on its way, or this shows nothing"
    lab.run("drct1", "systemctl stop lvs-agent")
    cluster.wait("drct2 has the address", lambda: cluster.holders(VIP) == ["drct2"])
    assert download.running()
    assert session.running()
    lab.run("client", "pkill -USR1 -x python3")
    assert download.wait(120) == 0
    assert download.output().strip() in sums
    assert session.wait(120) == 0, session.output()
    lab.run("drct1", "systemctl start lvs-agent")


def order(cluster: Cluster, server: str, **words: object) -> Run:
    """The module on both directors, from a play for the real server."""
    named = {f"order_{name}": word for name, word in {"reason": "a test", **words}.items()}
    variables = json.dumps(named)
    return cluster.playbook("lvs_dr", "--limit", server, "-e", variables, name=str(TAKE_OUT))


def weights(cluster: Cluster, server: str) -> list[list[str]]:
    """What the tables of both directors say of a real server."""
    (place,) = (place for place, name in REAL.items() if name == server)
    lines = {director: cluster.ipvs(director) for director in DIRECTORS}
    return [
        [line.split()[-1] for line in lines[director] if f"-r {place} " in line]
        for director in DIRECTORS
    ]


@contextmanager
def every_weight(lab: Lab, director: str, server: str) -> Iterator[Job]:
    """Looks at the weight of a real server all the time: one line for each look."""
    (place,) = (place for place, name in REAL.items() if name == server)
    look = f"ipvsadm -Sn | grep -e '-r {place} ' | sed 's/.*-w //'; sleep 0.3"
    job = lab.start(director, f"while :; do {look}; done")
    try:
        yield job
    finally:
        job.stop()


def test_drained_server_finishes_its_downloads_and_gets_no_new_ones_whatever_happens(
    lab: Lab, cluster: Cluster
) -> None:
    cluster.wait("drct1 is master", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=30)
    sums = {lab.run(host, "md5sum < /var/www/html/big").stdout.split()[0] for host in REAL.values()}
    cluster.wait("nothing runs", lambda: not connections(lab, "drct1"), timeout_s=30)
    # 400 s: longer than all of this takes on a busy machine.
    download = lab.start("client", f"python3 /root/slow_download.py http://{VIP}/big 25000")
    cluster.wait("it runs", lambda: len(connections(lab, "drct1")) == 1)
    served = connections(lab, "drct1")
    (server,) = served.values()
    (other,) = set(REAL.values()) - {server}
    cluster.wait("drct2 knows it", lambda: connections(lab, "drct2") == served, timeout_s=30)

    drained = order(cluster, server, state="drain")
    assert drained.good, drained.output
    assert drained.changed == {server: 1}
    assert weights(cluster, server) == [["0"], ["0"]]
    waiting = f"{LVSCTL} drain {server} --owner ansible --reason 'a test' --wait --timeout 1"
    late = lab.run("drct1", waiting, check=False)
    assert (late.rc, "has 1 active connections" in late.stderr) == (4, True), late
    assert lab.run("drct1", f"{LVSCTL} drain {other}", check=False).rc == 1
    only = answers(lab, 1)
    assert set(answers(lab, 6)) == set(only)

    with every_weight(lab, "drct1", server) as seen:
        lab.run("drct1", 'sed -i \'s/"weight": *7/"weight": 6/\' /etc/lvs-agent/config.json')
        lab.run("drct1", f"{LVSCTL} reload")
        lab.run("drct1", "systemctl stop lvs-agent")
        cluster.wait("drct2 has the address", lambda: cluster.holders(VIP) == ["drct2"])
        assert set(answers(lab, 4)) == set(only)
        assert download.running(), "the download must still be on its way, or this shows nothing"
        lab.run("client", "pkill -USR1 -x python3")
        assert download.wait(120) == 0
        assert download.output().strip() in sums
        lab.run("drct1", "systemctl start lvs-agent")
        cluster.wait("drct1 is back", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=30)
        pids = "pgrep -f '^lvs-agent: kernel'"
        before = lab.run("drct1", pids).stdout
        lab.run("drct1", f"kill -KILL {before.strip()}")
        cluster.wait(
            "another kernel process",
            lambda: lab.run("drct1", pids, check=False).stdout not in ("", before),
        )
        cluster.wait("its table", lambda: weights(cluster, server) == [["0"], ["0"]])
    assert set(seen.output().split()) == {"0"}

    ended = order(cluster, server, state="drain", wait=True, expires="2s")
    assert ended.good, ended.output
    cluster.wait("it is back by itself", lambda: ["0"] not in weights(cluster, server))
    assert all(weights(cluster, server))
    assert len(set(answers(lab, 6))) == 2


def test_client_sees_a_bounded_gap_at_a_power_cut_and_at_a_stop(
    lab: Lab, cluster: Cluster, record_property: pytest.RecordProperty
) -> None:
    cluster.wait("drct1 is master", lambda: cluster.holders(VIP) == ["drct1"])
    lab.run("drct1", f"{LVSCTL} drain rs1 --owner alice --reason 'over a power cut'")
    with cluster.watch(URL) as watch:
        lab.power_cut("drct1")
        cluster.wait("drct2 has it", lambda: cluster.holders(VIP, "drct2") == ["drct2"])
        cluster.wait("the client is served again", lambda: watch.read()[-1][1] is not None)
        power_cut_s = watch.gap_s()
    lab.boot("drct1")
    cluster.wait("drct1 is back", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=30)
    # What was said just before it was on the disk, because the answer came.
    assert "by alice" in lab.run("drct1", f"{LVSCTL} overrides").stdout
    assert weights(cluster, "rs1")[0] == ["0"]
    lab.run("drct1", f"{LVSCTL} enable rs1")
    with cluster.watch(URL) as watch:
        lab.run("drct1", "systemctl stop lvs-agent")
        cluster.wait("the client is served", lambda: watch.read()[-1][1] is not None)
        stop_s = watch.gap_s()
    lab.run("drct1", "systemctl start lvs-agent")
    record_property("gap_at_power_cut_s", power_cut_s)
    record_property("gap_at_stop_s", stop_s)
    assert stop_s < power_cut_s, "a stop hands over; a power cut has to be waited out"


def test_real_server_keeps_its_preparation_over_a_reboot(lab: Lab) -> None:
    lab.run("rs1", "sync")
    lab.power_cut("rs1")
    lab.boot("rs1")
    shown = lab.run("rs1", "ip -o -4 address show dev lo; cat /proc/sys/net/ipv4/conf/all/arp_*")
    assert f"{VIP}/32" in shown.stdout
    assert shown.stdout.split()[-5:].count("1") >= 1


def test_persistence_is_in_the_table_of_its_variant(lab: Lab, cluster: Cluster) -> None:
    cluster.apply("lvs_dr_persistent")
    cluster.wait("the persistent service", lambda: everywhere(cluster, f"{SERVICE} -p 5", RS1, RS2))
    assert len(set(answers(lab, 6))) == 1
