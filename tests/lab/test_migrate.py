# SPDX-License-Identifier: GPL-3.0-or-later
"""From Debian's keepalived to the agent and back by lvs.cluster.migrate, with a client at work.

On the seed's section 4.3, as an administrator wrote it for keepalived, and what else is in such
files: a VMAC, IPv6 and IPv4 in a sync group, unicast, a route and a rule, addresses that are not in
the adverts, weights, scripts, and IPVS's sync daemon. The inventory is what the import makes of it.
Each director is master of something, so both ways are gone by a master and by a backup.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import client_load
import pytest
from client_load import Requests
from cluster import Cluster, Run, kill
from lvslab import Lab
from witness import adverts

# Takes minutes more than `make test` has: `make test-keepalived`.
pytestmark = [pytest.mark.lab, pytest.mark.keepalived]

VIP, VIP_2, VMAC_VIP = "172.16.1.254", "172.16.1.88", "172.16.1.90"
URLS = f"http://{VIP}/index.html,http://{VMAC_VIP}/index.html"
DIRECTORS = {"drct1": ("172.16.1.9", 100, 90), "drct2": ("172.16.1.2", 90, 100)}
REAL = {"rs1": "172.16.1.3", "rs2": "172.16.1.4"}
HERE = Path(__file__).parent
AGENT = "ansible_collections/lvs/cluster/roles/director/files/agent"
LOAD_S = 400
BIG_BYTES, BYTES_PER_SECOND = 6_000_000, 10_000

CONF = """
global_defs {{
    router_id {host}
    vrrp_mcast_group4 224.200.100.18
    script_user root
    enable_script_security
    lvs_sync_daemon eno16777736 outside id 51
}}
vrrp_script well {{
    script "/bin/true"
    interval 2
    weight 2
}}
vrrp_sync_group pair {{
    group {{
        four
        six
    }}
    notify "{tell} pair"
}}
vrrp_instance outside {{
    state BACKUP
    interface eno16777736
    virtual_router_id 81
    priority {one}
    authentication {{
        auth_type PASS
        auth_pass zrs66zrs
    }}
    virtual_ipaddress {{
        172.16.1.99/32 brd 172.16.1.99 dev eno16777736 label eno16777736:0
        172.16.1.254/32 dev eno16777736
    }}
}}
vrrp_instance other {{
    state BACKUP
    interface eno16777736
    virtual_router_id 80
    priority {two}
    authentication {{
        auth_type PASS
        auth_pass zrs88zrs
    }}
    virtual_ipaddress {{
        172.16.1.88/32 brd 172.16.1.88 dev eno16777736 label eno16777736:1
    }}
    notify_master "{tell} other master"
    notify_backup "{tell} other backup"
    notify_fault "{tell} other fault"
}}
vrrp_instance four {{
    state BACKUP
    interface eno16777736
    virtual_router_id 82
    priority {one}
    use_vmac
    virtual_ipaddress {{
        172.16.1.90/32
    }}
    virtual_ipaddress_excluded {{
        172.16.1.91/32 dev eno16777736
        2001:db8:1::91/64
    }}
    virtual_routes {{
        203.0.113.0/24 via 172.16.1.50 dev eno16777736
        default via 172.16.1.50 dev eno16777736 table 100
    }}
    virtual_rules {{
        from 172.16.1.90 to 203.0.113.0/24 lookup 100 preference 1000
    }}
}}
vrrp_instance six {{
    state BACKUP
    interface eno16777736
    virtual_router_id 82
    priority {one}
    virtual_ipaddress {{
        fe80::82
        2001:db8:1::90/64
    }}
}}
vrrp_instance alone {{
    state BACKUP
    interface eno16777736
    virtual_router_id 83
    priority {two}
    unicast_src_ip {address}
    unicast_peer {{
        {peer}
    }}
    track_script {{
        well
    }}
    virtual_ipaddress {{
        172.16.1.92/32
    }}
}}
virtual_server 172.16.1.254 80 {{
    {server}
}}
virtual_server 172.16.1.90 80 {{
    {server}
}}
"""
SERVER = """delay_loop 3
    lb_algo rr
    lb_kind DR
    protocol TCP
    sorry_server 127.0.0.1 80
    real_server 172.16.1.3 80 {
        weight 1
        HTTP_GET {
            url {
                path /index.html
                status_code 200
            }
            connect_timeout 3
            retry 3
            delay_before_retry 1
        }
    }
    real_server 172.16.1.4 80 {
        weight 2
        HTTP_GET {
            url {
                path /index.html
                status_code 200
            }
            connect_timeout 3
            retry 3
            delay_before_retry 1
        }
    }"""
# Tells the states of its instances or groups, in order, to whoever looks.
TELL, TOLD = "/usr/local/sbin/told", "/run/told"
TELL_TEXT = f"""#!/bin/sh
echo "$*" >> {TOLD}
"""


def conf(director: str) -> str:
    """The file of a director."""
    address, one, two = DIRECTORS[director]
    (peer,) = (each for each, __, __ in DIRECTORS.values() if each != address)
    return CONF.format(
        host=director, address=address, peer=peer, one=one, two=two, server=SERVER, tell=TELL
    )


@pytest.fixture(scope="module")
def inventory(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the import makes of the files."""
    folder = tmp_path_factory.mktemp("imported")
    copies, made = folder / "copies", folder / "inventory"
    copies.mkdir()
    for director in DIRECTORS:
        (copies / f"{director}.conf").write_text(conf(director))
    names = json.dumps({"keepalived_real_servers": {v: k for k, v in REAL.items()}})
    words = ("-e", f"keepalived_files={copies}", "-e", f"keepalived_inventory={made}", "-e", names)
    run = cluster.playbook("lvs_dr", *words, name="lvs.cluster.import_keepalived")
    assert run.good, run.output
    return made


@pytest.fixture(scope="module", autouse=True)
def running(lived_in: Lab, cluster: Cluster, inventory: Path) -> Iterator[None]:
    """keepalived runs on both directors, and the real servers are ready."""
    for director in DIRECTORS:
        lived_in.run(director, "systemctl disable --now lvs-agent", check=False)
        lived_in.run(director, "echo sorry > /var/www/html/index.html; systemctl start nginx")
        lived_in.put(director, TELL, TELL_TEXT)
        lived_in.run(director, f"chmod 755 {TELL}")
        lived_in.keepalived(director, conf(director))
    for host in REAL:
        lived_in.run(host, f"head -c {BIG_BYTES} /dev/urandom > /var/www/html/big")
        lived_in.run(host, "echo $(hostname) > /var/www/html/index.html")
    cluster.apply(inventory, "--limit", "lvs_real_servers")
    cluster.wait("some instances each", lambda: some_each(cluster), timeout_s=30)
    yield
    for director in DIRECTORS:
        lived_in.run(director, "systemctl disable --now keepalived", check=False)


def some_each(cluster: Cluster) -> bool:
    """Each director has what it has the higher priority for."""
    first, second = [VIP, VMAC_VIP], [VIP_2]
    return all(
        cluster.holders(address) == [director]
        for director, addresses in zip(DIRECTORS, (first, second), strict=True)
        for address in addresses
    )


def migrate(cluster: Cluster, inventory: Path, way: str, *words: str) -> Run:
    return cluster.playbook(
        inventory, "-e", f"lvs_migrate={way}", *words, name="lvs.cluster.migrate"
    )


def running_units(lab: Lab, director: str) -> list[str]:
    """Of the two; with whether each starts at boot."""
    command = (
        "for unit in keepalived lvs-agent; do"
        " echo $unit $(systemctl is-active $unit) $(systemctl is-enabled $unit); done"
    )
    return lab.run(director, command, check=False).stdout.splitlines()


def kernel(lab: Lab, director: str) -> list[str]:
    """What the director has, whoever has made it: addresses, VMACs with their indexes, routes,
    rules, IPVS and its sync daemon."""
    commands = (
        "ip -o address show | awk '{print $2, $4}'",
        "ip -o link show type macvlan | cut -d' ' -f1,2",
        "ip -4 route show table all protocol 18",
        "ip -4 rule list",
        "ipvsadm -Sn",
        "ipvsadm -l --daemon",
    )
    return sorted(lab.run(director, "; ".join(commands)).stdout.splitlines())


def told(lab: Lab, director: str) -> list[str]:
    """What scripts were told of states since the last look."""
    command = f"touch {TOLD}; cat {TOLD}; rm {TOLD}"
    return lab.run(director, command).stdout.splitlines()


@contextmanager
def at_work(
    lab: Lab, cluster: Cluster, what: str, record_property: pytest.RecordProperty
) -> Iterator[Requests]:
    """A client with requests of all kinds and a slow download; nothing of it may be lost, no
    virtual router may have another master for a moment, and none may tell that it resigns."""
    sums = {lab.run(host, "md5sum < /var/www/html/big").stdout.split()[0] for host in REAL}
    script = HERE / "slow_download.py"
    lab.put("client", f"/root/{script.name}", script.read_text())
    words = ["python3", f"/root/{script.name}", f"http://{VIP}/big", str(BYTES_PER_SECOND)]
    with lab.capture("outside", "proto 112") as pcap:
        with client_load.load(lab, cluster, URLS, f"http://{VIP}/big", LOAD_S) as requests:
            download = lab.start("client", words)
            yield requests
        assert download.running(), "it must still be on its way, or this shows nothing"
    lab.run("client", "pkill -USR1 -x python3")
    assert download.wait(60) == 0
    assert download.output().strip() in sums
    seen = adverts(pcap, v3_checksum_as_v2=False)
    senders: dict[tuple[int, bool], set[str]] = {}
    for advert in seen:
        where = (advert.virtual_router_id, ":" in advert.source)
        senders.setdefault(where, set()).add(advert.source)
    report = (
        f"{what}: {requests.counts()}, {requests.per_s():.0f} a second,"
        f" lost {requests.lost()}, gap {requests.gap_s():.2f} s"
    )
    print(report)
    record_property(what, report)
    assert requests.lost() == [], report
    assert not [advert for advert in seen if advert.priority == 0], "nobody resigned"
    assert senders.keys() == {(80, False), (81, False), (82, False), (82, True), (83, False)}
    assert all(len(each) == 1 for each in senders.values()), senders


def test_a_release_that_does_not_run_leaves_keepalived_as_it_was(
    lab: Lab, cluster: Cluster, inventory: Path, tmp_path: Path
) -> None:
    shutil.copytree(cluster.collections / "ansible_collections", tmp_path / "ansible_collections")
    path = tmp_path / AGENT / "lvs_agent" / "cli" / "run.py"
    broken = 'def run(*_):\n    raise RuntimeError("this release is broken")\n'
    path.write_text(path.read_text() + broken)
    before = {director: kernel(lab, director) for director in DIRECTORS}
    words = ("-e", "director_settle_timeout=10")
    run = migrate(Cluster(lab, tmp_path), inventory, "to_agent", *words)
    assert run.returncode != 0
    assert "runs keepalived as before" in run.output, run.output
    assert "the agent has the same to do as keepalived" in run.output, run.output
    assert some_each(cluster)
    assert {director: kernel(lab, director) for director in DIRECTORS} == before
    for director in DIRECTORS:
        keepalived, agent = running_units(lab, director)
        assert keepalived.startswith("keepalived active"), keepalived
        assert not agent.startswith("lvs-agent active"), agent


def test_the_agent_takes_over_also_after_a_run_that_was_killed(
    lab: Lab, cluster: Cluster, inventory: Path, record_property: pytest.RecordProperty
) -> None:
    before = {director: (kernel(lab, director), told(lab, director))[0] for director in DIRECTORS}
    with at_work(lab, cluster, "to the agent", record_property):
        words = ("-e", "lvs_migrate=to_agent")
        begun = cluster.begin(inventory, *words, name="lvs.cluster.migrate")
        try:
            cluster.wait(
                "the agent beside keepalived",
                lambda: beside(lab) or begun.poll() is not None,
                timeout_s=180,
            )
            assert begun.poll() is None, begun.communicate()[0]
        finally:
            kill(begun)
        # A crash at that moment is the worst that can happen: the sweep must not take what is
        # keepalived's as well.
        first = next(director for director in DIRECTORS if shares(lab, director))
        lab.run(first, "systemctl kill --kill-whom=main --signal=KILL lvs-agent")
        assert some_each(cluster)
        run = migrate(cluster, inventory, "to_agent")
        assert run.good, run.output
    assert some_each(cluster)
    assert {director: kernel(lab, director) for director in DIRECTORS} == before
    for director in DIRECTORS:
        assert running_units(lab, director) == [
            "keepalived inactive disabled",
            "lvs-agent active enabled",
        ]
        assert not shares(lab, director)
    # Once more by an agent that was killed; of a state that is not there, never.
    assert set(told(lab, "drct1")) == {"pair GROUP pair MASTER 0", "other backup"}
    assert set(told(lab, "drct2")) == {"pair GROUP pair BACKUP 0", "other master"}


def shares(lab: Lab, director: str) -> bool:
    return lab.run(director, "test -e /run/lvs-agent/adopt", check=False).rc == 0


def beside(lab: Lab) -> bool:
    """Whether an agent has begun to share a director with keepalived."""
    command = "test -e /run/lvs-agent/adopt && systemctl -q is-active lvs-agent"
    return any(lab.run(director, command, check=False).rc == 0 for director in DIRECTORS)


def test_keepalived_takes_back_over(
    lab: Lab, cluster: Cluster, inventory: Path, record_property: pytest.RecordProperty
) -> None:
    before = {director: kernel(lab, director) for director in DIRECTORS}
    with at_work(lab, cluster, "back to keepalived", record_property):
        run = migrate(cluster, inventory, "to_keepalived")
        assert run.good, run.output
    assert some_each(cluster)
    assert {director: kernel(lab, director) for director in DIRECTORS} == before
    for director in DIRECTORS:
        # At boot as before: it was no more than started.
        assert running_units(lab, director) == [
            "keepalived active disabled",
            "lvs-agent inactive disabled",
        ]
        # Whatever sweeps later must not take what is keepalived's now.
        lab.run(director, "/opt/lvs-agent/current/bin/lvs-agent sweep")
    assert some_each(cluster)
    # keepalived begins as a backup each time.
    pair, other = (["pair GROUP pair BACKUP 0"], ["other backup"])
    masters = ([*pair, "pair GROUP pair MASTER 0"], [*other, "other master"])
    assert by_script(told(lab, "drct1")) == [other, masters[0]]
    assert by_script(told(lab, "drct2")) == [masters[1], pair]


def by_script(lines: list[str]) -> list[list[str]]:
    """In order, those of `other` and those of `pair`."""
    return [[line for line in lines if line.startswith(name)] for name in ("other", "pair")]
