# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent plan`: what a configuration file would change in this host's kernel.

Owns the output. Must never change anything.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lvs_agent.adapters.package_parts import import_parts_only
from lvs_agent.cli.change import against_running
from lvs_agent.cli.client import AgentError, ClientError, ask
from lvs_agent.config import ConfigRejected
from lvs_agent.core.change import Change
from lvs_agent.core.model import Config
from lvs_agent.proc import configuration

EXIT_ERRORS = 1
EXIT_CHANGES = 2
_ASK_S = 5.0


def plan(path: str, runtime_directory: Path, *, as_json: bool) -> int:
    """Print the differences. Returns 0: none, 1: there is no plan, 2: there are some."""
    try:
        accepted = configuration.load(path).config
    except ConfigRejected as rejection:
        for one in rejection.errors:
            print(f"{path}: {one}", file=sys.stderr)
        return EXIT_ERRORS
    try:
        status = ask("status", runtime_directory, _ASK_S)
        running = ask("config", runtime_directory, _ASK_S)
    except (ClientError, AgentError):
        status = running = None  # without a running agent the kernel alone is compared
    try:
        changes = _kernel_changes(accepted, runtime_directory, status)
    except OSError as error:
        print(f"cannot read the kernel: {error.strerror or error}; be root", file=sys.stderr)
        return EXIT_ERRORS
    options = [] if running is None else list(config_changes(running, accepted))
    kind = against_running(accepted, runtime_directory)
    _print(changes, options, kind, as_json=as_json)
    return EXIT_CHANGES if changes or options else 0


def _kernel_changes(accepted: Config, directory: Path, status: Any) -> list[str]:
    import_parts_only("pyroute2")
    from lvs_agent.adapters import plan as kernel  # noqa: PLC0415 - after its package is prepared

    return list(kernel.plan(accepted, runtime_directory=directory, status=status))


def config_changes(running: Any, accepted: Config) -> Iterator[str]:
    """A line for each option that differs from the running agent's configuration.

    A secret is never shown, and so a changed one is not seen here.
    """
    return differences(running, json.loads(configuration.public_text(accepted)), "")


def differences(old: Any, new: Any, path: str) -> Iterator[str]:
    """The differing leaves of two JSON values, with their paths; named list items go by name."""
    old, new = _by_name(old), _by_name(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            where = f"{path}.{key}" if path else key
            if key not in new:
                yield f"- {where}"
            elif key not in old:
                yield f"+ {where}"
            else:
                yield from differences(old[key], new[key], where)
    elif old != new:
        yield f"~ {path}: {_shown(old)} -> {_shown(new)}"


def _by_name(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        names = [one.get("name") for one in value]
        if None not in names and len(set(names)) == len(names):
            return dict(zip(names, value, strict=True))
    return value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _print(changes: list[str], options: list[str], kind: Change | None, *, as_json: bool) -> None:
    if as_json:
        changed = bool(changes or options)
        document = {"changed": changed, "change": kind, "kernel": changes, "options": options}
        print(json.dumps(document, ensure_ascii=False))
        return
    for title, lines in (("kernel", changes), ("running agent's options", options)):
        if lines:
            print(f"# {title}")
            for line in lines:
                print(line)
    if not changes and not options:
        print("no changes")
