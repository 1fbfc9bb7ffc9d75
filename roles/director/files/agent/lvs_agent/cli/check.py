# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent check`: all errors of configuration files at once, each with its path.

Owns the form of the output. Must never change anything.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

from lvs_agent import config
from lvs_agent.adapters import config_file
from lvs_agent.config import ConfigError, ConfigRejected
from lvs_agent.core.model import Config


def check(paths: list[str], *, host: bool, as_json: bool) -> int:
    """Check each file; print the errors. Returns 0 if all are good, 1 otherwise."""
    found = {path: errors_of(path, host=host) for path in paths}
    if as_json:
        files = [
            {
                "file": path,
                "ok": not errors,
                "errors": [{"path": one.path, "message": one.message} for one in errors],
            }
            for path, errors in found.items()
        ]
        print(json.dumps({"ok": not any(found.values()), "files": files}))
    else:
        for path, errors in found.items():
            for error in errors:
                print(f"{path}: {error}")
            if not errors:
                print(f"{path}: good")
    return 1 if any(found.values()) else 0


def errors_of(path: str, *, host: bool) -> tuple[ConfigError, ...]:
    """What is wrong with the file; with `host` also what this machine lacks."""
    try:
        accepted = config.load(config_file.read(path))
    except config_file.ConfigFileError as error:
        return (ConfigError(path="", message=str(error)),)
    except ConfigRejected as rejection:
        return rejection.errors
    return tuple(_missing_interfaces(accepted)) if host else ()


def _missing_interfaces(accepted: Config) -> Iterator[ConfigError]:
    present = {name for _, name in socket.if_nameindex()}
    for instance in accepted.vrrp_instances:
        path = f"vrrp_instances.{instance.name}"
        if instance.interface not in present:
            yield _missing(f"{path}.interface", instance.interface, present)
        for index, address in enumerate(instance.addresses):
            if address.interface not in present | {instance.interface}:
                where = f"{path}.virtual_ipaddress[{index}].dev"
                yield _missing(where, address.interface, present)


def _missing(path: str, name: str, present: set[str]) -> ConfigError:
    known = ", ".join(sorted(present - {"lo"})) or "none but lo"
    message = f"this host has no interface {name}; it has {known}"
    return ConfigError(path=path, message=message)
