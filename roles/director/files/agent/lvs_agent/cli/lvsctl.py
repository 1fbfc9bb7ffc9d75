# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvsctl`: asking and telling the running agent. The commands about real servers are in
`lvsctl_servers.py`, those about giving VRRP instances away in `lvsctl_failover.py`.

Owns the arguments and exit statuses: 0 good, 1 the agent says no, 2 wrong usage, 3 no agent,
4 `wait` ran out of time. Must never talk to the kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from lvs_agent.cli import lvsctl_failover, lvsctl_servers
from lvs_agent.cli.client import AgentError, ClientError, ask
from lvs_agent.release import VERSION

EXIT_NO = 1
EXIT_USAGE = 2
EXIT_NO_AGENT = 3
EXIT_TIMEOUT = lvsctl_servers.EXIT_TIMEOUT

# A reload waits for the children, 20 s at most (`core/supervise.py`), after the file was parsed.
_RELOAD_S = 60.0
_ASK_S = 10.0
_POLL_S = 0.1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lvsctl", description="Ask and tell the running lvs-agent.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"lvsctl {VERSION}")
    parser.add_argument(
        "--runtime-dir",
        type=Path,
        default=Path(os.environ.get("LVS_AGENT_RUNTIME_DIR") or "/run/lvs-agent"),
        metavar="DIR",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    status = commands.add_parser("status", help="what this director does, warnings first")
    status.add_argument("--json", action="store_true", help="the whole status as JSON")
    status.add_argument("--query", metavar="JMESPATH", help="a part of it, as JSON")
    commands.add_parser("ping", help="is the agent there?")
    commands.add_parser("reload", help="read the configuration file again; wait for the result")
    commands.add_parser("config", help="the configuration in force as JSON, without secrets")
    wait = commands.add_parser("wait", help="wait until an expression over the status is true")
    wait.add_argument("--for", dest="expression", required=True, metavar="JMESPATH")
    wait.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS")
    lvsctl_servers.add_commands(commands)
    lvsctl_failover.add_commands(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except ClientError as error:
        print(f"lvsctl: {error}", file=sys.stderr)
        return EXIT_NO_AGENT
    except AgentError as error:
        print(f"lvsctl: {error}", file=sys.stderr)
        for one in error.errors:
            print(f"  {one.get('path', '')}: {one.get('message', '')}", file=sys.stderr)
        return EXIT_NO
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain at exit otherwise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(options: argparse.Namespace) -> int:
    directory: Path = options.runtime_dir
    match options.command:
        case "status":
            return _status(directory, as_json=options.json, query=options.query)
        case "ping":
            result = ask("ping", directory, _ASK_S)
            print(f"lvs-agent is {result['stage']} (pid {result['pid']})")
            return 0
        case "reload":
            result = ask("reload", directory, _RELOAD_S)
            done = "is in force" if result["changed"] else "was in force already"
            print(f"configuration {result['generation']} {done}")
            return 0
        case "config":
            _print_json(ask("config", directory, _ASK_S))
            return 0
        case "wait":
            return _wait(directory, options.expression, options.timeout)
        case command if command in lvsctl_servers.COMMANDS:
            return lvsctl_servers.run(options)
        case command if command in lvsctl_failover.STATES:
            return lvsctl_failover.run(options)
    raise AssertionError(options.command)


def _status(directory: Path, *, as_json: bool, query: str | None) -> int:
    search = None
    if query is not None:
        try:
            search = _compile(query)
        except ValueError as error:
            return _usage(str(error))
    for_people = search is None and not as_json
    status = ask("summary" if for_people else "status", directory, _ASK_S)
    if search is not None:
        try:
            _print_json(search(status))
        except ValueError as error:
            return _usage(f"{query}: {error}")
    elif as_json:
        _print_json(status)
    else:
        from lvs_agent.cli.render import render  # noqa: PLC0415 - only for people

        sys.stdout.write(render(status))
    sys.stdout.flush()
    return 0


def _wait(directory: Path, expression: str, timeout_s: float) -> int:
    """Poll the status until `expression` is true. An agent that is not there may come."""
    try:
        search = _compile(expression)
    except ValueError as error:
        return _usage(str(error))
    deadline_s = time.monotonic() + timeout_s
    last: object = "the agent did not answer"
    while True:
        left_s = deadline_s - time.monotonic()
        try:
            last = search(ask("status", directory, max(_POLL_S, min(left_s, _ASK_S))))
            if last:
                return 0
        except (ClientError, AgentError) as error:
            last = str(error)
        except ValueError as error:
            return _usage(f"{expression}: {error}")
        if time.monotonic() >= deadline_s:
            print(f"lvsctl: not within {timeout_s:g} s; last: {last}", file=sys.stderr)
            return EXIT_TIMEOUT
        time.sleep(_POLL_S)


def _compile(expression: str) -> Any:
    """A function that applies the JMESPath expression. Raises ValueError on a wrong one."""
    import jmespath  # noqa: PLC0415 - only with --query
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415

    try:
        compiled = jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(f"not a JMESPath expression: {error}") from error

    def search(status: object) -> object:
        try:
            return compiled.search(status)
        except JMESPathError as error:
            raise ValueError(str(error)) from error

    return search


def _usage(message: str) -> int:
    print(f"lvsctl: {message}", file=sys.stderr)
    return EXIT_USAGE


def _print_json(value: object) -> None:
    """Indented for people; in one line for programs."""
    indent = 2 if sys.stdout.isatty() else None
    print(json.dumps(value, indent=indent, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
