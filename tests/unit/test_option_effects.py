# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option of VRRP and of checks has a test that shows its effect, and that test is there."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from lvs_agent import schema
from lvs_agent.schema import Block
from lvs_agent.schema.checks import CHECKS
from lvs_agent.schema.checks_common import REAL_SERVER_PACE, VIRTUAL_SERVER_PACE
from option_effects import EFFECTS, WITHOUT, Witness
from option_effects_checks import EFFECTS as EFFECTS_OF_CHECKS

ROOT = Path(__file__).resolve().parents[2]
# IPVS has an account of its own.
ELSEWHERE = {"document.virtual_servers"}
# May become smaller.
ALLOWED_WITHOUT = {
    "global_defs.vrrp_higher_prio_send_advert",
    "vrrp_instance.higher_prio_send_advert",
    "vrrp_instance.state",
}
PLACES = {
    Witness.KERNEL: ("tests/netns/", "tests/lab/", "tests/conformance/"),
    Witness.WIRE: ("tests/netns/", "tests/interop/", "tests/lab/", "tests/conformance/"),
    Witness.PROCESS: ("tests/unit/proc/", "tests/unit/cli/", "tests/netns/", "tests/lab/"),
    Witness.DECISION: ("tests/unit/core/", "tests/sim/"),
}


def options(block: Block, seen: set[str]) -> Iterator[str]:
    """ "block.option" for all that can be said of VRRP, each once."""
    if block.name in seen:
        return
    seen.add(block.name)
    for option in block.options:
        name = f"{block.name}.{option.name}"
        if name in ELSEWHERE:
            continue
        yield name
        if option.block is not None:
            yield from options(option.block, seen)


@functools.cache
def functions(path: str) -> frozenset[str]:
    """The test functions of a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_option_and_nothing_else_is_in_the_table() -> None:
    known = set(options(schema.DOCUMENT, set()))
    named = set(EFFECTS) | set(WITHOUT)
    missing, stale = sorted(known - named), sorted(named - known)
    assert not missing, f"name the tests that show them in tests/option_effects.py: {missing}"
    assert not stale, f"no such options: {stale}"
    assert not set(EFFECTS) & set(WITHOUT)


def options_of_checks() -> Iterator[str]:
    """All that can be said of checks, at virtual servers and at real servers."""
    pace = {option.name for option in (*REAL_SERVER_PACE, *VIRTUAL_SERVER_PACE)}
    for block in (schema.VIRTUAL_SERVER, schema.REAL_SERVER):
        for option in block.options:
            if option.name in pace or option.name in schema.CHECK_NAMES:
                yield f"{block.name}.{option.name}"
    seen: set[str] = set()
    for check in CHECKS:
        assert check.block is not None
        yield from options(check.block, seen)


def test_every_option_of_checks_and_nothing_else_is_in_their_table() -> None:
    known, named = set(options_of_checks()), set(EFFECTS_OF_CHECKS)
    missing, stale = sorted(known - named), sorted(named - known)
    assert not missing, f"name their tests in tests/option_effects_checks.py: {missing}"
    assert not stale, f"no such options: {stale}"


def test_no_further_option_is_without_a_test() -> None:
    assert set(WITHOUT) <= ALLOWED_WITHOUT
    assert all(len(reason) > 10 for reason in WITHOUT.values())


ALL_EFFECTS = [*EFFECTS.values(), *EFFECTS_OF_CHECKS.values()]


@pytest.mark.parametrize("test", sorted({effect.test for effect in ALL_EFFECTS}))
def test_named_test_exists(test: str) -> None:
    path, _, name = test.partition("::")
    assert name.startswith("test_")
    assert name in functions(path), f"{path} has no {name}"


@pytest.mark.parametrize("witness", Witness)
def test_effect_is_seen_where_there_is_something_to_see(witness: Witness) -> None:
    tests = {effect.test for effect in ALL_EFFECTS if effect.witness is witness}
    assert tests
    assert all(test.startswith(PLACES[witness]) for test in tests)


def test_options_of_different_blocks_do_not_share_a_name() -> None:
    blocks: dict[str, Block] = {}

    def collect(block: Block) -> None:
        assert blocks.setdefault(block.name, block) is block, f"two blocks {block.name}"
        for option in block.options:
            if option.block is not None and f"{block.name}.{option.name}" not in ELSEWHERE:
                collect(option.block)

    collect(schema.DOCUMENT)
