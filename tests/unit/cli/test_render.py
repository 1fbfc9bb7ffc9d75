# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvsctl status` for people."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.cli.render import render
from lvs_agent.cli.render_words import duration


def status(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "agent": {
            "version": "0.1.0", "release": "abc", "router_id": "LVS1", "stage": "running",
            "uptime_s": 7300, "generation": 4, "warnings": [],
        },
        "stale": {},
        "instances": [
            {
                "name": "VI_1", "state": "MASTER", "since_s": 125, "interface": "eth0",
                "virtual_router_id": 51, "version": 2, "priority": 150, "reason": "timer",
                "master": {"address": None, "priority": 150},
            }
        ],
        "addresses": [
            {"instance": "VI_1", "address": "10.0.0.9", "prefix": 24, "interface": "eth0",
             "held": "held", "present": True}
        ],
        "services": [
            {
                "name": "web", "protocol": "TCP", "address": "10.0.0.9", "port": 80,
                "scheduler": "rr", "persistence_timeout": 50, "in_kernel": True, "error": None,
                "destinations": [
                    {"address": "10.0.0.1", "port": 80, "active": 3, "inactive": 4},
                ],
                "real_servers": [
                    {"name": "w1", "address": "10.0.0.1", "port": 80, "weight": 1, "up": True,
                     "checked": True, "reason": ""},
                    {"name": "w2", "address": "10.0.0.2", "port": 80, "weight": 2, "up": False,
                     "checked": True, "reason": "connection refused"},
                ],
            }
        ],
    }  # fmt: skip
    return base | changes


def test_warnings_stand_before_everything_else() -> None:
    text = render(status())
    assert text.index("WARNINGS (1)") < text.index("VRRP INSTANCES") < text.index("VIRTUAL SERVERS")
    assert "web: 1 of 2 real servers down" in text


def test_master_addresses_and_connections_are_shown() -> None:
    text = render(status())
    assert "VI_1: MASTER for 2 min 5 s; this director is master" in text
    assert "10.0.0.9/24 on eth0: held here" in text
    assert "3 active, 4 inactive" in text
    assert "persistent 50 s" in text


def test_down_servers_come_first_with_their_reason() -> None:
    text = render(status())
    assert text.index("w2") < text.index("w1  10.0.0.1")
    assert "DOWN   w2  10.0.0.2:80  weight 2  connection refused" in text


def test_backup_names_the_master() -> None:
    one = status()
    one["instances"][0] |= {"state": "BACKUP", "master": {"address": "10.0.0.3", "priority": 200}}
    one["addresses"][0]["present"] = False
    text = render(one)
    assert "master is 10.0.0.3 (priority 200)" in text
    assert "not here" in text


def test_what_an_operator_has_set_stands_beside_the_instance() -> None:
    document = status()
    document["instances"][0]["hold"] = {
        "state": "given_away",
        "owner": "alice",
        "reason": "new kernel",
        "since": "2026-05-01T11:00:00+00:00",
        "expires": "2026-05-01T12:00:00+00:00",
    }
    assert (
        "given away by alice since 2026-05-01T11:00:00+00:00 until 2026-05-01T12:00:00+00:00:"
        " new kernel"
    ) in render(document)


def test_fault_missing_address_and_silent_process_are_warned_of() -> None:
    one = status(stale={"kernel": 61.0, "health": None})
    one["instances"].append(
        {"name": "VI_2", "state": "FAULT", "since_s": 3, "reason": "no carrier"}
    )
    one["addresses"][0]["present"] = False
    text = render(one)
    assert "VI_2 is FAULT for 3 s: no carrier" in text
    assert "10.0.0.9 is missing here though VI_1 is MASTER" in text
    assert "process kernel does not answer (last reported 1 min 1 s ago)" in text
    assert "process health does not answer (never reported)" in text


def test_what_the_kernel_cannot_do_and_a_second_master_are_warned_of() -> None:
    document = status(
        firewall={"error": "not supported; no_accept does not work"},
        sync_daemon={"error": None},
        links=[{"interface": "vrrp.51", "error": "no module"}, {"interface": "eth0"}],
    )
    document["instances"][0]["dual_active"] = {"active": True, "source": "10.0.0.3"}
    text = render(document)
    assert "! firewall: not supported; no_accept does not work" in text
    assert "! vrrp.51: no module" in text
    assert "! VI_1: 10.0.0.3 acts as master at the same time as this director" in text
    assert "sync_daemon" not in text
    assert "eth0: None" not in text


def pool(**changes: Any) -> str:
    """The status of a virtual server with these differences."""
    one = status()
    one["services"][0] |= changes
    return render(one)


def sorry(number: int, **changes: Any) -> dict[str, Any]:
    name = f"sorry_server[{number}]"
    base = {"name": name, "address": f"127.0.0.{number}", "port": 80, "up": True, "in_use": False}
    return base | {"checked": True, "reason": "refused"} | changes


def test_lost_quorum_is_warned_of_with_who_answers_instead() -> None:
    lost = {"reached": False, "since_s": 125, "weight": 1, "quorum": 3, "hysteresis": 1}
    text = pool(
        quorum=lost,
        sorry_servers=[sorry(1, up=False), sorry(2, in_use=True), sorry(3)],
        destinations=[{"address": "127.0.0.2", "port": 80, "name": "sorry_server[2]", "active": 1}],
    )
    assert (
        "! web: no quorum for 2 min 5 s: weight 1 is up, 4 is needed; sorry server 127.0.0.2:80"
        " answers" in text
    )
    assert "sorry  127.0.0.1:80  DOWN  refused" in text
    assert "sorry  127.0.0.2:80  answers  1 active, 0 inactive" in text
    assert "sorry  127.0.0.3:80  ready\n" in text
    assert "no sorry server answers" in pool(quorum=lost)


def test_panic_is_warned_of_with_those_that_are_held() -> None:
    held = {
        "name": "w1", "address": "10.0.0.1", "port": 80, "weight": 1, "up": False,
        "checked": True, "takes_part": True, "reason": "refused",
    }  # fmt: skip
    text = pool(panic={"since_s": 60, "held": ["w1"]}, real_servers=[held])
    assert (
        "! web: PANIC for 1 min 0 s: 1 of 1 real servers fail their checks; still in the pool: w1"
        in text
    )
    assert "HELD   w1  10.0.0.1:80" in text


def test_real_server_that_waits_for_its_first_check_is_no_dead_one() -> None:
    new = {"name": "w1", "address": "10.0.0.1", "port": 80, "weight": 1, "up": False,
           "checked": False, "takes_part": False, "reason": "new"}  # fmt: skip
    text = pool(real_servers=[new, {**new, "name": "w2", "up": True, "checked": True}])
    assert "no warnings" in text
    assert "DOWN?  w1" in text


def test_weight_of_a_check_is_shown_beside_the_configured_one() -> None:
    real = {"name": "w1", "address": "10.0.0.1", "port": 80, "weight": 5, "up": True}
    text = pool(real_servers=[{**real, "check_weight": 9}, {**real, "name": "w2"}])
    assert "w1  10.0.0.1:80  weight 9 by its check instead of 5" in text
    assert "w2  10.0.0.1:80  weight 5\n" in text


def test_real_servers_that_were_left_out_are_counted() -> None:
    left_out = {"up": 949, "down": 3, "checked_down": 2, "active": 70, "inactive": 7}
    down = {"name": "w7", "address": "10.0.0.1", "port": 80, "up": False}
    text = pool(real_servers=[down], left_out=left_out)
    assert "and more: 949 up, 3 down; 70 active, 7 inactive" in text
    assert "3 of 953 real servers down" in text
    all_down = left_out | {"up": 0, "checked_down": 3}
    assert "no real server is up (4 down)" in pool(real_servers=[down], left_out=all_down)
    nobody = dict.fromkeys(left_out, 0)
    assert "and more" not in pool(real_servers=[down], left_out=nobody)


def test_weights_groups_and_trackers_are_shown_with_what_is_wrong_first() -> None:
    one = status()
    one["instances"][0] |= {"priority": 80, "base_priority": 100, "weights": ["script chk -20"]}
    one["sync_groups"] = [
        {"name": "both", "state": "MASTER", "since_s": 5, "members": ["in", "out"]}
    ]
    one["trackers"] = [
        {"type": "file", "name": "maintenance", "up": True, "value": -20, "reason": "a number"},
        {"type": "script", "name": "chk", "up": False, "reason": "exit status 1"},
    ]
    lines = render(one).splitlines()
    assert any("priority 80 instead of 100 (script chk -20)" in line for line in lines)
    assert "  both: MASTER for 5 s; in, out" in lines
    first = lines.index("  script chk: DOWN; exit status 1")
    assert lines[first + 1] == "  file maintenance: -20; a number"


def test_terminal_commands_of_a_hostile_server_are_escaped() -> None:
    one = status()
    one["services"][0]["real_servers"][1]["reason"] = "bad \x1b]0;owned\x07 \x9b2J"
    text = render(one)
    assert "\x1b" not in text
    assert "\x9b" not in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (3600, "1 h 0 min"), (90000, "1 d 1 h")],
)
def test_durations_have_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.sets(st.sampled_from(["agent", "stale", "instances", "addresses", "services"])))
def test_missing_parts_do_not_break_it(parts: set[str]) -> None:
    whole = status()
    assert render({key: value for key, value in whole.items() if key not in parts})


def test_services_of_a_group_are_one_paragraph_with_their_connections_added_up() -> None:
    def entry(port: int, *real_servers: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "name": "farm", "group": "web", "service": f"TCP [2001:db8::9]:{port}",
            "protocol": "TCP", "address": "2001:db8::9", "port": port, "mark": 0,
            "scheduler": "sh", "scheduler_flags": ["sh-port"], "ops": True,
            "persistence_timeout": 0, "in_kernel": True, "error": None,
            "destinations": [
                {"address": "2001:db8::1", "port": port, "name": "a", "active": 2, "inactive": 1},
                {"address": "2001:db8::2", "port": 9, "name": None, "active": 1, "inactive": 0},
            ],
            "real_servers": list(real_servers),
        } | more  # fmt: skip

    real = {"name": "a", "address": "2001:db8::1", "port": 0, "weight": 1, "up": True}
    text = render(status(services=[entry(80, real), entry(81, in_kernel=False)]))
    assert "  farm: group web (2 services) sh sh-port ops\n" in text
    assert text.count("farm:") == 1
    assert "up     a  [2001:db8::1]  weight 1  4 active, 2 inactive" in text
    assert "other  [2001:db8::2]:9  2 active, 0 inactive" in text
    assert "! farm (TCP [2001:db8::9]:81) is not in the kernel's table" in text
