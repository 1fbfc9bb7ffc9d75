# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenario files that run inside a lab host: the kernel process and its harness, packed up.

Owns the packing and the names. Must never import a scenario file here: it is made for the host.
"""

from __future__ import annotations

import ast
import base64
import io
import tarfile
from pathlib import Path

import pyroute2
from lvslab import Lab

TESTS = Path(__file__).resolve().parents[1]
AGENT = TESTS.parent / "roles/director/files/agent/lvs_agent"


def scenarios(guest: Path) -> list[str]:
    """The functions of the file that take a `bench` and nothing else."""
    tree = ast.parse(guest.read_text())
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and [argument.arg for argument in node.args.args] == ["bench"]
        and node.args.vararg is None
    ]


def _archive(guests: tuple[Path, ...]) -> str:
    """Agent, pyroute2, harness and scenarios as base64 of a tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for source, name in (
            (AGENT, "lvs_agent"),
            (Path(pyroute2.__file__).parent, "pyroute2"),
            (TESTS / "netns/kernel_harness.py", "netns/kernel_harness.py"),
            *((guest, guest.name) for guest in guests),
        ):
            archive.add(
                source, name, filter=lambda entry: None if "__pycache__" in entry.name else entry
            )
    return base64.b64encode(buffer.getvalue()).decode()


def unpack_here(folder: Path, *guests: Path) -> None:
    """Put everything that the scenarios of `guests` need into the folder of this machine."""
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(_archive(guests)))) as archive:
        archive.extractall(folder, filter="tar")


def unpack(lab: Lab, host: str, target: str, *guests: Path) -> None:
    """Put everything that the scenarios of `guests` need into the folder `target` of the host."""
    command = f"rm -rf {target} && mkdir {target} && base64 -d | tar -xz -C {target}"
    lab.run(host, command, stdin=_archive(guests), timeout=60)
