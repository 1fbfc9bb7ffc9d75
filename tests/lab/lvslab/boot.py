# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots several hosts at once and waits until each can be used; switches several off.

Owns no state. A Ctrl-C ends the wait at once, whatever the hosts are doing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from lvslab.errors import LabError
from lvslab.machine import Machine
from lvslab.progress import Progress
from lvslab.ssh import Ssh

_BOOT_TIMEOUT_S = 240.0  # twenty times what a host takes alone: machines are shared
_SETTLE_TIMEOUT_S = 90.0
_JOIN_POLL_S = 0.2


def boot(machines: Sequence[Machine], ssh: Ssh, progress: Progress) -> None:
    """Start all and wait for all. Raises the first host's LabError after all have ended."""
    if not machines:
        return
    with progress.step(f"boot {_names(machines)}"):
        for machine in machines:
            ssh.disconnect(machine.host)  # a socket left by a host that died by itself
            machine.start()
        _in_parallel(lambda machine: machine.wait_ready(_BOOT_TIMEOUT_S), machines)
    with progress.step("SSH, and services settled"):
        failed: dict[str, str] = {}

        def settle(machine: Machine) -> None:
            units = _settle(machine, ssh)
            if units:
                failed[machine.host.name] = units

        _in_parallel(settle, machines)
    for name, units in failed.items():
        progress.note(f"{name}: failed units: {units}")


def power_off(machines: Sequence[Machine], ssh: Ssh, progress: Progress) -> None:
    """Power-cut all."""
    with progress.step(f"power-cut {_names(machines)}"):
        for machine in machines:
            machine.power_cut()
            ssh.disconnect(machine.host)


def _settle(machine: Machine, ssh: Ssh) -> str:
    """Connect, and wait until systemd has no job left, so that no test races the boot.

    Gives the failed units, comma separated.
    """
    result = ssh.run(
        machine.host,
        "systemctl is-system-running --wait; systemctl --failed --plain --no-legend",
        timeout_s=_SETTLE_TIMEOUT_S,
        check=False,
    )
    verdict, *failed = result.stdout.splitlines() or ["nothing"]
    if verdict not in ("running", "degraded"):
        raise LabError(
            f"{machine.host.name}: systemd says {verdict!r} {result.stderr.strip()}"
            f"{machine.console_tail()}"
        )
    return ", ".join(line.split()[0] for line in failed if line.split())


def _names(machines: Sequence[Machine]) -> str:
    return " ".join(machine.host.name for machine in machines)


def _in_parallel(work: Callable[[Machine], None], machines: Sequence[Machine]) -> None:
    """Do `work` for all machines at once; its own time limits bound it."""
    errors: list[LabError] = []

    def guarded(machine: Machine) -> None:
        try:
            work(machine)
        except LabError as error:
            errors.append(error)

    # Daemons, and joined in short waits: else Ctrl-C would wait for them.
    threads = [threading.Thread(target=guarded, args=[m], daemon=True) for m in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(_JOIN_POLL_S)
    if errors:
        raise errors[0]
