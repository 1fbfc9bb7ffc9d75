# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab for tests: booted once, with the collection built and installed as a user has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import host_state
import pytest
import running_order
from cluster import Cluster, install_collection
from lvslab import Lab
from lvslab.errors import LabError


def lab_name() -> str:
    """The name of this worker's lab, and of what belongs to it."""
    names = (os.environ.get("LVSLAB_TEST_NAME", "test"), os.environ.get("PYTEST_XDIST_WORKER"))
    return "-".join(filter(None, names))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The five hosts of the seed. Ends with the session, whatever happened.

    $LVSLAB_TEST_NAME (default "test") is the lab's name: give another to run tests twice at once.
    Each worker of pytest-xdist has a lab of its own.
    """
    if os.geteuid() != 0:
        pytest.skip("the lab needs root: run make test as root")
    lab = Lab(lab_name(), topology="seed")
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="session")
def collections() -> Path:
    """Where the collection is installed."""
    return install_collection(lab_name())


@pytest.fixture(scope="session")
def cluster(lab: Lab, collections: Path) -> Cluster:
    """Playbooks and eyes on the lab."""
    return Cluster(lab, collections)


@dataclass(kw_only=True)
class Past:
    """Who has had the hosts of the lab."""

    modules: list[str] = field(default_factory=list)
    failures: int = 0  # of this session when the last of them began
    # The directors before anything was done to them, if the chain has a file that wants to know.
    pristine: dict[str, host_state.State] = field(default_factory=dict)


@pytest.fixture(scope="session")
def past() -> Past:
    """Of this session's lab."""
    return Past()


@pytest.fixture(scope="module")
def bare(lab: Lab, past: Past, request: pytest.FixtureRequest) -> Lab:
    """All hosts as they were installed."""
    if past.modules:
        lab.reset()
    _remember(lab, past, request)
    return _taken(lab, past, request)


@pytest.fixture(scope="module")
def lived_in(lab: Lab, past: Past, request: pytest.FixtureRequest) -> Lab:
    """All hosts as the file before in the chain has left them (running_order.py); bare ones if
    that did not run, or if one of its tests failed and nobody knows what it has left."""
    follows = past.modules and running_order.follows(request.path.stem, past.modules[-1])
    if past.modules and (not follows or request.session.testsfailed > past.failures):
        lab.reset()
        follows = False
    if not follows:
        _remember(lab, past, request)
    return _taken(lab, past, request)


def _remember(lab: Lab, past: Past, request: pytest.FixtureRequest) -> None:
    if running_order.ends_with_removal(request.path.stem):
        past.pristine = {host: host_state.read(lab, host) for host in ("drct1", "drct2")}


def _taken(lab: Lab, past: Past, request: pytest.FixtureRequest) -> Lab:
    past.modules.append(request.path.stem)
    past.failures = request.session.testsfailed
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
