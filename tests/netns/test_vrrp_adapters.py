# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw and packet sockets themselves, on a veth pair in namespaces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lvs_agent.core.vrrp.neighbours import announcement
from lvs_agent.core.vrrp.packet import encode
from lvs_agent.core.vrrp.receive import own_advert
from netns.vrrp_harness import AGENT, Lan, eventually
from vrrp_builders import instance6, ip

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    made = Lan(tmp_path, {"a": "10.7.0.1/24", "b": "10.7.0.2/24"})
    yield made
    made.close()


TESTS = Path(__file__).resolve().parents[1]
PREAMBLE = """
import os, select, socket, struct, subprocess
from lvs_agent.adapters.arp import ClaimListener, FrameSender
from lvs_agent.adapters.vrrp_socket import AdvertReceiver, AdvertSender
from lvs_agent.core.vrrp import filters
from lvs_agent.core.vrrp.neighbours import announcement, arp_probe
from lvs_agent.core.vrrp.packet import decode_datagram, encode_datagram
from lvs_agent.core.vrrp.receive import own_advert
from vrrp_builders import instance, instance6, ip
index, group = socket.if_nametoindex("eth0"), "224.0.0.18"
"""


def command(program: str) -> list[str]:
    """A program with the adapters imported."""
    return ["env", f"PYTHONPATH={AGENT}:{TESTS}", sys.executable, "-c", PREAMBLE + program]


def python(lan: Lan, host: str, program: str) -> str:
    """What a program prints that runs on `host`."""
    done = subprocess.run(
        ["ip", "netns", "exec", lan.namespace(host), *command(program)],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_receiver_hears_its_group_and_only_its_group(lan: Lan) -> None:
    program = """
receiver = AdvertReceiver("eth0", index, 4, [group])
# Another program joins another group: its packets are not ours.
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
other.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                 socket.inet_aton("224.0.0.99") + socket.inet_aton("10.7.0.1"))
print("ready", flush=True)
heard = []
while not heard or heard[-1][-1] != 255:
    select.select([receiver], [], [], 10)
    heard.append(receiver.receive())
print(len(heard), heard[0][20:].hex(), receiver.receive())
"""
    log = lan.directory / "receiver.log"
    listening = lan.spawn("a", *command(program), output=log)
    eventually(lambda: "ready" in log.read_text(), 10, "the receiver listens")
    python(
        lan,
        "b",
        """
def datagram(to, last):
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 22, 0, 0, 255, 112, 0,
                       socket.inet_aton("10.7.0.2"), socket.inet_aton(to)) + bytes([7, last])
sender = AdvertSender("eth0", index)
assert sender.send(datagram("224.0.0.99", 1), "224.0.0.99") is None
assert sender.send(datagram(group, 2), group) is None
assert sender.send(datagram(group, 255), group) is None
""",
    )
    listening.wait(15)
    assert log.read_text().split("\n")[1] == "2 0702 None"


def test_sender_reports_an_interface_that_is_down(lan: Lan) -> None:
    program = """
sender, frames = AdvertSender("eth0", index), FrameSender("eth0")
subprocess.run(["ip", "link", "set", "eth0", "down"], check=True)
error = sender.send(bytes.fromhex("45c000200000000000000000") + bytes(20), group)
print(type(error).__name__, frames.send(bytes(60)).name)
"""
    kind, frame = python(lan, "a", program).split()
    assert kind == "OSError"
    assert frame == "FAILED"


def test_sockets_of_an_absent_interface_raise_and_leak_nothing(lan: Lan) -> None:
    program = """
before = len(os.listdir("/proc/self/fd"))
for make in (lambda: AdvertReceiver("eth9", 99, 4, [group]), lambda: AdvertSender("eth9", 99),
             lambda: AdvertReceiver("eth9", 99, 6, ["ff02::12"]),
             lambda: AdvertSender("eth9", 99, 6),
             lambda: FrameSender("eth9"), lambda: ClaimListener("eth9", 4, filters.claims(4, []))):
    try:
        make()
    except OSError as error:
        print(type(error).__name__, end=" ")
print(len(os.listdir("/proc/self/fd")) - before)
"""
    assert python(lan, "a", program) == " ".join(["OSError"] * 6) + " 0"


def exchange(lan: Lan, receiving: str, sending: str) -> str:
    """What a program on a prints after "ready", while one on b sends."""
    log = lan.directory / "exchange.log"
    listening = lan.spawn("a", *command(receiving), output=log)
    eventually(lambda: "ready" in log.read_text(), 10, "the receiver listens")
    python(lan, "b", sending)
    try:
        listening.wait(15)
    finally:
        text = log.read_text()
    assert listening.returncode == 0, text
    return text.split("ready\n")[1].strip()


def test_ipv6_receiver_makes_the_header_that_the_kernel_took_off(lan: Lan) -> None:
    source = lan.link_local("b")
    printed = exchange(
        lan,
        """
receiver = AdvertReceiver("eth0", index, 6, ["ff02::12"])
print("ready", flush=True)
for _ in range(2):
    select.select([receiver], [], [], 10)
    packet = decode_datagram(receiver.receive())
    print(packet.source, packet.destination, packet.ttl, packet.protocol, packet.message.hex())
""",
        f"""
sender = AdvertSender("eth0", index, 6)
for to, ttl in (("ff02::12", 255), ("{lan.link_local("a")}", 64)):
    datagram = encode_datagram(own_advert(instance6()), ip("{source}"), ip(to), ttl=ttl)
    assert sender.send(datagram, to) is None
""",
    )
    own, group = ip(source), ip("ff02::12")
    advert_to = [
        encode(own_advert(instance6()), own, to).hex() for to in (group, ip(lan.link_local("a")))
    ]
    assert printed.splitlines() == [
        f"{own} {group} 255 112 {advert_to[0]}",
        f"{own} {ip(lan.link_local('a'))} 64 112 {advert_to[1]}",
    ]


@pytest.mark.parametrize("family", [4, 6])
def test_filter_in_the_kernel_passes_our_adverts_alone(lan: Lan, family: int) -> None:
    group = "ff02::12" if family == 6 else "224.0.0.18"
    printed = exchange(
        lan,
        f"""
receiver = AdvertReceiver("eth0", index, {family}, ["{group}"])
receiver.filter(filters.adverts({family}, [51, 60]))
print("ready", flush=True)
heard = []
while not heard or heard[-1] != 60:
    select.select([receiver], [], [], 10)
    heard.append(decode_datagram(receiver.receive()).message[1])
print(heard)
receiver.filter(None)
""",
        f"""
from dataclasses import replace
of = instance6() if {family} == 6 else instance()
sender = AdvertSender("eth0", index, {family})
for vrid in (50, 51, 52, 60):
    advert = replace(own_advert(of), virtual_router_id=vrid)
    source = "{lan.link_local("b")}" if {family} == 6 else "10.7.0.2"
    good = encode_datagram(advert, ip(source), ip("{group}"))
    at = 40 if {family} == 6 else 20
    if vrid == 51:  # of another type first: only the good one may arrive
        assert sender.send(good[:at] + bytes([0x32]) + good[at + 1:], "{group}") is None
    assert sender.send(good, "{group}") is None
""",
    )
    assert printed == "[51, 60]"


def test_claim_listener_hears_claims_of_our_addresses_alone(lan: Lan) -> None:
    printed = exchange(
        lan,
        """
listener = ClaimListener("eth0", 4, filters.claims(4, ["10.7.0.100"]))
own = FrameSender("eth0")
own.send(announcement("10.7.0.100", bytes.fromhex("020000000009")))  # our own is no claim
print("ready", flush=True)
select.select([listener], [], [], 10)
print(listener.receive()[:42].hex(), listener.receive())
""",
        """
frames = FrameSender("eth0")
mac = bytes.fromhex("020000000001")
for frame in (announcement("10.7.0.101", mac), arp_probe("10.7.0.100", mac),
              announcement("10.7.0.100", mac)):
    frames.send(frame)
""",
    )
    assert printed == announcement("10.7.0.100", bytes.fromhex("020000000001")).hex() + " None"


def test_vmac_sends_with_its_own_mac_and_an_address_it_does_not_have(lan: Lan) -> None:
    lan.add_vmac("a", "vrrp.51", "00:00:5e:00:01:33")
    capture = lan.capture("b", "vmac")
    python(
        lan,
        "a",
        f"""
index = socket.if_nametoindex("vrrp.51")
for family, source, group in ((4, "10.7.0.1", "224.0.0.18"),
                              (6, "{lan.link_local("a")}", "ff02::12")):
    of = instance6() if family == 6 else instance()
    sender = AdvertSender("vrrp.51", index, family)
    assert sender.send(encode_datagram(own_advert(of), ip(source), ip(group)), group) is None
""",
    )
    columns = ("eth.src", "ip.src", "ipv6.src", "vrrp.virt_rtr_id", "vrrp.checksum.status")
    mac = "00:00:5e:00:01:33"
    assert capture.fields("vrrp", *columns) == [
        [mac, "10.7.0.1", "", "51", "1"],
        [mac, "", lan.link_local("a"), "51", "1"],
    ]
