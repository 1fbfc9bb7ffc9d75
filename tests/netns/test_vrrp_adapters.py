# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw and packet sockets themselves, on a veth pair in namespaces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from netns.vrrp_harness import AGENT, Lan, eventually

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    made = Lan(tmp_path, {"a": "10.7.0.1/24", "b": "10.7.0.2/24"})
    yield made
    made.close()


PREAMBLE = """
import os, select, socket, struct, subprocess
from lvs_agent.adapters.arp import FrameSender
from lvs_agent.adapters.vrrp_socket import AdvertReceiver, AdvertSender
index, group = socket.if_nametoindex("eth0"), "224.0.0.18"
"""


def command(program: str) -> list[str]:
    """A program with the adapters imported."""
    return ["env", f"PYTHONPATH={AGENT}", sys.executable, "-c", PREAMBLE + program]


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
receiver = AdvertReceiver("eth0", index, group)
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
for make in (lambda: AdvertReceiver("eth9", 99, group), lambda: AdvertSender("eth9", 99),
             lambda: FrameSender("eth9")):
    try:
        make()
    except OSError as error:
        print(type(error).__name__, end=" ")
print(len(os.listdir("/proc/self/fd")) - before)
"""
    assert python(lan, "a", program) == "OSError OSError OSError 0"
