# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of IPVS's generic netlink family (linux/ip_vs.h).

Owns nothing but names. `SVC_*` are attributes of a service, `DEST_*` of a destination, `SYNC_*` of
a half of the sync daemon.
"""

from __future__ import annotations

import socket
import struct

FAMILY_NAME = "IPVS"
VERSION = 1
NEW_SERVICE, SET_SERVICE, DELETE_SERVICE, GET_SERVICE = 1, 2, 3, 4
NEW_DESTINATION, SET_DESTINATION, DELETE_DESTINATION, GET_DESTINATION = 5, 6, 7, 8
NEW_DAEMON, DELETE_DAEMON, GET_DAEMON = 9, 10, 11
SET_CONFIG, GET_CONFIG = 12, 13
ATTR_SERVICE, ATTR_DESTINATION, ATTR_DAEMON = 1, 2, 3
ATTR_TIMEOUT_TCP, ATTR_TIMEOUT_TCP_FIN, ATTR_TIMEOUT_UDP = 4, 5, 6

SVC_AF, SVC_PROTOCOL, SVC_ADDR, SVC_PORT, SVC_FWMARK = 1, 2, 3, 4, 5
SVC_SCHED_NAME, SVC_FLAGS, SVC_TIMEOUT, SVC_NETMASK, SVC_STATS = 6, 7, 8, 9, 10
SVC_PE_NAME, SVC_STATS64 = 11, 12
SVC_F_PERSISTENT, SVC_F_ONEPACKET, SVC_F_SCHEDULER = 0x1, 0x4, 0x38
# All that a configuration can say; IP_VS_SVC_F_HASHED (0x2) is the kernel's own.
SVC_F_MASK = SVC_F_PERSISTENT | SVC_F_ONEPACKET | SVC_F_SCHEDULER

DEST_ADDR, DEST_PORT, DEST_FWD_METHOD, DEST_WEIGHT, DEST_U_THRESH, DEST_L_THRESH = range(1, 7)
DEST_ACTIVE, DEST_INACTIVE, DEST_PERSISTENT, DEST_STATS = 7, 8, 9, 10
DEST_ADDR_FAMILY, DEST_STATS64 = 11, 12
DEST_TUN_TYPE, DEST_TUN_PORT, DEST_TUN_FLAGS = 13, 14, 15

SYNC_STATE, SYNC_INTERFACE, SYNC_ID, SYNC_MAXLEN, SYNC_GROUP, SYNC_GROUP6 = 1, 2, 3, 4, 5, 6
SYNC_PORT, SYNC_TTL = 7, 8

GENL = struct.Struct("=BBH")  # command, version, reserved
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
PROTOCOLS = {"TCP": socket.IPPROTO_TCP, "UDP": socket.IPPROTO_UDP, "SCTP": socket.IPPROTO_SCTP}
PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}
# IP_VS_CONN_F_FWD_MASK (0x7) of the connection flags
FORWARDING = {"NAT": 0, "LOCAL": 1, "TUN": 2, "DR": 3, "BYPASS": 4}
FORWARDING_NAMES = {number: name for name, number in FORWARDING.items()}
# IP_VS_CONN_F_TUNNEL_TYPE_*, and the bits IP_VS_TUNNEL_ENCAP_FLAG_*
TUNNELS = {"ipip": 0, "gue": 1, "gre": 2}
TUNNEL_NAMES = {number: name for name, number in TUNNELS.items()}
CHECKSUMS = {"nocsum": 0, "csum": 1, "remcsum": 2}
CHECKSUM_NAMES = {number: name for name, number in CHECKSUMS.items()}
PORT = struct.Struct("!H")  # big endian, as on the wire
