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


def verdict(
    real_server: str, up: bool, generation: int = 1, server: str = "web", **more: Any
) -> Verdict:
    return Verdict(
        generation=generation,
        virtual_server=server,
        real_server=real_server,
        up=up,
        reason="",
        **({"checked": True} | more),
    )


def is_up(book: VerdictBook, key: ServiceKey, endpoint: Endpoint) -> bool:
    return book.of(key)(endpoint).up


def test_unknown_real_server_is_assumed_up_and_with_alpha_down() -> None:
    assert is_up(VerdictBook(config(web=virtual_server(1, 1)), 1), WEB, RS11)
    alpha = VerdictBook(config(web=virtual_server(1, 1, alpha=True, **CHECK)), 1)
    assert not is_up(alpha, WEB, RS11)
    nothing_to_wait_for = VerdictBook(config(web=virtual_server(1, 1, alpha=True)), 1)
    assert is_up(nothing_to_wait_for, WEB, RS11)


def test_only_a_verdict_that_changes_something_names_its_virtual_server() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1, **CHECK)), 1)
    assert book.note(verdict("rs11", True), 0) is None
    assert book.note(verdict("rs11", False), 0) == WEB
    assert book.note(verdict("rs11", False), 0) is None
    assert not is_up(book, WEB, RS11)
    assert book.note(verdict("rs11", True, weight=3), 0) == WEB
    assert book.note(verdict("rs11", True, weight=3), 0) is None
    assert book.note(verdict("rs11", True), 0) == WEB


def test_assumption_of_the_health_process_replaces_nothing() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1, alpha=True, **CHECK)), 1)
    assert book.note(verdict("rs11", True, checked=False), 0) is None
    assert not is_up(book, WEB, RS11)
    book.note(verdict("rs12", False), 0)
    assert book.note(verdict("rs12", True, checked=False), 0) is None
    assert not is_up(book, WEB, RS12)


def test_what_waits_by_the_health_processs_word_replaces_nothing_that_is_known() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1, **CHECK)), 1)
    assert book.note(verdict("rs11", False, checked=False), 0) == WEB
    assert not is_up(book, WEB, RS11)
    book.note(verdict("rs12", True), 0)
    assert book.note(verdict("rs12", False, checked=False), 0) is None
    assert is_up(book, WEB, RS12)


def test_verdicts_of_another_generation_or_unknown_name_are_ignored() -> None:
    book = VerdictBook(config(web=virtual_server(1, **CHECK)), 2)
    assert book.note(verdict("rs11", False, generation=1), 0) is None
    assert book.note(verdict("rs99", False, generation=2), 0) is None
    assert is_up(book, WEB, RS11)


def test_verdicts_survive_a_reconfiguration_also_under_new_names() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1, **CHECK)), 1)
    book.note(verdict("rs11", False), 0)
    changed = virtual_server(5, 5, **CHECK)
    changed["real_servers"] = {f"new-{k}": v for k, v in changed["real_servers"].items()}
    assert book.reconfigure(config(renamed=changed), 2) == ()
    assert not is_up(book, WEB, RS11)
    assert book.note(verdict("new-rs11", True, generation=2, server="renamed"), 0) == WEB


def test_real_server_known_dead_elsewhere_is_not_assumed_up_in_a_new_service() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1, **CHECK)), 1)
    book.note(verdict("rs11", False), 0)
    both = config(
        web=virtual_server(1, 1, **CHECK), other=virtual_server(1, 1, ip="192.0.2.81", **CHECK)
    )
    book.reconfigure(both, 2)
    assert not is_up(book, OTHER, RS11)
    assert is_up(book, OTHER, RS12)


def test_what_is_new_behind_a_virtual_server_that_was_there_is_named() -> None:
    book = VerdictBook(config(web=virtual_server(1, **CHECK)), 1)
    new = book.reconfigure(
        config(web=virtual_server(1, 1, **CHECK), other=virtual_server(1, ip="192.0.2.81")), 2
    )
    assert new == ((WEB, RS12),)
    book.wait(new[0])
    assert not is_up(book, WEB, RS12)
    assert book.reconfigure(config(web=virtual_server(1, 1, **CHECK)), 3) == ()
    assert not is_up(book, WEB, RS12)  # it still waits


def test_real_server_that_lost_its_checks_is_up_again() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1, **CHECK)), 1)
    book.note(verdict("rs11", False), 0)
    book.reconfigure(config(web=virtual_server(1, 1)), 2)
    assert is_up(book, WEB, RS11)


def test_checked_sorry_server_has_a_verdict_of_its_own() -> None:
    sorry = [{"ip": "127.0.0.1", **CHECK}, {"ip": "127.0.0.2"}]
    book = VerdictBook(config(web=virtual_server(1, sorry_server=sorry)), 1)
    assert book.note(verdict("sorry_server[0]", False), 0) == WEB
    assert not is_up(book, WEB, Endpoint("127.0.0.1", 80))
    assert is_up(book, WEB, Endpoint("127.0.0.2", 80))


def test_successor_takes_the_kernels_pool_for_the_last_verdicts() -> None:
    two = config(
        web=virtual_server(1, 1, **CHECK), other=virtual_server(1, ip="192.0.2.81", **CHECK)
    )
    book = VerdictBook(two, 1)
    book.note(verdict("rs12", True), 0)
    book.adopt({WEB: {}}, two, 0)
    assert not is_up(book, WEB, RS11)
    assert is_up(book, WEB, RS12)  # it was told
    assert is_up(book, OTHER, RS11)  # a service that is not there tells nothing
    one = config(web=virtual_server(1, 1, **CHECK))
    book = VerdictBook(one, 1)
    book.adopt({WEB: {RS11: Destination(1, "DR")}}, one, 0)
    assert is_up(book, WEB, RS11)
    assert not is_up(book, WEB, RS12)


def test_without_checks_it_is_up_whatever_the_kernel_had_and_nobody_has_to_say_so() -> None:
    one = config(web=virtual_server(1, 1))
    book = VerdictBook(one, 1)
    book.adopt({WEB: {}}, one, 0)
    known = book.of(WEB)(RS11)
    assert (known.up, known.checked, known.reason) == (True, True, "no checks")


def test_new_checks_are_no_reason_to_give_up_what_had_none_even_with_alpha() -> None:
    book = VerdictBook(config(web=virtual_server(1, 1)), 1)
    checked = config(web=virtual_server(1, 1, alpha=True, **CHECK))
    assert book.reconfigure(checked, 2) == ()
    assert is_up(book, WEB, RS11)
    book.note(verdict("rs11", False, 2), 0)
    assert not is_up(book, WEB, RS11)
