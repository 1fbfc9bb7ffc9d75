# SPDX-License-Identifier: GPL-3.0-or-later
"""Which distribution a host has, and what its packages are called.

Owns reading os-release(5), and the names of packages. Pure: it must never touch a host. What a
host has is looked for by what it is (a command, a module), never concluded from its name; the name
only tells which package would bring what is missing.
"""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

DEBIAN, UBUNTU, RHEL, OTHER = "debian", "ubuntu", "rhel", "other"
# IDs of rebuilds and relatives that do not all say ID_LIKE=rhel.
_RHEL_IDS = frozenset({"rhel", "centos", "rocky", "almalinux", "ol", "fedora"})

# Where a distribution has an interpreter for the agent, the least first: a newer one that somebody
# installs later is not to change what the agent runs under.
INTERPRETERS = (
    "/usr/bin/python3",
    "/usr/bin/python3.11",
    "/usr/bin/python3.12",
    "/usr/bin/python3.13",
    "/usr/bin/python3.14",
)

_COMMANDS = {
    "systemctl": {},
    "systemd-sysusers": {DEBIAN: "systemd", UBUNTU: "systemd", RHEL: "systemd"},
    "modprobe": {DEBIAN: "kmod", UBUNTU: "kmod", RHEL: "kmod"},
    "ip": {DEBIAN: "iproute2", UBUNTU: "iproute2", RHEL: "iproute"},
    "nft": {DEBIAN: "nftables", UBUNTU: "nftables", RHEL: "nftables"},
    "ufw": {DEBIAN: "ufw", UBUNTU: "ufw"},
    "firewall-cmd": {DEBIAN: "firewalld", UBUNTU: "firewalld", RHEL: "firewalld"},
}

# Where `ip` and `ufw` know the numbers of protocols from; a minimal Debian has none.
_FILES = {"/etc/protocols": {DEBIAN: "netbase", UBUNTU: "netbase", RHEL: "setup"}}


class Platform(NamedTuple):
    """A distribution: its family, its version as numbers, and its name for people."""

    family: str
    version: tuple[int, ...]
    name: str


class Python(NamedTuple):
    """The package with an interpreter that is new enough, and where it puts it."""

    package: str
    path: str


def parse(text: str) -> Platform:
    """The platform that an os-release file tells; what is not there is empty."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, sign, value = line.strip().partition("=")
        if sign and not name.startswith("#"):
            try:
                values[name] = " ".join(shlex.split(value))
            except ValueError:
                continue  # a quote too few: not worth failing for
    version = tuple(int(part) for part in re.findall(r"\d+", values.get("VERSION_ID", "")))
    name = values.get("PRETTY_NAME") or values.get("ID") or "an unknown distribution"
    return Platform(_family(values), version, name)


def _family(values: dict[str, str]) -> str:
    own = values.get("ID", "").lower()
    like = values.get("ID_LIKE", "").lower().split()
    if own == "ubuntu" or "ubuntu" in like:
        return UBUNTU
    if own == "debian" or "debian" in like:
        return DEBIAN
    if own in _RHEL_IDS or _RHEL_IDS & set(like):
        return RHEL
    return OTHER


def command_package(platform: Platform, command: str) -> str | None:
    """The package that brings a command; None where we do not know it."""
    return _COMMANDS.get(command, {}).get(platform.family)


def file_package(platform: Platform, path: str) -> str | None:
    """The package that brings a file; None where we do not know it."""
    return _FILES.get(path, {}).get(platform.family)


def python_package(platform: Platform) -> Python | None:
    """The package with Python 3.11 or later; None where there is none, or we do not know it."""
    usual = Python("python3", "/usr/bin/python3")
    beside = Python("python3.11", "/usr/bin/python3.11")
    # Debian 12 has 3.11 and 13 has 3.13; Ubuntu 22.04 has 3.10 with 3.11 in universe, and 24.04
    # has 3.12; RHEL 9 has 3.9 with 3.11 in AppStream, and 10 has 3.12.
    if platform.family == DEBIAN:
        return usual if platform.version >= (12,) else None
    if platform.family == UBUNTU:
        return (
            None if platform.version < (22, 4) else usual if platform.version >= (24,) else beside
        )
    if platform.family == RHEL:
        return None if platform.version < (8,) else usual if platform.version >= (10,) else beside
    return None


def kernel_package(platform: Platform, release: str, module: str) -> str | None:
    """The package with a module of the kernel `release` (uname -r); None where we do not know.

    Ubuntu's kernels for clouds and small machines leave IPVS to a package of its own, as RHEL
    leaves SCTP; Debian's and RHEL's others come with the kernel.
    """
    if platform.family == UBUNTU:
        return f"linux-modules-extra-{release}"
    if platform.family == RHEL:
        extra = "-extra" if module in ("sctp", "fou", "fou6") else ""
        return f"kernel-modules{extra}-{release}"
    if platform.family == DEBIAN:
        return f"linux-image-{release}"
    return None
