# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters that a role sets, keeps over a reboot, and puts back when no longer needed.

Owns the file in /etc/sysctl.d that is both: what is set at boot, and the record of what was there
before. Must never decide which parameters a host needs.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _host, _router_advertisements

_LINE = re.compile(r"^(?P<key>[^#;\s=]+)\s*=\s*(?P<value>.*)$", re.MULTILINE)
_BEFORE = re.compile(r"^# before: (?P<key>\S+) = (?P<value>.*)$", re.MULTILINE)


class Recorded:
    """The file at `path`. `apply` sets what is wanted; `put_back` undoes what no longer is."""

    def __init__(self, path: str, notice: str) -> None:
        self._path = path
        self._notice = notice
        text = _host.read_text(path) or ""
        self.set_before = _pairs(_LINE, text)
        self._originals = _pairs(_BEFORE, text)

    def apply(self, module: Any, changes: _host.Changes, wanted: dict[str, str]) -> None:
        """Write the file with `wanted` and what it had, and set `wanted`."""
        self._write(module, changes, {**self.set_before, **wanted})
        for key, value in wanted.items():
            _host.ensure_sysctl(module, changes, key, value)

    def put_back(self, module: Any, changes: _host.Changes, wanted: dict[str, str]) -> None:
        """Give what is not `wanted` any more its former value, unless somebody else changed it."""
        for key, value in self.set_before.items():
            original = self._originals.get(key)
            if key not in wanted and original is not None and _host.sysctl(key) == value:
                _host.ensure_sysctl(module, changes, key, original)
        self._write(module, changes, wanted)

    def _write(self, module: Any, changes: _host.Changes, wanted: dict[str, str]) -> None:
        if not wanted:
            _host.ensure_no_file(module, changes, self._path)
            return
        lines = [self._notice]
        ordered = sorted(wanted, key=_in_order)
        for key in ordered:
            original = self._originals.setdefault(key, _host.sysctl(key) or "")
            if original:
                lines.append(f"# before: {key} = {original}")
        lines += [f"{key} = {wanted[key]}" for key in ordered]
        _host.ensure_file(module, changes, self._path, "\n".join([*lines, ""]))


def _in_order(key: str) -> tuple[bool, str]:
    """Whoever becomes a router loses the routes that nothing set before keeps: that comes last."""
    return key == _router_advertisements.FORWARDING, key


def _pairs(pattern: re.Pattern[str], text: str) -> dict[str, str]:
    return {found["key"]: " ".join(found["value"].split()) for found in pattern.finditer(text)}
