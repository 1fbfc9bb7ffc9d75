# SPDX-License-Identifier: GPL-3.0-or-later
"""For each option of checks, the test that fails if the option has no effect.

Data alone; tests/unit/test_option_effects.py compares it with the schema, as it does with
`option_effects.py`.
"""

from __future__ import annotations

from option_effects import Effect, Witness

EFFECTS: dict[str, Effect] = {}

_OVER_NETWORK = (
    "http_get", "ssl_get", "tcp_check", "udp_check", "smtp_check", "dns_check", "ping_check",
)  # fmt: skip
_WITH_PORTS = tuple(kind for kind in _OVER_NETWORK if kind != "ping_check")
_ALL = (*_OVER_NETWORK, "misc_check", "file_check")
# Where checks are said, and their pace for all of them at once.
_HOLDERS = ("virtual_server", "real_server")
_PLACE = "unit/proc/test_check_documents.py::test_"


def _shown(test: str, blocks: tuple[str, ...] | str, options: str) -> None:
    """Each of `options` (names with blanks between them) of the blocks is shown by this test."""
    for block in (blocks,) if isinstance(blocks, str) else blocks:
        for option in options.split():
            name = f"{block}.{option}"
            if name in EFFECTS:
                raise ValueError(f"{name} is shown twice")
            effect = Effect(witness=Witness.PROCESS, test=f"tests/{_PLACE}{test}")
            EFFECTS[name] = effect


_shown("checks_go_to_the_address_and_port_that_they_name", _WITH_PORTS, "connect_ip connect_port")
_TEST = "checks_come_from_the_address_port_and_interface_that_they_name"
_shown(_TEST, _WITH_PORTS, "bindto bind_port")
_shown("an_interface_that_is_not_there_blames_no_server", _WITH_PORTS, "bind_if")
_TEST = "ping_goes_and_comes_as_told_over_both_families"
_shown(_TEST, "ping_check", "connect_ip bindto bind_if connect_timeout")
_shown("connect_timeout_is_the_longest_time_for_an_answer", _WITH_PORTS, "connect_timeout")

_shown("delay_loop_is_the_time_between_checks", _ALL, "delay_loop")
_shown("retry_is_the_number_of_further_tries", _ALL, "retry")
_shown("delay_before_retry_is_the_pause_between_tries", _ALL, "delay_before_retry")
_SPARED = tuple(kind for kind in _ALL if kind != "file_check")
_shown("warmup_spreads_the_first_checks", _SPARED, "warmup")
_shown("alpha_is_down_until_the_first_result", _ALL, "alpha")
_shown("log_all_failures_writes_each_of_them", _ALL, "log_all_failures")

_TEST = "a_real_server_says_the_pace_of_its_checks_once"
_PACE = "delay_loop retry delay_before_retry warmup connect_timeout virtualhost"
_shown(_TEST, "real_server", _PACE)
_shown("the_virtual_server_says_it_for_all_its_real_servers", "virtual_server", _PACE)
_shown("checks_go_to_the_address_and_port_that_they_name", "real_server", " ".join(_WITH_PORTS))
_TEST = "checks_said_at_the_virtual_server_are_those_of_each_real_server"
_shown(_TEST, "virtual_server", " ".join(_WITH_PORTS))
_LOCAL = "ping_check misc_check file_check"
_shown("retry_is_the_number_of_further_tries", "real_server", _LOCAL)
_TEST = "pings_programs_and_files_can_be_said_at_the_virtual_server"
_shown(_TEST, "virtual_server", _LOCAL)

_TEST = "what_a_url_asks_and_wants"
_shown(_TEST, ("http_get", "ssl_get"), "url")
_shown(_TEST, "url", "path status_code digest regex regex_no_match regex_options")
_TEST = "the_version_and_the_host_of_the_requests"
_shown(_TEST, "url", "virtualhost")
_shown(_TEST, ("http_get", "ssl_get"), "http_protocol")
_TEST = "how_tls_is_spoken"
_shown(
    _TEST,
    "ssl_get",
    "enable_sni sni_name verify ca certificate key tls_min_version tls_max_version",
)
_shown("a_certificate_near_its_end_is_warned_of_once", "ssl_get", "expire_warning")

_TEST = "what_udp_sends_and_wants"
_shown(_TEST, "udp_check", "payload require_reply min_reply_length max_reply_length")
_shown("what_dns_asks", "dns_check", "name type")
_shown("what_smtp_says", "smtp_check", "helo_name")
_TEST = "what_programs_are_run_and_what_their_end_means"
_shown(_TEST, "misc_check", "misc_path misc_timeout misc_dynamic")
EFFECTS["misc_check.user"] = Effect(
    witness=Witness.PROCESS,
    test="tests/unit/proc/test_track_programs.py"
    "::test_program_runs_as_its_user_or_as_that_of_all_scripts",
)
_TEST = "a_changed_file_counts_at_once_and_moves_state_or_weight"
_shown(_TEST, "file_check", "track_file weight reverse")

_SESSIONS = "unit/proc/test_health_sessions.py::test_"
_TOLD = {
    "real_server.bfd_check": "real_server_goes_and_comes_with_its_session",
    "sorry_server.bfd_check": "check_of_a_sorry_server_is_its_own",
    "virtual_server.bfd_check": "check_said_at_the_virtual_server_is_that_of_each_real_server",
    "bfd_check.name": "check_said_at_the_virtual_server_is_that_of_each_real_server",
    "bfd_check.alpha": "alpha_is_down_until_the_session_is_up",
}
for _name, _test in _TOLD.items():
    EFFECTS[_name] = Effect(witness=Witness.PROCESS, test=f"tests/{_SESSIONS}{_test}")
