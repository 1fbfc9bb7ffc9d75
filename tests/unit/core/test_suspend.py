# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose checks pause."""

from __future__ import annotations

from lvs_agent.core.ipvs.model import ServiceKey, marked
from lvs_agent.core.suspend import suspended, wanted
from unit.core.pool_examples import WEB, config, real, server

OTHER = ServiceKey("TCP", "192.0.2.81", 80)


def test_checks_pause_while_no_address_of_the_virtual_server_is_here() -> None:
    both = config(server(real(11), services=(WEB, OTHER), ha_suspend=True))
    assert wanted(both)
    assert suspended(both, {"192.0.2.1"}) == ("web",)
    assert suspended(both, {"192.0.2.1", "192.0.2.81"}) == ()


def test_without_ha_suspend_checks_never_pause() -> None:
    plain = config(server(real(11)))
    assert not wanted(plain)
    assert suspended(plain, set()) == ()


def test_mark_is_everywhere() -> None:
    mixed = config(server(real(11), services=(WEB, marked(7, 4)), ha_suspend=True))
    assert suspended(mixed, set()) == ()
