# SPDX-License-Identifier: GPL-3.0-or-later
"""Background commands in a host, as transient systemd units.

A unit outlives the SSH connection, is stopped with all its children, and its
output is a file in the host.
"""

from __future__ import annotations

import shlex
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from lvslab.errors import LabError
from lvslab.ssh import Ssh
from lvslab.topology import Host

_COMMAND_TIMEOUT_S = 30.0
_POLL_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A command that runs in the background of a host."""

    ssh: Ssh
    host: Host
    unit: str

    @property
    def output_path(self) -> str:
        """The file in the host that takes stdout and stderr."""
        return f"/run/{self.unit}.out"

    @classmethod
    def start(cls, ssh: Ssh, host: Host, command: str | Sequence[str]) -> Job:
        """Start `command` (a string for the shell, or words) in `host`; returns at once."""
        job = cls(ssh=ssh, host=host, unit=f"lvslab-job-{uuid.uuid4().hex[:12]}")
        text = command if isinstance(command, str) else shlex.join(command)
        argv = ["systemd-run", "--quiet", f"--unit={job.unit}", "--property=RemainAfterExit=yes"]
        argv.append("--property=TimeoutStopSec=5s")
        for stream in ("StandardOutput", "StandardError"):
            argv.append(f"--property={stream}=append:{job.output_path}")
        # systemd makes the file a moment after this returns: there is to be something to read.
        script = f": > {job.output_path}; {shlex.join([*argv, '/bin/sh', '-c', text])}"
        ssh.run(host, script, timeout_s=_COMMAND_TIMEOUT_S)
        return job

    def output(self) -> str:
        """What it has printed so far."""
        return self.ssh.run(
            self.host, ["cat", self.output_path], timeout_s=_COMMAND_TIMEOUT_S
        ).stdout

    def running(self) -> bool:
        """Whether it still runs."""
        return self._property("SubState") == "running"

    def wait(self, timeout: float) -> int:
        """Wait for its end, up to `timeout` seconds; gives its return code. Raises LabError."""
        deadline = time.monotonic() + timeout
        while self.running():
            if time.monotonic() > deadline:
                raise LabError(f"{self.host.name}: {self.unit} still runs after {timeout:g} s")
            time.sleep(_POLL_S)
        return int(self._property("ExecMainStatus"))

    def stop(self) -> None:
        """Stop it with all its children (SIGTERM, SIGKILL after 5 s) and forget the unit."""
        script = f"systemctl stop {self.unit}; systemctl reset-failed {self.unit} 2>/dev/null; true"
        self.ssh.run(self.host, script, timeout_s=_COMMAND_TIMEOUT_S)

    def _property(self, name: str) -> str:
        argv = ["systemctl", "show", "--value", f"--property={name}", self.unit]
        return self.ssh.run(self.host, argv, timeout_s=_COMMAND_TIMEOUT_S).stdout.strip()
