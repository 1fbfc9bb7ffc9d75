# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells systemd-networkd and NetworkManager to leave alone what we make in the kernel.

systemd-networkd takes what no file of its own configures for foreign, and removes it whenever it
starts or configures a link anew: addresses of links that it manages (v243 and on keep them with
KeepConfiguration), routes (v246) and rules (v249) everywhere. NetworkManager lets foreign addresses
be while a connection stays up, but would take up a VMAC interface. Owns the drop-ins, which are
written only where the daemon runs. Must never restart a daemon: that is an interruption of its own.
"""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _host

# Written by the daemon itself; the folder around it is there without it too (tmpfiles.d).
NETWORKD_STATE = "/run/systemd/netif/state"
NETWORKD_LINKS = "/run/systemd/netif/links"
NETWORK_MANAGER = "/run/NetworkManager"
_ETC = "/etc"
_NET = "/sys/class/net"
_FILE = re.compile(r"^NETWORK_FILE=(?P<path>.+)$", re.MULTILINE)


class Wish(NamedTuple):
    """`owner` names the files. `devices`: patterns of interfaces that we make. `interfaces`: those
    of the host that get addresses of ours."""

    owner: str
    devices: list[str]
    interfaces: list[str]
    notice: str


def ensure(module: Any, changes: _host.Changes, wish: Wish) -> None:
    """The drop-ins are there for each daemon that runs. Raises HostError."""
    if os.path.exists(NETWORKD_STATE):
        own = wanted_of_networkd(wish, _network_files(wish.interfaces))
        for path, text in own.items():
            _host.ensure_file(module, changes, path, text)
        if not wish.devices:
            _host.ensure_no_file(module, changes, _unmanaged_path(wish.owner))
    path, text = wanted_of_network_manager(wish)
    if wish.devices and os.path.isdir(NETWORK_MANAGER):
        _host.ensure_file(module, changes, path, text)
    elif not wish.devices:
        _host.ensure_no_file(module, changes, path)
    if path in changes.paths and not module.check_mode:
        _reload_network_manager(module)


def remove(module: Any, changes: _host.Changes, owner: str) -> None:
    """None of the drop-ins is there."""
    for path in _ours(owner):
        _remove(module, changes, path)
    path = _network_manager_path(owner)
    _host.ensure_no_file(module, changes, path)
    if path in changes.paths and not module.check_mode:
        _reload_network_manager(module)


def wanted_of_networkd(wish: Wish, network_files: list[str]) -> dict[str, str]:
    """Path -> text. `network_files`: the names of the .network files of `wish.interfaces`."""
    found = {
        f"{_ETC}/systemd/networkd.conf.d/90-{wish.owner}.conf": (
            f"{wish.notice}\n[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"
        )
    }
    if wish.devices:
        found[_unmanaged_path(wish.owner)] = (
            f"{wish.notice}\n[Match]\nName={' '.join(wish.devices)}\n\n[Link]\nUnmanaged=yes\n"
        )
    for name in network_files:
        found[f"{_ETC}/systemd/network/{name}.d/90-{wish.owner}.conf"] = (
            f"{wish.notice}\n[Network]\nKeepConfiguration=static\n"
        )
    return found


def wanted_of_network_manager(wish: Wish) -> tuple[str, str]:
    """Path and text; a section of our own, so that no list of somebody else's is replaced."""
    patterns = ",".join(f"interface-name:{name}" for name in wish.devices)
    section = f"[device-{wish.owner}]\nmatch-device={patterns}\nmanaged=0\n"
    return _network_manager_path(wish.owner), f"{wish.notice}\n{section}"


def _unmanaged_path(owner: str) -> str:
    """Sorts before any other file: the first that matches an interface is the one."""
    return f"{_ETC}/systemd/network/05-{owner}.network"


def _network_manager_path(owner: str) -> str:
    return f"{_ETC}/NetworkManager/conf.d/90-{owner}.conf"


def _network_files(interfaces: list[str]) -> list[str]:
    """The names of the .network files by which networkd configures `interfaces`, netplan's too."""
    found = []
    for name in interfaces:
        index = (_host.read_text(f"{_NET}/{name}/ifindex") or "").strip()
        state = _host.read_text(f"{NETWORKD_LINKS}/{index}") if index else None
        match = _FILE.search(state or "")
        if match and os.path.basename(match["path"]) not in found:
            found.append(os.path.basename(match["path"]))
    return found


def _ours(owner: str) -> list[str]:
    """Drop-ins for networkd that are there now, whatever they were made for."""
    network = f"{_ETC}/systemd/network"
    candidates = [
        f"{_ETC}/systemd/networkd.conf.d/90-{owner}.conf",
        _unmanaged_path(owner),
    ]
    for name in sorted(os.listdir(network)) if os.path.isdir(network) else ():
        if name.endswith(".network.d"):
            candidates.append(f"{network}/{name}/90-{owner}.conf")
    return [path for path in candidates if os.path.isfile(path)]


def _remove(module: Any, changes: _host.Changes, path: str) -> None:
    _host.ensure_no_file(module, changes, path)
    folder = os.path.dirname(path)
    # A folder that has only been there for drop-ins.
    if folder.endswith(".d") and not module.check_mode and not os.listdir(folder):
        os.rmdir(folder)


def _reload_network_manager(module: Any) -> None:
    command = [*_host.binary(module, "systemctl"), "try-reload-or-restart", "NetworkManager"]
    _host.run(module, command, "reloading the configuration of NetworkManager")
