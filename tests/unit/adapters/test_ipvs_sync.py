# SPDX-License-Identifier: GPL-3.0-or-later
"""The sync daemon's messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.adapters import ipvs_sync
from lvs_agent.adapters.netlink import HEADER
from lvs_agent.core.ipvs.sync import Half, SyncSettings

settings = st.builds(
    SyncSettings,
    interface=st.text("abcdefgh.0123456789", min_size=1, max_size=15),
    sync_id=st.integers(0, 255),
    maxlen=st.none() | st.integers(1, 65_507),
    port=st.none() | st.integers(1, 65_535),
    ttl=st.none() | st.integers(1, 255),
    group=st.none() | st.ip_addresses().map(str),
)


@given(st.sampled_from(Half), settings)
def test_what_is_started_is_read(half: Half, wanted: SyncSettings) -> None:
    assert ipvs_sync.decode(ipvs_sync.start(30, half, wanted)[HEADER.size :]) == (half, wanted)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_without_an_exception(data: bytes) -> None:
    ipvs_sync.decode(data)
    ipvs_sync.decode(bytes([9, 1, 0, 0]) + data)
