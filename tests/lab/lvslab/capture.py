# SPDX-License-Identifier: GPL-3.0-or-later
"""Records frames on a bridge with tcpdump, into a pcap file.

A capture on the bridge sees what every host sends, also what a partition drops
afterwards: the bridge hands a copy to its own device before it forwards.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lvslab.errors import LabError
from lvslab.network import Namespace

_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0
# tcpdump polls its ring this often; a frame before the stop must be in it.
_SETTLE_S = 0.2
DEFAULT_LIMIT_S = 600.0
DEFAULT_FRAMES = 1_000_000  # some 100 MB of small frames


@dataclass(slots=True, kw_only=True)
class Capture:
    """A running capture. `path` is the pcap file; each frame is in it at once."""

    path: Path
    _process: subprocess.Popen[str]

    @classmethod
    def start(
        cls,
        namespace: Namespace,
        device: str,
        path: Path,
        *,
        expression: str = "",
        frames: int = DEFAULT_FRAMES,
        limit_s: float = DEFAULT_LIMIT_S,
    ) -> Capture:
        """Start capturing on `device`; returns when tcpdump listens. Raises LabError.

        It ends by itself after `frames` frames or `limit_s` seconds.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.with_suffix(".log")
        argv = ["timeout", "--signal=INT", str(limit_s), "tcpdump", "-i", device, "-w", str(path)]
        argv += ["-U", "--immediate-mode", "-n", "-Z", "root", "-c", str(frames)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                namespace.command([*argv, *([expression] if expression else [])]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                text=True,
            )
        capture = cls(path=path, _process=process)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while "listening on" not in (said := log.read_text(encoding="utf-8", errors="replace")):
            if process.poll() is not None or time.monotonic() > deadline:
                capture.stop()
                raise LabError(f"tcpdump on {device} did not start: {said.strip()}")
            time.sleep(0.02)
        return capture

    def running(self) -> bool:
        """Whether it still records."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the capture; the file is complete after this."""
        if self._process.poll() is None:
            time.sleep(_SETTLE_S)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_STOP_TIMEOUT_S)
