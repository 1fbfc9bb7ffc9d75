# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent run`: everything that happens before the supervisor's loop.

Owns the order of the start: configuration, runtime directory, imports for the children, fork.
Must never catch an error of the running agent.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path
from typing import NoReturn

from lvs_agent.adapters import link_netlink, overrides_file, runtime_directory
from lvs_agent.adapters.journal import Journal
from lvs_agent.adapters.package_parts import import_parts_only
from lvs_agent.config import ConfigRejected
from lvs_agent.core import links_wanted
from lvs_agent.core.model import Config
from lvs_agent.proc import configuration

# sysexits.h; the unit's RestartPreventExitStatus knows it: restarting cures no wrong file.
EX_CONFIG = 78
EX_CANTCREAT = 73
EX_TEMPFAIL = 75

# How long the children of a killed supervisor may need to hand over.
_LOCK_S = 5.0
_LOCK_STEP_S = 0.05


def run(config_path: str, directory: Path) -> int:
    """Run the agent until it is told to stop; returns the exit status."""
    environment = dict(os.environ)
    # Nothing that is started from here on has any business with systemd's socket.
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        os.environ.pop(name, None)
    os.environ["LVS_AGENT_RUNTIME_DIR"] = os.fspath(directory)
    journal = Journal(environment)
    try:
        loaded = configuration.load(config_path)
        gc.freeze()  # it stays: no collection needs to look through 10,000 real servers
    except ConfigRejected as rejection:
        for error in rejection.errors:
            journal.write("error", f"{config_path}: {error}")
        return EX_CONFIG
    for notice in loaded.notices:
        journal.write("warning", notice)
    if missing := _missing_interfaces(loaded.config):
        for name in missing:
            journal.write(
                "error",
                f"{config_path}: interface {name} does not exist; create it, or set"
                " global_defs.dynamic_interfaces to true to wait for it",
            )
        return EX_CONFIG
    try:
        runtime_directory.ensure(directory)
        _wait_for_lock(directory)
    except runtime_directory.AlreadyRunning as error:
        journal.write("error", f"{error}; stop it first")
        return EX_TEMPFAIL
    except OSError as error:
        journal.write(
            "error", f"{directory}: {error.strerror}; the agent must be able to write there"
        )
        return EX_CANTCREAT

    # The children's modules, imported once and shared by all of them.
    import_parts_only("pyroute2")
    from lvs_agent.proc import ha, health, kernel, track  # noqa: PLC0415 - not for a wrong file
    from lvs_agent.proc.supervisor import Mains, Settings, Supervisor  # noqa: PLC0415

    settings = Settings(
        config_path=config_path,
        runtime_directory=directory,
        state_directory=overrides_file.state_dir(environment, directory),
        environment=environment,
    )
    mains = Mains(ha=ha.main, kernel=kernel.main, health=health.main, track=track.main)
    return _leave(Supervisor(settings, mains, loaded, journal).run())


def _leave(status: int) -> NoReturn:
    """End the process at once: the memory goes as a whole, not object by object."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _missing_interfaces(config: Config) -> tuple[str, ...]:
    """Configured interfaces that must be there at the start and are not."""
    if config.global_defs.dynamic_interfaces:
        return ()
    return link_netlink.absent(links_wanted.required(config))


def _wait_for_lock(directory: Path) -> None:
    """Wait for the end of an earlier agent's children. Raises AlreadyRunning or OSError."""
    deadline_s = time.monotonic() + _LOCK_S
    while True:
        try:
            os.close(runtime_directory.lock(directory))
        except runtime_directory.AlreadyRunning:
            if time.monotonic() >= deadline_s:
                raise
            time.sleep(_LOCK_STEP_S)
        else:
            return
