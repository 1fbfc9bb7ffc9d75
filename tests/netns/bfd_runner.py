# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the real BfdRunner; talks JSON lines: what the process that hosts it does, without the rest.

Usage: bfd_runner.py SESSIONS. Reads "reconfigure SESSIONS", "report" and "close" from standard
input, one in a line; SESSIONS is a JSON list of BfdInstance fields. Writes every change, log line
and answer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from lvs_agent.core.model import BfdInstance
from lvs_agent.proc.loop import Loop
from lvs_agent.proc.track_bfd import BfdRunner


def parse(text: str) -> tuple[BfdInstance, ...]:
    return tuple(BfdInstance(**fields) for fields in json.loads(text))


def say(**fields: Any) -> None:
    print(json.dumps({"at": time.monotonic(), **fields}), flush=True)


loop = Loop()
runner = BfdRunner(
    loop,
    parse(sys.argv[1]),
    lambda name, up, reason: say(name=name, up=up, reason=reason),
    lambda level, text: say(level=level, log=text),
)
buffer = b""


def read() -> None:
    global buffer
    data = os.read(0, 65536)
    *lines, buffer = (buffer + data).split(b"\n")
    for line in lines:
        command, _, rest = line.decode().partition(" ")
        if command == "reconfigure":
            runner.reconfigure(parse(rest))
            say(done=command)
        elif command == "report":
            say(report=runner.report())
        else:
            loop.stop()
    if not data:
        loop.stop()


loop.add_reader(0, read)
loop.run()
runner.close()
say(done="close", cpu_s=time.process_time())
