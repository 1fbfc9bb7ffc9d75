# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk image that all hosts start from, built once for each recipe.

Owns CACHE/images/. The recipe is guest/ (packages and files), this module's
RECIPE_VERSION and the version of the UML kernel. An image is never changed after
it is built: copy-on-write disks refuse a base whose time stamp has changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lvslab import shell
from lvslab.errors import LabError
from lvslab.paths import GUEST
from lvslab.progress import Progress

# Part of the hash: raise it when this module builds something different.
RECIPE_VERSION = 1
# Another release of Debian for the hosts, such as trixie, to try the roles there.
_SUITE = os.environ.get("LVSLAB_SUITE", "bookworm")
_KERNEL = Path("/usr/bin/linux.uml")
_MODULES = Path("/usr/lib/uml/modules")
# Sparse: what the guests can ever use; a copy-on-write file grows as they write.
_SIZE = "3G"
_BUILD_TIMEOUT_S = 900.0
# No lazy initialisation: each guest would write the inode tables into its own
# copy-on-write file.
_EXTENDED = "lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0"
_MKE2FS = ("mke2fs", "-q", "-t", "ext4", "-m", "0", "-J", "size=16", "-E", _EXTENDED)
_LOCK_TIMEOUT_S = 900.0
_PRUNE_AGE_S = 3600.0

# Off until somebody asks: peers and witnesses, and nginx where no role wants it.
_OFF = ("keepalived", "frr", "haproxy", "nginx", "nftables", "ipvsadm")
# Not wanted at all: they cost boot time, or would fight over addresses and clock.
_MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-networkd-wait-online.service",
    "systemd-pcrphase.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-pstore.service",
    "systemd-repart.service",
    "systemd-sysusers.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-machine-id-commit.service",
    "proc-sys-fs-binfmt_misc.automount",
    "proc-sys-fs-binfmt_misc.mount",
    "dev-hugepages.mount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "modprobe@configfs.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-initctl.socket",
    "getty.target",
    "console-getty.service",
    "getty-static.service",
    "systemd-logind.service",
)
_ENABLED = ("ssh", "lvslab-network", "lvslab-first-boot", "lvslab-ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A built image."""

    recipe: str
    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "base.img"

    @property
    def private_key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def host_key(self) -> Path:
        """Public half of the SSH host key that all hosts share."""
        return self.folder / "ssh_host_ed25519_key.pub"


def kernel() -> Path:
    """The UML kernel. Raises LabError if it is not installed."""
    if not _KERNEL.exists():
        raise LabError(f"{_KERNEL} is missing: apt-get install user-mode-linux")
    return _KERNEL


def recipe_hash() -> str:
    """First 16 hex digits of the SHA-256 over everything that makes the image."""
    digest = hashlib.sha256(f"{RECIPE_VERSION} {_SUITE} {_SIZE} {_kernel_release()}\n".encode())
    for name in (*_OFF, *_MASKED, *_ENABLED):
        digest.update(f"{name}\n".encode())
    for path in sorted(GUEST.rglob("*")):
        if path.is_file():
            executable = os.access(path, os.X_OK)
            digest.update(f"{path.relative_to(GUEST)} {executable}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def ensure(cache: Path, progress: Progress) -> Image:
    """The image of the present recipe, built if it is not in the cache."""
    missing = shell.missing_packages()
    if missing:
        with progress.step(f"installing Debian packages: {' '.join(missing)}"):
            shell.install_packages(missing)
    recipe = recipe_hash()
    images = cache / "images"
    image = Image(recipe=recipe, folder=images / recipe)
    if image.disk.exists():
        return image
    images.mkdir(parents=True, exist_ok=True)
    with _lock(images / "lock", progress) as lock:
        if not image.disk.exists():
            _build(image, progress, lock.fileno())
    return image


def prune(cache: Path, keep: set[str]) -> None:
    """Delete images of old recipes, except those in `keep` and those of the last hour:
    somebody may be about to boot one.
    """
    for folder in (cache / "images").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            old = time.time() - folder.stat().st_mtime > _PRUNE_AGE_S
            if old and re.fullmatch("[0-9a-f]{16}", folder.name) and folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)


def _build(image: Image, progress: Progress, lock: int) -> None:
    work = image.folder.with_suffix(".building")
    # We hold the lock, so this is what an interrupted build has left.
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    root = work / "root"
    with progress.step(f"image {image.recipe}: Debian {_SUITE} from its mirror (about a minute)"):
        _debootstrap(root, lock)
    with progress.step("image: kernel modules, keys, services"):
        _customize(root, work)
    with progress.step("image: file system"):
        disk = work / "base.img"
        shell.run(
            [*_MKE2FS, "-d", str(root), str(disk), _SIZE],
            timeout_s=_BUILD_TIMEOUT_S,
        )
        disk.chmod(0o444)
    shutil.rmtree(root)
    work.rename(image.folder)


def _debootstrap(root: Path, lock: int) -> None:
    lines = (GUEST / "packages.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in (line.split("#")[0].strip() for line in lines) if line]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}"]
    for folder in ("doc", "man", "info", "locale", "i18n/charmaps"):
        command.append(f"--dpkgopt=path-exclude=/usr/share/{folder}/*")
    # The lock stays held while mmdebstrap runs, even if we are killed: nobody
    # else may then start in its folder.
    shell.run([*command, _SUITE, str(root)], timeout_s=_BUILD_TIMEOUT_S, pass_fds=[lock])


def _customize(root: Path, work: Path) -> None:
    shutil.copytree(GUEST / "root", root, dirs_exist_ok=True)
    release = _kernel_release()
    shutil.copytree(_MODULES / release, root / "lib/modules" / release, dirs_exist_ok=True)
    shell.run(["depmod", "-b", str(root), release], timeout_s=120)
    _keys(root, work)
    for folder in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / folder, ignore_errors=True)
    # Valid, so that no boot counts as a first one (systemd would then enable
    # everything by preset); each host gets its own by systemd.machine_id=.
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
    (root / "etc/hostname").unlink(missing_ok=True)  # systemd.hostname= says it
    (root / "var/log/journal").mkdir(exist_ok=True)
    (root / "var/www/html/index.nginx-debian.html").unlink(missing_ok=True)
    chroot = ["chroot", str(root), "systemctl", "--quiet"]
    shell.run([*chroot, "disable", *_OFF], timeout_s=120)
    shell.run([*chroot, "mask", *_MASKED], timeout_s=60)
    shell.run([*chroot, "enable", *_ENABLED], timeout_s=60)
    shell.run([*chroot, "set-default", "multi-user.target"], timeout_s=60)


def _keys(root: Path, work: Path) -> None:
    """One client key for the lab, and one host key for all hosts, as files of the image."""
    for path in (root / "etc/ssh").glob("ssh_host_*"):
        path.unlink()
    for name in ("id_ed25519", "ssh_host_ed25519_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lvslab"]
        shell.run([*command, "-f", str(work / name)], timeout_s=30)
    for suffix in ("", ".pub"):
        shutil.copy2(work / f"ssh_host_ed25519_key{suffix}", root / "etc/ssh")
    folder = root / "root/.ssh"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    shutil.copyfile(work / "id_ed25519.pub", folder / "authorized_keys")
    (folder / "authorized_keys").chmod(0o600)


def _kernel_release() -> str:
    releases = sorted(path.name for path in _MODULES.glob("*")) if _MODULES.exists() else []
    if not releases:
        raise LabError(f"{_MODULES} is empty: apt-get install user-mode-linux")
    return releases[-1]


@contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[IO[str]]:
    with path.open("w", encoding="ascii") as handle:
        deadline = time.monotonic() + _LOCK_TIMEOUT_S
        told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    progress.note("another build of the image is running: waiting for it")
                    told = True
                if time.monotonic() > deadline:
                    raise LabError(
                        f"{path} is still locked after {_LOCK_TIMEOUT_S:g} s: look for a hanging"
                        " mmdebstrap"
                    ) from None
                time.sleep(0.5)
        yield handle
