# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration document becomes a `Config`, or the list of everything that is wrong with it.

Owns the walk over the schema: types, ranges, unknown keys with a suggestion, defaults. The rules
between options are in `config_rules.py`, the frozen values are made in `config_build.py`. Must
never look at the host or at a running agent.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lvs_agent import config_build, config_rules, schema
from lvs_agent.core.model import Config
from lvs_agent.schema import Block, Kind, Option
from lvs_agent.status_codes import parse_status_codes

# 65,536 real servers with a check each are about 16 MB; a larger file is a mistake.
DOCUMENT_BYTES_LIMIT = 32 * 1024 * 1024
# More errors than anybody reads at once; the rest is counted.
ERRORS_LIMIT = 200
_NAME_LENGTH_LIMIT = 255
_INTERFACE_NAME_LIMIT = 15  # IFNAMSIZ - 1, linux/if.h


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigError:
    """One thing wrong: where (`path`, or line and column) and what, with what to do."""

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
        name = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _rejected(name, "is given twice in the same mapping; remove one of the two")
    return result


def _no_constant(text: str) -> None:
    raise _rejected("", f"not valid JSON: {text} is not a number")


def _rejected(path: str, message: str) -> ConfigRejected:
    return ConfigRejected((ConfigError(path=path, message=message),))


def from_document(document: Any) -> Config:
    """The configuration in `document` (what JSON or YAML gives). Raises ConfigRejected."""
    errors: list[ConfigError] = []

    def report(path: str, message: str) -> None:
        errors.append(ConfigError(path=path, message=message))

    values = _block(schema.DOCUMENT, document, "", report)
    if not errors:
        config_rules.check(values, report)
    if errors:
        shown = errors[:ERRORS_LIMIT]
        if len(errors) > ERRORS_LIMIT:
            rest = len(errors) - ERRORS_LIMIT
            shown.append(ConfigError(path="", message=f"and {rest} more errors"))
        raise ConfigRejected(tuple(shown))
    return config_build.build(values)


Report = Callable[[str, str], None]


def _block(block: Block, value: Any, path: str, report: Report) -> dict[str, Any]:
    """The values of `block` with defaults filled in; what is wrong goes to `report`."""
    if block.line and isinstance(value, str):
        value = _virtual_address_line(value, path, report)
    if not isinstance(value, dict):
        report(path, f"must be a mapping of options, not {_describe(value)}")
        return {}
    known = {option.name: option for option in block.options}
    for name, item in value.items():
        if name not in known:
            report(_join(path, name), _unknown(name, list(known), block))
        elif item is None and known[name].block is not None:
            # YAML's `tcp_check:` with nothing behind it. Taken for "not set" it would leave a real
            # server unchecked by a slip of the keyboard.
            report(_join(path, name), "is empty; write {} for its defaults, or remove it")
    return {
        name: _option(option, value.get(name), _join(path, name), report)
        for name, option in known.items()
    }


def _unknown(name: object, known: list[str], block: Block) -> str:
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    if close:
        return f"unknown option; did you mean {close[0]}?"
    return f"unknown option; {block.name} knows {', '.join(known)}"


def _option(option: Option, value: Any, path: str, report: Report) -> Any:
    """The checked value; an absent option (or null) gives its default."""
    if value is None:
        if option.required:
            report(path, f"is required{_example(option)}")
            return None
        value = option.default
        if value is None:
            return () if option.kind is Kind.BLOCKS else None
    return _CHECKS[option.kind](option, value, path, report)


def _number(option: Option, value: Any, path: str, report: Report) -> Any:
    wanted = "a whole number" if option.kind is Kind.INTEGER else "a number of seconds"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        report(path, f"must be {wanted}, not {_describe(value)}{_example(option)}")
        return None
    if option.kind is Kind.INTEGER and not isinstance(value, int):
        report(path, f"must be {wanted}, not {value}")
        return None
    return value if _in_range(option, value, str(value), path, report) else None


def _in_range(option: Option, size: float, shown: str, path: str, report: Report) -> bool:
    low, high = option.minimum, option.maximum
    if (low is None or size >= low) and (high is None or size <= high):
        return True
    if low is not None and high is not None:
        bounds = f"from {low:.15g} to {high:.15g}"
    else:
        bounds = f"at least {low:.15g}" if low is not None else f"at most {high:.15g}"
    unit = f" {option.unit}" if option.unit else ""
    report(path, f"must be {bounds}{unit}, not {shown}")
    return False


def _boolean(option: Option, value: Any, path: str, report: Report) -> Any:
    if isinstance(value, bool):
        return value
    report(path, f"must be true or false, not {_describe(value)}")
    return None


def _string(option: Option, value: Any, path: str, report: Report) -> Any:
    if not isinstance(value, str):
        hint = "; put it in quotes" if isinstance(value, int | float) else ""
        report(path, f"must be text, not {_describe(value)}{hint}")
        return None
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        report(path, "must not contain control characters")
        return None
    shown = f"a text of {len(value)} characters"
    return value if _in_range(option, len(value), shown, path, report) else None


def _choice(option: Option, value: Any, path: str, report: Report) -> Any:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str):
        for choice in option.choices:
            if choice.lower() == text.lower():
                return choice
    close = difflib.get_close_matches(str(text), option.choices, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    report(path, f"must be one of {', '.join(option.choices)}, not {_describe(value)}{hint}")
    return None


def _ipv4(option: Option, value: Any, path: str, report: Report) -> Any:
    try:
        if isinstance(value, str):
            return str(ipaddress.IPv4Address(value))
    except ValueError:
        pass
    report(path, f"must be an IPv4 address, not {_describe(value)}{_example(option)}")
    return None


def _cidr(option: Option, value: Any, path: str, report: Report) -> Any:
    try:
        if isinstance(value, str):
            interface = ipaddress.IPv4Interface(value)
            return (str(interface.ip), interface.network.prefixlen)
    except ValueError:
        pass
    wanted = "an IPv4 address with an optional prefix length"
    report(path, f"must be {wanted}, not {_describe(value)}{_example(option)}")
    return None


def _interface(option: Option, value: Any, path: str, report: Report) -> Any:
    if not isinstance(value, str) or not value:
        report(path, f"must be the name of a network interface, not {_describe(value)}")
        return None
    if len(value.encode()) > _INTERFACE_NAME_LIMIT or "/" in value or len(value.split()) != 1:
        report(path, f"{value!r} is not a name that a network interface can have")
        return None
    return value


def _status_codes(option: Option, value: Any, path: str, report: Report) -> Any:
    try:
        return parse_status_codes(value)
    except ValueError as error:
        report(path, f"{error}{_example(option)}")
        return None


def _nested(option: Option, value: Any, path: str, report: Report) -> Any:
    assert option.block is not None
    return _block(option.block, value, path, report)


def _blocks(option: Option, value: Any, path: str, report: Report) -> Any:
    """A list of mappings; a single mapping (or line) stands for a list of one."""
    assert option.block is not None
    if isinstance(value, dict) or (option.block.line and isinstance(value, str)):
        return (_block(option.block, value, path, report),)
    if not isinstance(value, list | tuple):
        report(path, f"must be a list of mappings, not {_describe(value)}")
        return ()
    if not _in_range(option, len(value), f"{len(value)} entries", path, report):
        return ()
    return tuple(
        _block(option.block, item, f"{path}[{index}]", report) for index, item in enumerate(value)
    )


def _named_blocks(option: Option, value: Any, path: str, report: Report) -> Any:
    assert option.block is not None
    if not isinstance(value, dict):
        report(path, f"must be a mapping of names to mappings, not {_describe(value)}")
        return {}
    if not _in_range(option, len(value), f"{len(value)} entries", path, report):
        return {}
    result: dict[str, Any] = {}
    for name, item in value.items():
        where = _join(path, name)
        if not isinstance(name, str) or not name.strip() or len(name) > _NAME_LENGTH_LIMIT:
            report(where, f"the name must be a text of 1 to {_NAME_LENGTH_LIMIT} characters")
        elif not name.isprintable():
            report(where, "the name must not contain control characters")
        else:
            result[name] = _block(option.block, item, where, report)
    return result


_CHECKS: dict[Kind, Callable[[Option, Any, str, Report], Any]] = {
    Kind.INTEGER: _number,
    Kind.SECONDS: _number,
    Kind.BOOLEAN: _boolean,
    Kind.STRING: _string,
    Kind.CHOICE: _choice,
    Kind.IPV4: _ipv4,
    Kind.CIDR: _cidr,
    Kind.INTERFACE: _interface,
    Kind.STATUS_CODES: _status_codes,
    Kind.BLOCK: _nested,
    Kind.BLOCKS: _blocks,
    Kind.NAMED_BLOCKS: _named_blocks,
}


def _virtual_address_line(line: str, path: str, report: Report) -> Any:
    """keepalived's form, `ADDRESS[/PREFIX] [brd X] [dev X] [label X] [scope X]`, as a mapping."""
    words = line.split()
    if not words:
        report(path, "is empty; write an address such as 172.16.1.99/32")
        return {"address": "0.0.0.0"}
    known = {option.name for option in schema.VIRTUAL_IPADDRESS.options} - {"address"}
    value: dict[str, str] = {"address": words[0]}
    position = 1
    while position < len(words):
        word = words[position]
        if word not in known:
            report(path, f"unknown word {word!r} in {line!r}; known are {', '.join(sorted(known))}")
            return value
        if position + 1 == len(words):
            report(path, f"{word} in {line!r} lacks its value")
            return value
        if word in value:
            report(path, f"{word} is given twice in {line!r}")
        value[word] = words[position + 1]
        position += 2
    return value


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _describe(value: Any) -> str:
    """`value` as an error message shows it: short, and with its type where that is the error."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return "nothing" if value is None else type(value).__name__


def _example(option: Option) -> str:
    return "" if option.example is None else f" (example: {option.example})"
