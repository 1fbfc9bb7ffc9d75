# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins for systemd-networkd and NetworkManager: where these run, and only there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _host, _network_managers

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files are to belong to root")

WISH = _network_managers.Wish("lvs-agent", ["vrrp.51", "vrrp6.51"], ["eth0"], "# Managed.")


class Module:
    """An Ansible module; `commands` has what it ran."""

    check_mode = False

    def __init__(self) -> None:
        self.commands: list[str] = []

    def get_bin_path(self, name: str, **_: object) -> str:
        return name

    def run_command(self, words: list[str], **_: object) -> tuple[int, str, str]:
        self.commands.append(" ".join(words))
        return 0, "", ""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /; neither of the two daemons runs."""
    for name in ("_ETC", "_NET", "NETWORKD_STATE", "NETWORKD_LINKS", "NETWORK_MANAGER"):
        path = tmp_path / str(getattr(_network_managers, name)).lstrip("/")
        monkeypatch.setattr(_network_managers, name, str(path))
    (tmp_path / "etc/systemd/network").mkdir(parents=True)
    return tmp_path


def networkd(root: Path, interface: str = "eth0", file: str = "10-netplan-eth0.network") -> None:
    links = root / "run/systemd/netif/links"
    links.mkdir(parents=True)
    (links.parent / "state").write_text("OPER_STATE=routable\n")
    (links / "7").write_text(f"ADMIN_STATE=configured\nNETWORK_FILE=/run/systemd/network/{file}\n")
    net = root / "sys/class/net" / interface
    net.mkdir(parents=True)
    (net / "ifindex").write_text("7\n")


def ensure(module: Any = None, wish: _network_managers.Wish = WISH) -> list[str]:
    changes = _host.Changes()
    _network_managers.ensure(module or Module(), changes, wish)
    return changes.done


def written(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in (root / "etc").rglob("*") if path.is_file()}


def test_without_either_daemon_nothing_is_written(root: Path) -> None:
    assert ensure() == []
    assert written(root) == set()


def test_networkd_keeps_addresses_routes_rules_and_leaves_vmacs_alone(root: Path) -> None:
    networkd(root)
    assert ensure()
    etc = root / "etc/systemd"
    assert (
        "ManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"
        in (etc / "networkd.conf.d/90-lvs-agent.conf").read_text()
    )
    # A drop-in by the file's name reaches netplan's file in /run too.
    keep = etc / "network/10-netplan-eth0.network.d/90-lvs-agent.conf"
    assert keep.read_text() == "# Managed.\n[Network]\nKeepConfiguration=static\n"
    unmanaged = (etc / "network/05-lvs-agent.network").read_text()
    assert "[Match]\nName=vrrp.51 vrrp6.51\n\n[Link]\nUnmanaged=yes\n" in unmanaged
    assert ensure() == []


def test_an_interface_that_networkd_does_not_manage_needs_no_drop_in(root: Path) -> None:
    networkd(root, interface="eth1")
    ensure()
    assert not list((root / "etc/systemd/network").glob("*.network.d"))


def test_without_vmacs_there_is_nothing_to_leave_alone(root: Path) -> None:
    networkd(root)
    (root / "run/NetworkManager").mkdir(parents=True)
    ensure()
    assert len(written(root)) == 4
    ensure(wish=WISH._replace(devices=[]))
    assert written(root) == {
        "etc/systemd/networkd.conf.d/90-lvs-agent.conf",
        "etc/systemd/network/10-netplan-eth0.network.d/90-lvs-agent.conf",
    }


def test_network_manager_is_told_once_and_asked_to_read_it(root: Path) -> None:
    (root / "run/NetworkManager").mkdir(parents=True)
    module = Module()
    ensure(module)
    text = (root / "etc/NetworkManager/conf.d/90-lvs-agent.conf").read_text()
    assert "match-device=interface-name:vrrp.51,interface-name:vrrp6.51\nmanaged=0\n" in text
    assert module.commands == ["systemctl try-reload-or-restart NetworkManager"]
    assert ensure(module) == []
    assert len(module.commands) == 1


def test_removal_takes_ours_and_leaves_others(root: Path) -> None:
    networkd(root)
    (root / "run/NetworkManager").mkdir(parents=True)
    other = root / "etc/systemd/networkd.conf.d/10-others.conf"
    other.parent.mkdir(parents=True)
    other.write_text("[Network]\n")
    ensure()
    changes = _host.Changes()
    _network_managers.remove(Module(), changes, "lvs-agent")
    assert len(changes.done) == 4
    assert written(root) == {"etc/systemd/networkd.conf.d/10-others.conf"}
    assert not (root / "etc/systemd/network/10-netplan-eth0.network.d").exists()
