# SPDX-License-Identifier: GPL-3.0-or-later
"""What a director says and what its kernel has are looked at while nothing moves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.modules import host_info


def said(state: str, since_s: float) -> dict[str, Any]:
    return {"instances": [{"name": "VI_1", "state": state, "since_s": since_s}]}


class Host:
    """A host whose agent says one thing after the other; the last one from then on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *statuses: dict[str, Any] | None) -> None:
        self._statuses = list(statuses)
        self.looks = 0
        self.slept_s = 0.0
        monkeypatch.setattr(host_info, "status", self._status)
        monkeypatch.setattr(host_info._kernel_view, "addresses", self._addresses)
        monkeypatch.setattr(host_info.time, "sleep", self._sleep)

    def _status(self, _socket: str) -> tuple[dict[str, Any] | None, str]:
        first = self._statuses[0]
        if len(self._statuses) > 1:
            self._statuses.pop(0)
        return first, "" if first else "no answer"

    def _addresses(self, _module: object) -> dict[str, list[str]]:
        self.looks += 1
        return {"eth0": [f"192.0.2.{self.looks}/24"]}

    def _sleep(self, seconds: float) -> None:
        self.slept_s += seconds

    def moment(self) -> dict[str, Any]:
        return host_info.moment(SimpleNamespace(params={"socket": "/nowhere"}))


def test_a_calm_director_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, said("MASTER", 60), said("MASTER", 60.1))
    found = host.moment()
    assert (host.looks, host.slept_s) == (1, 0)
    assert found["status"] == said("MASTER", 60.1)
    assert found["addresses"] == {"eth0": ["192.0.2.1/24"]}


def test_one_that_changes_meanwhile_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, said("BACKUP", 60), said("MASTER", 0.2), said("MASTER", 1.3))
    found = host.moment()
    assert found["addresses"] == {"eth0": ["192.0.2.2/24"]}
    assert found["status"] == said("MASTER", 1.3)


def test_one_that_is_never_calm_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, said("MASTER", 0.1))
    assert host.moment()["status"] == said("MASTER", 0.1)
    assert host.looks == 6


def test_without_an_agent_the_kernel_is_looked_at_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host(monkeypatch, None)
    found = host.moment()
    assert (found["status"], found["error"], host.looks) == (None, "no answer", 1)
    assert found["addresses"] == {"eth0": ["192.0.2.1/24"]}
