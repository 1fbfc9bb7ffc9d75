# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent run | check | plan | probe | genhash | import | export | sweep`.

Owns the arguments. Must never import at its top what one of the commands does not need: `sweep`
runs while an address answers on a dead director.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lvs_agent.release import VERSION, release_id

if TYPE_CHECKING:
    import argparse

DEFAULT_CONFIG = "/etc/lvs-agent/config.json"
DEFAULT_RUNTIME_DIRECTORY = "/run/lvs-agent"


def _parser() -> argparse.ArgumentParser:
    import argparse  # noqa: PLC0415 - a tenth of the time of a sweep

    parser = argparse.ArgumentParser(
        prog="lvs-agent", description="VRRP and IPVS agent of an LVS cluster.", allow_abbrev=False
    )
    version = f"lvs-agent {VERSION} release {release_id()}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the agent in the foreground (systemd does this)")
    run.add_argument("--config", default=DEFAULT_CONFIG, metavar="FILE")
    _keepalived(run)
    _runtime_directory(run)

    check = commands.add_parser(
        "check", help="check configuration files; exit 0: good, 1: errors, all of them printed"
    )
    check.add_argument(
        "files", nargs="*", default=[DEFAULT_CONFIG], metavar="FILE", help="- is stdin"
    )
    _keepalived(check)
    check.add_argument("--host", action="store_true", help="also look for the interfaces here")
    check.add_argument("--json", action="store_true", help="errors as JSON")
    check.add_argument(
        "--change",
        action="store_true",
        help="also say what it would change in the running agent: none, weights, addresses or"
        " structure",
    )
    _runtime_directory(check)

    plan = commands.add_parser(
        "plan", help="what the file would change in the kernel; exit 0: nothing, 2: something"
    )
    plan.add_argument("file", nargs="?", default=DEFAULT_CONFIG, metavar="FILE", help="- is stdin")
    _keepalived(plan)
    plan.add_argument("--json", action="store_true", help="changes as JSON")
    plan.add_argument(
        "--against",
        metavar="CONF",
        help="compare options with this keepalived.conf, not with the running agent",
    )
    _runtime_directory(plan)

    _probe_commands(commands)
    _keepalived_commands(commands)
    sweep = commands.add_parser(
        "sweep", help="remove what a dead agent left in the kernel (systemd's ExecStopPost)"
    )
    _runtime_directory(sweep)
    sweep.add_argument(
        "--firewall",
        action="store_true",
        help="only the nf_tables table, of which another program that goes on has no use",
    )
    return parser


def _probe_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    probe = commands.add_parser(
        "probe",
        help="run the checks of real servers once and say what they saw; exit 0: all passed, 1:"
        " some failed, 2: some could not run here",
    )
    probe.add_argument("virtual_server", metavar="VIRTUAL_SERVER")
    probe.add_argument("real_servers", nargs="*", metavar="REAL_SERVER", help="all if none is said")
    probe.add_argument("--config", default=DEFAULT_CONFIG, metavar="FILE", help="- is stdin")
    probe.add_argument("--json", action="store_true", help="what was seen as JSON")
    _runtime_directory(probe)

    genhash = commands.add_parser(
        "genhash", help="print the digest that a check of a url would compute"
    )
    genhash.add_argument("urls", nargs="+", metavar="URL", help="http://... or https://...")
    genhash.add_argument("--virtualhost", metavar="NAME", help="Host header; else as in the URL")
    genhash.add_argument("--http-protocol", default="1.0", choices=("1.0", "1.1"))
    genhash.add_argument(
        "--connect-timeout", type=float, default=5.0, metavar="S", help="default: 5 s"
    )


def _keepalived_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    imports = commands.add_parser(
        "import",
        help="print what a keepalived.conf becomes: the inventory's variables, with comments; exit"
        " 0: accepted, 1: errors",
    )
    imports.add_argument("file", metavar="FILE", help="keepalived.conf")
    imports.add_argument(
        "--config-id", metavar="ID", help="for lines with @ID; default: this host's name"
    )
    imports.add_argument("--json", action="store_true", help="the agent's own file instead")

    exports = commands.add_parser(
        "export", help="print a configuration file as a keepalived.conf, with comments"
    )
    exports.add_argument(
        "file", nargs="?", default=DEFAULT_CONFIG, metavar="FILE", help="- is stdin"
    )


def _keepalived(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keepalived", metavar="FILE", help="a keepalived.conf instead")
    parser.add_argument("--config-id", metavar="ID", help="its config id; default: the host's name")


def _source(options: argparse.Namespace, otherwise: str) -> str:
    """The configuration file, or the name of the keepalived.conf in its place."""
    return (
        otherwise if options.keepalived is None else _named(options.keepalived, options.config_id)
    )


def _named(path: str, config_id: str | None) -> str:
    """A keepalived.conf as a source."""
    from lvs_agent.proc import keepalived_source  # noqa: PLC0415 - the schema

    return keepalived_source.name(path, config_id)


def _runtime_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runtime-dir", type=Path, default=Path(DEFAULT_RUNTIME_DIRECTORY), metavar="DIR"
    )


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if len(words) == 3 and words[:2] == ["sweep", "--runtime-dir"]:
        return _sweep(Path(words[2]))  # as in the unit: without the time to build a parser
    options = _parser().parse_args(words)
    match options.command:
        case "run":
            from lvs_agent.cli import run  # noqa: PLC0415 - the whole agent

            return run.run(_source(options, options.config), options.runtime_dir)
        case "check":
            from lvs_agent.cli import check  # noqa: PLC0415 - the schema

            return check.check(
                [_source(options, "")] if options.keepalived else options.files,
                host=options.host,
                as_json=options.json,
                change_from=options.runtime_dir if options.change else None,
            )
        case "plan":
            from lvs_agent.cli import plan  # noqa: PLC0415 - the schema and netlink

            return plan.plan(
                _source(options, options.file),
                options.runtime_dir,
                as_json=options.json,
                against=_named(options.against, options.config_id) if options.against else None,
            )
        case "probe":
            from lvs_agent.cli import probe  # noqa: PLC0415 - the schema and the probes

            return probe.probe(
                options.config,
                options.virtual_server,
                options.real_servers,
                runtime_directory=options.runtime_dir,
                as_json=options.json,
            )
        case "genhash":
            from lvs_agent.cli import genhash  # noqa: PLC0415 - the probes

            return genhash.genhash(
                options.urls,
                virtualhost=options.virtualhost,
                version=options.http_protocol,
                timeout_s=options.connect_timeout,
            )
        case "import":
            from lvs_agent.cli import keepalived  # noqa: PLC0415 - the schema and the language

            return keepalived.import_file(options.file, options.config_id, as_json=options.json)
        case "export":
            from lvs_agent.cli import keepalived  # noqa: PLC0415 - the schema and the language

            return keepalived.export_file(options.file)
        case "sweep":
            return _sweep_firewall() if options.firewall else _sweep(options.runtime_dir)
    raise AssertionError(options.command)


def _sweep(runtime_directory: Path) -> int:
    from lvs_agent.adapters import sweep  # noqa: PLC0415 - netlink

    report = sweep.sweep(runtime_directory)
    counts = (
        (len(report.addresses_removed), "addresses"),
        (len(report.services_removed), "services"),
        (report.routes_removed, "routes"),
        (report.rules_removed, "rules"),
        (len(report.links_removed), "interfaces"),
    )
    if report.shared:
        print("left everything: another program has it too, see docs/migrate.md", file=sys.stderr)
    removed = [f"{count} {what}" for count, what in counts if count]
    if removed:
        print(f"removed {', '.join(removed)} of a dead agent", file=sys.stderr)
    for error in report.errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if report.errors else 0


def _sweep_firewall() -> int:
    from lvs_agent.adapters import sweep  # noqa: PLC0415 - netlink

    errors: list[str] = []
    sweep.remove_firewall(errors)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
