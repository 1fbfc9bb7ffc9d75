# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends IP datagrams as they are: one per line of standard input, in hex, ROUNDS times.

Usage: vrrp_inject.py DESTINATION ROUNDS [PER_SECOND]
"""

from __future__ import annotations

import socket
import sys
import time

destination, rounds = sys.argv[1], int(sys.argv[2])
per_second = int(sys.argv[3]) if len(sys.argv) > 3 else 0
datagrams = [bytes.fromhex(line) for line in sys.stdin]
ipv6 = ":" in destination
family = socket.AF_INET6 if ipv6 else socket.AF_INET
to = (destination, 0, 0, socket.if_nametoindex("eth0")) if ipv6 else (destination, 0)
raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
begin, sent = time.monotonic(), 0
for _ in range(rounds):
    for datagram in datagrams:
        raw.sendto(datagram, to)
        sent += 1
        if per_second and sent % 100 == 0:
            time.sleep(max(0.0, begin + sent / per_second - time.monotonic()))
print(sent / (time.monotonic() - begin))
