# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel process remembers of the health process's verdicts."""

from __future__ import annotations

from typing import Any

from lvs_agent.core.ipvs.model import Destination, Endpoint, ServiceKey
from lvs_agent.core.messages import Verdict
from lvs_agent.core.verdicts import VerdictBook
from unit.core.kernel_examples import config, virtual_server

WEB = ServiceKey("TCP", "192.0.2.80", 80)
OTHER = ServiceKey("TCP", "192.0.2.81", 80)
RS11, RS12 = Endpoint("192.0.2.11", 80), Endpoint("192.0.2.12", 80)
CHECK: dict[str, Any] = {"tcp_check": {"connect_timeout": 3}}


def verdict(real_server: str, up: bool, generation: int = 1, server: str = "web") -> Verdict:
    return Verdict(
        generation=generation,
        virtual_server=server,
        real_server=real_server,
        up=up,
        checked=True,
        reason="",
    )


def test_unknown_real_server_is_assumed_up() -> None:
    assert VerdictBook(config(web=virtual_server(1, 1)), 1).is_up(WEB, RS11)


def test_only_a_verdict_that_changes_something_names_its_service() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1)), 1)
    assert book.note(verdict("rs11", True)) is None
    assert book.note(verdict("rs11", False)) == WEB
    assert book.note(verdict("rs11", False)) is None
    assert not book.is_up(WEB, RS11)


def test_verdicts_of_another_generation_or_unknown_name_are_ignored() -> None:
    book = VerdictBook(config(web=virtual_server(1)), 2)
    assert book.note(verdict("rs11", False, generation=1)) is None
    assert book.note(verdict("rs99", False, generation=2)) is None
    assert book.is_up(WEB, RS11)


def test_verdicts_survive_a_reconfiguration_also_under_new_names() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1)), 1)
    book.note(verdict("rs11", False))
    changed = virtual_server(5, 5)
    changed["real_servers"] = {f"new-{k}": v for k, v in changed["real_servers"].items()}
    book.reconfigure(config(renamed=changed), 2)
    assert not book.is_up(WEB, RS11)
    assert book.note(verdict("new-rs11", True, generation=2, server="renamed")) == WEB


def test_real_server_known_dead_elsewhere_is_not_assumed_up_in_a_new_service() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1, **CHECK)), 1)
    book.note(verdict("rs11", False))
    both = config(
        web=virtual_server(1, 1, **CHECK), other=virtual_server(1, 1, ip="192.0.2.81", **CHECK)
    )
    book.reconfigure(both, 2)
    assert not book.is_up(OTHER, RS11)
    assert book.is_up(OTHER, RS12)


def test_real_server_that_lost_its_checks_is_up_again() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1, **CHECK)), 1)
    book.note(verdict("rs11", False))
    book.reconfigure(config(web=virtual_server(1, 1)), 2)
    assert book.is_up(WEB, RS11)


def test_successor_takes_the_kernels_pool_for_the_last_verdicts() -> None:
    book = VerdictBook(
        config(web=virtual_server(1, 1), other=virtual_server(1, ip="192.0.2.81")), 1
    )
    book.note(verdict("rs12", True))
    book.adopt({WEB: {}})
    assert not book.is_up(WEB, RS11)
    assert book.is_up(WEB, RS12)  # it was told
    assert book.is_up(OTHER, RS11)  # a service that is not there tells nothing
    book = VerdictBook(config(web=virtual_server(1, 1)), 1)
    book.adopt({WEB: {RS11: Destination(1, "DR")}})
    assert book.is_up(WEB, RS11)
