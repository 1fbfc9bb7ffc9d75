# SPDX-License-Identifier: GPL-3.0-or-later
"""What `lvs-agent run` refuses before it starts anything."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from lvs_agent.cli import run
from lvs_agent.core.model import Config, TrackInterface, Vmac
from unit.core.kernel_examples import config


def on_interface(name: str, *, dynamic: bool) -> Config:
    """VI_1 with use_vmac on interface `name`, which tracks lo too."""
    plain = config("192.0.2.99/32 dev lo")
    instance = dataclasses.replace(
        plain.vrrp_instances[0],
        interface=name,
        vmac=Vmac(interface="vrrp.51", mac="00:00:5e:00:01:33", xmit_base=False),
        track_interfaces=(TrackInterface(interface="lo", weight=0),),
    )
    global_defs = dataclasses.replace(plain.global_defs, dynamic_interfaces=dynamic)
    return dataclasses.replace(plain, vrrp_instances=(instance,), global_defs=global_defs)


def test_missing_interface_ends_the_start_without_dynamic_interfaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    loaded = SimpleNamespace(notices=(), config=on_interface("nosuch0", dynamic=False))
    monkeypatch.setattr(run.configuration, "load", lambda _path: loaded)
    assert run.run("config.json", tmp_path) == run.EX_CONFIG
    said = "".join(capfd.readouterr())
    assert "config.json: interface nosuch0 does not exist" in said
    assert "dynamic_interfaces" in said
    assert "vrrp.51" not in said  # the agent makes that one itself
    assert list(tmp_path.iterdir()) == []  # nothing was begun


def test_missing_interface_is_waited_for_with_dynamic_interfaces() -> None:
    assert run._missing_interfaces(on_interface("nosuch0", dynamic=True)) == ()
    assert run._missing_interfaces(on_interface("nosuch0", dynamic=False)) == ("nosuch0",)
    there = socket.if_nameindex()[0][1]
    assert run._missing_interfaces(on_interface(there, dynamic=False)) == ()
