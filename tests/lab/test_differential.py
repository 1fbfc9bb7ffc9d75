# SPDX-License-Identifier: GPL-3.0-or-later
"""One keepalived.conf for Debian's keepalived and for the agent: the same IPVS table, addresses,
routes, rules and frames. The configurations are in differential/."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from check_servers import Authority
from differential import differences, unexplained
from guest_bundle import unpack
from lvslab import Lab

# Takes minutes more than `make test` has: `make test-keepalived`.
pytestmark = [pytest.mark.lab, pytest.mark.keepalived]

HERE = Path(__file__).parent
CONFIGURATIONS = sorted(path.stem for path in (HERE / "differential").glob("*.conf"))
HOST = "drct1"
TARGET = "/root/differential-test"
# The configurations name what lies beside them.
BESIDE = "/root/differential"
# Pairs at a time: most of it is waiting for timers of seconds, and a pair takes 60 MB.
AT_ONCE = 4
LONGEST_S = 540


@pytest.fixture(scope="module")
def host() -> Iterator[Lab]:
    """A host with memory for several of both."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root: run make test as root")
    name = os.environ.get("LVSLAB_TEST_NAME", "test")
    solo = Lab(f"{name}-differential", topology="solo")
    solo.down()
    try:
        solo.up()
        yield solo
    finally:
        solo.down()


@pytest.fixture(scope="module")
def results(
    host: Lab, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What became of every configuration that a test is asked of, by its name."""
    here = [item for item in request.session.items if item.path == request.path]
    asked = [item.callspec.params["name"] for item in here if isinstance(item, pytest.Function)]
    folder = tmp_path_factory.mktemp("differential")
    certificate = Authority(folder).issue("www.example.com").rename(folder / "tls.pem")
    guests = (HERE / "differential_guest.py", HERE / "differential_far.py")
    unpack(host, HOST, TARGET, *guests, certificate, HERE / "differential")
    files = " ".join(f"differential/{name}.conf" for name in asked)
    done = host.run(
        HOST,
        f"modprobe ip_vs && ln -sfn {TARGET}/differential {BESIDE} && cd {TARGET}"
        f" && python3 differential_guest.py {AT_ONCE} tls.pem {files}",
        timeout=LONGEST_S,
    )
    played = [json.loads(line) for line in done.stdout.splitlines()]
    return {result["name"]: result for result in played}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_keepalived_and_the_agent_make_the_same_of(
    results: dict[str, dict[str, Any]], name: str
) -> None:
    result = results[name]
    for who in ("keepalived", "agent"):
        print(f"--- log of {who}\n{result.get(who, {}).get('log')}")
    said = unexplained(name, differences(result))
    assert not said, "\n".join(said)
