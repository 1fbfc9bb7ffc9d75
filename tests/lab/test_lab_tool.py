# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own promises, on live hosts: what it cuts is cut, what it removes is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lvslab import CommandFailed, Lab, LabError, Power

pytestmark = pytest.mark.lab

ENTRY = Path(__file__).with_name("lab")
INTERFACE = "eno16777736"
VIP = "172.16.1.254"
BOOTS = "journalctl --list-boots -o json | grep -o boot_id | wc -l"
KEEPALIVED = """
global_defs {{ router_id {router} }}
vrrp_instance VI_1 {{
    state BACKUP
    interface eno16777736
    virtual_router_id 51
    priority {priority}
    advert_int 1
    virtual_ipaddress {{ 172.16.1.254/16 }}
}}
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[Lab]:
    """Two hosts of a lab of our own."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    lab = Lab("tooltest", topology="pair")
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.1)


def reaches(lab: Lab, source: str, target: str) -> bool:
    address = lab.address(target, INTERFACE).ip
    command = f"arping -q -f -c 2 -w 1 -I {INTERFACE} {address}"
    return lab.run(source, command, check=False).rc == 0


def holders(lab: Lab) -> list[str]:
    """Hosts with the VIP."""
    names = [host.name for host in lab.topology.hosts]
    return [n for n in names if lab.run(n, f"ip -o address show to {VIP}").stdout]


def leftovers(name: str) -> list[str]:
    """Everything of a lab that can be found on this machine."""
    shown = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    found = [line for line in shown.stdout.splitlines() if f"/run/{name}/" in line]
    places = [Path(f"/run/netns/lvslab-{name}"), Path(f"/run/lvslab/{name}")]
    places += [Lab(name).paths.run, *Path("/sys/fs/cgroup").glob(f"**/lvslab-{name}-*")]
    found += [str(place) for place in places if place.exists()]
    mounts = Path("/proc/mounts").read_text().splitlines()
    return found + [mount for mount in mounts if f"lvslab-{name} " in mount]


def test_hosts_have_their_names_addresses_and_no_foreign_service(pair: Lab) -> None:
    for host in ("drct1", "drct2"):
        assert pair.run(host, ["hostname"]).stdout.strip() == host
        shown = json.loads(pair.run(host, f"ip -j address show dev {INTERFACE}").stdout)[0]
        assert shown["operstate"] == "UP"
        assert str(pair.address(host, INTERFACE)) in [
            f"{a['local']}/{a['prefixlen']}" for a in shown["addr_info"]
        ]
        off = pair.run(host, "systemctl is-active keepalived frr haproxy", check=False).stdout
        assert off.split() == ["inactive"] * 3
        assert "ip_vs" not in pair.run(host, "lsmod").stdout
        assert pair.run(host, "systemctl is-system-running").stdout.strip() == "running"
    assert reaches(pair, "drct1", "drct2")
    assert reaches(pair, "drct2", "drct1")
    assert pair.run("drct1", "curl -s http://172.16.1.2/index.html").stdout == "drct2\n"


def test_ipvs_is_the_kernel_s_own(pair: Lab) -> None:
    command = "modprobe ip_vs && ipvsadm -A -t 1.2.3.4:80 -s wlc && ipvsadm -Sn; ipvsadm -C"
    assert pair.run("drct1", command).stdout == "-A -t 1.2.3.4:80 -s wlc\n"


def test_bulk_data_passes_without_retransmission(pair: Lab) -> None:
    pair.run("drct2", "head -c 30000000 /dev/zero > /var/www/html/big")
    size, speed = pair.run(
        "drct1",
        "curl -s -m 20 -o /dev/null -w '%{size_download} %{speed_download}' http://172.16.1.2/big",
    ).stdout.split()
    lost = pair.run("drct2", "nstat -az TcpRetransSegs | awk 'END {print $2}'").stdout
    assert int(size) == 30_000_000
    assert float(speed) > 10_000_000  # bytes/s; some 100 MB/s on an idle machine
    assert int(lost) < 20


def test_capture_command_writes_what_its_filter_lets_pass(pair: Lab, tmp_path: Path) -> None:
    pcap = tmp_path / "x.pcap"
    words = ["capture", "outside", "-w", str(pcap), "-c", "2", "-G", "20", "--filter", "icmp"]
    tool = subprocess.Popen([str(ENTRY), "--name", "tooltest", *words], stdout=subprocess.PIPE)
    eventually(pcap.exists, "tcpdump has started")
    pair.run("drct1", "arping -q -c 1 -I eno16777736 172.16.1.2; ping -q -c 3 -i 0.3 172.16.1.2")
    assert tool.communicate(timeout=30)[0] == f"{pcap}\n".encode()
    shown = subprocess.run(
        ["tcpdump", "-n", "-r", pcap], capture_output=True, text=True, check=True
    )
    assert ["ICMP" in line for line in shown.stdout.splitlines()] == [True, True]


def test_failures_of_commands_are_told(pair: Lab) -> None:
    with pytest.raises(CommandFailed, match=r"drct1: rc 3: .*\n.*why"):
        pair.run("drct1", "echo why >&2; exit 3")
    start = time.monotonic()
    with pytest.raises(CommandFailed, match="not done in 1 s"):
        pair.run("drct1", "sleep 30", timeout=1)
    assert time.monotonic() - start < 5
    assert pair.run("drct1", "exit 4", check=False).rc == 4
    with pytest.raises(LabError, match="no host 'drct9'; there are drct1, drct2"):
        pair.run("drct9", "true")


def test_put_file_and_background_job(pair: Lab) -> None:
    pair.put("drct1", "/etc/some new/file", "a'b\"$c\n", mode="0600")
    shown = pair.run("drct1", "cat '/etc/some new/file'; stat -c %a '/etc/some new/file'").stdout
    assert shown == "a'b\"$c\n600\n"
    job = pair.start("drct1", "echo one; sleep 60 & sleep 61")
    eventually(lambda: job.output() == "one\n", "the job's output")
    assert job.running()
    job.stop()
    assert pair.run("drct1", "pgrep -xcf 'sleep 6[01]'", check=False).stdout == "0\n"
    assert pair.start("drct1", "exit 7").wait(10) == 7


def test_power_cut_loses_what_was_not_synced_and_boot_keeps_the_rest(pair: Lab) -> None:
    pair.run("drct1", "echo kept > /root/kept && sync")
    before = pair.run("drct1", "cat /proc/sys/kernel/random/boot_id").stdout
    pair.run("drct1", "echo lost > /root/lost")
    pair.power_cut("drct1")
    assert pair.power("drct1") is Power.OFF
    assert not reaches(pair, "drct2", "drct1")
    with pytest.raises(CommandFailed):
        pair.run("drct1", "true")
    pair.boot("drct1")
    assert pair.run("drct1", "cat /root/kept").stdout == "kept\n"
    assert pair.run("drct1", "cat /root/lost", check=False).stdout == ""
    assert pair.run("drct1", "cat /proc/sys/kernel/random/boot_id").stdout != before
    assert pair.run("drct1", BOOTS).stdout == "2\n"
    assert reaches(pair, "drct2", "drct1")


def test_frozen_host_is_silent_and_goes_on_where_it_was(pair: Lab) -> None:
    before = pair.run("drct1", "cat /proc/sys/kernel/random/boot_id").stdout
    pair.freeze("drct1")
    assert pair.power("drct1") is Power.FROZEN
    assert not reaches(pair, "drct2", "drct1")
    with pytest.raises(CommandFailed, match="not done in"):
        pair.run("drct1", "true", timeout=1)
    pair.thaw("drct1")
    assert pair.power("drct1") is Power.RUNNING
    assert pair.run("drct1", "cat /proc/sys/kernel/random/boot_id").stdout == before
    assert reaches(pair, "drct2", "drct1")


def test_frozen_host_can_be_cut(pair: Lab) -> None:
    pair.freeze("drct1")
    pair.power_cut("drct1")
    assert pair.power("drct1") is Power.OFF
    pair.boot("drct1")
    assert reaches(pair, "drct2", "drct1")


def test_pulled_cable_is_a_lost_carrier_and_stays_out_over_a_boot(pair: Lab) -> None:
    def flags() -> list[str]:
        return list(
            json.loads(pair.run("drct1", f"ip -j link show {INTERFACE}").stdout)[0]["flags"]
        )

    pair.link("drct1", INTERFACE, False)
    assert "NO-CARRIER" in flags()
    assert "UP" in flags()
    assert not reaches(pair, "drct2", "drct1")
    assert [host.unplugged for host in pair.status()] == [(INTERFACE,), ()]
    pair.power_cut("drct1")
    pair.boot("drct1")
    assert "NO-CARRIER" in flags()
    pair.link("drct1", INTERFACE, True)
    assert "LOWER_UP" in flags()
    assert reaches(pair, "drct2", "drct1")


def test_partition_cuts_one_or_both_directions_but_not_management(pair: Lab) -> None:
    def arrives(source: str, target: str) -> bool:
        """A frame without an answer: a datagram to a counting socket."""
        with pair.capture("outside", "udp port 9999"):
            job = pair.start(target, "timeout 3 nc -u -l 9999")
            eventually(lambda: "9999" in pair.run(target, "ss -lun").stdout, "the listener")
            address = pair.address(target, INTERFACE).ip
            pair.run(source, f"echo frame | nc -u -w 1 {address} 9999")
            said = job.output()
            job.stop()
        return "frame" in said

    # Known neighbours: else the question for them, which needs an answer, decides.
    for host, other in (("drct1", "drct2"), ("drct2", "drct1")):
        mac = pair.host(other).interface(INTERFACE).mac
        address = pair.address(other, INTERFACE).ip
        pair.run(host, f"ip neigh replace {address} lladdr {mac} dev {INTERFACE}")
    try:
        pair.partition(["drct1"], ["drct2"], direction="from-first")
        assert not arrives("drct1", "drct2")
        assert arrives("drct2", "drct1")
        pair.partition(["drct2"], ["drct1"], direction="from-first")
        assert not arrives("drct2", "drct1")
        assert pair.run("drct1", "ping -c1 -W1 -q 10.99.0.12").rc == 0
    finally:
        pair.heal()
    assert arrives("drct1", "drct2")


def test_keepalived_pair_moves_its_vip_and_the_capture_sees_adverts(pair: Lab) -> None:
    for host, priority in (("drct1", 150), ("drct2", 100)):
        pair.keepalived(host, KEEPALIVED.format(router=host, priority=priority))
    try:
        eventually(lambda: holders(pair) == ["drct1"], "drct1 is master", 15)
        with pair.capture("outside", "proto 112") as pcap:
            time.sleep(3.5)
        shown = subprocess.run(
            ["tcpdump", "-n", "-v", "-r", pcap], capture_output=True, text=True, check=True
        ).stdout
        adverts = [line for line in shown.splitlines() if "172.16.1.9 > 224.0.0.18" in line]
        assert 2 <= len(adverts) <= 4, shown
        pair.link("drct1", INTERFACE, False)
        eventually(lambda: holders(pair) == ["drct2"], "drct2 takes over, drct1 is in fault", 15)
        pair.link("drct1", INTERFACE, True)
        eventually(lambda: holders(pair) == ["drct1"], "drct1 takes it back", 15)
        pair.partition(["drct1"], ["drct2"])
        eventually(lambda: holders(pair) == ["drct1", "drct2"], "two masters", 15)
        pair.heal()
        eventually(lambda: holders(pair) == ["drct1"], "one master", 15)
    finally:
        pair.heal()
        for host in ("drct1", "drct2"):
            pair.keepalived(host, None)
    assert holders(pair) == []


def test_wrong_keepalived_configuration_is_refused_with_its_words(pair: Lab) -> None:
    with pytest.raises(CommandFailed, match="no_such_keyword"):
        pair.keepalived("drct1", "vrrp_instance VI_1 { no_such_keyword 1 }")


def test_reset_gives_the_pristine_image_back(pair: Lab) -> None:
    pair.run("drct1", "echo mine > /root/mine && sync")
    pair.link("drct1", INTERFACE, False)
    pair.reset("drct1")
    assert pair.run("drct1", "test -e /root/mine", check=False).rc == 1
    assert reaches(pair, "drct2", "drct1")
    assert pair.run("drct1", BOOTS).stdout == "1\n"


@pytest.fixture(scope="module")
def other(pair: Lab) -> Iterator[Lab]:
    """A second lab, beside that of `pair`."""
    del pair
    lab = Lab("tooltest-2", topology="pair")
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        Lab("tooltest-2").down()


def test_two_labs_live_side_by_side_without_meeting(pair: Lab, other: Lab) -> None:
    pair.run("drct2", "touch /root/first")
    assert other.run("drct2", "test -e /root/first", check=False).rc == 1
    other.power_cut("drct2")
    assert not reaches(other, "drct1", "drct2")
    assert reaches(pair, "drct1", "drct2")


def test_damaged_state_is_told_and_down_still_works_and_spares_others(
    pair: Lab, other: Lab
) -> None:
    other.paths.state.write_text("{")
    with pytest.raises(LabError, match="damaged"):
        Lab("tooltest-2").status()
    Lab("tooltest-2").down()
    assert leftovers("tooltest-2") == []
    assert pair.run("drct1", "true").rc == 0


@pytest.mark.parametrize("after_s", [0.2, 0.5, 3.0])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_down_after_an_interrupted_up_leaves_nothing(
    pair: Lab, after_s: float, by: signal.Signals
) -> None:
    del pair  # only its image is needed
    command = [str(ENTRY), "--name", "tooltest-3"]
    # A shell's background job ignores SIGINT, and so would everything started from there.
    heeding = ("env", "--default-signal=INT")
    tool = subprocess.Popen(
        [*heeding, *command, "up", "--topology", "pair"], stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(after_s)
        tool.send_signal(by)
        assert tool.wait(60) != 0
    finally:
        subprocess.run([*command, "down"], check=True, timeout=60)
    assert leftovers("tooltest-3") == []


@pytest.mark.parametrize("freezer", ["cgroup2", "cgroup1", "signal"])
def test_each_way_of_freezing_stops_a_host_and_down_takes_it(pair: Lab, freezer: str) -> None:
    del pair
    environment = {**os.environ, "LVSLAB_FREEZER": freezer}

    def lab(*words: str) -> str:
        command = [str(ENTRY), "--name", "tooltest-3", *words]
        return subprocess.run(
            command, check=True, timeout=120, capture_output=True, text=True, env=environment
        ).stdout

    def power() -> str:
        return str(json.loads(lab("status", "--json"))[0]["power"])

    live = Lab("tooltest-3")
    try:
        lab("up", "--topology", "pair")
        lab("freeze", "drct1")
        assert power() == "frozen"
        assert not reaches(live, "drct2", "drct1")
        lab("thaw", "drct1")
        assert power() == "running"
        assert reaches(live, "drct2", "drct1")
        lab("freeze", "drct1")
        lab("power-cut", "drct1")
        assert power() == "off"
        lab("freeze", "drct2")
    finally:
        lab("down")
    assert leftovers("tooltest-3") == []
    with pytest.raises(LabError, match="is not up"):
        live.run("drct1", "true")
