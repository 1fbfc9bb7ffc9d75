# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS and check figures of this agent beside keepalived's, in turns on one host of the lab.

Owns the host. What runs inside it is `lvs_guest.py`.
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyroute2
from bench.contestants import CONTESTANTS
from bench.series import Series
from lvslab import Lab

ROOT = Path(__file__).resolve().parents[2]
AGENT = ROOT / "roles/director/files/agent"
NAME, HOST, TARGET = "bench", "drct1", "/root/bench"


@contextmanager
def up(lab: Lab) -> Iterator[None]:
    """One director with everything that is measured; gone afterwards."""
    lab.down()
    try:
        lab.up()
        lab.run(HOST, f"mkdir {TARGET} && base64 -d | tar -xzC {TARGET}", stdin=_archive())
        lab.run(HOST, f"modprobe ip_vs && python3 -m compileall -q {TARGET}", timeout=120)
        yield
    finally:
        lab.down()


def _archive() -> str:
    """Agent, pyroute2 and the guest as base64 of a tar.gz."""
    buffer = io.BytesIO()
    here = Path(__file__).parent
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for source, name in (
            (AGENT, "agent"),
            (Path(pyroute2.__file__).parent, "agent/vendor/pyroute2"),
            (here / "lvs_guest.py", "lvs_guest.py"),
            (here / "web.py", "web.py"),
        ):
            archive.add(
                source, name, filter=lambda entry: None if "__pycache__" in entry.name else entry
            )
    return base64.b64encode(buffer.getvalue()).decode()


def measure(series: dict[str, Series], lab: Lab, rounds: int, words: str) -> None:
    """Both daemons in turns; `words`: measurement, services, servers of each (`lvs_guest.py`)."""
    what, services, servers = words.split()
    for _ in range(rounds):
        for who in CONTESTANTS:
            command = f"python3 {TARGET}/lvs_guest.py {what} {who} {services} {servers}"
            done = lab.run(HOST, command, timeout=600)
            for key, value in json.loads(done.stdout.splitlines()[-1]).items():
                series[key].add(who, value)
