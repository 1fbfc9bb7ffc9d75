# SPDX-License-Identifier: GPL-3.0-or-later
"""What each process gets of a configuration: all that it needs, whole, and nothing that runs."""

from __future__ import annotations

import json
import os
import pickle
from typing import Any

import pytest
from full_document import FULL
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.config import load
from lvs_agent.core.model import Config
from lvs_agent.proc.config_parts import pack, part, unpack

INSTANCE = {"interface": "eth0", "virtual_router_id": 51, "virtual_ipaddress": ["10.0.0.80/24"]}
MAIL = {"notification_email": ["root@localhost"], "smtp_server": "127.0.0.1"}


def config(global_defs: dict[str, Any] | None = None, **of_real_server: Any) -> Config:
    options = {"ip": "10.0.0.3", "tcp_check": {}, **of_real_server}
    real_server = {name: value for name, value in options.items() if value is not None}
    server = {"ip": "10.0.0.80", "port": 80, "real_servers": {"rs1": real_server}}
    document = {
        "global_defs": global_defs or {},
        "vrrp_instances": {"vi": INSTANCE},
        "virtual_servers": {"web": server},
    }
    return load(json.dumps(document))


def test_a_configuration_with_every_option_comes_out_as_it_went_in() -> None:
    whole = load(json.dumps(FULL))
    assert unpack(pack(whole)) == whole


def test_many_virtual_servers_come_out_in_their_order() -> None:
    document = {
        "virtual_servers": {
            f"web{number}": {
                "ip": f"10.1.0.{number + 1}",
                "port": 80,
                "real_servers": {
                    f"rs{one}": {"ip": f"10.2.{number}.{one + 1}"} for one in range(5 * number)
                },
            }
            for number in range(40)
        }
    }
    whole = load(json.dumps(document))
    assert unpack(pack(whole)) == whole


class Runs:
    """Unpickled it would run a command."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        pickle.dumps({"virtual_servers": 7}),
        pickle.dumps(Runs()),
        pickle.dumps(os.system),
        pack(config())[:-9],
        b"clvs_agent.proc.config_parts\npack\n.",
        b"clvs_agent.proc.config_parts\npickle.loads\n.",
    ],
)
def test_nothing_but_a_configuration_is_unpacked(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a configuration"):
        unpack(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a configuration"):
        unpack(data)


@pytest.mark.parametrize(
    ("told", "global_defs", "of_real_server"),
    [
        (False, {}, {}),
        (False, {"vrrp_notify_fifo": "/run/fifo"}, {}),
        (True, {"notify_fifo": "/run/fifo"}, {}),
        (True, {"lvs_notify_fifo": "/run/fifo"}, {}),
        (True, MAIL, {}),
        (True, {}, {"notify_up": "/bin/true"}),
        (True, {}, {"notify_down": "/bin/true"}),
    ],
)
def test_track_gets_the_virtual_servers_of_which_somebody_is_told(
    told: bool, global_defs: dict[str, Any], of_real_server: dict[str, Any]
) -> None:
    some, quiet = config(global_defs, **of_real_server), config()
    assert bool(part("track", some).virtual_servers) is told
    # Once more when nobody is told any longer: it must not take them for removed.
    assert bool(part("track", quiet, some).virtual_servers) is told
    assert part("track", quiet).virtual_servers == ()
    assert part("track", some).vrrp_instances == some.vrrp_instances


def test_health_gets_the_virtual_servers_while_something_is_checked_and_once_more() -> None:
    some, unchecked = config(), config(tcp_check=None)
    assert part("health", some) is some
    assert part("health", some, unchecked) is some
    assert part("health", unchecked, some) is unchecked
    assert part("health", unchecked, unchecked).virtual_servers == ()
    assert part("health", unchecked).vrrp_instances == unchecked.vrrp_instances


def test_programs_of_other_users_are_for_track_alone() -> None:
    program = {"misc_path": "/bin/true", "user": "nobody"}
    some = config(misc_check=program)
    assert len(some.programs) == 1
    assert part("track", some).programs == some.programs
    for name in ("ha", "kernel", "health"):
        assert part(name, some).programs == ()
    assert part("health", some).virtual_servers == some.virtual_servers


def test_kernel_gets_everything_and_ha_nothing_of_pools() -> None:
    some = config()
    assert part("kernel", some) is some
    assert part("ha", some).virtual_servers == ()
    assert part("ha", some).vrrp_instances == some.vrrp_instances
