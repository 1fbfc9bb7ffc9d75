# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents become configurations; what is wrong is said whole, with its place."""

from __future__ import annotations

import copy
import json
from typing import Any

import bad_ipvs_documents
import bad_vrrp_documents
import pytest
from bad_documents import GOOD, SLIPS, Slip
from full_document import FULL
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent import config
from lvs_agent.core.checks import HttpCheck, TcpCheck
from lvs_agent.core.model import Config, PassAuthentication
from lvs_agent.status_codes import parse_status_codes


def errors_of(text: str) -> list[str]:
    with pytest.raises(config.ConfigRejected) as caught:
        config.load(text)
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize(
    "slip",
    [*SLIPS, *bad_vrrp_documents.SLIPS, *bad_ipvs_documents.SLIPS],
    ids=lambda slip: slip.name,
)
def test_a_slip_is_one_error_with_its_path_and_what_to_do(slip: Slip) -> None:
    (error,) = errors_of(json.dumps(slip.document()))
    assert error.startswith(f"{slip.path}: ")
    assert slip.words in error


def test_a_document_with_everything_is_accepted() -> None:
    accepted = config.from_document(FULL)
    assert all(
        getattr(accepted, name) for name in Config.__dataclass_fields__ if "virtual" not in name
    )


def test_all_errors_come_at_once() -> None:
    document = copy.deepcopy(GOOD)
    document["vrrp_instances"]["VI_1"].update(priority=0, colour="red")
    document["virtual_servers"]["web"]["real_servers"]["rs1"]["weight"] = -1
    assert len(errors_of(json.dumps(document))) == 3


@given(st.integers(min_value=0, max_value=len(json.dumps(GOOD)) - 1))
def test_a_truncated_file_is_refused_with_line_and_column(length: int) -> None:
    (error,) = errors_of(json.dumps(GOOD)[:length])
    assert error.startswith("line 1 column ")
    assert "not valid JSON" in error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"global_defs": {}, "global_defs": {}}', "given twice"),
        ('{"vrrp_instances": {"VI_1": {"advert_int": NaN}}}', "NaN is not a number"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "must be a mapping of options, not a list"),
        ("", "not valid JSON"),
    ],
)
def test_files_that_are_no_document_are_refused(text: str, words: str) -> None:
    assert words in errors_of(text)[0]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[call-overload]
    for key, inner in items:
        if isinstance(inner, dict | list):
            found += places(inner, (*path, key))
        else:
            found.append((*path, key))
    return found


@pytest.mark.parametrize("good", [GOOD, FULL], ids=["services", "everything"])
@given(st.data())
def test_any_value_anywhere_gives_a_configuration_or_errors_with_paths(
    good: dict[str, Any], data: st.DataObject
) -> None:
    document = copy.deepcopy(good)
    place = data.draw(st.sampled_from([place for place in places(good) if place]))
    holder: Any = document
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = data.draw(JSON_VALUES)
    text = json.dumps(document)
    try:
        config.load(text)
    except config.ConfigRejected as rejected:
        assert all(error.path for error in rejected.errors)
    else:
        assert all(warning.path for warning in config.lint(text))


def test_what_one_option_takes_from_another_is_filled_in() -> None:
    document = copy.deepcopy(GOOD)
    web = document["virtual_servers"]["web"]
    web["real_servers"]["rs2"]["tcp_check"] = {"connect_timeout": 0.25}
    loaded = config.from_document(document)
    (instance,) = loaded.vrrp_instances
    assert (instance.version, instance.mcast_group) == (2, "224.200.100.18")
    assert instance.authentication == PassAuthentication(data=b"zrs66zrs")
    assert [address.label for address in instance.addresses] == ["eno16777736:0", None]
    (server,) = loaded.virtual_servers
    (sorry,) = server.sorry_servers
    assert (sorry.name, sorry.endpoint.port, sorry.checks) == ("sorry_server", 80, ())
    (http,) = server.real_servers[0].checks
    assert isinstance(http, HttpCheck)
    assert (http.address, http.port, http.retry) == ("172.16.1.3", 80, 3)
    assert http.delay_loop_ns == 3_000_000_000
    (tcp,) = server.real_servers[1].checks
    assert isinstance(tcp, TcpCheck)
    assert (tcp.connect_timeout_ns, tcp.retry) == (250_000_000, 1)


def test_a_long_or_short_password_is_the_eight_bytes_of_the_protocol() -> None:
    for password, wire in (("long-password", b"long-pas"), ("abc", b"abc\0\0\0\0\0")):
        document = copy.deepcopy(GOOD)
        document["vrrp_instances"]["VI_1"]["authentication"]["auth_pass"] = password
        assert config.from_document(document).vrrp_instances[
            0
        ].authentication == PassAuthentication(data=wire)


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        (200, ((200, 200),)),
        ("200-299", ((200, 299),)),
        ("301, 200-299 300", ((200, 301),)),
        ([404, "200-204", "203-210"], ((200, 210), (404, 404))),
    ],
)
def test_status_codes_are_merged_ranges(value: object, ranges: tuple[tuple[int, int], ...]) -> None:
    assert parse_status_codes(value) == ranges
