# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvsctl failover | hold | resume`: who is to be master of which VRRP instance.

Owns their arguments and what they print. Must never wait for anything itself: the agent answers
when another director has the instance, or when it has none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from lvs_agent.adapters.journal import printable
from lvs_agent.cli.client import AgentError, ask
from lvs_agent.cli.durations import duration_s, login

STATES = {"failover": "given_away", "hold": "held", "resume": "ordinary"}
_HELP = {
    "failover": "give an instance away: another director becomes master and stays it; this one is"
    " master only while nobody else is there",
    "hold": "this director takes an instance over from nobody who is there",
    "resume": "ordinary elections again, after failover or hold",
}
_WORDS = {"given_away": "given away", "held": "held", "ordinary": "ordinary"}
EXIT_NO = 1
# What the agent takes beyond the time limit that it was told.
_MORE_S = 5


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The three commands."""
    for name, text in _HELP.items():
        one = commands.add_parser(name, help=text, description=text)
        which = one.add_mutually_exclusive_group(required=True)
        which.add_argument("instance", nargs="?", metavar="INSTANCE", help="or a sync group")
        which.add_argument("--all", action="store_true", help="every instance")
        if name == "resume":
            continue
        one.add_argument("--owner", default=login(), metavar="NAME", help="who wants it")
        one.add_argument("--reason", default="", metavar="TEXT", help="why, for the others")
        one.add_argument(
            "--for",
            dest="lasts_s",
            type=duration_s,
            metavar="TIME",
            help="ends by itself after 90s, 10m, 2h, 1d",
        )
        if name == "failover":
            one.add_argument("--timeout", type=int, default=30, metavar="SECONDS")
            one.add_argument(
                "--force",
                action="store_true",
                help="when nobody takes it over, resign and see: nobody has it for a moment",
            )


def run(options: argparse.Namespace) -> int:
    """The command; returns the exit status. Raises ClientError."""
    directory: Path = options.runtime_dir
    arguments = {
        "state": STATES[options.command],
        "instance": None if options.all else options.instance,
        "owner": getattr(options, "owner", None),
        "reason": getattr(options, "reason", None),
        "expires_s": getattr(options, "lasts_s", None),
        "timeout_s": getattr(options, "timeout", None),
        "force": getattr(options, "force", False),
    }
    limit_s = getattr(options, "timeout", 0) + _MORE_S
    try:
        reply = ask("failover", directory, limit_s, arguments)
    except AgentError as error:
        # It has all the reasons; which instance has which is for programs.
        print(f"lvsctl: {printable(str(error))}", file=sys.stderr)
        return EXIT_NO
    for one in reply["instances"]:
        print(printable(_line(one, reply)))
    return 0


def _line(one: dict[str, Any], reply: dict[str, Any]) -> str:
    before, after = (_WORDS.get(one[key], one[key]) for key in ("state_before", "state_after"))
    text = f"{one['name']}: {after}" if before == after else f"{one['name']}: {before} -> {after}"
    if one["new_master"]:
        text += f"; {one['new_master']} is master"
    if one["state_after"] == "given_away" and reply["changed"]:
        text += f" ({reply['waited_s']:.2f} s)"
    return text
