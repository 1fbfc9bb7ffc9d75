# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP figures of this agent beside keepalived's, measured in turns in one run.

Each figure is taken on the switch between two hosts of the same kind: what the network sees, and
not what a daemon says of itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from bench.contestants import (
    CONTESTANTS,
    Load,
    checks_done,
    child_called,
    contestant,
    cost,
    holds_all,
    start_farm,
)
from bench.series import Series
from bench.wire import Capture, Frame
from interop.segment import Segment, eventually, run
from interop.speakers import Speaker

HIGH, LOW = 150, 100
MS = 1_000_000
START_S = 30.0


@contextmanager
def pair(who: str, load: Load, directory: Path) -> Iterator[tuple[Segment, Speaker, Speaker]]:
    """Two hosts of one kind, the first one active."""
    segment = Segment("bench", directory)
    try:
        first = contestant(who, segment, "a", load, HIGH)
        second = contestant(who, segment, "b", load, LOW)
        if load.real_servers:
            start_farm(segment, first.host)
        first.start()
        eventually(lambda: holds_all(first, load), START_S + 4 * load.interval_s, f"{who} active")
        second.start()
        time.sleep(4 * load.interval_s + 1)
        yield segment, first, second
    finally:
        segment.close()


def down_ns(load: Load) -> int:
    """Active_Down_Interval of the second host (RFC 9568 section 6.1)."""
    return int(load.interval_s * 1e9 * (3 + (256 - LOW) / 256))


def adverts(frames: list[Frame], source: str, vrid: int = 1) -> list[tuple[int, int]]:
    """(time, priority) of the adverts of one virtual router of one host."""
    return [
        (frame.at_ns, advert[2])
        for frame in frames
        if (advert := frame.advert) is not None and advert[0] == source and advert[1] == vrid
    ]


def takeovers(series: dict[str, Series], load: Load, rounds: int, directory: Path) -> None:
    """The active host dies (SIGKILL); what the other needs beyond the protocol's own time."""
    for _ in range(rounds):
        for who in CONTESTANTS:
            with pair(who, load, directory) as (segment, first, second):
                capture = Capture(f"{segment.name}-hub", "br0")
                time.sleep(2.3 * load.interval_s)
                assert first.process is not None
                segment.kill(first.process)
                time.sleep(down_ns(load) / 1e9 + 0.5)
                eventually(lambda: holds_all(second, load), 20, f"{who} takes over")
                time.sleep(1.5)
                frames = capture.stop()
                last = adverts(frames, "10.9.0.1")[-1][0]
                start, _ = adverts(frames, "10.9.0.2")[0]
                series["overhead"].add(who, (start - last - down_ns(load)) / MS)
                _announcements(series, who, frames, start, load)


def _announcements(
    series: dict[str, Series], who: str, frames: list[Frame], start: int, load: Load
) -> None:
    """When each VIP was first announced after the first advert."""
    first: dict[bytes, int] = {}
    for frame in frames:
        announced = frame.announced
        if announced is not None and frame.at_ns >= start - 50 * MS:
            first.setdefault(announced, frame.at_ns)
    vips = load.instances * load.addresses
    assert len(first) >= vips, f"{who} announced {len(first)} of {vips} addresses"
    times = sorted(first.values())
    series["first arp"].add(who, (times[0] - start) / MS)
    series["last arp"].add(who, (times[-1] - start) / MS)
    ours = [at for at, _ in adverts(frames, "10.9.0.2")]
    gaps = [(b - a) / MS for a, b in pairwise(ours)]
    series["advert gap"].add(who, max(gaps, default=0.0) - load.interval_s * 1000)


def handovers(series: dict[str, Series], load: Load, rounds: int, directory: Path) -> None:
    """The active host is stopped (SIGTERM): its priority 0, then the other's first advert."""
    skew_ns = int(load.interval_s * 1e9 * (256 - LOW) / 256)
    for _ in range(rounds):
        for who in CONTESTANTS:
            with pair(who, load, directory) as (segment, first, second):
                capture = Capture(f"{segment.name}-hub", "br0")
                assert first.process is not None
                asked = time.time_ns()
                os.kill(first.process.pid, signal.SIGTERM)
                eventually(lambda: holds_all(second, load), 20, f"{who} takes over")
                time.sleep(0.3)
                frames = capture.stop()
                zero = next(at for at, prio in adverts(frames, "10.9.0.1") if prio == 0)
                start, _ = adverts(frames, "10.9.0.2")[0]
                series["resignation"].add(who, (zero - asked) / MS)
                series["handover"].add(who, (start - zero - skew_ns) / MS)


def client_gap(series: dict[str, Series], load: Load, rounds: int, directory: Path) -> None:
    """A client on the switch asks the VIP every 2 ms; the longest time without an answer."""
    for _ in range(rounds):
        for who in CONTESTANTS:
            with pair(who, load, directory) as (segment, first, _):
                hub = f"{segment.name}-hub"
                run("ip", "-n", hub, "address", "replace", "10.9.0.9/16", "dev", "br0")
                capture = Capture(hub, "br0")
                pinging = ("ping", "-n", "-q", "-i", "0.002", "-w", "8", load.vips(0)[0])
                client = threading.Thread(target=_ask, args=(hub, *pinging), daemon=True)
                client.start()
                time.sleep(2)
                assert first.process is not None
                segment.power_cut(first.host)
                client.join(20)
                frames = capture.stop()
                replies = [f.at_ns for f in frames if _is_echo_reply(f)]
                gaps = [(b - a) / 1e9 for a, b in pairwise(replies)]
                assert len(gaps) > 100, f"{who}: {len(replies)} answers to the client"
                series["client gap"].add(who, max(gaps))


def _ask(hub: str, *command: str) -> None:
    """ping's exit status says whether an answer was missing: some are, on purpose."""
    subprocess.run(["ip", "netns", "exec", hub, *command], check=False, capture_output=True)


def _is_echo_reply(frame: Frame) -> bool:
    return frame.data[12:14] == b"\x08\x00" and frame.data[23] == 1 and frame.data[34] == 0


def lateness(
    series: dict[str, Series], load: Load, seconds: float, directory: Path, *, busy: int = 0
) -> None:
    """How late adverts leave; `busy` endless loops compete for the two cores."""
    for who in CONTESTANTS:
        with pair(who, load, directory) as (segment, _, _):
            burners = [_burn(seconds) for _ in range(busy)]
            capture = Capture(f"{segment.name}-hub", "br0")
            time.sleep(seconds)
            frames = capture.stop()
            for pid in burners:
                os.waitpid(pid, 0)
            _intervals(series, who, frames, load)


def _intervals(series: dict[str, Series], who: str, frames: list[Frame], load: Load) -> None:
    times = [at for at, _ in adverts(frames, "10.9.0.1")]
    late = sorted(abs(b - a - load.interval_s * 1e9) / MS for a, b in pairwise(times))
    series["lateness p50"].add(who, late[len(late) // 2])
    series["lateness p99"].add(who, late[int(len(late) * 0.99)])
    series["lateness p99.9"].add(who, late[int(len(late) * 0.999)])
    series["lateness max"].add(who, late[-1])
    series["false takeovers"].add(who, float(len(adverts(frames, "10.9.0.2"))))


def checks(
    series: dict[str, Series], load: Load, seconds: float, directory: Path, *, herd: bool
) -> None:
    """How late adverts leave while the same agent checks `load.real_servers`, each once a second.

    `herd`: every five seconds the process that checks is held up for a second, so that all checks
    are due at once. keepalived is left out: its checkers end where the kernel has no IPVS, and
    where it has (the lab's hosts) no daemon does 2,000 checks a second.
    """
    with pair("lvs-agent", load, directory) as (segment, first, _):
        assert first.process is not None
        health = child_called(first.process.pid, "lvs-agent: health")
        capture = Capture(f"{segment.name}-hub", "br0")
        done, end = checks_done(first), time.monotonic() + seconds
        begin = time.monotonic()
        while time.monotonic() < end:
            time.sleep(min(4.0, seconds))
            if herd:
                os.kill(health, signal.SIGSTOP)
                time.sleep(1)
                os.kill(health, signal.SIGCONT)
        rate = (checks_done(first) - done) / (time.monotonic() - begin)
        _intervals(series, "lvs-agent", capture.stop(), load)
        series["checks"].add("lvs-agent", rate)


def _burn(seconds: float) -> int:
    """A child that computes for so long."""
    pid = os.fork()
    if pid == 0:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
        os._exit(0)
    return pid


def costs(series: dict[str, Series], load: Load, seconds: float, directory: Path) -> None:
    """CPU and memory of the active host while nothing happens."""
    for who in CONTESTANTS:
        with pair(who, load, directory) as (_, first, second):
            active = cost(first, seconds)
            series["cpu active"].add(who, 100 * active.cpu_share)
            series["memory"].add(who, active.pss_mib)
            series["cpu backup"].add(who, 100 * cost(second, seconds).cpu_share)
