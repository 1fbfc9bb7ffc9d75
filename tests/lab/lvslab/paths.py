# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps things. Owns every file name; never opens a file.

All state of a lab is in CACHE/run/NAME/, images are in CACHE/images/HASH/. Only
sockets are elsewhere (/run/lvslab/NAME/): a unix socket's path holds 107 bytes at
most, and nobody knows how deep a checkout lies.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lvslab.errors import LabError

LAB_FOLDER = Path(__file__).resolve().parent.parent
TOPOLOGIES = LAB_FOLDER / "topologies"
GUEST = LAB_FOLDER / "guest"
_REPOSITORY = LAB_FOLDER.parent.parent


def cache_root() -> Path:
    """The folder for images and state: $LVSLAB_CACHE, else .lab-cache/ of the checkout.

    Raises LabError for a path that User Mode Linux cannot take as a disk.
    """
    root = Path(os.environ.get("LVSLAB_CACHE") or _REPOSITORY / ".lab-cache").absolute()
    # "ubd0=cow,base" and the kernel command line split at these.
    if re.search(r"[\s,:]", str(root)):
        raise LabError(
            f"{root}: a disk of User Mode Linux cannot have a space, comma or colon in its path;"
            " set LVSLAB_CACHE to another folder"
        )
    return root


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPaths:
    """The files of one lab."""

    name: str
    cache: Path

    @classmethod
    def of(cls, name: str) -> LabPaths:
        """Paths of the lab `name`. Raises LabError for a name that cannot be one."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
            raise LabError(
                f"{name!r}: a lab's name is 1 to 31 lower case letters, digits and hyphens"
            )
        return cls(name=name, cache=cache_root())

    @property
    def namespace(self) -> str:
        """Name of the lab's network namespace."""
        return f"lvslab-{self.name}"

    @property
    def run(self) -> Path:
        return self.cache / "run" / self.name

    @property
    def lock(self) -> Path:
        return self.cache / "run" / f"{self.name}.lock"

    @property
    def state(self) -> Path:
        return self.run / "lab.json"

    @property
    def known_hosts(self) -> Path:
        return self.run / "known_hosts"

    @property
    def captures(self) -> Path:
        return self.run / "captures"

    @property
    def sockets(self) -> Path:
        return Path("/run/lvslab") / self.name

    def ssh_socket(self, host: str) -> Path:
        return self.sockets / f"{host}.ssh"

    def host(self, host: str) -> Path:
        return self.run / "hosts" / host

    def disk(self, host: str) -> Path:
        return self.host(host) / "disk.cow"

    def console(self, host: str) -> Path:
        return self.host(host) / "console.log"

    def pid(self, host: str) -> Path:
        return self.host(host) / "pid"
