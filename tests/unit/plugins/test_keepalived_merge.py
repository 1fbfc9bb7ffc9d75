# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of several directors are split into what is common and what is not, and put together
again."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from . import conftest  # noqa: F401

from ansible_collections.lvs.cluster.plugins.plugin_utils import (  # isort: skip
    _document,
    _keepalived_merge,
)

NAMES = st.sampled_from(["a", "b", "priority", "state", "router_id"])
SCALARS = st.integers(0, 2) | st.booleans() | st.none() | st.sampled_from(["", "1", "x"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
# Sections, which every document has, and what has a name in them.
DOCUMENTS = st.fixed_dictionaries({
    name: st.dictionaries(NAMES, VALUES, max_size=3)
    for name in ("global_defs", "vrrp_instances", "virtual_servers")
})  # fmt: skip


@given(st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_what_is_shared_with_what_is_own_merged_over_it_is_each_document(some: list[Any]) -> None:
    documents = {f"drct{number}": each for number, each in enumerate(some)}
    split = _keepalived_merge.split(documents)
    for name, document in documents.items():
        merged = _document.merge_document(split.shared, [split.own[name]], {})
        assert repr_of(merged) == repr_of(document)


def repr_of(value: Any) -> str:
    return _keepalived_merge.repr_of(value)


def instance(**options: Any) -> dict[str, Any]:
    return {"vrrp_instances": {"VI_1": {"interface": "eth0", **options}}}


def split(*documents: dict[str, Any]) -> Any:
    return _keepalived_merge.split(dict(zip(("a", "b", "c"), documents, strict=False)))


def test_priorities_are_each_directors_own_and_no_difference() -> None:
    found = split(instance(priority=100), instance(priority=90))
    assert found.shared == instance()
    assert found.own["a"] == {"vrrp_instances": {"VI_1": {"priority": 100}}}
    assert found.own["b"] == {"vrrp_instances": {"VI_1": {"priority": 90}}}
    assert found.differences == []


def test_who_says_something_else_than_most_is_told() -> None:
    found = split(instance(advert_int=1), instance(advert_int=2), instance(advert_int=1))
    assert found.shared == instance(advert_int=1)
    assert [found.own[name] != {} for name in "abc"] == [False, True, False]
    told = [(one.director, one.path, one.message) for one in found.differences]
    assert told == [("b", "vrrp_instances.VI_1.advert_int", "differs from a, c")]


def test_addresses_in_another_order_are_called_so() -> None:
    one, other = ["192.0.2.1", "192.0.2.2"], ["192.0.2.2", "192.0.2.1"]
    found = split(instance(virtual_ipaddress=one), instance(virtual_ipaddress=other))
    assert [each.message for each in found.differences] == ["the same as on a, in another order"]


def test_what_one_director_lacks_is_removed_there() -> None:
    found = split(instance(), {"vrrp_instances": {}})
    assert found.shared == instance()
    assert found.own == {"a": {}, "b": {"vrrp_instances": {"VI_1": None}}}
    assert [each.message for each in found.differences] == [
        "not on b, but on a; null takes it away"
    ]


def test_an_option_that_one_of_two_directors_has_is_said_there() -> None:
    found = split(instance(nopreempt=True), instance())
    assert found.shared == instance()
    assert found.own == {"a": {"vrrp_instances": {"VI_1": {"nopreempt": True}}}, "b": {}}
