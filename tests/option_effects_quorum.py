# SPDX-License-Identifier: GPL-3.0-or-later
"""For each option of quorum, panic and sorry servers, the test that fails if it has no effect.

Data alone, as in option_effects.py. A test in the lab is followed by its scenario in brackets.
"""

from __future__ import annotations

from option_effects import Effect, Witness

EFFECTS: dict[str, Effect] = {}


def _shown(witness: Witness, test: str, block: str, options: str) -> None:
    """Each of `options` (names with blanks between them) of `block` is shown by this test."""
    for option in options.split():
        name = f"{block}.{option}"
        if name in EFFECTS:
            raise ValueError(f"{name} is shown twice")
        EFFECTS[name] = Effect(witness=witness, test=f"tests/{test}")


def _in_the_kernel(scenario: str, block: str, options: str) -> None:
    _shown(Witness.KERNEL, f"lab/test_quorum.py::test_quorum[{scenario}]", block, options)


def _told(test: str, block: str, options: str) -> None:
    _shown(Witness.PROCESS, f"unit/proc/test_track_pools.py::{test}", block, options)


_in_the_kernel(
    "quorum_is_lost_below_the_band_and_gained_above_it", "virtual_server", "quorum hysteresis"
)
_in_the_kernel("panic_keeps_the_last_good_set", "virtual_server", "panic_threshold")
_in_the_kernel(
    "sorry_server_with_inhibit_stays_with_weight_0", "virtual_server", "sorry_server_inhibit"
)
_TEST = "dead_real_server_with_inhibit_stays_with_weight_0"
_in_the_kernel(_TEST, "virtual_server", "inhibit_on_failure")
_in_the_kernel(_TEST, "real_server", "inhibit_on_failure")
_TEST = "real_server_with_alpha_waits_for_its_first_check"
_in_the_kernel(_TEST, "virtual_server", "alpha")
_in_the_kernel(_TEST, "real_server", "alpha")
_in_the_kernel("health_process_is_told_where_the_address_is", "virtual_server", "ha_suspend")
_TEST = "test_commands_of_the_document_run_when_servers_and_quorum_come_and_go"
_told(_TEST, "virtual_server", "quorum_up quorum_down")
_told(_TEST, "real_server", "notify_up notify_down")
_told("test_end_of_the_agent_is_told_where_the_document_says_so", "virtual_server", "omega")
_TEST = "test_mail_goes_out_where_the_document_says_so"
_told(_TEST, "virtual_server", "smtp_alert")
_told(_TEST, "real_server", "smtp_alert")
# Each kind of check has its own tests; that a sorry server's count is one question for all.
_in_the_kernel(
    "first_healthy_sorry_server_answers",
    "sorry_server",
    "http_get ssl_get tcp_check ping_check udp_check smtp_check dns_check misc_check file_check",
)
