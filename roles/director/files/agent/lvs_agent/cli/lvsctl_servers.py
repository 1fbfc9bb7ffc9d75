# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvsctl drain | disable | enable | overrides`: real servers taken out by hand, and put back.

Owns these commands' arguments, their waiting and their text. Must never decide whether an order is
carried out: the agent does.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvs_agent.adapters.journal import printable
from lvs_agent.cli.client import ask
from lvs_agent.cli.durations import duration_s, login
from lvs_agent.cli.render_pools import override
from lvs_agent.cli.render_words import place

if TYPE_CHECKING:
    from collections.abc import Iterable

EXIT_TIMEOUT = 4
STATES = {"drain": "drain", "disable": "disabled", "enable": "enabled"}
COMMANDS = (*STATES, "overrides")

# The kernel process is asked twice, 5 s each at most (`proc/server_orders.py`), behind others.
_ASK_S = 30.0
_POLL_S = 0.5
_WAIT_S = 300.0

Row = dict[str, Any]


def add_commands(commands: Any) -> None:
    """The commands, as subparsers of `commands`."""
    helps = {
        "drain": "give a real server no new connections; those it has go on",
        "disable": "take a real server out of the pools, which cuts its connections off",
        "enable": "let the checks decide again over a real server",
    }
    for name, text in helps.items():
        one = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        one.add_argument(
            "real_server", metavar="REAL_SERVER", help="its name, address, or address:port"
        )
        one.add_argument("--virtual-server", metavar="NAME", help="only there (default: wherever)")
        one.add_argument("--owner", default=login(), help="who says so (default: %(default)s)")
        one.add_argument("--reason", default="", help="why, for those who find it so")
        one.add_argument("--wait", action="store_true", help=_wait_help(name))
        one.add_argument("--timeout", type=float, default=_WAIT_S, metavar="SECONDS")
        if name == "enable":
            one.add_argument(
                "--weight", type=int, help="instead of that of configuration and check"
            )
        one.add_argument(
            "--for", dest="lasts_s", type=duration_s, metavar="TIME",
            help="ends by itself after 90s, 10m, 2h, 1d",
        )  # fmt: skip
        one.add_argument("--force", action="store_true", help="even if nobody is left")
    commands.add_parser("overrides", help="real servers that are not as the checks say, and why")


def _wait_help(name: str) -> str:
    if name == "enable":
        return "until it is up and has its weight"
    return "until it has no active connections"


def run(options: argparse.Namespace) -> int:
    """The command; returns the exit status. Raises ClientError and AgentError."""
    directory: Path = options.runtime_dir
    if options.command == "overrides":
        _print(_listing(ask("overrides", directory, _ASK_S)))
        return 0
    state = STATES[options.command]
    arguments = {
        "real_server": options.real_server,
        "virtual_server": options.virtual_server,
        "state": state,
        "weight": getattr(options, "weight", None),
        "owner": options.owner,
        "reason": options.reason,
        "expires_s": options.lasts_s,
        "force": options.force,
    }
    reply = ask("set_real_server", directory, _ASK_S, arguments)
    _print(_said(one) for one in reply["real_servers"])
    if trouble := reply.get("trouble") or "; ".join(reply.get("refused") or []):
        print(f"lvsctl: the kernel does not follow yet: {printable(trouble)}", file=sys.stderr)
    return _wait(directory, options, state) if options.wait else 0


def _said(row: Row) -> str:
    now, weight = row["after"], row["after"]["weight"]
    what = "not in the pool" if weight is None else f"weight {weight}"
    checks = "" if now["up"] else f", DOWN: {now['reason']}"
    # On another director they are copies, or left over: --wait does not wait for them.
    elsewhere = "" if row["counted_here"] else " (the virtual address is not here)"
    return (
        f"{row['real_server']} ({place(row)}) of {row['virtual_server']}: {now['state']}"
        f" (was {row['before']['state']}), {what}, {row['active']} active,"
        f" {row['inactive']} inactive{elsewhere}{checks}"
    )


def _listing(overrides: list[Row]) -> Iterable[str]:
    if not overrides:
        yield "none: the checks decide over every real server"
    for one in overrides:
        asleep = "  not in the configuration" if one["dormant"] else ""
        state = one["state"] if one["weight"] is None else f"weight {one['weight']}"
        yield (
            f"{state:<8}  {one['real_server']} ({place(one)}) of {one['virtual_server']}"
            f"  {override({'override': one})}{asleep}"
        )


def _wait(directory: Path, options: argparse.Namespace, state: str) -> int:
    """Until it is done, as this director sees it."""
    which = {"real_server": options.real_server, "virtual_server": options.virtual_server}
    deadline_s = time.monotonic() + options.timeout
    while True:
        rows = ask("real_server", directory, _ASK_S, which)["real_servers"]
        left = [text for row in rows if (text := _left(row, state)) is not None]
        if not left:
            return 0
        if time.monotonic() >= deadline_s:
            print(f"lvsctl: not within {options.timeout:g} s: {'; '.join(left)}", file=sys.stderr)
            return EXIT_TIMEOUT
        time.sleep(_POLL_S)


def _left(row: Row, state: str) -> str | None:
    """What is still waited for."""
    where, now = f"{row['real_server']} of {row['virtual_server']}", row["after"]
    if state != "enabled":
        counts = row["counted_here"] and row["active"]
        return f"{where} has {row['active']} active connections" if counts else None
    if not now["up"] or not now["checked"]:
        return f"{where} is not up ({now['reason']})"
    return f"{where} has no weight yet" if _is_to_come(row) else None


def _is_to_come(row: Row) -> bool:
    """It is up, and yet without the weight that it is to have: a sorry server answers."""
    now = row["after"]
    said = (now["override"] or {}).get("weight")
    wanted = next(
        one for one in (said, now["check_weight"], row["configured_weight"]) if one is not None
    )
    return wanted > 0 and not now["weight"]


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(printable(line))
