# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory that is made of several documents gives each director its document again."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import keepalived_documents
from hypothesis import given, settings
from hypothesis import strategies as st
from lvs_agent import config

from . import conftest  # noqa: F401

from ansible_collections.lvs.cluster.plugins.plugin_utils import (  # isort: skip
    _document,
    _keepalived_cluster,
    _keepalived_merge,
)

UNKNOWN = _keepalived_cluster.Director(interfaces={})


def same(pairs: Mapping[str, tuple[Any, Any]]) -> dict[str, bool]:
    """As the controller asks it in another process."""

    def meaning(document: Any) -> Any:
        try:
            return config.from_document(document)
        except config.ConfigRejected:
            return object()

    return {name: meaning(one) == meaning(other) for name, (one, other) in pairs.items()}


def make(
    *documents: dict[str, Any],
    known: list[_keepalived_cluster.Director] | None = None,
    hosts: dict[str, list[str]] | None = None,
) -> _keepalived_cluster.Made:
    names = [f"drct{number}" for number in range(1, len(documents) + 1)]
    directors = dict(zip(names, known or [UNKNOWN] * len(names), strict=True))
    found = dict(zip(names, documents, strict=True))
    return _keepalived_cluster.make(found, directors, hosts or {}, same)


def read(text: str) -> dict[str, Any]:
    return keepalived_documents.imported(text).document


@settings(max_examples=60)
@given(st.lists(keepalived_documents.configurations(), min_size=1, max_size=3), st.booleans())
def test_each_director_gets_its_own_document_again(texts: list[str], alike: bool) -> None:
    documents = [read(text) for text in texts]
    if alike:  # as those of a pair are
        documents = [copy.deepcopy(documents[0]) for __ in documents]
        for number, each in enumerate(documents):
            for instance in each.get("vrrp_instances", {}).values():
                instance["priority"] = 100 - number
    made = make(*documents, hosts={"rs1": ["192.0.2.7"]})
    assert _keepalived_cluster.rebuilt(made) == made.documents
    if not any("192.0.2.7" in text for text in texts):  # nobody has another name then
        for name, document in zip(made.documents, documents, strict=True):
            whole = _keepalived_cluster.resolved(made.documents[name], made.secrets)
            before = _document.merge_document({"virtual_servers": {}, **document}, (), {})
            if whole != {**EMPTY, **before}:
                assert same({name: (whole, document)})[name]


EMPTY: dict[str, Any] = {"global_defs": {}, "vrrp_instances": {}, "virtual_servers": {}}

PAIR = """
global_defs {{
    router_id {0}
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {1}
    authentication {{
        auth_type PASS
        auth_pass {2}
    }}
    unicast_src_ip 192.0.2.{3}
    unicast_peer {{
        192.0.2.{4}
    }}
    virtual_ipaddress {{
        192.0.2.80/24
    }}
}}
virtual_server 192.0.2.80 80 {{
    protocol TCP
    lb_kind NAT
    real_server 192.0.2.21 80 {{
        TCP_CHECK {{
            connect_timeout 2
        }}
    }}
    real_server 192.0.2.22 8080 {{
        weight 3
        TCP_CHECK {{
            connect_timeout 2
        }}
    }}
}}
"""
ONE, OTHER = read(PAIR.format("a", 150, "pw", 1, 2)), read(PAIR.format("b", 100, "pw", 2, 1))


def with_address(number: int) -> _keepalived_cluster.Director:
    return _keepalived_cluster.Director(interfaces={}, address=f"192.0.2.{number}")


def test_a_pair_becomes_what_an_operator_would_have_written() -> None:
    made = make(ONE, OTHER, known=[with_address(1), with_address(2)], hosts={"rs1": ["192.0.2.21"]})
    assert made.shared == {
        "vrrp_instances": {
            "VI_1": {
                "state": "BACKUP",
                "interface": "eth0",
                "virtual_router_id": 51,
                "authentication": {
                    "auth_type": "PASS",
                    "auth_pass": {_keepalived_merge.VARIABLE: "vault_VI_1_auth_pass"},
                },
                "unicast_peer": "auto",
                "virtual_ipaddress": ["192.0.2.80/24"],
            }
        },
        "virtual_servers": {
            "192.0.2.80:80": {
                "ip": "192.0.2.80",
                "port": 80,
                "protocol": "TCP",
                "lb_kind": "NAT",
                "tcp_check": {"connect_timeout": 2},
                "real_servers": {
                    "rs1": {},
                    "192.0.2.22:8080": {"ip": "192.0.2.22", "port": 8080, "weight": 3},
                },
            }
        },
        "unmanaged_real_servers": ["192.0.2.22"],
    }
    assert made.own["drct2"] == {
        "address": "192.0.2.2",
        "host": {
            "global_defs": {"router_id": "b"},
            "vrrp_instances": {"VI_1": {"priority": 100}},
        },
    }
    assert made.secrets == {"vault_VI_1_auth_pass": "pw"}
    assert made.real_servers == {"rs1": {"address": "192.0.2.21"}}
    assert made.differences == []


def test_peers_are_said_where_they_would_not_come_to_the_same() -> None:
    stranger = read(PAIR.format("b", 100, "pw", 2, 3))
    made = make(ONE, stranger, known=[with_address(1), with_address(2)])
    own = made.own["drct2"]["host"]["vrrp_instances"]["VI_1"]
    assert own == {"priority": 100, "unicast_src_ip": "192.0.2.2", "unicast_peer": ["192.0.2.3"]}


def test_priorities_in_steps_of_ten_from_200_follow_from_the_order() -> None:
    first, second = copy.deepcopy(ONE), copy.deepcopy(OTHER)
    first["vrrp_instances"]["VI_1"]["priority"] = 200
    second["vrrp_instances"]["VI_1"]["priority"] = 190
    made = make(first, second)
    assert made.shared["vrrp_instances"]["VI_1"]["priority"] == "auto"


def test_two_passwords_of_one_instance_are_two_variables_and_a_difference() -> None:
    made = make(ONE, read(PAIR.format("b", 100, "other", 2, 1)))
    assert made.secrets == {"vault_VI_1_auth_pass": "pw", "vault_VI_1_auth_pass_drct2": "other"}
    paths = [(one.director, one.path) for one in made.differences]
    assert paths == [("drct2", "vrrp_instances.VI_1.authentication.auth_pass")]


def test_checks_that_differ_stay_with_their_real_servers() -> None:
    document = copy.deepcopy(ONE)
    real_servers = document["virtual_servers"]["192.0.2.80:80"]["real_servers"]
    real_servers["192.0.2.21:80"]["tcp_check"]["connect_timeout"] = 7
    made = make(document)
    assert "tcp_check" not in made.shared["virtual_servers"]["192.0.2.80:80"]


def test_two_real_servers_on_one_host_have_two_names() -> None:
    text = PAIR.format("a", 150, "pw", 1, 2).replace("192.0.2.22 8080", "192.0.2.21 8080")
    made = make(read(text), hosts={"rs1": ["192.0.2.21"]})
    real_servers = made.shared["virtual_servers"]["192.0.2.80:80"]["real_servers"]
    assert list(real_servers) == ["rs1", "192.0.2.21:8080"]
    assert "unmanaged_real_servers" not in made.shared
