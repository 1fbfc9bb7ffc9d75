# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab: arguments in, Lab calls, text out. Decides nothing else."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from lvslab import image
from lvslab.errors import CommandFailed, LabError
from lvslab.lab import Lab, labs
from lvslab.paths import cache_root
from lvslab.progress import Progress
from lvslab.shell import require_root
from lvslab.status import HostStatus


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status (0 good, 1 the lab says why, 130 Ctrl-C)."""
    arguments = _parser().parse_args(argv)
    act: Callable[[argparse.Namespace], int] = arguments.act
    try:
        require_root()
        return act(arguments)
    except CommandFailed as failure:
        print(f"lab: {failure}", file=sys.stderr)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nlab: interrupted; `lab down` removes what is there", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab", description="Real Debian hosts with their own kernels on this machine."
    )
    parser.add_argument("--name", default="lab", help="which lab (default: lab)")
    parser.add_argument("--quiet", action="store_true", help="no progress lines")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(
        name: str, act: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(act=act)
        return command

    add("build", _build, "build the hosts' image, if the recipe has changed")
    up = add("up", _up, "bring the lab up: boot every host that is off")
    up.add_argument("--topology", help="a name in topologies/, or a .toml file (default: seed)")
    add("down", _down, "remove the lab: processes, network, disks")
    status = add("status", _status, "show the hosts")
    status.add_argument("--json", action="store_true")
    add("list", _list, "names of the labs of this checkout")
    add("inventory", _inventory, "print an Ansible inventory with the connection data")
    reset = add("reset", _reset, "put hosts back to the pristine image and boot them")
    reset.add_argument("hosts", nargs="*", metavar="HOST", help="default: all")

    ssh = add("ssh", _ssh, "a shell, or a command, in a host")
    ssh.add_argument("host", metavar="HOST")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    for name, act, text in (
        ("freeze", _freeze, "stop a host in its tracks"),
        ("thaw", _thaw, "let a frozen host go on"),
        ("power-cut", _power_cut, "pull the plug; the disk keeps what was synced"),
        ("boot", _boot, "boot hosts that are off"),
    ):
        command = add(name, act, text)
        command.add_argument("hosts", nargs="+", metavar="HOST")
    keepalived = add("keepalived", _keepalived, "run Debian's keepalived in a host")
    keepalived.add_argument("host", metavar="HOST")
    choice = keepalived.add_mutually_exclusive_group(required=True)
    choice.add_argument("file", nargs="?", metavar="CONF", help="a keepalived.conf")
    choice.add_argument("--stop", action="store_true")
    _network_commands(add)
    return parser


def _network_commands(
    add: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser],
) -> None:
    link = add("link", _link, "plug a host's cable in, or pull it out")
    link.add_argument("host", metavar="HOST")
    link.add_argument("interface", metavar="IFACE")
    link.add_argument("state", choices=("up", "down"))
    partition = add("partition", _partition, "drop frames between two groups of hosts")
    partition.add_argument("first", metavar="HOSTS", help="comma separated")
    partition.add_argument("second", metavar="HOSTS", help="comma separated")
    partition.add_argument(
        "--direction", choices=("both", "from-first", "from-second"), default="both"
    )
    partition.add_argument("--network", help="only on this network (default: all but management)")
    add("heal", _heal, "end all partitions")
    capture = add("capture", _capture, "record a network with tcpdump until Ctrl-C or a limit")
    capture.add_argument("network", metavar="NETWORK")
    capture.add_argument("-w", dest="file", default="lab.pcap", help="default: lab.pcap")
    capture.add_argument("-c", dest="frames", type=int, default=100_000, help="default: 100000")
    capture.add_argument("-G", dest="seconds", type=float, default=60.0, help="default: 60")
    capture.add_argument("--filter", default="", help="tcpdump filter, one word: 'proto 112'")


def _lab(arguments: argparse.Namespace) -> Lab:
    return Lab(arguments.name, getattr(arguments, "topology", None), quiet=bool(arguments.quiet))


def _build(arguments: argparse.Namespace) -> int:
    print(image.ensure(cache_root(), Progress(quiet=arguments.quiet)).folder)
    return 0


def _up(arguments: argparse.Namespace) -> int:
    _lab(arguments).up()
    return 0


def _down(arguments: argparse.Namespace) -> int:
    _lab(arguments).down()
    return 0


def _list(arguments: argparse.Namespace) -> int:
    print("\n".join(labs()))
    return 0


def _inventory(arguments: argparse.Namespace) -> int:
    print(_lab(arguments).inventory(), end="")
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    _lab(arguments).reset(*arguments.hosts)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    hosts = _lab(arguments).status()
    if arguments.json:
        print(json.dumps([asdict(host) for host in hosts], indent=1))
    else:
        print(_table(hosts))
    return 0


def _table(hosts: Sequence[HostStatus]) -> str:
    rows = [("HOST", "ROLE", "POWER", "MANAGEMENT", "ADDRESSES")]
    for host in hosts:
        addresses = [
            f"{interface} {address}" + (" (unplugged)" if interface in host.unplugged else "")
            for interface, address in host.addresses.items()
        ]
        if host.cut_from:
            addresses.append(f"hears nothing from {' '.join(host.cut_from)}")
        rows.append((host.name, host.role, host.power, host.management, ", ".join(addresses)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _ssh(arguments: argparse.Namespace) -> int:
    """Become ssh: a terminal, signals and the exit status are then the command's own."""
    lab = _lab(arguments)
    host = lab.host(arguments.host)
    lab.ssh.connect(host)
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    flags = ["-t"] if not words and sys.stdin.isatty() else []
    argv = lab.ssh.command(host, *flags, remote=words)
    os.execvp(argv[0], argv)


def _freeze(arguments: argparse.Namespace) -> int:
    for host in arguments.hosts:
        _lab(arguments).freeze(host)
    return 0


def _thaw(arguments: argparse.Namespace) -> int:
    for host in arguments.hosts:
        _lab(arguments).thaw(host)
    return 0


def _power_cut(arguments: argparse.Namespace) -> int:
    for host in arguments.hosts:
        _lab(arguments).power_cut(host)
    return 0


def _boot(arguments: argparse.Namespace) -> int:
    _lab(arguments).boot(*arguments.hosts)
    return 0


def _keepalived(arguments: argparse.Namespace) -> int:
    configuration = None
    if not arguments.stop:
        try:
            configuration = Path(arguments.file).read_text(encoding="utf-8")
        except OSError as error:
            raise LabError(f"{arguments.file}: {error.strerror}") from error
    _lab(arguments).keepalived(arguments.host, configuration)
    return 0


def _link(arguments: argparse.Namespace) -> int:
    _lab(arguments).link(arguments.host, arguments.interface, arguments.state == "up")
    return 0


def _partition(arguments: argparse.Namespace) -> int:
    _lab(arguments).partition(
        arguments.first.split(","),
        arguments.second.split(","),
        direction=arguments.direction,
        network_name=arguments.network,
    )
    return 0


def _heal(arguments: argparse.Namespace) -> int:
    _lab(arguments).heal()
    return 0


def _capture(arguments: argparse.Namespace) -> int:
    path = Path(arguments.file).absolute()
    running = _lab(arguments).start_capture(
        arguments.network,
        path,
        expression=arguments.filter,
        frames=arguments.frames,
        limit_s=arguments.seconds,
    )
    deadline = time.monotonic() + arguments.seconds
    try:
        while running.running() and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        running.stop()
        print(path)
    return 0
