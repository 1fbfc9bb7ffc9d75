# SPDX-License-Identifier: GPL-3.0-or-later
"""Directors without LVS: an address that follows nginx, and one that follows HAProxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

DIRECTORS = ("drct1", "drct2")
HAPROXY = """
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web
  bind 172.16.1.89:8080
  http-request return status 200 content-type text/plain string "{host}"
"""


def page(lab: Lab, url: str) -> str:
    """What the client gets; empty when nobody answers."""
    command = f"curl --silent --max-time 2 {url}"
    return lab.run("client", command, check=False, timeout=10).stdout.strip()


def state_of(cluster: Cluster, director: str) -> str:
    (instance,) = cluster.status(director)["instances"]
    return str(instance["state"])


def priority_of(cluster: Cluster, director: str) -> int:
    (instance,) = cluster.status(director)["instances"]
    return int(instance["priority"])


@pytest.fixture(scope="module", autouse=True)
def nginx_pair(bare: Lab, cluster: Cluster) -> Iterator[None]:
    for host in DIRECTORS:
        bare.run(host, f"echo {host} > /var/www/html/index.html; systemctl start nginx")
    cluster.apply("nginx_pair")
    yield
    for host in DIRECTORS:
        bare.run(host, "systemctl stop nginx haproxy; sysctl -qw net.ipv4.ip_nonlocal_bind=0")


def test_address_follows_nginx(lab: Lab, cluster: Cluster) -> None:
    vip, url = "172.16.1.88", "http://172.16.1.88/"
    cluster.wait("drct1 has it", lambda: cluster.holders(vip) == ["drct1"], timeout_s=20)
    cluster.wait("the client sees drct1", lambda: page(lab, url) == "drct1")
    lab.run("drct1", "systemctl stop nginx")
    # Two failures 2 s apart, then a handover: no waiting for missing adverts.
    cluster.wait("drct2 has it", lambda: cluster.holders(vip) == ["drct2"], timeout_s=15)
    cluster.wait("the client sees drct2", lambda: page(lab, url) == "drct2")
    assert state_of(cluster, "drct1") == "FAULT"
    (reason,) = [i["reason"] for i in cluster.status("drct1")["instances"]]
    assert "chk_nginx" in reason
    lab.run("drct1", "systemctl start nginx")
    cluster.wait("drct1 is back", lambda: cluster.holders(vip) == ["drct1"], timeout_s=20)


def test_vip_only_directors_need_no_ipvs(lab: Lab) -> None:
    for host in DIRECTORS:
        modules = lab.run(host, "lsmod | cut -d' ' -f1").stdout.split()
        assert "ip_vs" not in modules


def test_scripts_of_the_agents_own_user_need_no_capability(lab: Lab) -> None:
    shown = lab.run("drct1", "systemctl show -p CapabilityBoundingSet --value lvs-agent").stdout
    assert sorted(shown.split()) == ["cap_net_admin", "cap_net_raw"]


def test_address_follows_haproxy_by_priority(lab: Lab, cluster: Cluster) -> None:
    vip, url = "172.16.1.89", "http://172.16.1.89:8080/"
    for host in DIRECTORS:
        text = HAPROXY.format(host=host)
        lab.run(
            host,
            "sysctl -qw net.ipv4.ip_nonlocal_bind=1;"
            f" printf '%s' '{text}' > /etc/haproxy/haproxy.cfg; systemctl restart haproxy",
        )
    cluster.apply("haproxy_pair")
    cluster.wait("drct1 has it", lambda: cluster.holders(vip) == ["drct1"], timeout_s=20)
    cluster.wait("the client sees drct1", lambda: page(lab, url) == "drct1")
    lab.run("drct1", "systemctl stop haproxy")
    cluster.wait("drct2 has it", lambda: cluster.holders(vip) == ["drct2"], timeout_s=15)
    cluster.wait("the client sees drct2", lambda: page(lab, url) == "drct2")
    assert state_of(cluster, "drct1") == "BACKUP"
    assert priority_of(cluster, "drct1") == 80
    # Down on both: the better one takes it back; an address without HAProxy beats no address.
    lab.run("drct2", "systemctl stop haproxy")
    cluster.wait("drct1 has it again", lambda: cluster.holders(vip) == ["drct1"], timeout_s=15)
