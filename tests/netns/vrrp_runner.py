# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the real ha process on three inherited sockets: what the supervisor does, and no more.

Usage: vrrp_runner.py SUPERVISOR_FD KERNEL_FD TRACK_FD DOCUMENT [ADOPTED_MASTER ...]
"""

from __future__ import annotations

import socket
import sys

from lvs_agent.config import load
from lvs_agent.core.messages import InstanceState
from lvs_agent.proc import ha
from lvs_agent.proc.child import Start

supervisor, kernel, track, document, *masters = sys.argv[1:]
adopt = tuple(
    InstanceState(instance=name, state="MASTER", previous="BACKUP", priority=100, reason="")
    for name in masters
)
config = load(document)
ha.main(
    socket.socket(fileno=int(supervisor)),
    socket.socket(fileno=int(kernel)),
    socket.socket(fileno=int(track)),
    Start(config=config, generation=1, restarted=bool(masters), adopt=adopt),
)
