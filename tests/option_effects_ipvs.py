# SPDX-License-Identifier: GPL-3.0-or-later
"""Which test shows that an option of IPVS does what it says; `option_effects.py` has the rest.

Each test is a scenario in a lab host, where ipvsadm says what the kernel has.
"""

from __future__ import annotations

from option_effects import Effect, Witness

EFFECTS: dict[str, Effect] = {}
_FILE = "tests/lab/test_ipvs_options.py::test_ipvs_options"


def _shown(scenario: str, block: str, options: str) -> None:
    for option in options.split():
        name = f"{block}.{option}"
        assert name not in EFFECTS, name
        EFFECTS[name] = Effect(witness=Witness.KERNEL, test=f"{_FILE}[{scenario}]")


_SCENARIO = "forwarding_is_that_of_each_server"
_shown(_SCENARIO, "document", "virtual_servers")
_shown(_SCENARIO, "virtual_server", "ip port lb_algo lb_kind sorry_server real_servers")
_shown(_SCENARIO, "real_server", "ip port lb_kind")
_shown(_SCENARIO, "sorry_server", "ip port lb_kind")
_shown(_SCENARIO, "lb_kind", "method type port checksum")
_shown("every_protocol", "virtual_server", "protocol")
_shown("firewall_marks_of_both_families", "virtual_server", "fwmark ip_family")
_SCENARIO = "group_shares_real_servers_and_verdicts"
_shown(_SCENARIO, "document", "virtual_server_groups")
_shown(_SCENARIO, "virtual_server", "group")
_shown(_SCENARIO, "virtual_server_group", "members")
_shown(_SCENARIO, "virtual_server_group_member", "ip port fwmark ip_family")
_FLAGS = "sh_port sh_fallback mh_port mh_fallback flag_1 flag_2 flag_3 ops"
_shown("scheduler_flags_and_one_packet_scheduling", "virtual_server", _FLAGS)
_PERSISTENCE = "persistence_timeout persistence_granularity persistence_engine"
_shown("persistence_of_every_kind", "virtual_server", _PERSISTENCE)
_shown("weights_and_thresholds", "virtual_server", "weight")
_shown("weights_and_thresholds", "real_server", "weight uthreshold lthreshold")
_shown("timeouts_are_set_kept_and_put_back", "global_defs", "lvs_timeouts")
_shown("timeouts_are_set_kept_and_put_back", "lvs_timeouts", "tcp tcpfin udp")
_shown("flush_at_the_start_removes_what_is_not_configured", "global_defs", "lvs_flush")
