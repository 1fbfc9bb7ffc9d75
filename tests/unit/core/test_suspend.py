# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose checks pause."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.ipvs.model import ServiceKey, marked
from lvs_agent.core.messages import SUSPENDED_LIMIT
from lvs_agent.core.suspend import Suspension, changes, suspended, wanted
from unit.core.pool_examples import WEB, config, real, server

OTHER = ServiceKey("TCP", "192.0.2.81", 80)


def test_checks_pause_while_no_address_of_the_virtual_server_is_here() -> None:
    both = config(server(real(11), services=(WEB, OTHER), ha_suspend=True))
    assert wanted(both)
    assert suspended(both, {"192.0.2.1"}) == {"web": True}
    assert suspended(both, {"192.0.2.1", "192.0.2.81"}) == {"web": False}


def test_without_ha_suspend_checks_never_pause() -> None:
    plain = config(server(real(11)))
    assert not wanted(plain)
    assert suspended(plain, set()) == {}


def test_mark_is_everywhere() -> None:
    mixed = config(server(real(11), services=(WEB, marked(7, 4)), ha_suspend=True))
    assert suspended(mixed, set()) == {"web": False}


STATES = st.dictionaries(st.integers(0, 300).map(str), st.booleans(), max_size=250)


@given(STATES, STATES)
def test_changes_lead_from_what_was_told_to_what_is_so(
    told: dict[str, bool], now: dict[str, bool]
) -> None:
    heard = {name for name, one in told.items() if one}
    for message in changes(told, now):
        assert 0 < len(message.virtual_servers) <= SUSPENDED_LIMIT
        names = set(message.virtual_servers)
        heard = heard | names if message.suspended else heard - names
    assert heard == {name for name, one in now.items() if one}
    assert changes(now, now) == ()


ASKS = config(server(real(11), ha_suspend=True))
NOBODY = config()


def test_who_asks_for_it_is_suspended_until_the_first_word() -> None:
    suspension = Suspension()
    suspension.configure(ASKS)
    assert suspension.names == {"web"}
    suspension.told(["web"], False)
    suspension.configure(ASKS)
    assert suspension.names == set()


def test_a_word_may_come_before_the_configuration_that_it_is_about() -> None:
    suspension = Suspension()
    suspension.configure(NOBODY)
    suspension.told(["web"], False)
    suspension.configure(ASKS)
    assert suspension.names == set()


def test_what_two_configurations_do_not_have_is_forgotten() -> None:
    suspension = Suspension()
    suspension.configure(ASKS)
    suspension.told(["web"], False)
    suspension.configure(NOBODY)
    suspension.configure(NOBODY)
    suspension.configure(ASKS)
    assert suspension.names == {"web"}
