# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent check`: all errors of configuration files at once, each with its path, and warnings.

Owns the form of the output. Must never change anything.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lvs_agent import config
from lvs_agent.adapters import config_file
from lvs_agent.config import ConfigError, ConfigRejected, Warning
from lvs_agent.core.model import Config
from lvs_agent.proc import configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What there is to say about a file. With errors only a keepalived.conf has warnings: what it
    says and is not here."""

    errors: tuple[ConfigError, ...] = ()
    warnings: tuple[Warning, ...] = ()
    config: Config | None = None


def check(paths: list[str], *, host: bool, as_json: bool, change_from: Path | None = None) -> int:
    """Check each file; print errors, and warnings to standard error.

    `change_from`: also say which kind of change the file is for the agent whose runtime directory
    this is (`core/change.py`; null: none runs). Returns 0 if all are good, with warnings or
    without, and 1 otherwise.
    """
    found = {path: findings_of(path, host=host) for path in paths}
    good = not any(each.errors for each in found.values())
    changes = {} if change_from is None else _changes(found, change_from)
    if as_json:
        files = [
            {
                "file": path,
                "ok": not each.errors,
                "errors": [{"path": one.path, "message": one.message} for one in each.errors],
                "warnings": [{"path": one.path, "message": one.message} for one in each.warnings],
            }
            | ({"change": changes[path]} if path in changes else {})
            for path, each in found.items()
        ]
        print(json.dumps({"ok": good, "files": files}))
    else:
        for path, each in found.items():
            for warning in each.warnings:
                print(f"{path}: warning: {warning}", file=sys.stderr)
            for error in each.errors:
                print(f"{path}: {error}")
            if not each.errors:
                print(f"{path}: good")
            if path in changes:
                print(f"{path}: change: {changes[path] or 'unknown, no agent runs'}")
    return 0 if good else 1


def _changes(found: dict[str, Findings], directory: Path) -> dict[str, str | None]:
    from lvs_agent.cli.change import against_running  # noqa: PLC0415 - only if asked for

    return {
        path: against_running(each.config, directory)
        for path, each in found.items()
        if each.config is not None
    }


def findings_of(path: str, *, host: bool) -> Findings:
    """What is to say about the file; with `host` also what this machine lacks."""
    try:
        if path.startswith(configuration.KEEPALIVED):
            return _of_keepalived(path, host=host)
        document = config.parse(config_file.read(path))
        accepted = config.from_document(document)
    except config_file.ConfigFileError as error:
        return Findings(errors=(ConfigError(path="", message=str(error)),))
    except ConfigRejected as rejection:
        return Findings(errors=rejection.errors)
    missing = tuple(_missing_interfaces(accepted)) if host else ()
    return Findings(errors=missing, warnings=config.lint_document(document), config=accepted)


def _of_keepalived(name: str, *, host: bool) -> Findings:
    """The same of a keepalived.conf, with its lines. Raises ConfigRejected."""
    from lvs_agent.proc import keepalived_source  # noqa: PLC0415 - for those who have one

    found = keepalived_source.read(name)
    notices = tuple(found.notices())
    try:
        accepted = found.accepted()
    except ConfigRejected as rejected:
        return Findings(errors=rejected.errors, warnings=notices)
    missing = tuple(_missing_interfaces(accepted)) if host else ()
    return Findings(errors=missing, warnings=(*notices, *found.lint()), config=accepted)


def _missing_interfaces(accepted: Config) -> Iterator[ConfigError]:
    present = {name for __, name in socket.if_nameindex()}
    # Those that the agent makes itself.
    made = {one.vmac.interface for one in accepted.vrrp_instances if one.vmac is not None}
    for instance in accepted.vrrp_instances:
        path = f"vrrp_instances.{instance.name}"
        if instance.interface not in present:
            yield _missing(f"{path}.interface", instance.interface, present)
        known = present | made | {instance.interface}
        for name, addresses in (
            ("virtual_ipaddress", instance.addresses),
            ("virtual_ipaddress_excluded", instance.excluded),
        ):
            for index, address in enumerate(addresses):
                if address.interface not in known:
                    yield _missing(f"{path}.{name}[{index}].dev", address.interface, present)
    for index, address in enumerate(accepted.static_addresses):
        if address.interface not in present | made:
            yield _missing(f"static_ipaddress[{index}].dev", address.interface, present)


def _missing(path: str, name: str, present: set[str]) -> ConfigError:
    known = ", ".join(sorted(present - {"lo"})) or "none but lo"
    message = f"this host has no interface {name}; it has {known}"
    return ConfigError(path=path, message=message)
