# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk over the schema: from what JSON or YAML gives to checked values, defaults filled in.

Owns unknown and missing options, blocks and lists of them. Must never look at the meaning of a
value: that is in `config/values.py` and `config/rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from functools import cache
from typing import Any

from lvs_agent.config import lines
from lvs_agent.config.report import Report, describe, example, join, suggestion
from lvs_agent.config.values import CHECKS, in_range
from lvs_agent.schema import NOT_SUPPORTED, Block, Kind, Option

_NAME_LENGTH_LIMIT = 255

Check = Callable[[Option, Any, str, Report], Any]


class _Plan:
    """What reading a block needs, made once per block: there may be 65,536 of one kind."""

    def __init__(self, block: Block) -> None:
        self.known: dict[str, tuple[Option, Check]] = {
            option.name: (option, _CHECKS[option.kind]) for option in block.options
        }
        self.defaults: dict[str, Any] = {option.name: _default(option) for option in block.options}
        self.required = tuple(option for option in block.options if option.required)


@cache
def _plan(block: Block) -> _Plan:
    return _Plan(block)


def _default(option: Option) -> Any:
    """The default in checked form. It is shared by all: nobody may change it in place."""
    if option.default is None:
        return () if option.kind in (Kind.BLOCKS, Kind.STRINGS) else None

    def never(path: str, message: str) -> None:
        raise AssertionError(f"the default of {path} is wrong: {message}")

    return _CHECKS[option.kind](option, option.default, option.name, never)


def block_values(
    block: Block, value: Any, path: str, report: Report, later: Container[str] = ()
) -> dict[str, Any]:
    """The values of `block` with defaults filled in; what is wrong goes to `report`. Options of
    `later` are left as they are."""
    if block.line and isinstance(value, str):
        value = lines.mapping(block, value, path, report)
        if value is None:
            return {}
    if not isinstance(value, dict):
        line = ", or one line of text" if block.line else ""
        report(path, f"must be a mapping of options{line}, not {describe(value)}")
        return {}
    plan = _plan(block)
    values = plan.defaults.copy()
    for name, item in value.items():
        known = plan.known.get(name)
        if known is None:
            report(join(path, name), _unknown(name, plan, block))
        elif item is not None:
            option, check = known
            if name in later:
                values[name] = item
                continue
            values[name] = check(option, item, f"{path}.{name}" if path else name, report)
        elif known[0].block is not None:
            # YAML's `tcp_check:` with nothing behind it. Taken for "not set" it would leave a real
            # server unchecked by a slip of the keyboard.
            report(join(path, name), "is empty; write {} for its defaults, or remove it")
    for option in plan.required:
        if value.get(option.name) is None:
            report(join(path, option.name), f"is required{example(option)}")
    return values


def _unknown(name: object, plan: _Plan, block: Block) -> str:
    word = str(name).lower()
    advice = NOT_SUPPORTED.get(f"{block.name}.{word}") or NOT_SUPPORTED.get(word)
    if advice:
        return f"is not an option here: {advice}"
    hint = suggestion(name, plan.known)
    return f"unknown option{hint or f'; {block.name} knows ' + ', '.join(plan.known)}"


def _nested(option: Option, value: Any, path: str, report: Report) -> Any:
    assert option.block is not None
    if option.block.flag and isinstance(value, bool):
        return block_values(option.block, {}, path, report) if value else None
    return block_values(option.block, value, path, report)


def _blocks(option: Option, value: Any, path: str, report: Report) -> Any:
    """A list of mappings; a single mapping (or line) stands for a list of one."""
    assert option.block is not None
    if isinstance(value, dict) or (option.block.line and isinstance(value, str)):
        return (block_values(option.block, value, path, report),)
    if not isinstance(value, list | tuple):
        report(path, f"must be a list of mappings, not {describe(value)}")
        return ()
    if not in_range(option, len(value), f"{len(value)} entries", path, report):
        return ()
    return tuple(
        block_values(option.block, item, f"{path}[{index}]", report)
        for index, item in enumerate(value)
    )


def _named_blocks(option: Option, value: Any, path: str, report: Report) -> Any:
    return dict(each_block(option, value, path, report))


def each_block(
    option: Option, value: Any, path: str, report: Report
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the values of one named block after the other."""
    assert option.block is not None
    if not isinstance(value, dict):
        report(path, f"must be a mapping of names to mappings, not {describe(value)}")
        return
    if not in_range(option, len(value), f"{len(value)} entries", path, report):
        return
    for name, item in value.items():
        if not isinstance(name, str) or not name.strip() or len(name) > _NAME_LENGTH_LIMIT:
            wanted = f"the name must be a text of 1 to {_NAME_LENGTH_LIMIT} characters"
            report(join(path, name), wanted)
        elif not name.isprintable():
            report(join(path, name), "the name must not contain control characters")
        else:
            yield name, block_values(option.block, item, f"{path}.{name}", report)


_CHECKS: dict[Kind, Check] = {
    **CHECKS,
    Kind.BLOCK: _nested,
    Kind.BLOCKS: _blocks,
    Kind.NAMED_BLOCKS: _named_blocks,
}


def check_value(option: Option, value: Any, path: str, report: Report) -> Any:
    """`value` of `option` in checked form; what is wrong goes to `report`."""
    return _CHECKS[option.kind](option, value, path, report)
