# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian packages that emulated machines need on this one. No daemon of theirs is started."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from lvslab import shell
from lvslab.errors import LabError

_INSTALL = Path(__file__).resolve().parents[2] / "tools" / "install-packages"
# What shows that it is there (a command, or a path), and the package that brings it. libvirt's
# daemon without libvirt-daemon-system: no units, no users, nothing that a boot would start.
_NEEDED = (
    ("vagrant", "vagrant"),
    ("/usr/share/rubygems-integration/all/specifications/vagrant-libvirt-*", "vagrant-libvirt"),
    ("libvirtd", "libvirt-daemon"),
    ("/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so", "libvirt-daemon-driver-qemu"),
    ("virsh", "libvirt-clients"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("qemu-img", "qemu-utils"),
    ("dnsmasq", "dnsmasq-base"),
    ("iptables", "iptables"),
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("grub-mkimage", "grub-common"),
    ("/usr/lib/grub/i386-pc/boot.img", "grub-pc-bin"),
    ("nc", "netcat-openbsd"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
)
# libvirt's folders, by no package of these; a cell mounts its own over them, they stay empty.
_FOLDERS = ("/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt")
_TIMEOUT_S = 900.0


def missing() -> list[str]:
    """The packages that are not on this machine."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [package for mark, package in _NEEDED if not _is_there(mark, path)]


def _is_there(mark: str, path: str) -> bool:
    if mark.startswith("/"):
        return any(Path("/").glob(mark[1:]))
    return shutil.which(mark, path=path) is not None


def ensure() -> None:
    """Install what is missing. LabError with what to do if that fails."""
    if packages := missing():
        print(f"emulator: installing {' '.join(packages)}", file=sys.stderr, flush=True)
        shell.run([str(_INSTALL), *packages], timeout_s=_TIMEOUT_S)
        if still := missing():
            raise LabError(f"installed, and yet not found: {' '.join(still)}")
    for folder in _FOLDERS:
        Path(folder).mkdir(mode=0o755, parents=True, exist_ok=True)
