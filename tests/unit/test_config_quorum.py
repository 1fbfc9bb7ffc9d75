# SPDX-License-Identifier: GPL-3.0-or-later
"""Quorum, panic and sorry servers: what a document becomes, and what it is warned of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lvs_agent import config
from lvs_agent.core.model import VirtualServer
from lvs_agent.core.policy import PanicThreshold

S = 1_000_000_000


def document(**options: Any) -> dict[str, Any]:
    web = {"ip": "10.0.0.80", "port": 80, "real_servers": {"a": {"ip": "10.0.0.3", "weight": 2}}}
    return {"virtual_servers": {"web": web | options}}


def loaded(*, global_defs: dict[str, Any] | None = None, **options: Any) -> VirtualServer:
    wanted = document(**options) | ({"global_defs": global_defs} if global_defs else {})
    (server,) = config.from_document(wanted).virtual_servers
    return server


def warned(**options: Any) -> list[str]:
    return [str(one) for one in config.lint(json.dumps(document(**options)))]


def test_commands_have_the_user_and_time_limit_of_notify_commands() -> None:
    server = loaded(
        quorum_up="/bin/up now",
        real_servers={"a": {"ip": "10.0.0.3", "notify_down": ["/bin/down"]}},
        global_defs={"script_user": "lvs", "notify_timeout": 7, "enable_script_security": True},
    )
    up, down = server.policy.quorum_up, server.real_servers[0].policy.notify_down
    assert up is not None
    assert down is not None
    assert (up.argv, down.argv) == (("/bin/up", "now"), ("/bin/down",))
    assert {(one.user, one.timeout_ns, one.secure) for one in (up, down)} == {("lvs", 7 * S, True)}


@pytest.mark.parametrize(
    ("said", "threshold"),
    [
        (3, {"number": 3}),
        ("3", {"number": 3}),
        ("50%", {"per_cent": 50}),
        ("50 %", {"per_cent": 50}),
        ("0%", {"per_cent": 0}),
    ],
)
def test_panic_threshold_is_a_number_or_a_share(said: Any, threshold: dict[str, int]) -> None:
    panic = loaded(panic_threshold=said, delay_loop=9).policy.panic
    assert panic == PanicThreshold(window_ns=9 * S, **threshold)


@pytest.mark.parametrize("said", [-1, True, 1.5, "half", "101%", "%", "", "5 5", "1" * 10])
def test_other_panic_thresholds_are_refused(said: Any) -> None:
    with pytest.raises(config.ConfigRejected) as raised:
        loaded(panic_threshold=said)
    (error,) = raised.value.errors
    assert error.path == "virtual_servers.web.panic_threshold"


def test_window_of_a_panic_is_the_longest_round_of_checks() -> None:
    real_servers = {
        "slow": {
            "ip": "10.0.0.3",
            "tcp_check": {"delay_loop": 10, "retry": 2, "delay_before_retry": 3},
        },
        "quick": {"ip": "10.0.0.4", "tcp_check": {"delay_loop": 1, "retry": 0}},
    }
    server = loaded(panic_threshold=1, connect_timeout=4, real_servers=real_servers)
    assert server.policy.panic is not None
    assert server.policy.panic.window_ns == (10 + 3 * (2 * 4 + 3)) * S


def test_sorry_servers_have_names_and_only_checks_of_their_own() -> None:
    sorry = [{"ip": "127.0.0.1", "tcp_check": {"connect_port": 8080}}, {"ip": "127.0.0.2"}]
    first, second = loaded(sorry_server=sorry, tcp_check={}).sorry_servers
    assert (first.name, second.name) == ("sorry_server[0]", "sorry_server[1]")
    (check,) = first.checks
    assert (check.address, check.port) == ("127.0.0.1", 8080)  # type: ignore[union-attr]
    assert second.checks == ()


def test_alpha_is_that_of_the_check_the_real_server_or_the_virtual_server() -> None:
    def alphas(**options: Any) -> list[bool]:
        return [one.alpha for one in loaded(**options).real_servers[0].checks]

    def real(**options: Any) -> dict[str, Any]:
        return {"a": {"ip": "10.0.0.3", **options}}

    assert alphas(real_servers=real(tcp_check={})) == [False]
    assert alphas(alpha=True, real_servers=real(tcp_check={})) == [True]
    assert alphas(alpha=True, real_servers=real(tcp_check={}, alpha=False)) == [False]
    assert alphas(real_servers=real(tcp_check={"alpha": True})) == [True]


@pytest.mark.parametrize(
    ("options", "path", "words"),
    [
        ({"quorum": 2, "hysteresis": 1}, "quorum", "weigh 2: it is never gained"),
        ({"sorry_server_inhibit": True}, "sorry_server_inhibit", "without a sorry_server"),
        ({"panic_threshold": 1}, "panic_threshold", "no more than 1 of 1 real servers can be down"),
        ({"panic_threshold": "100%"}, "panic_threshold", "no more than 100% of 1 real servers"),
        ({"alpha": True, "ha_suspend": True}, "ha_suspend", "begins with nobody"),
    ],
)
def test_what_has_no_effect_or_is_never_reached_is_warned_of(
    options: dict[str, Any], path: str, words: str
) -> None:
    (warning,) = (one for one in warned(**options) if f"web.{path}:" in one)
    assert words in warning


def test_sound_document_has_no_warnings_about_its_policies() -> None:
    options = {"quorum": 2, "panic_threshold": 0, "sorry_server": {"ip": "127.0.0.1"}}
    assert not [one for one in warned(**options) if "quorum" in one or "panic" in one]
