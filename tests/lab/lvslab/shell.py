# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands on this machine, each with a time limit.

Owns the only way in which the lab starts a foreground process. It must never
wait without a bound, and never leave a child behind when it gives up.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from lvslab.errors import CommandFailed, LabError

# After SIGKILL only the reading of the pipes is left; a grandchild in another
# session may hold them open, and this is how long we listen to it.
_PIPE_DRAIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command printed and how it ended. `rc` is its return code."""

    stdout: str
    stderr: str
    rc: int


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    check: bool = True,
    stdin: str | None = None,
    pass_fds: Sequence[int] = (),
) -> Result:
    """Run `argv` to its end, or kill its whole session after `timeout_s` seconds.

    Raises CommandFailed on a return code other than 0 (if `check`) and on time-out.
    """
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        pass_fds=pass_fds,
    )
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        stdout, stderr = _kill_session(process)
        raise CommandFailed(
            f"did not end within {timeout_s:g} s and was killed: {shlex.join(argv)}"
            + _tail("its stderr", stderr),
            rc=None,
            stdout=stdout,
            stderr=stderr,
        ) from None
    except BaseException:  # Ctrl-C reaches us alone: the child has a session of its own
        _kill_session(process)
        raise
    if check and process.returncode != 0:
        raise CommandFailed(
            f"rc {process.returncode}: {shlex.join(argv)}" + _tail("its stderr", stderr),
            rc=process.returncode,
            stdout=stdout,
            stderr=stderr,
        )
    return Result(stdout=stdout, stderr=stderr, rc=process.returncode)


def _kill_session(process: subprocess.Popen[str]) -> tuple[str, str]:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=_PIPE_DRAIN_S)
    except subprocess.TimeoutExpired:
        return "", ""


def _tail(title: str, text: str, lines: int = 20) -> str:
    kept = text.strip().splitlines()[-lines:]
    return f"\n{title}:\n  " + "\n  ".join(kept) if kept else ""


def require_root() -> None:
    """Raise LabError unless we are root."""
    if os.geteuid() != 0:
        raise LabError(
            "the lab needs root: it makes a network namespace, bridges and taps. Run it with sudo."
        )


# command -> Debian package that brings it
_PACKAGE_OF = {
    "linux.uml": "user-mode-linux",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "depmod": "kmod",
    "ip": "iproute2",
    "nft": "nftables",
    "nc": "netcat-openbsd",
    "tcpdump": "tcpdump",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}


def missing_packages() -> list[str]:
    """Debian packages whose commands are not on this machine, sorted."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted({p for command, p in _PACKAGE_OF.items() if not shutil.which(command, path=path)})


def install_packages(packages: Sequence[str]) -> None:
    """Install Debian packages with apt-get. Raises LabError with what to do if that fails."""
    if not shutil.which("apt-get"):
        raise LabError(
            "missing: " + ", ".join(packages) + "; install what brings them (this is no Debian)"
        )
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    try:
        run([*environment, "apt-get", "update", "-q"], timeout_s=300)
        run(
            [*environment, "apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
            timeout_s=900,
        )
    except CommandFailed as failure:
        raise LabError(
            f"could not install {' '.join(packages)}: {failure}\n"
            "Install them by hand (apt-get install) and run this again."
        ) from failure
