# SPDX-License-Identifier: GPL-3.0-or-later
"""The nf_tables table as netlink messages; tests/netns shows what the kernel makes of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.adapters import nft_netlink as codec
from lvs_agent.adapters.netlink import HEADER

keys = {
    "closed4": st.frozensets(st.ip_addresses(v=4).map(str)),
    "closed6": st.frozensets(st.ip_addresses(v=6).map(str)),
    "vmacs": st.frozensets(st.text("abcdefgh.0123456789", min_size=1, max_size=15)),
}


@given(st.sampled_from(sorted(keys)).flatmap(lambda name: st.tuples(st.just(name), keys[name])))
def test_elements_are_read_as_they_are_written(one: tuple[str, frozenset[str]]) -> None:
    name, wanted = one
    messages = codec.add({name: wanted})
    found = [key for text in messages for key in codec.elements_of(text[HEADER.size :], name)]
    assert sorted(found) == sorted(wanted)


def test_many_elements_are_split_into_messages_that_an_attribute_can_hold() -> None:
    wanted = {f"10.{n >> 8}.{n & 255}.1" for n in range(2_500)}
    messages = codec.add({"closed4": wanted})
    assert len(messages) == 3
    assert all(len(text) < 65_000 for text in messages)
    found = {k for text in messages for k in codec.elements_of(text[HEADER.size :], "closed4")}
    assert found == wanted


@given(st.binary(max_size=200), st.sampled_from(sorted(codec.SETS)))
def test_any_bytes_are_decoded_without_an_exception(data: bytes, name: str) -> None:
    for text in (data, bytes([1, 0, 0, 0]) + data):
        codec.is_ours(text)
        codec.chain_of_rule(text)
        codec.chain_of_chain(text)
        codec.elements_of(text, name)


def test_only_our_own_table_is_ours() -> None:
    request = codec.rules_request()[HEADER.size :]
    assert codec.is_ours(request)
    assert not codec.is_ours(request.replace(b"lvs_agent", b"lvs_other"))
    assert not codec.is_ours(b"\2" + request[1:])  # the same name in family ip
