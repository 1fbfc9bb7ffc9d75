# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: arguments in, box and cell, text out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lvslab.errors import LabError
from lvslab.paths import cache_root
from lvslab.progress import Progress
from lvslab.shell import require_root

from emulation import box, packages
from emulation.cell import Cell

_DESCRIPTION = "Vagrant with libvirt on a machine without KVM: QEMU emulates the processors."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status (0 good, 1 it says why, 3 `needed`: not needed)."""
    parser = argparse.ArgumentParser(prog="emulator", description=_DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("needed", help="say whether this machine has no KVM (exit status 0 or 3)")
    commands.add_parser("build", help="install the packages, build the box; print its path")
    commands.add_parser("up", help="build, and start libvirt in namespaces of its own")
    run = commands.add_parser("exec", help="run a command there, with Vagrant set up for it")
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    connect = commands.add_parser("connect", help="a byte stream to a port of a machine (for ssh)")
    connect.add_argument("host")
    connect.add_argument("port")
    commands.add_parser("down", help="end and delete all of it; the box stays for the next time")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "needed":
            return _needed()
        return _act(arguments)
    except LabError as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 1


def _needed() -> int:
    why = without_kvm()
    print(why or "this machine has KVM")
    return 0 if why else 3


def without_kvm() -> str:
    """Why QEMU has to emulate here; empty if the processor's own virtualisation can be used."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    if not {"vmx", "svm"} & set(flags):
        # A kernel may have /dev/kvm without it; Linux does not boot there.
        return "the processor offers no virtualisation (neither vmx nor svm in /proc/cpuinfo)"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not there, or not for you"
    return ""


def _act(arguments: argparse.Namespace) -> int:
    folder = cache_root() / "vagrant"
    cell = Cell(folder=folder / "run")
    progress = Progress(name="emulator")
    if arguments.command != "down" or cell.exists():
        require_root()
    if arguments.command == "down":
        cell.stop()
    elif arguments.command == "exec":
        words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
        _become([*cell.enter(), "env", *_environment(cell, folder), *words])
    elif arguments.command == "connect":
        # The machines answer from memory: no name is looked up, and ssh has the time limit.
        _become([*cell.enter(only_network=True), "nc", arguments.host, arguments.port])
    else:
        packages.ensure()
        path = box.ensure(folder / "boxes", progress)
        if arguments.command == "build":
            print(path)
        else:
            with progress.step("libvirt"):
                cell.start()
    return 0


def _environment(cell: Cell, folder: Path) -> list[str]:
    name = box.recipe()
    return [
        f"VAGRANT_HOME={cell.vagrant_home}",
        f"VAGRANT_DOTFILE_PATH={cell.vagrant_home}/machines",
        "VAGRANT_DEFAULT_PROVIDER=libvirt",
        "VAGRANT_CHECKPOINT_DISABLE=1",
        "LVS_VAGRANT_EMULATED=1",
        f"LVS_VAGRANT_BOX=lvs-box-{name}",
        f"LVS_VAGRANT_BOX_URL=file://{folder}/boxes/{name}.box",
        f"LVS_VAGRANT_LOGS={cell.folder}/logs",
    ]


def _become(argv: list[str]) -> None:
    os.execvp(argv[0], argv)
