# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: a high-availability web service on five real hosts, made, broken and mended.

Owns the story. Everything it shows is looked at while it happens; nothing is assumed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from cluster import Cluster, Watch, install_collection
from lvslab import Lab
from lvslab.errors import LabError

VIP = "172.16.1.254"
URL = f"http://{VIP}/index.html"
INVENTORY = "lvs_dr"
DIRECTORS = ("drct1", "drct2")


def say(text: str) -> None:
    """A line of the story."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def show(text: str) -> None:
    """What a command printed, set in."""
    for line in text.rstrip().splitlines():
        print(f"    {line}", flush=True)


def shell(lab: Lab, host: str, command: str) -> None:
    """Show a command and what it prints."""
    print(f"    {host}$ {command}", flush=True)
    show(lab.run(host, command, check=False, timeout=30).stdout)


def master(cluster: Cluster, *directors: str) -> str:
    """Who holds the address, in words."""
    return " and ".join(cluster.holders(VIP, *directors)) or "nobody"


def served(cluster: Cluster, watch: Watch) -> None:
    """Wait until the client gets answers again."""
    cluster.wait("the client is served", lambda: watch.read()[-1][1] is not None, timeout_s=30)


def main() -> int:
    """Tell it; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the lab running afterwards")
    keep = parser.parse_args().keep
    start = time.monotonic()
    lab = Lab("demo", topology="seed")
    try:
        lab.down()
        say("Five Linux hosts, each with its own kernel: two directors, two real servers, a client")
        lab.up()
        cluster = Cluster(lab, install_collection(lab.paths.name))
        for director in DIRECTORS:
            # The sorry server of the inventory is the director's own web server.
            lab.run(director, "echo sorry > /var/www/html/index.html; systemctl start nginx")
        build(cluster)
        balance(lab, cluster)
        break_master(lab, cluster)
        break_real_server(lab, cluster)
        say(f"That was the main job, in {time.monotonic() - start:.0f} s.")
    except (AssertionError, LabError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    finally:
        if not keep:
            lab.down()
    if keep:
        say("The lab is still there; `make lab-down` ends it. Try:")
        show(
            "tests/lab/lab --name demo ssh drct1 lvsctl status\n"
            "tests/lab/lab --name demo ssh client curl -s http://172.16.1.254/index.html\n"
            "tests/lab/lab --name demo power-cut drct1    (and: boot drct1)"
        )
    return 0


def build(cluster: Cluster) -> None:
    """From the inventory to a cluster, and once more to see that nothing changes."""
    say(f"ansible-playbook lvs.cluster.site -i playbooks/inventories/{INVENTORY}")
    run = cluster.apply(INVENTORY)
    show("\n".join(line for line in run.output.splitlines() if "ok=" in line))
    show(f"took {run.duration_s:.1f} s")
    say("The same again changes nothing")
    run = cluster.apply(INVENTORY)
    show("\n".join(line for line in run.output.splitlines() if "ok=" in line))
    show(f"took {run.duration_s:.1f} s")
    cluster.wait("drct1 is master", lambda: cluster.holders(VIP) == ["drct1"])


def balance(lab: Lab, cluster: Cluster) -> None:
    """What the client gets, and what the directors say."""
    say("The client's answers come from both real servers in turn")
    shell(lab, "client", f"for i in 1 2 3 4 5 6; do curl -s {URL}; done")
    say("The master's view, and the kernel's table in the words of an independent witness")
    shell(lab, master(cluster), "lvsctl status")
    shell(lab, master(cluster), "ipvsadm -ln")


def break_master(lab: Lab, cluster: Cluster) -> None:
    """Power-cut, return, and an orderly stop."""
    say("The master loses its power while the client asks fifty times a second")
    with cluster.watch(URL) as watch:
        lab.power_cut("drct1")
        cluster.wait("drct2 has it", lambda: cluster.holders(VIP, "drct2") == ["drct2"])
        served(cluster, watch)
        time.sleep(1)
        show(f"the client saw nothing for {watch.gap_s():.2f} s (VRRP's own timer: 3.65 s)")
    show(f"master is now {master(cluster, 'drct2')}")
    say("The old master comes back and takes over again, by priority")
    with cluster.watch(URL) as watch:
        lab.boot("drct1")
        cluster.wait("drct1 is master", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=60)
        time.sleep(1)
        show(f"the longest the client waited: {watch.gap_s():.2f} s; master is {master(cluster)}")
    say("systemctl stop lvs-agent on the master: it hands over")
    with cluster.watch(URL) as watch:
        lab.run("drct1", "systemctl stop lvs-agent")
        cluster.wait("drct2 has it", lambda: cluster.holders(VIP) == ["drct2"])
        served(cluster, watch)
        time.sleep(1)
        show(f"the client saw nothing for {watch.gap_s():.2f} s; master is {master(cluster)}")
    lab.run("drct1", "systemctl start lvs-agent")
    cluster.wait("drct1 is master", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=30)


def break_real_server(lab: Lab, cluster: Cluster) -> None:
    """A web server stops and starts."""
    say("nginx stops on rs1: the checks take it out, on both directors")
    lab.run("rs1", "systemctl stop nginx")
    took = cluster.wait(
        "rs1 is out",
        lambda: not any("172.16.1.3" in line for d in DIRECTORS for line in cluster.ipvs(d)),
        timeout_s=30,
    )
    show(f"after {took:.1f} s:")
    shell(lab, master(cluster), "ipvsadm -ln")
    with cluster.watch(URL, seconds=10) as watch:
        time.sleep(2)
        counted = Counter(answer for _, answer in watch.read())
    show(
        f"{counted.total()} requests: "
        + ", ".join(f"{n} x {answer}" for answer, n in counted.items())
    )
    say("nginx starts again on rs1: it comes back")
    lab.run("rs1", "systemctl start nginx")
    took = cluster.wait(
        "rs1 is back",
        lambda: all(any("172.16.1.3" in line for line in cluster.ipvs(d)) for d in DIRECTORS),
        timeout_s=30,
    )
    show(f"after {took:.1f} s:")
    shell(lab, master(cluster), "ipvsadm -ln")


if __name__ == "__main__":
    sys.exit(main())
