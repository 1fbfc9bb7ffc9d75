# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands in hosts by SSH, over one multiplexed connection for each host.

Owns the SSH options and the connection sockets. Ansible uses the same socket (see
inventory.py), so that dropping it here drops it for all.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvslab import shell
from lvslab.errors import CommandFailed, LabError
from lvslab.network import Namespace
from lvslab.paths import LabPaths
from lvslab.topology import Host

_CONNECT_TIMEOUT_S = 5
# A host that says nothing for interval * count seconds has lost the connection.
_ALIVE_INTERVAL_S = 5
_ALIVE_COUNT = 12
_MASTER_TIMEOUT_S = 15.0
_PUT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """SSH to the hosts of one lab."""

    paths: LabPaths
    namespace: Namespace
    private_key: Path

    def options(self, host: Host) -> dict[str, str]:
        """OpenSSH options, name to value, that reach `host` from outside the namespace."""
        return {
            "IdentityFile": str(self.private_key),
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            # The hosts share one key and their addresses are each lab's anew.
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": str(self.paths.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "ConnectTimeout": str(_CONNECT_TIMEOUT_S),
            "ServerAliveInterval": str(_ALIVE_INTERVAL_S),
            "ServerAliveCountMax": str(_ALIVE_COUNT),
            "ControlPath": str(self.paths.ssh_socket(host.name)),
            "ProxyCommand": f"ip netns exec {self.namespace.name} nc %h %p",
        }

    def command(self, host: Host, *flags: str, remote: Sequence[str] = ()) -> list[str]:
        """The ssh command line for `host`."""
        options = [f"-o{name}={value}" for name, value in self.options(host).items()]
        return ["ssh", "-F", "/dev/null", *options, *flags, f"root@{host.management}", *remote]

    def connect(self, host: Host) -> None:
        """Make sure that the shared connection stands. Raises CommandFailed."""
        socket = self.paths.ssh_socket(host.name)
        if socket.exists():
            return
        socket.parent.mkdir(parents=True, exist_ok=True)
        # Not by ControlMaster=auto: the proxy of a connection made in passing would
        # keep the first command's pipes open for ever.
        argv = self.command(host, "-o", "ControlMaster=yes", "-o", "ControlPersist=yes", "-fN")
        log = self.paths.host(host.name) / "ssh.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                rc: int | None = process.wait(_MASTER_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_MASTER_TIMEOUT_S)
                rc = None
        if rc != 0 and not socket.exists():  # somebody else may have been quicker
            stderr = log.read_text(encoding="utf-8", errors="replace")
            raise CommandFailed(
                f"no SSH connection to {host.name} ({host.management}): {stderr.strip()}",
                rc=rc,
                stdout="",
                stderr=stderr,
            )

    def disconnect(self, host: Host) -> None:
        """Drop the shared connection, whether the host still answers or not."""
        socket = self.paths.ssh_socket(host.name)
        if not socket.exists():
            return
        with contextlib.suppress(CommandFailed):
            argv = self.command(host, "-O", "exit")
            shell.run(argv, timeout_s=_CONNECT_TIMEOUT_S, check=False)
        socket.unlink(missing_ok=True)

    def run(
        self,
        host: Host,
        command: str | Sequence[str],
        *,
        timeout_s: float,
        check: bool = True,
        stdin: str | None = None,
    ) -> shell.Result:
        """Run `command` in the host: a string by its shell, a list of words as it is.

        Raises CommandFailed on a return code other than 0 (if `check`), on time-out
        and if the host cannot be reached. A command killed at its time limit may go
        on inside the host.
        """
        start = time.monotonic()
        self.connect(host)
        text = command if isinstance(command, str) else shlex.join(command)
        argv = self.command(host, "-o", "ControlMaster=no", "-T", remote=["--", text])
        left = max(0.1, timeout_s - (time.monotonic() - start))
        try:
            return shell.run(argv, timeout_s=left, check=check, stdin=stdin)
        except CommandFailed as failure:
            ending = f"not done in {timeout_s:g} s" if failure.rc is None else f"rc {failure.rc}"
            detail = "\n".join(
                f"{name}: {content.strip()}"
                for name, content in (("stdout", failure.stdout), ("stderr", failure.stderr))
                if content.strip()
            )
            raise CommandFailed(
                f"{host.name}: {ending}: {text}\n{detail}".rstrip(),
                rc=failure.rc,
                stdout=failure.stdout,
                stderr=failure.stderr,
            ) from None

    def put(self, host: Host, path: str, content: str, mode: str = "0644") -> None:
        """Write a file of the host, with its folders, atomically."""
        if not path.startswith("/"):
            raise LabError(f"{path}: an absolute path is needed")
        target = shlex.quote(path)
        script = (
            f'set -e; mkdir -p "$(dirname {target})"; t=$(mktemp {target}.XXXXXX);'
            f' cat >"$t"; chmod {shlex.quote(mode)} "$t"; mv "$t" {target}'
        )
        self.run(host, script, timeout_s=_PUT_TIMEOUT_S, stdin=content)
