# SPDX-License-Identifier: GPL-3.0-or-later
"""What vrrp_failover asks the agent for, and makes of its reply."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _durations
from ansible_collections.lvs.cluster.plugins.modules import vrrp_failover

PARAMS: dict[str, Any] = {
    "instance": "VI_1",
    "all": False,
    "state": "given_away",
    "timeout": 30,
    "force": False,
    "exclusive": False,
    "owner": "ansible",
    "reason": "new kernel",
    "expires": "1h",
}


def test_the_order_has_what_the_agents_verb_takes() -> None:
    from lvs_agent.core.control import ARGUMENTS, Verb

    order = vrrp_failover.order(PARAMS, check=True)
    takes = ARGUMENTS[Verb.FAILOVER]
    assert order.keys() == takes.keys()
    assert all(type(value) in takes[name] for name, value in order.items())
    assert (order["expires_s"], order["check"]) == (3600, True)


def test_all_instances_are_none_by_name() -> None:
    order = vrrp_failover.order(PARAMS | {"all": True, "instance": None}, check=False)
    assert order["instance"] is None


@pytest.mark.parametrize("timeout", [0, 3601])
def test_a_time_limit_that_the_agent_would_refuse_is_refused_here(timeout: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 3600"):
        vrrp_failover.order(PARAMS | {"timeout": timeout}, check=False)


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, None), ("90", 90), ("90s", 90), ("10m", 600), ("1w", 604800)]
)
def test_durations_have_units(text: str | None, seconds: int | None) -> None:
    assert _durations.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "10 m", "-1", "1y", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time such as"):
        _durations.seconds(text)


def test_the_result_shows_what_was_and_what_is() -> None:
    one = {"name": "VI_1", "state_before": "ordinary", "state_after": "given_away"}
    reply = {"changed": True, "waited_s": 3.4, "instances": [one | {"new_master": "172.16.1.12"}]}
    result = vrrp_failover.result_of(reply)
    assert (result["changed"], result["waited"]) == (True, 3.4)
    assert result["new_master"] == "172.16.1.12"
    assert result["diff"]["before"] == "VI_1: ordinary\n"
    assert result["diff"]["after"] == "VI_1: given_away\n"
