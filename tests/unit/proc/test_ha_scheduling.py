# SPDX-License-Identifier: GPL-3.0-or-later
"""Real-time scheduling that cannot take a processor away for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import lvs_agent
import pytest

AGENT_SOURCE = Path(lvs_agent.__file__).parent.parent
# Computes, without ever waiting, until it has lost its real-time priority; then its loop runs.
PROGRAM = """
import json, os, sys, time
from lvs_agent.config import load
from lvs_agent.proc.ha_scheduling import OwnScheduling
from lvs_agent.proc.loop import Loop

log = []
own = OwnScheduling(Loop(), lambda level, text: log.append(text))
own.apply(load(sys.argv[1]).global_defs.scheduling)
found = []
for _ in range(2):
    found.append([os.sched_getscheduler(0) & 7, os.sched_getparam(0).sched_priority])
    end = time.monotonic() + 30
    while os.sched_getscheduler(0) & 7 == os.SCHED_RR and time.monotonic() < end:
        pass
    found.append([os.sched_getscheduler(0) & 7, own.report()["realtime_priority"]])
    own.look()
found.append([os.sched_getscheduler(0) & 7, own.report()["realtime_priority"]])
times = own.report()["rttime_exceeded"]
print(json.dumps({"found": found, "log": log, "times": times}), flush=True)
os._exit(0)  # as the agent ends: the interpreter would put its signal handlers away first
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to have a real-time priority")
def test_who_computes_too_long_goes_on_without_real_time() -> None:
    document = {"global_defs": {"vrrp_rt_priority": 9, "vrrp_rlimit_rttime": 20_000}}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(document)],
        check=True,
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "PYTHONPATH": os.fspath(AGENT_SOURCE)},
    )
    result = json.loads(done.stdout)
    realtime, ordinary = [os.SCHED_RR, 9], [os.SCHED_OTHER, 0]
    assert result["found"] == [realtime, ordinary, realtime, ordinary, realtime]
    assert result["times"] == 2
    # Once a minute is enough.
    assert result["log"] == [
        "vrrp: 0.02 s of computing in a row (vrrp_rlimit_rttime): the rest of it was done without"
        " real-time priority"
    ]
