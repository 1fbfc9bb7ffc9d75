# SPDX-License-Identifier: GPL-3.0-or-later
"""The Vagrant box that emulated machines start from, built once for each recipe.

Owns CACHE/vagrant/boxes/. The recipe is guest/ and this module. Nothing is mounted and no loop
device is taken: mke2fs fills the file system, and GRUB's two parts are copied to where the boot
record's defaults look for them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import struct
import tarfile
from pathlib import Path

from lvslab import shell
from lvslab.errors import LabError
from lvslab.progress import Progress

GUEST = Path(__file__).resolve().parent.parent / "guest"
_SUITE = "bookworm"
_SIZE_GIB = 3  # sparse, as is each machine's own copy
_START = 2048  # first sector of the partition; GRUB lives before it
_SECTOR = 512
_BUILD_TIMEOUT_S = 900.0
_GRUB = Path("/usr/lib/grub/i386-pc")
# Vagrant's well-known pair of keys, which comes with it; the private half is as public.
_KEYS = "/usr/share/rubygems-integration/all/gems/vagrant-*/keys/vagrant.pub"
_KERNEL_ARGUMENTS = (
    "root=/dev/vda1 rootfstype=ext4 rw console=ttyS0,115200 net.ifnames=0"
    " mitigations=off audit=0 loglevel=4 systemd.show_status=false"
)
_MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "systemd-networkd-wait-online.service",
    "systemd-binfmt.service",
    "systemd-pstore.service",
    "proc-sys-fs-binfmt_misc.automount",
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
    "systemd-firstboot.service",
    "systemd-initctl.socket",
    "systemd-logind.service",
    "systemd-machine-id-commit.service",
    "systemd-network-generator.service",
    "systemd-pcrphase.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-repart.service",
    "systemd-sysusers.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
)
_OFF = ("nginx", "ipvsadm")
_ENABLED = ("ssh", "systemd-networkd")


def recipe() -> str:
    """First 16 hex digits of the SHA-256 over everything that makes the box."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(GUEST.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(GUEST)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def ensure(folder: Path, progress: Progress) -> Path:
    """The .box of the present recipe in `folder`, built if it is not there; older ones go."""
    box = folder / f"{recipe()}.box"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="ascii") as lock:
        # Whoever holds it builds this very box, and gives up by itself.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not box.exists():
            work = folder / "building"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                _build(work, progress).rename(box)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        for old in folder.glob("*.box"):
            if old != box:
                old.unlink()
    return box


def _build(work: Path, progress: Progress) -> Path:
    root = work / "root"
    with progress.step(f"box: Debian {_SUITE} from its mirror (about a minute)"):
        _debootstrap(root)
    with progress.step("box: user, services, initial file system"):
        _customize(root)
    with progress.step("box: disk"):
        disk = _disk(work, root)
    with progress.step("box: compressing"):
        return _pack(work, disk)


def _debootstrap(root: Path) -> None:
    lines = (GUEST / "packages.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in (line.split("#")[0].strip() for line in lines) if line]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}"]
    for folder in ("doc", "man", "info", "locale", "i18n/charmaps"):
        command.append(f"--dpkgopt=path-exclude=/usr/share/{folder}/*")
    # Before the kernel is configured, so that its initial file system is made once.
    command.append(f"--essential-hook=cp -r {GUEST}/root/etc/initramfs-tools $1/etc/")
    command.append(f"--essential-hook=cp {GUEST}/modules $1/etc/initramfs-tools/modules")
    shell.run([*command, _SUITE, str(root)], timeout_s=_BUILD_TIMEOUT_S)


def _customize(root: Path) -> None:
    shutil.copytree(GUEST / "root", root, dirs_exist_ok=True)
    (root / "etc/sudoers.d/vagrant").chmod(0o440)
    chroot = ["chroot", str(root)]
    shell.run([*chroot, "useradd", "-m", "-s", "/bin/bash", "vagrant"], timeout_s=60)
    public = sorted(Path("/").glob(_KEYS.lstrip("/")))
    if not public:
        raise LabError(f"{_KEYS} is missing: apt-get install vagrant")
    keys = root / "home/vagrant/.ssh"
    keys.mkdir(mode=0o700)
    shutil.copyfile(public[-1], keys / "authorized_keys")
    shell.run([*chroot, "chown", "-R", "vagrant:vagrant", "/home/vagrant"], timeout_s=60)
    for folder in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / folder, ignore_errors=True)
    (root / "var/www/html/index.nginx-debian.html").unlink(missing_ok=True)
    (root / "etc/hostname").write_text("lvs-box\n", encoding="ascii")
    # Not a first boot, so no presets; the machines differ by their MAC addresses.
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
    systemctl = [*chroot, "systemctl", "--quiet"]
    shell.run([*systemctl, "disable", *_OFF], timeout_s=120)
    shell.run([*systemctl, "mask", *_MASKED], timeout_s=60)
    shell.run([*systemctl, "enable", *_ENABLED], timeout_s=60)
    shell.run([*systemctl, "set-default", "multi-user.target"], timeout_s=60)


def _disk(work: Path, root: Path) -> Path:
    """A raw disk with one partition, and GRUB where a BIOS finds it."""
    disk = work / "disk.img"
    size = _SIZE_GIB << 30
    with disk.open("wb") as handle:
        handle.truncate(size)
    # GRUB 2.06 reads neither of the two features.
    offset = _START * _SECTOR
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-O", "^64bit,^metadata_csum"]
    command += ["-E", f"offset={offset},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0"]
    command += ["-d", str(root), str(disk), f"{(size - offset) >> 10}k"]
    shell.run(command, timeout_s=_BUILD_TIMEOUT_S)
    core = _grub_core(work)
    if len(core) > (_START - 1) * _SECTOR:
        raise LabError(f"GRUB's core has {len(core)} bytes: too many to go before the partition")
    with disk.open("r+b") as handle:
        handle.write(_boot_record(size // _SECTOR - _START))
        handle.write(core)  # at sector 1, where the boot record's default says it is
    return disk


def _grub_core(work: Path) -> bytes:
    config = work / "grub.cfg"
    config.write_text(
        f"set root=(hd0,msdos1)\nlinux /vmlinuz {_KERNEL_ARGUMENTS}\ninitrd /initrd.img\nboot\n",
        encoding="ascii",
    )
    modules = ["biosdisk", "part_msdos", "ext2", "linux", "boot"]
    command = ["grub-mkimage", "-O", "i386-pc", "-p", "/boot/grub", "-c", str(config)]
    shell.run([*command, "-o", str(work / "core.img"), *modules], timeout_s=60)
    return (work / "core.img").read_bytes()


def _boot_record(sectors: int) -> bytes:
    """The first sector: GRUB's code, then the table with one active Linux partition."""
    code = (_GRUB / "boot.img").read_bytes()[:440]
    lba = b"\xfe\xff\xff"  # cylinders and heads are out of range: use the sector numbers
    entry = struct.pack("<B3sB3sII", 0x80, lba, 0x83, lba, _START, sectors)
    return code.ljust(446, b"\0") + entry.ljust(64, b"\0") + b"\x55\xaa"


def _pack(work: Path, disk: Path) -> Path:
    """The box as vagrant-libvirt reads it (its version 1 format)."""
    image = work / "box.img"
    convert = ["qemu-img", "convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd"]
    shell.run([*convert, str(disk), str(image)], timeout_s=_BUILD_TIMEOUT_S)
    disk.unlink()
    description = {"provider": "libvirt", "format": "qcow2", "virtual_size": _SIZE_GIB}
    (work / "metadata.json").write_text(json.dumps(description), encoding="ascii")
    (work / "Vagrantfile").write_text('Vagrant.configure("2") { |config| }\n', encoding="ascii")
    box = work / "box"
    with contextlib.closing(tarfile.open(box, "w")) as archive:
        for name in ("metadata.json", "Vagrantfile", "box.img"):
            archive.add(work / name, name)
    return box
