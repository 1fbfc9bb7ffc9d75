# SPDX-License-Identifier: GPL-3.0-or-later
"""What each option of virtual servers makes of IPVS; the scenarios are in ipvs_options_guest.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from guest_bundle import scenarios, unpack
from lvslab import Lab

pytestmark = pytest.mark.lab

GUEST = Path(__file__).with_name("ipvs_options_guest.py")
HOST = "client"  # no other test minds what is done to it
TARGET = "/root/ipvs-options-guest"


@pytest.fixture(scope="module")
def host(lab: Lab) -> Lab:
    """The client with everything the scenarios need."""
    unpack(lab, HOST, TARGET, GUEST, GUEST.with_name("ipvs_guest.py"))
    return lab


@pytest.mark.parametrize("scenario", scenarios(GUEST))
def test_ipvs_options(host: Lab, scenario: str) -> None:
    done = host.run(
        HOST,
        f"cd {TARGET} && python3 ipvs_options_guest.py {scenario} 2>&1",
        timeout=60,
        check=False,
    )
    print(done.stdout)
    assert done.rc == 0, done.stdout
