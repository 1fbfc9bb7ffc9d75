# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab for tests: booted once, with the collection built and installed as a user has it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from cluster import Cluster, install_collection
from lvslab import Lab
from lvslab.errors import LabError


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The five hosts of the seed. Ends with the session, whatever happened.

    $LVSLAB_TEST_NAME (default "test") is the lab's name: give another to run tests twice at once.
    Each worker of pytest-xdist has a lab of its own.
    """
    if os.geteuid() != 0:
        pytest.skip("the lab needs root: run make test as root")
    names = (os.environ.get("LVSLAB_TEST_NAME", "test"), os.environ.get("PYTEST_XDIST_WORKER"))
    lab = Lab("-".join(filter(None, names)), topology="seed")
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="session")
def cluster(lab: Lab) -> Cluster:
    """Playbooks and eyes on the lab."""
    return Cluster(lab, install_collection(lab))


@pytest.fixture(scope="session")
def used() -> list[str]:
    """Names of the test modules that have had the hosts."""
    return []


@pytest.fixture(scope="module")
def bare(lab: Lab, used: list[str], request: pytest.FixtureRequest) -> Lab:
    """All hosts as they were installed."""
    if used:
        lab.reset()
    used.append(str(request.path))
    return lab


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed test shows the agents' journals: the lab is gone when somebody reads it."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and isinstance(lab, Lab):
        for host in ("drct1", "drct2"):
            report.sections.append((f"journal of {host}", _journal(lab, host)))


def _journal(lab: Lab, host: str) -> str:
    command = "journalctl -b -u lvs-agent -o short-precise --no-pager | tail -60; ip -br -4 address"
    try:
        return lab.run(host, command, check=False, timeout=10).stdout
    except LabError as error:
        return f"not to be had: {error}"
