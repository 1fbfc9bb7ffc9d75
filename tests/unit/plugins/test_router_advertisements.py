# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that becomes a router keeps the default routes that it has from advertisements."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _host,
    _router_advertisements,
    _sysctls,
)

FORWARDING = "net.ipv6.conf.all.forwarding"
ETH0, VLAN = "net.ipv6.conf.eth0.accept_ra", "net.ipv6.conf.eth0/5.accept_ra"
ROUTER = {FORWARDING: "1"}
ANY, NEXT = f"{0:032x} 00 {0:032x} 00", f"{0xFE80 << 112 | 1:032x}"


def route(interface: str, flags: int, destination: str = ANY) -> str:
    return f"{destination} {NEXT} 00000400 00000001 00000000 {flags:08x} {interface:>8}"


class Module(SimpleNamespace):
    """Collects warnings."""

    def __init__(self) -> None:
        super().__init__(check_mode=False, warnings=[])

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /proc: eth0 and eth0.5 have default routes from advertisements, eth1 one
    that a network manager made, eth2 only a network from an advertisement."""
    monkeypatch.setattr(_host, "_PROC_SYS", str(tmp_path / "sys"))
    monkeypatch.setattr(_router_advertisements, "_ROUTES", str(tmp_path / "routes"))
    lines = [
        route("eth0", 0x00450003),
        route("eth0.5", 0x00450003),
        route("eth1", 0x00010003),
        route("eth2", 0x00040001, ANY.replace(" 00", " 40", 1)),
        route("gone", 0x00450003),
        "not a route",
    ]
    (tmp_path / "routes").write_text("\n".join([*lines, ""]))
    for name in ("eth0", "eth0.5", "eth1", "eth2"):
        _set(f"net.ipv6.conf.{name.replace('.', '/')}.accept_ra", "1")
    _set(FORWARDING, "0")
    return tmp_path


def _set(key: str, value: str) -> None:
    path = Path(_host.sysctl_path(key))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n")


def needed(wanted: dict[str, str], *recorded: str, module: Any = None) -> dict[str, str]:
    return _router_advertisements.needed(module or Module(), wanted, recorded)


def test_interfaces_with_such_a_default_route_go_on_listening(kernel: Path) -> None:
    assert needed(ROUTER) == {ETH0: "2", VLAN: "2"}


@pytest.mark.parametrize("wanted", [{}, {FORWARDING: "0"}, {"net.ipv4.ip_forward": "1"}])
def test_a_host_that_does_not_forward_is_left_alone(kernel: Path, wanted: dict[str, str]) -> None:
    assert needed(wanted, ETH0) == {}


def test_a_router_that_is_away_for_a_while_is_not_lost(kernel: Path) -> None:
    (kernel / "routes").write_text("")
    _set(ETH0, "2")
    assert needed(ROUTER, ETH0, "net.ipv4.ip_forward") == {ETH0: "2"}
    # Somebody said otherwise since.
    _set(ETH0, "0")
    assert needed(ROUTER, ETH0) == {}


def test_a_kernel_without_ipv6_has_no_such_routes(kernel: Path) -> None:
    (kernel / "routes").unlink()
    assert needed(ROUTER) == {}


def test_a_wish_that_loses_the_route_is_told(kernel: Path) -> None:
    module = Module()
    needed({**ROUTER, ETH0: "1", VLAN: "2"}, module=module)
    assert len(module.warnings) == 1
    assert f"{ETH0} is to be 1" in module.warnings[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="files are to belong to root")
def test_forwarding_is_set_after_it_and_both_are_undone(kernel: Path) -> None:
    def converge(wanted: dict[str, str]) -> list[str]:
        changes, recorded = _host.Changes(), _sysctls.Recorded(str(kernel / "90.conf"), "# Ours.")
        values = {**needed(wanted, *recorded.set_before), **wanted}
        recorded.apply(Module(), changes, values)
        recorded.put_back(Module(), changes, values)
        return changes.done

    done = [each for each in converge(ROUTER) if each.startswith("set ")]
    assert done[-1].startswith(f"set {FORWARDING} = 1")
    text = (kernel / "90.conf").read_text()
    assert text.index(f"\n{ETH0} = 2") < text.index(f"\n{FORWARDING} = 1")
    assert converge(ROUTER) == []
    converge({})
    assert [_host.sysctl(key) for key in (ETH0, VLAN, FORWARDING)] == ["1", "1", "0"]
