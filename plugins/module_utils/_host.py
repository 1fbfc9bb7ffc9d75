# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings parts of a host into the wanted state: files, users, kernel modules, sysctls, units.

Owns the how. Every function looks first, changes only what differs, notes it in `Changes`, and in
check mode stops after the noting. Must never decide what a host should have.
"""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SYSTEMD_UNIT_DIRECTORIES = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
_PROC_SYS = "/proc/sys"
_SYS_MODULE = "/sys/module"
# Longer than the slowest module that holds the lock: one that restarts the agent (90 s at most).
_LOCK_WAIT_S = 120.0
_LOCK_POLL_S = 0.2


class HostError(Exception):
    """Something on the host did not work; the text says what, and what to do if we know."""


class Changes:
    """What changed, as sentences and as Ansible's diffs."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.diffs: list[dict[str, str]] = []
        self.paths: list[str] = []

    def note(self, sentence: str) -> None:
        self.done.append(sentence)
        self.diffs.append({"prepared": f"{sentence}\n"})

    def note_file(self, path: str, before: str, after: str) -> None:
        self.done.append(f"{'remove' if not after and before else 'write'} {path}")
        self.paths.append(path)
        self.diffs.append(
            {"before": before, "after": after, "before_header": path, "after_header": path}
        )

    def result(self) -> dict[str, Any]:
        """Fields of a module's result."""
        return {"changed": bool(self.done), "changes": self.done, "diff": self.diffs}


def run(module: Any, command: list[str], what: str) -> str:
    """Standard output of `command`. Raises HostError saying `what` failed."""
    code, output, errors = module.run_command(command, check_rc=False)
    if code != 0:
        said = (errors or output).strip() or f"exit status {code}"
        raise HostError(f"{what} failed: {said}")
    return str(output)


def read_text(path: str) -> str | None:
    """The file's text, or None if there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write_atomically(path: str, content: str, mode: int, group: str | None = None) -> None:
    """Replace `path` so that a reader, or a power cut, finds the old content or the new."""
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=f".{os.path.basename(path)}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            os.fchown(file.fileno(), 0, grp.getgrnam(group).gr_gid if group else 0)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_directory(directory)


@contextmanager
def exclusive(folder: str, wait_s: float = _LOCK_WAIT_S) -> Iterator[None]:
    """Nobody else is between the begin and the end of such a block with the same `folder`.

    Two runs of Ansible at once wait here for each other. The kernel takes the lock from a process
    that dies. Raises HostError after `wait_s`.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise HostError(
                        f"somebody else has been changing {folder} for {wait_s:.0f} s: is there "
                        f"another run of Ansible? Who it is: fuser -v {folder}"
                    ) from None
            time.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(handle)


def sync_directory(directory: str) -> None:
    """Make renames in `directory` survive a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def permissions_differ(path: str, mode: int, group: str | None) -> bool:
    """True if the existing `path` has other permissions, owner or group than wanted."""
    status = os.stat(path)
    wanted_group = 0
    if group is not None:
        try:
            wanted_group = grp.getgrnam(group).gr_gid
        except KeyError:
            return True
    return (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) != (mode, 0, wanted_group)


def ensure_file(module: Any, changes: Changes, path: str, content: str, mode: int = 0o644) -> None:
    """The file has this content, this mode, and belongs to root."""
    before = read_text(path)
    if before == content and not permissions_differ(path, mode, None):
        return
    changes.note_file(path, before or "", content)
    if not module.check_mode:
        write_atomically(path, content, mode)


def ensure_no_file(module: Any, changes: Changes, path: str) -> None:
    """There is no such file."""
    before = read_text(path)
    if before is None:
        return
    changes.note_file(path, before, "")
    if not module.check_mode:
        os.unlink(path)


def ensure_user(module: Any, changes: Changes, name: str, description: str) -> None:
    """There is a system user and group of this name, without home, shell and password."""
    try:
        pwd.getpwnam(name)
        grp.getgrnam(name)
        return
    except KeyError:
        pass
    changes.note(f"create system user {name}")
    if not module.check_mode:
        line = f'u {name} - "{description}"'
        command = [*binary(module, "systemd-sysusers"), "--inline", line]
        run(module, command, f"creating the user {name}")


def ensure_kernel_module(module: Any, changes: Changes, name: str) -> None:
    """The kernel module is loaded now."""
    if os.path.isdir(os.path.join(_SYS_MODULE, name)) or _built_in(name):
        return
    changes.note(f"load kernel module {name}")
    if not module.check_mode:
        run(module, [*binary(module, "modprobe"), name], f"loading the kernel module {name}")


def _built_in(name: str) -> bool:
    """A module that is part of the kernel has no folder of its own unless it has parameters."""
    listing = f"/lib/modules/{os.uname().release}/modules.builtin"
    text = read_text(listing) or ""
    return any(line.rsplit("/", 1)[-1] == f"{name}.ko" for line in text.splitlines())


def sysctl_path(key: str) -> str:
    """`net.ipv4.conf.all.arp_ignore` -> its file. A slash in the key is a dot in a name."""
    if "/" in key.split(".", 1)[0]:
        return os.path.join(_PROC_SYS, key)
    return os.path.join(_PROC_SYS, *(part.replace("/", ".") for part in key.split(".")))


def sysctl(key: str) -> str | None:
    """The value in force, or None if the kernel has no such parameter."""
    text = read_text(sysctl_path(key))
    return None if text is None else " ".join(text.split())


def ensure_sysctl(module: Any, changes: Changes, key: str, value: str) -> None:
    """The kernel parameter has this value now."""
    before = sysctl(key)
    wanted = " ".join(value.split())
    if before == wanted:
        return
    changes.note(f"set {key} = {wanted} (was {'absent' if before is None else before})")
    if module.check_mode:
        return
    try:
        with open(sysctl_path(key), "w", encoding="ascii") as file:
            file.write(wanted)
    except OSError as error:
        raise HostError(f"setting {key} to {wanted} failed: {error}") from error


def ensure_units_loaded(module: Any, changes: Changes) -> None:
    """systemd knows the unit files that were changed."""
    if module.check_mode:
        return
    if any(os.path.dirname(path) in SYSTEMD_UNIT_DIRECTORIES for path in changes.paths):
        run(module, [*binary(module, "systemctl"), "daemon-reload"], "systemctl daemon-reload")


def unit_state(module: Any, name: str) -> dict[str, str]:
    """LoadState, ActiveState and UnitFileState of a unit."""
    wanted = "LoadState,ActiveState,UnitFileState,SubState"
    command = [*binary(module, "systemctl"), "show", f"--property={wanted}", name]
    output = run(module, command, f"systemctl show {name}")
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def ensure_unit(
    module: Any,
    changes: Changes,
    name: str,
    *,
    enabled: bool,
    started: bool,
    restart: bool = False,
    look: bool = False,
    reload: bool = True,
) -> None:
    """The unit is enabled or not, and runs (restarted if it ran before and `restart`) or not.

    `look`: only note what there is to do. Not `reload`: the caller has systemd read its files
    again, which takes seconds on a host with many units, and `enable` does for itself.
    """
    found = unit_state(module, name)
    active = found.get("ActiveState") in ("active", "reloading", "activating")

    def systemctl(verb: str, *options: str) -> None:
        changes.note(f"{verb} {name}")
        if not look:
            _systemctl(module, verb, name, *options)

    if enabled != (found.get("UnitFileState") == "enabled"):
        systemctl("enable" if enabled else "disable", *([] if reload else ["--no-reload"]))
    if started and not active:
        systemctl("start")
    elif not started and active:
        systemctl("stop")
    elif started and restart:
        systemctl("restart")


def _systemctl(module: Any, verb: str, name: str, *options: str) -> None:
    if module.check_mode:
        return
    command = [*binary(module, "systemctl"), *options, verb, name]
    try:
        run(module, command, f"systemctl {verb} {name}")
    except HostError as error:
        command = ["journalctl", "--unit", name, "--lines", "20", "--no-pager", "--output", "cat"]
        __, journal, __ = module.run_command(command, check_rc=False)
        raise HostError(f"{error}\nIts last lines in the journal:\n{journal.strip()}") from error


def binary(module: Any, name: str) -> list[str]:
    """The command's full path. Raises HostError if the host lacks it."""
    path = module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"])
    if path is None:
        raise HostError(f"the host has no command {name}; install the package that provides it")
    return [str(path)]
