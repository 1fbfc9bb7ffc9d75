# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration document becomes a `Config`, or the list of everything that is wrong with it.

Owns the order of the steps: the JSON text, the walk over the schema (`config/walk.py`), the rules
between options (`config/rules.py`), the frozen values (`config/build.py`), warnings
(`config/lint.py`). Must never look at the host or at a running agent.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from lvs_agent import schema
from lvs_agent.config import build, build_ipvs, lint_rules, rules, rules_checks, rules_ipvs, walk
from lvs_agent.config.report import Report
from lvs_agent.core.model import Config

# 65,536 real servers with a check each are about 16 MB; a larger file is a mistake.
DOCUMENT_BYTES_LIMIT = 32 * 1024 * 1024
# More errors than anybody reads at once; the rest is counted.
ERRORS_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigError:
    """One thing wrong: where (`path`, or line and column) and what, with what to do."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """One thing that is allowed and rarely meant: where, and what to do about it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigRejected(Exception):
    """A document is not accepted; `errors` has everything that is wrong with it."""

    def __init__(self, errors: tuple[ConfigError, ...]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors


def load(text: str) -> Config:
    """The configuration in `text` (JSON). Raises ConfigRejected with all errors at once."""
    return from_document(parse(text))


def lint(text: str) -> tuple[Warning, ...]:
    """What is allowed but rarely meant in `text` (JSON). Raises ConfigRejected as `load` does."""
    return lint_document(parse(text))


def parse(text: str) -> Any:
    """The JSON value in `text`; duplicate keys and NaN are refused. Raises ConfigRejected."""
    if len(text) > DOCUMENT_BYTES_LIMIT:
        raise _rejected("", f"larger than {DOCUMENT_BYTES_LIMIT} bytes; is it the right file?")
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        hint = "; is the file cut off?" if error.pos >= len(text.rstrip()) else ""
        raise _rejected(place, f"not valid JSON: {error.msg}{hint}") from error
    except RecursionError as error:
        raise _rejected("", "not valid JSON: nested too deeply") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        name = next(key for key, __ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _rejected(name, "is given twice in the same mapping; remove one of the two")
    return result


def _no_constant(text: str) -> None:
    raise _rejected("", f"not valid JSON: {text} is not a number")


def _rejected(path: str, message: str) -> ConfigRejected:
    return ConfigRejected((ConfigError(path=path, message=message),))


def from_document(document: Any) -> Config:
    """The configuration in `document` (what JSON or YAML gives). Raises ConfigRejected."""
    values, virtual_servers = _checked(document, build_ipvs.virtual_server)
    return build.build(values, tuple(virtual_servers.values()))


def lint_document(document: Any) -> tuple[Warning, ...]:
    """As `lint`, for what JSON or YAML gives."""
    found: list[Warning] = []

    def report(path: str, message: str) -> None:
        found.append(Warning(path=path, message=message))

    values, servers = _checked(document, lambda _name, server, _values: server)
    lint_rules.check({**values, _SERVERS: servers}, document, report)
    return tuple(found[:ERRORS_LIMIT])


_Made = TypeVar("_Made")
_SERVERS = "virtual_servers"


def _checked(
    document: Any, make: Callable[[str, dict[str, Any], dict[str, Any]], _Made]
) -> tuple[dict[str, Any], dict[str, _Made]]:
    """The values in `document` with defaults filled in, and what `make` made of each virtual
    server: of its name, its values, and those of all the rest. Raises ConfigRejected.

    Virtual servers are taken one at a time: with defaults filled in, 10,000 real servers have 10
    MiB, which the process, and those that it forks, would never give back.
    """
    errors: list[ConfigError] = []
    broken: list[ConfigError] = []  # rules, which are for a document that is sound otherwise
    values = walk.block_values(schema.DOCUMENT, document, "", _report_to(errors), (_SERVERS,))
    if not errors:
        rules.check(values, _report_to(broken))
    servers_rules = None if errors else rules_ipvs.ServersRules(values, _report_to(broken))
    option = schema.DOCUMENT.option(_SERVERS)
    assert option is not None
    made: dict[str, _Made] = {}
    servers = values.get(_SERVERS, {})
    for name, server in walk.each_block(option, servers, _SERVERS, _report_to(errors)):
        if errors or servers_rules is None:
            continue
        servers_rules.check(name, server)
        rules_checks.check(name, server, values, _report_to(broken))
        if not broken:
            made[name] = make(name, server, values)
    _raise_all(errors or broken)
    return values, made


def _report_to(errors: list[ConfigError]) -> Report:
    def report(path: str, message: str) -> None:
        errors.append(ConfigError(path=path, message=message))

    return report


def _raise_all(errors: list[ConfigError]) -> None:
    """Raises ConfigRejected when there are any."""
    if not errors:
        return
    shown = errors[:ERRORS_LIMIT]
    if len(errors) > ERRORS_LIMIT:
        rest = len(errors) - ERRORS_LIMIT
        shown.append(ConfigError(path="", message=f"and {rest} more errors"))
    raise ConfigRejected(tuple(shown))
