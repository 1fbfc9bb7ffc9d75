# SPDX-License-Identifier: GPL-3.0-or-later
"""Distributions, by what their os-release says, and what preflight advises on each."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _platform
from ansible_collections.lvs.cluster.plugins.modules import preflight

from .conftest import REPOSITORY

# The lines that matter of the files as the distributions ship them.
OS_RELEASE = {
    "debian12": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
    "debian13": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n',
    "ubuntu2204": 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nVERSION_ID="22.04"\nID=ubuntu\n'
    "ID_LIKE=debian\n",
    "ubuntu2404": 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nVERSION_ID="24.04"\nID=ubuntu\n'
    "ID_LIKE=debian\n",
    "rhel9": 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.5"\n'
    'PRETTY_NAME="Red Hat Enterprise Linux 9.5 (Plow)"\n',
    "rocky9": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.5"\n'
    'PRETTY_NAME="Rocky Linux 9.5 (Blue Onyx)"\n',
    "alma10": 'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.0"\n'
    'PRETTY_NAME="AlmaLinux 10.0 (Purple Lion)"\n',
    "arch": 'ID=arch\nPRETTY_NAME="Arch Linux"\nBUILD_ID=rolling\n',
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "family", "python"),
    [
        ("debian12", "debian", "python3 /usr/bin/python3"),
        ("debian13", "debian", "python3 /usr/bin/python3"),
        ("ubuntu2204", "ubuntu", "python3.11 /usr/bin/python3.11"),
        ("ubuntu2404", "ubuntu", "python3 /usr/bin/python3"),
        ("rhel9", "rhel", "python3.11 /usr/bin/python3.11"),
        ("rocky9", "rhel", "python3.11 /usr/bin/python3.11"),
        ("alma10", "rhel", "python3 /usr/bin/python3"),
        ("arch", "other", None),
    ],
)
def test_each_distribution_has_its_python(name: str, family: str, python: str | None) -> None:
    platform = _platform.parse(OS_RELEASE[name])
    assert platform.family == family
    offer = _platform.python_package(platform)
    assert (f"{offer.package} {offer.path}" if offer else None) == python


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("debian12", "ip_vs", "linux-image-6.1.0-9"),
        ("ubuntu2204", "ip_vs", "linux-modules-extra-6.1.0-9"),
        ("rocky9", "ip_vs", "kernel-modules-6.1.0-9"),
        ("rocky9", "sctp", "kernel-modules-extra-6.1.0-9"),
        ("arch", "ip_vs", None),
    ],
)
def test_kernel_modules_come_in_packages_of_the_kernel(
    name: str, module: str, package: str | None
) -> None:
    platform = _platform.parse(OS_RELEASE[name])
    assert _platform.kernel_package(platform, "6.1.0-9", module) == package


def test_a_strange_os_release_is_an_unknown_distribution() -> None:
    assert _platform.parse("").family == "other"
    assert _platform.parse('ID="debian\n# VERSION_ID=1\nnothing\n').version == ()


class Host:
    """A host of which nothing is there but what is said."""

    def __init__(self, pythons: dict[str, str], **parameters: Any) -> None:
        empty: dict[str, Any] = {"python": None, "python_version": "3.11"}
        empty |= {"commands": [], "files": [], "kernel_modules": [], "interfaces": []}
        empty |= {"rivals": []}
        self.params = {**empty, **parameters}
        self._pythons = pythons

    def get_bin_path(self, name: str, **_: object) -> str | None:
        return None

    def run_command(self, words: list[str], **_: object) -> tuple[int, str, str]:
        return 0, f"{self._pythons[words[0]]}\n", ""


def search(
    monkeypatch: pytest.MonkeyPatch, name: str, pythons: dict[str, str], **parameters: Any
) -> preflight.Search:
    monkeypatch.setattr(preflight._host, "read_text", lambda _: OS_RELEASE[name])
    there = SimpleNamespace(
        access=lambda path, _: path in pythons,
        path=SimpleNamespace(
            isdir=lambda path: path == "/run/systemd/system", exists=lambda path: False
        ),
        listdir=lambda _: ["eth0", "lo"],
        uname=os.uname,
        X_OK=os.X_OK,
    )
    monkeypatch.setattr(preflight, "os", there)
    found = preflight.Search(Host(pythons, **parameters))
    found.everything()
    return found


def test_the_usual_python_is_taken_where_it_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pythons = {"/usr/bin/python3": "3.12", "/usr/bin/python3.11": "3.11"}
    assert search(monkeypatch, "ubuntu2404", pythons, python="auto").python == "/usr/bin/python3"


@pytest.mark.parametrize(("state", "lacks"), [("active", 1), ("activating", 1), ("inactive", 0)])
def test_a_keepalived_that_runs_is_told_with_the_way_over(
    monkeypatch: pytest.MonkeyPatch, state: str, lacks: int
) -> None:
    monkeypatch.setattr(preflight._host, "unit_state", lambda *_: {"ActiveState": state})
    found = search(monkeypatch, "rocky9", {}, rivals=["keepalived.service"])
    assert len(found.missing) == lacks
    assert all("lvs.cluster.migrate" in line for line in found.missing)


def test_one_beside_a_usual_one_that_is_too_old_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pythons = {"/usr/bin/python3": "3.9", "/usr/bin/python3.12": "3.12"}
    found = search(monkeypatch, "rocky9", pythons, python="auto")
    assert (found.python, found.missing) == ("/usr/bin/python3.12", [])


def test_without_one_the_package_and_its_path_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = search(monkeypatch, "ubuntu2204", {"/usr/bin/python3": "3.10"}, python="auto")
    assert found.python == "/usr/bin/python3.11"
    assert found.packages == ["python3.11"]
    assert found.missing == [
        "/usr/bin/python3 is version 3.10, the agent needs 3.11 or later; install the package"
        " python3.11 (/usr/bin/python3.11)"
    ]


def test_one_message_names_everything_and_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    found = search(
        monkeypatch, "rocky9", {}, python="auto", commands=["ip", "nft"], interfaces=["eth9"]
    )
    assert preflight.advice(found, "director_install_packages").splitlines() == [
        "The host (Rocky Linux 9.5 (Blue Onyx)) lacks what it needs:",
        "  - no Python; install the package python3.11 (/usr/bin/python3.11)",
        "  - no command ip; install the package iproute",
        "  - no command nft; install the package nftables",
        "  - no network interface eth9; there are eth0, lo",
        "Packages to install: python3.11 iproute nftables (director_install_packages: true lets the"
        " role do it)",
    ]


def test_a_minimal_debian_lacks_the_names_of_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    found = search(monkeypatch, "debian12", {}, files=["/etc/protocols"])
    assert found.missing == ["no file /etc/protocols; install the package netbase"]


def test_a_kernel_whose_modules_are_gone_wants_a_reboot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Host, "get_bin_path", lambda *_, **__: "/sbin/modprobe")
    monkeypatch.setattr(Host, "run_command", lambda *_, **__: (1, "", ""))
    found = search(monkeypatch, "debian12", {}, kernel_modules=["ip_vs", "ip_vs_rr"])
    assert len(found.missing) == 1
    assert "reboot" in found.missing[0]
    assert found.packages == []


FILES = sorted(
    path
    for folder in ("modules", "module_utils")
    for path in (REPOSITORY / "plugins" / folder).glob("*.py")
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_modules_run_under_python_3_9(path: Path) -> None:
    """RHEL 9 runs modules under its 3.9; annotations are not evaluated, isinstance is."""
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = {keyword.arg for keyword in node.keywords}
            united = any(isinstance(each, ast.BinOp) for each in node.args)
            assert not (node.func.id == "isinstance" and united), ast.unparse(node)
            assert not (node.func.id == "zip" and "strict" in names), ast.unparse(node)
            assert not (node.func.id == "dataclass" and names & {"slots", "kw_only"}), path
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            # Types by their usual spelling; numbers and flags may be joined.
            united = re.search(r"\| (\w+\.)*[A-Z]\w*[a-z]\w*$", ast.unparse(node.value))
            assert united is None, ast.unparse(node)
        assert not isinstance(node, ast.Match), path
        if isinstance(node, ast.ImportFrom) and node.module == "itertools":
            assert "pairwise" not in {each.name for each in node.names}, path
