# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a director: prints what happens there at the moment it happens, one JSON line each.

Usage: director_watcher.py SECONDS INTERFACE [PID...]. Standard library only; ends by itself.
Every line has `at` (the director's wall clock, seconds) and `what`:
  address  `address` (with prefix length), `added`            from rtnetlink
  advert   `virtual_router_id`, `priority`: one that was sent  from a packet socket
  ipvs     `table`: the lines of /proc/net/ip_vs without counters, sampled, when they change
  exit     `pid`: one of the given processes is gone           from a pidfd
"""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import select
import socket
import struct
import sys
import time
from pathlib import Path

SAMPLE_S = 0.02  # about 5 % of the director's CPU
# Above the agent's own: what it does to the kernel is seen before it goes on, so the order of two
# lines is the order of two events.
PRIORITY = 60
IPVS = Path("/proc/net/ip_vs")

RTMGRP_IPV4_IFADDR = 0x10
RTM_NEWADDR, RTM_DELADDR = 20, 21
IFA_LOCAL = 2
ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
SO_ATTACH_FILTER = 26
# Classic BPF: an IPv4 header (0x4.) whose protocol is 112, else nothing.
FILTER = (
    (0x30, 0, 0, 0),  # A = first byte
    (0x54, 0, 0, 0xF0),  # A &= 0xf0
    (0x15, 0, 3, 0x40),
    (0x30, 0, 0, 9),  # A = protocol
    (0x15, 0, 1, 112),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)


def say(what: str, **content: object) -> None:
    """One line of the record."""
    print(json.dumps({"at": time.time(), "what": what, **content}), flush=True)


def addresses_socket() -> socket.socket:
    """Hears of every IPv4 address that comes or goes."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    netlink.bind((0, RTMGRP_IPV4_IFADDR))
    return netlink


def adverts_socket(interface: str) -> socket.socket:
    """Sees every VRRP datagram on the interface."""
    code = b"".join(struct.pack("=HBBI", *line) for line in FILTER)
    program = ctypes.create_string_buffer(code)
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    argument = struct.pack("@HP", len(FILTER), ctypes.addressof(program))
    packets.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, argument)
    packets.bind((interface, ETH_P_ALL))
    return packets


def read_addresses(netlink: socket.socket) -> None:
    """One datagram of rtnetlink."""
    data = netlink.recv(65536)
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            message = data[at + 16 : at + length]
            local = attribute(message[8:], IFA_LOCAL)
            text = f"{ipaddress.IPv4Address(local)}/{message[1]}"
            say("address", address=text, added=kind == RTM_NEWADDR)
        at += (length + 3) & ~3


def attribute(data: bytes, wanted: int) -> bytes:
    """The payload of one attribute."""
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if kind == wanted:
            return data[4:length]
        data = data[(length + 3) & ~3 :]
    raise ValueError(f"no attribute {wanted}")


def read_advert(packets: socket.socket) -> None:
    """One VRRP datagram; those of others are left to the capture on the network."""
    data, (_, _, direction, *_) = packets.recvfrom(2048)
    if direction == PACKET_OUTGOING:
        vrrp = data[(data[0] & 0xF) * 4 :]
        say("advert", virtual_router_id=vrrp[1], priority=vrrp[2])


def table() -> list[str]:
    """What IPVS has: services and destinations, without the counts of connections."""
    lines = IPVS.read_text().splitlines() if IPVS.exists() else []
    wanted = [line.split() for line in lines[3:]]
    return [" ".join(words[:4] if words[0] == "->" else words) for words in wanted]


def main() -> None:
    """Watch until the time is over."""
    end = time.monotonic() + float(sys.argv[1])
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    netlink, packets = addresses_socket(), adverts_socket(sys.argv[2])
    processes = {os.pidfd_open(int(pid)): int(pid) for pid in sys.argv[3:]}
    poll = select.poll()
    for descriptor in (netlink.fileno(), packets.fileno(), *processes):
        poll.register(descriptor, select.POLLIN)
    before: list[str] | None = None
    while time.monotonic() < end:
        for descriptor, _ in poll.poll(SAMPLE_S * 1000):
            if descriptor == netlink.fileno():
                read_addresses(netlink)
            elif descriptor == packets.fileno():
                read_advert(packets)
            else:
                poll.unregister(descriptor)
                say("exit", pid=processes[descriptor])
        now = table()
        if now != before:
            say("ipvs", table=now)
            before = now


main()
