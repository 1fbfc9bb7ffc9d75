# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process against real IPVS, in a lab host; see ipvs_guest.py for the scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest
from guest_bundle import scenarios, unpack
from lvslab import Lab

pytestmark = pytest.mark.lab

GUEST = Path(__file__).with_name("ipvs_guest.py")
HOST = "client"  # no other test minds what is done to it
TARGET = "/root/ipvs-guest"


@pytest.fixture(scope="module")
def host(lab: Lab) -> Lab:
    """The client with everything the scenarios need."""
    unpack(lab, HOST, TARGET, GUEST)
    return lab


@pytest.mark.parametrize("scenario", scenarios(GUEST))
def test_ipvs(host: Lab, scenario: str) -> None:
    done = host.run(
        HOST, f"cd {TARGET} && python3 ipvs_guest.py {scenario} 2>&1", timeout=120, check=False
    )
    print(done.stdout)
    assert done.rc == 0, done.stdout
