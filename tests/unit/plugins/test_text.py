# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents as people read them in a diff."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.lvs.cluster.plugins.module_utils import _text

DOCUMENT = {
    "global_defs": {"router_id": "drct1", "vrrp_version": "3"},
    "vrrp_instances": {
        "VI_1": {
            "priority": 100,
            "nopreempt": True,
            "virtual_ipaddress": ["172.16.1.99/32 label eth0:0", {"address": "10.0.0.1"}],
        }
    },
    "virtual_servers": {},
    "urls": [{"url": [{"path": "/"}]}, {}],
}  # fmt: skip


def test_the_text_is_yaml_of_the_same_document() -> None:
    assert yaml.safe_load(_text.render(DOCUMENT)) == DOCUMENT


@pytest.mark.parametrize(
    "text", ["", "yes", "1", "1.5", "a: b", "a #b", "- a", "é", "{}", "a ", "a:", "~", "'", "10.0"]
)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert yaml.safe_load(_text.render({"a": [text], "b": text})) == {"a": [text], "b": text}


def test_secrets_are_hidden_and_a_new_one_is_told() -> None:
    before = {"authentication": {"auth_type": "PASS", "auth_pass": "zrs66zrs"}}
    after = {"authentication": {"auth_type": "PASS", "auth_pass": "zrs88zrs"}}
    assert (
        _text.render(before, before)
        == "authentication:\n  auth_type: PASS\n  auth_pass: (hidden)\n"
    )
    assert _text.render(after, before).endswith("auth_pass: (hidden, new)\n")
    assert "zrs" not in json.dumps([_text.render(before), _text.render(after, before)])


def test_addresses_need_no_quotes() -> None:
    line = "172.16.1.99/32 brd 172.16.1.99 dev eth0 label eth0:0"
    assert (
        _text.render({"ip": "172.16.1.254", "a": [line]}) == f"ip: 172.16.1.254\na:\n  - {line}\n"
    )
