# SPDX-License-Identifier: GPL-3.0-or-later
"""What every child does whatever it is for."""

from __future__ import annotations

import socket

from lvs_agent import config
from lvs_agent.proc.child import Child, Start
from lvs_agent.proc.loop import Loop

DOCUMENT = '{"global_defs": {"router_id": "drct1"}}'
LONGEST_NS = 5_000_000_000


class Idle(Child):
    """Does nothing, and ends with its supervisor."""

    def supervisor_gone(self) -> None:
        self.finish()


def test_child_that_is_born_when_its_supervisor_dies_ends() -> None:
    loop = Loop()
    ours, theirs = socket.socketpair()
    child = Idle(loop, theirs, Start(config=config.load(DOCUMENT), generation=1, restarted=True))
    ours.close()  # before the child has said or heard anything
    late: list[str] = []

    def give_up() -> None:
        late.append("it still runs")
        loop.stop()

    loop.call_at(loop.now_ns() + LONGEST_NS, give_up)
    child.run()
    loop.close()
    assert late == []
