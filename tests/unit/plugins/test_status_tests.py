# SPDX-License-Identifier: GPL-3.0-or-later
"""The Jinja2 tests of a status."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible_collections.lvs.cluster.plugins.module_utils import _status
from ansible_collections.lvs.cluster.plugins.test import status as tests


def status(**states: str) -> dict[str, Any]:
    master = {"address": "172.16.1.9"}
    return {
        "agent": {"processes": {"vrrp": {"state": "running"}}, "config_rejected": None},
        "instances": [
            {"name": name, "state": state, "master": master} for name, state in states.items()
        ],
        "services": [{"name": "web", "in_kernel": True, "quorum": {"reached": True}}],
        "stale": {},
    }


BOTH = status(VI_1="MASTER", VI_2="BACKUP")


def test_each_test_is_true_in_its_state_only() -> None:
    for state, test in (
        ("MASTER", tests.vrrp_active),
        ("BACKUP", tests.vrrp_backup),
        ("FAULT", tests.vrrp_fault),
    ):
        answers = {
            each: test(status(VI_1=each), "VI_1") for each in ("MASTER", "BACKUP", "FAULT", "INIT")
        }
        assert [name for name, answer in answers.items() if answer] == [state]


def test_the_named_instance_is_tested() -> None:
    assert tests.vrrp_active(BOTH, "VI_1")
    assert not tests.vrrp_active(BOTH, "VI_2")


def test_without_a_name_all_must_be_active_or_backup_and_any_in_fault() -> None:
    assert not tests.vrrp_active(BOTH)
    assert not tests.vrrp_backup(BOTH)
    assert tests.vrrp_backup(status(VI_1="BACKUP", VI_2="BACKUP"))
    assert tests.vrrp_fault(status(VI_1="BACKUP", VI_2="FAULT"))


def test_a_director_without_instances_is_neither_active_nor_backup() -> None:
    assert not tests.vrrp_active(status())
    assert not tests.vrrp_backup(status())


def test_a_registered_result_is_as_good_as_its_status() -> None:
    assert tests.vrrp_active({"changed": False, "status": BOTH}, "VI_1")


def test_an_unknown_instance_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(AnsibleError, match=r"no VRRP instance VI1 .*VI_1, VI_2; did you mean VI_1"):
        tests.vrrp_active(BOTH, "VI1")


@pytest.mark.parametrize("value", ["MASTER", {"result": []}, {"failed": True}, None])
def test_what_is_no_status_is_an_error(value: Any) -> None:
    with pytest.raises(AnsibleError, match="no status of an agent"):
        tests.lvs_healthy(value)


def test_a_good_director_is_settled_and_healthy() -> None:
    assert tests.lvs_settled(BOTH)
    assert tests.lvs_healthy(BOTH)


UNHEALTHY: list[tuple[dict[str, Any], str]] = [
    ({"agent": {"config_rejected": {"errors": []}}}, "the configuration file was refused"),
    ({"stale": {"health": 3.0}}, "process health does not answer"),
    ({"services": [{"name": "web", "in_kernel": False}]}, "web is not in the kernel's table"),
    ({"services": [{"name": "web", "error": "no such scheduler"}]}, "web: no such scheduler"),
    ({"services": [{"name": "web", "quorum": {"reached": False}}]}, "web has too few real servers"),
    (
        {"instances": [{"name": "VI_1", "state": "MASTER",
                        "dual_active": {"active": True, "source": "172.16.1.2"}}]},
        "172.16.1.2 is master at the same time",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spoilt", "message"), UNHEALTHY)
def test_what_is_wrong_with_a_settled_director_is_unhealthy(
    spoilt: dict[str, Any], message: str
) -> None:
    found = {**BOTH, **spoilt}
    assert tests.lvs_settled(found)
    assert not tests.lvs_healthy(found)
    assert [each for each in _status.unhealthy(found) if message in each]


@pytest.mark.parametrize("state", ["INIT", "FAULT"])
def test_an_instance_that_is_neither_master_nor_backup_is_unsettled(state: str) -> None:
    assert not tests.lvs_settled(status(VI_1=state))
    assert not tests.lvs_healthy(status(VI_1=state))
