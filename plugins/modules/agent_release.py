#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unpacks a release of the agent beside the others and makes it the current one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_release
short_description: Install lvs-agent on a director
version_added: 0.1.0
description:
  - Installs the agent that comes with the collection, with its dependencies, from one file that
    the controller builds.
  - Each release has a folder of its own, named by a hash of its contents. It is complete before
    its name appears, and the link C(current) is switched atomically. Does not restart the agent.
  - Sends nothing if the release is there already.
  - Remembers the release, unit and configuration that the agent runs with, so that
    M(lvs.cluster.agent_rollback) can put them back.
  - Of two runs at once, one waits for the other.
options:
  python:
    description: Python interpreter of the agent; byte code is made for it.
    type: path
    default: /usr/bin/python3
  keep:
    description:
      - How many releases to keep, the current one among them. Those that
        M(lvs.cluster.agent_rollback) may go back to are kept in any case.
    type: int
    default: 2
  activate:
    description:
      - Make the release the current one. Without it, it is only made ready, unless there is no
        current one.
    type: bool
    default: true
  document:
    description:
      - The configuration that the agent is to have. It is only compared, see RV(configuration_due),
        and does not leave the controller.
    type: raw
  configuration:
    description: SHA-256 of O(document) as the file has it. Set by the action plugin.
    type: str
  release:
    description: Id of the release. Set by the action plugin.
    type: str
  bundle:
    description: The file with the release, on the target. Set by the action plugin.
    type: path
  root:
    description: Folder of all releases.
    type: path
    default: /opt/lvs-agent
  commands:
    description: Folder that gets links to the commands of the current release.
    type: path
    default: /usr/local/sbin
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  action:
    description: Has an action plugin that builds the bundle on the controller.
    support: full
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: Install the agent
  lvs.cluster.agent_release:
    keep: 2
"""

RETURN = r"""
release:
  description: Id of the release.
  returned: always
  type: str
  sample: 0123456789abcdef
previous:
  description: Id of the release that was current before; empty if there was none.
  returned: always
  type: str
pending:
  description: Whether the release is ready but not the current one.
  returned: always
  type: bool
running:
  description: Id of the release that the running agent is of; empty if none runs.
  returned: always
  type: str
restart_due:
  description:
    - Whether the running agent is of another release, or was started by another unit than the
      present one, as after a run that was interrupted.
  returned: always
  type: bool
configuration_due:
  description:
    - Whether O(document) is not yet the file's, or not yet in force in the running agent, so that
      M(lvs.cluster.agent_config) has something to do.
  returned: with O(document)
  type: bool
missing:
  description: Whether the release was not (or in check mode is not) on the target.
  returned: always
  type: bool
"""

import errno
import gzip
import hashlib
import io
import os
import shutil
import tarfile
from typing import IO, Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _checkpoint, _host, _links

# Some ten times of what a release has; a bundle that unpacks to more is not one of ours.
_RELEASE_BYTES_LIMIT = 64 * 1024 * 1024
_ENTRIES_LIMIT = 10_000


def unpack(bundle: str, folder: str, release: str) -> None:
    """Unpack `bundle` into the new `folder`. Raises HostError if it is not `release`."""
    with gzip.open(bundle) as file:
        content = file.read(_RELEASE_BYTES_LIMIT + 1)
    if len(content) > _RELEASE_BYTES_LIMIT:
        raise _host.HostError(f"the bundle has more than {_RELEASE_BYTES_LIMIT} bytes")
    os.makedirs(folder, mode=0o755)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for number, entry in enumerate(archive):
            if number >= _ENTRIES_LIMIT or not entry.isreg() or not _inside(entry.name):
                raise _host.HostError(f"the bundle has an entry that is not ours: {entry.name}")
            source = archive.extractfile(entry)
            if source is None:
                raise _host.HostError(f"the bundle has no content for {entry.name}")
            _write(os.path.join(folder, entry.name), source, entry)
    said = (_host.read_text(os.path.join(folder, "RELEASE")) or "").strip()
    if said != release:
        raise _host.HostError(f"the bundle holds release {said}, not {release}")


def _inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/")


def _write(path: str, source: IO[bytes], entry: tarfile.TarInfo) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "xb") as target:
        shutil.copyfileobj(source, target)
        os.fchmod(target.fileno(), 0o755 if entry.mode & 0o100 else 0o644)
    # Byte code remembers its source's time; the same everywhere, so it can be compared.
    os.utime(path, (entry.mtime, entry.mtime))


def install(module: AnsibleModule, bundle: str, release: str) -> None:
    """Make the release's folder appear, complete and on the disk."""
    releases = os.path.join(module.params["root"], "releases")
    os.makedirs(releases, mode=0o755, exist_ok=True)
    temporary = os.path.join(releases, f"{release}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        unpack(bundle, temporary, release)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = os.statvfs(releases)
            raise _host.HostError(
                f"no space left in {releases} ({free.f_bavail * free.f_frsize // 1024} kB free): "
                "the releases that are there are as they were; make room and run it again"
            ) from error
        raise
    compile_all = [module.params["python"], "-I", "-m", "compileall", "-q", temporary]
    # The paths that tracebacks show are those of the final place.
    compile_all += ["-s", temporary, "-p", os.path.join(releases, release)]
    module.run_command(compile_all, check_rc=False)  # without byte code it only starts slower
    os.sync()
    os.rename(temporary, os.path.join(releases, release))
    _label(module, os.path.join(releases, release))
    _host.sync_directory(releases)


def _label(module: AnsibleModule, folder: str) -> None:
    """Where SELinux is on, what is in `bin` gets the label of programs (bin_t) by its policy."""
    if not os.path.exists("/sys/fs/selinux/enforce"):
        return
    restorecon = module.get_bin_path("restorecon", opt_dirs=["/usr/sbin", "/sbin"])
    if restorecon is not None:
        _host.run(module, [restorecon, "-R", folder], f"restorecon of {folder}")


def _wrong_links(folder: str, root: str) -> dict[str, str]:
    """Path -> target of the commands' links that are not right. A file of others is left alone."""
    wrong: dict[str, str] = {}
    for name in ("lvs-agent", "lvsctl"):
        path = os.path.join(folder, name)
        target = os.path.join(root, _agent.CURRENT, "bin", name)
        if os.path.islink(path):
            if os.readlink(path) != target:
                wrong[path] = target
        elif not os.path.exists(path):
            wrong[path] = target
    return wrong


def prune(root: str, keep: int, needed: list[str | None]) -> list[str]:
    """Remove the oldest releases beyond `keep`, none of `needed`; returns the removed ones.

    A release of a checkpoint stays too, whatever `keep` says.
    """
    releases = os.path.join(root, "releases")
    names = [name for name in os.listdir(releases) if not name.endswith(".tmp")]
    names.sort(key=lambda name: os.stat(os.path.join(releases, name)).st_ctime, reverse=True)
    ordered = [name for name in needed if name in names]
    ordered += [name for name in names if name not in ordered]
    kept = _checkpoint.releases(root)
    removed = [name for name in ordered[max(keep, 1) :] if name not in kept]
    for name in removed:
        shutil.rmtree(os.path.join(releases, name), ignore_errors=True)
    return removed


def work(module: AnsibleModule) -> dict[str, Any]:
    """Do it while nobody else does; returns the module's result. Raises HostError or OSError."""
    root, release = module.params["root"], module.params["release"]
    places = _checkpoint.Places(root=root)
    agent = _checkpoint.agent_of(places)
    running = str((agent or {}).get("release") or "")
    state: dict[str, Any] = {
        "running": running,
        "restart_due": agent is not None
        and (running != release or _checkpoint.unit_is_newer(places)),
    }
    if module.params["configuration"]:
        state["configuration_due"] = configuration_due(
            places.config, agent, module.params["configuration"]
        )
    if module.check_mode or (module.params["bundle"] is None and not os.path.isdir(root)):
        return _work(module) | state  # reads only
    os.makedirs(root, mode=0o755, exist_ok=True)
    with _host.exclusive(root):
        _checkpoint.take(places, agent, release)
        return _work(module) | state


def configuration_due(path: str, agent: dict[str, Any] | None, wanted: str) -> bool:
    """Whether the file does not have the configuration with the SHA-256 `wanted`, or `agent`, as it
    says of itself (None if none runs), another one in force."""
    text = _host.read_text(path)
    if text is None or _host.permissions_differ(path, _agent.CONFIG_MODE, _agent.GROUP):
        return True
    in_force = (agent or {}).get("config_sha256")
    found = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return found != wanted or in_force not in (None, wanted)


def _work(module: AnsibleModule) -> dict[str, Any]:
    """Look, and do what can be done; returns the module's result."""
    root, release, bundle = (module.params[name] for name in ("root", "release", "bundle"))
    previous = _agent.installed_release(root)
    activate = module.params["activate"] or previous is None
    present = os.path.isdir(os.path.join(root, "releases", release))
    links = _wrong_links(module.params["commands"], root) if activate else {}
    result: dict[str, Any] = {
        "changed": not present or (activate and previous != release) or bool(links),
        "release": release,
        "previous": previous or "",
        "missing": not present,
        "pending": not activate and previous != release,
        "diff": [
            *_diff(root, release, previous, present, activate),
            *({"prepared": f"link {path} to {target}\n"} for path, target in links.items()),
        ],
    }
    if module.check_mode or not result["changed"]:
        return result
    if not present and bundle is None:
        return result  # the action plugin sends it now
    if not present:
        install(module, bundle, release)
        result["missing"] = False
    if activate and previous != release:
        _links.switch(root, release)
    for path, target in links.items():
        _links.replace(path, target)
    prune(root, module.params["keep"], [release, previous])
    return result


def _diff(
    root: str, release: str, previous: str | None, present: bool, activate: bool
) -> list[dict[str, str]]:
    diffs: list[dict[str, str]] = []
    if not present:
        diffs.append({"prepared": f"install {os.path.join(root, 'releases', release)}\n"})
    if activate and previous != release:
        current = os.path.join(root, _agent.CURRENT)
        diffs.append(
            {
                "before": f"{previous}\n" if previous else "",
                "after": f"{release}\n",
                "before_header": current,
                "after_header": current,
            }
        )
    return diffs


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "keep": {"type": "int", "default": 2},
            "activate": {"type": "bool", "default": True},
            "document": {"type": "raw", "no_log": True},
            "configuration": {"type": "str"},
            "release": {"type": "str"},
            "bundle": {"type": "path"},
            "root": {"type": "path", "default": _agent.ROOT},
            "commands": {"type": "path", "default": "/usr/local/sbin"},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    if not module.params["release"]:
        module.fail_json(msg="release is set by the action plugin; call lvs.cluster.agent_release")
    try:
        result = work(module)
    except (_host.HostError, OSError, tarfile.TarError, EOFError) as error:
        module.fail_json(msg=f"installing the agent failed: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
