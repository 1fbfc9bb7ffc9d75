# SPDX-License-Identifier: GPL-3.0-or-later
"""vrrp_delay_after_boot, from the document to the first timer."""

from __future__ import annotations

import json

import pytest
from lvs_agent import config as configuration
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.stack import VrrpStack
from vrrp_builders import S, link

START = 1000 * S
DOCUMENT = {
    "global_defs": {"vrrp_delay_after_boot": 30},
    "vrrp_instances": {
        "web": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "virtual_ipaddress": ["10.0.0.100/24"],
        }
    },
}


@pytest.mark.parametrize(("up_s", "state"), [(5, State.INIT), (29, State.INIT), (31, State.BACKUP)])
def test_host_that_booted_just_now_waits_as_the_document_says(up_s: int, state: State) -> None:
    config = configuration.load(json.dumps(DOCUMENT))
    stack = VrrpStack(config, START, since_boot_ns=up_s * S)
    stack.link(link(), START)
    assert stack.routers["web"].state is state
    if state is State.INIT:
        assert stack.deadline_ns("web") is not None or stack.deadline is not None
        assert stack.deadline == START + (30 - up_s) * S
