# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process against real IPVS, in a lab host; see ipvs_guest.py for the scenarios."""

from __future__ import annotations

import ast
import base64
import io
import tarfile
from pathlib import Path

import pyroute2
import pytest
from lvslab import Lab

pytestmark = pytest.mark.lab

TESTS = Path(__file__).resolve().parents[1]
AGENT = TESTS.parent / "roles/director/files/agent/lvs_agent"
GUEST = Path(__file__).with_name("ipvs_guest.py")
HOST = "drct1"
TARGET = "/root/ipvs-guest"


def scenarios() -> list[str]:
    """The names in ipvs_guest.SCENARIOS, without importing it here: it is made for the host."""
    tree = ast.parse(GUEST.read_text())
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and [argument.arg for argument in node.args.args] == ["bench"]
    ]


def bundle() -> str:
    """Agent, pyroute2, harness and scenarios as base64 of a tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for source, name in (
            (AGENT, "lvs_agent"),
            (Path(pyroute2.__file__).parent, "pyroute2"),
            (TESTS / "netns/kernel_harness.py", "netns/kernel_harness.py"),
            (GUEST, "ipvs_guest.py"),
        ):
            archive.add(
                source, name, filter=lambda entry: None if "__pycache__" in entry.name else entry
            )
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture(scope="module")
def host(bare: Lab) -> Lab:
    """drct1 with everything the scenarios need."""
    unpack = f"rm -rf {TARGET} && mkdir {TARGET} && base64 -d | tar -xz -C {TARGET}"
    bare.run(HOST, unpack, stdin=bundle(), timeout=60)
    return bare


@pytest.mark.parametrize("scenario", scenarios())
def test_ipvs(host: Lab, scenario: str) -> None:
    done = host.run(
        HOST, f"cd {TARGET} && python3 ipvs_guest.py {scenario} 2>&1", timeout=120, check=False
    )
    print(done.stdout)
    assert done.rc == 0, done.stdout
