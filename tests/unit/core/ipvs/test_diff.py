# SPDX-License-Identifier: GPL-3.0-or-later
"""The diff's promises, as properties over all small tables."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.ipvs.diff import apply, diff
from lvs_agent.core.ipvs.model import (
    DeleteDestination,
    DeleteService,
    Destination,
    Endpoint,
    NewDestination,
    NewService,
    Service,
    ServiceKey,
    ServiceSettings,
    SetDestination,
    SetService,
    Tunnel,
    marked,
    service_pool,
)
from lvs_agent.core.ipvs.text import describe

KEYS = [ServiceKey("TCP", "192.0.2.80", 80), ServiceKey("UDP", "192.0.2.80", 80),
        ServiceKey("SCTP", "2001:db8::80", 443), ServiceKey("TCP", "192.0.2.99", 0),
        marked(7, 4), marked(7, 6)]  # fmt: skip
ENDPOINTS = [*(Endpoint(f"192.0.2.{n}", 80) for n in range(1, 5)), Endpoint("2001:db8::1", 0)]
settings = st.builds(
    ServiceSettings,
    scheduler=st.sampled_from(["rr", "wlc"]),
    persistence_timeout_s=st.sampled_from([0, 360]),
    persistence_prefix=st.sampled_from([None, 24]),
    persistence_engine=st.sampled_from([None, "sip"]),
    one_packet=st.booleans(),
    scheduler_flags=st.sampled_from([0, 8, 0x30]),
)
destinations = st.builds(
    Destination,
    st.integers(0, 3),
    st.sampled_from(["DR", "NAT"]),
    st.sampled_from([0, 9]),
    st.sampled_from([0, 3]),
    st.none(),
) | st.builds(
    Destination,
    st.integers(0, 3),
    st.just("TUN"),
    tunnel=st.sampled_from([None, Tunnel("gue", 6080, "csum"), Tunnel("gre")]),
)
pools = st.dictionaries(st.sampled_from(ENDPOINTS), destinations)


@st.composite
def tables(draw: st.DrawFn) -> dict[ServiceKey, Service]:
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True))
    return {key: Service(key=key, settings=draw(settings), pool=draw(pools)) for key in keys}


owned_sets = st.sets(st.sampled_from(KEYS))


@given(tables(), tables(), owned_sets)
def test_operations_lead_to_the_desired_table_and_leave_foreign_services_alone(
    desired: dict[ServiceKey, Service], actual: dict[ServiceKey, Service], owned: set[ServiceKey]
) -> None:
    result = apply(diff(desired, actual, owned), actual)
    foreign = {key: actual[key] for key in actual if key not in desired and key not in owned}
    assert result == desired | foreign


@given(tables(), tables(), owned_sets)
def test_operations_never_name_a_foreign_service(
    desired: dict[ServiceKey, Service], actual: dict[ServiceKey, Service], owned: set[ServiceKey]
) -> None:
    assert {operation.key for operation in diff(desired, actual, owned)} <= owned | desired.keys()


@given(tables(), tables(), owned_sets)
def test_second_diff_is_empty(
    desired: dict[ServiceKey, Service], actual: dict[ServiceKey, Service], owned: set[ServiceKey]
) -> None:
    once = apply(diff(desired, actual, owned), actual)
    assert diff(desired, once, owned) == []


def usable(service: Service | None) -> bool:
    return service is not None and any(d.weight > 0 for d in service.pool.values())


@given(tables(), tables(), owned_sets)
def test_no_prefix_leaves_a_pool_without_a_usable_destination(
    desired: dict[ServiceKey, Service], actual: dict[ServiceKey, Service], owned: set[ServiceKey]
) -> None:
    operations = diff(desired, actual, owned)
    for length in range(len(operations) + 1):
        now = apply(operations[:length], actual)
        for key, service in desired.items():
            if usable(service) and usable(actual.get(key)):
                assert usable(now.get(key)), operations[:length]


@given(tables(), tables())
def test_every_prefix_can_be_completed_by_a_fresh_diff(
    desired: dict[ServiceKey, Service], actual: dict[ServiceKey, Service]
) -> None:
    owned = set(KEYS)
    operations = diff(desired, actual, owned)
    for length in range(len(operations) + 1):
        crashed = apply(operations[:length], actual)
        assert apply(diff(desired, crashed, owned), crashed) == desired


@given(tables(), tables(), owned_sets)
def test_an_existing_service_or_destination_is_never_made_anew(
    desired: dict[ServiceKey, Service], actual: dict[ServiceKey, Service], owned: set[ServiceKey]
) -> None:
    for operation in diff(desired, actual, owned):
        match operation:
            case NewService(key=key) | DeleteService(key=key):
                assert (key in desired) != (key in actual)
            case NewDestination(key=key, endpoint=endpoint):
                assert key not in actual or endpoint not in actual[key].pool
            case DeleteDestination(key=key, endpoint=endpoint):
                assert endpoint not in desired[key].pool


def test_changes_are_described_for_people() -> None:
    key = KEYS[0]
    before, after = Destination(5, "DR"), Destination(1, "DR")
    assert (
        describe(SetDestination(key, ENDPOINTS[0], after, before))
        == "change 192.0.2.1:80 of TCP 192.0.2.80:80: weight 5 -> 1"
    )
    persistent = ServiceSettings(scheduler="wlc", persistence_timeout_s=360)
    assert (
        describe(SetService(key, persistent))
        == "change service TCP 192.0.2.80:80 to scheduler wlc persistence_timeout 360"
    )
    assert describe(NewService(key, persistent)).startswith("add service TCP 192.0.2.80:80")
    assert describe(DeleteDestination(key, ENDPOINTS[0])).startswith("remove 192.0.2.1:80 from")


def test_tunnels_flags_and_thresholds_are_described() -> None:
    gue = Destination(1, "TUN", 9, 3, Tunnel("gue", 6080, "csum"))
    assert (
        describe(NewDestination(marked(7, 6), ENDPOINTS[-1], gue))
        == "add [2001:db8::1]:0 to mark 7 (IPv6) weight 1 forwarding TUN gue port 6080 csum"
        " uthreshold 9 lthreshold 3"
    )
    plain = Destination(1, "TUN", 9, 3)
    assert describe(SetDestination(KEYS[2], ENDPOINTS[-1], gue, plain)) == (
        "change [2001:db8::1]:0 of SCTP [2001:db8::80]:443: tunnel ipip -> gue port 6080 csum"
    )
    assert describe(SetDestination(KEYS[2], ENDPOINTS[-1], plain, plain._replace(weight=2))) == (
        "change [2001:db8::1]:0 of SCTP [2001:db8::80]:443: weight 2 -> 1"
    )
    bare = plain._replace(upper_threshold=0)
    assert describe(SetDestination(KEYS[2], ENDPOINTS[-1], plain, bare)).endswith(
        "uthreshold 0 -> 9"
    )
    sip = ServiceSettings(
        scheduler="sh",
        scheduler_flags=0x30,
        one_packet=True,
        persistence_timeout_s=5,
        persistence_prefix=24,
        persistence_engine="sip",
    )
    assert describe(SetService(KEYS[1], sip)) == (
        "change service UDP 192.0.2.80:80 to scheduler sh sh-port flag-3 ops persistence_timeout 5"
        " persistence_granularity 24 persistence_engine sip"
    )


def test_real_server_without_a_port_has_that_of_each_service() -> None:
    pool = {Endpoint("192.0.2.1", 0): Destination(1, "DR")}
    assert service_pool(KEYS[2], pool) == {Endpoint("192.0.2.1", 443): Destination(1, "DR")}
    assert service_pool(marked(7, 4), pool) == pool
    fixed = {Endpoint("192.0.2.1", 8080): Destination(1, "NAT")}
    assert service_pool(KEYS[2], fixed) == fixed
