# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd units that make a real server's network at boot, and are the record of what was made.

Owns their text, both ways. Pure: it must never touch a file.
"""

from __future__ import annotations

import re

from ansible_collections.lvs.cluster.plugins.module_utils._network_plan import Thing

NOTICE = "# Managed by the Ansible role lvs.cluster.real_server."

_EARLY_HEAD = """[Unit]
Description=Virtual addresses and tunnels of LVS real servers
DefaultDependencies=no
# The kernel parameters must hold before the first address is there.
After=systemd-sysctl.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
"""
_LATE_HEAD = """[Unit]
Description=Way back to the clients of LVS-NAT
After=network-online.target
Wants=network-online.target
"""
_SERVICE = """
[Service]
Type=oneshot
RemainAfterExit=yes
"""
_INSTALL = """
[Install]
WantedBy=multi-user.target
"""


def unit(wanted: list[Thing], paths: dict[str, str], *, late: bool) -> str:
    """The text of a unit that makes `wanted`, one block each. `paths`: full paths of commands."""
    blocks = []
    for thing in wanted:
        blocks.append(f"# {thing.what}\n# slot: {thing.slot}\n")
        blocks += [f"ExecStart={_full(command, paths)}\n" for command in thing.start]
        blocks.append(f"ExecStop=-{_full(thing.stop, paths)}\n")
    head = _LATE_HEAD if late else _EARLY_HEAD
    return f"{NOTICE}\n{head}{_SERVICE}{''.join(blocks)}{_INSTALL}"


def _full(command: str, paths: dict[str, str]) -> str:
    sign = "-" if command.startswith("-") else ""
    name, __, rest = command.removeprefix("-").partition(" ")
    return f"{sign}{paths.get(name, name)} {rest}"


_RECORD = re.compile(
    r"^# (?P<what>.*)\n# slot: (?P<slot>.*)\n(?P<start>(?:ExecStart=.*\n)+)ExecStop=-(?P<stop>.*)$",
    re.MULTILINE,
)


def recorded(text: str, *, late: bool) -> list[Thing]:
    """What the unit with this text makes: the record of what was made."""
    return [
        Thing(
            what=block["what"],
            slot=block["slot"],
            start=tuple(re.findall(r"^ExecStart=(.*)$", block["start"], re.MULTILINE)),
            stop=block["stop"],
            late=late,
        )
        for block in _RECORD.finditer(text)
    ]
