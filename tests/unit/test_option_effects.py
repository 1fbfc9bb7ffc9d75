# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option has a test that shows its effect, and that test is there."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from lvs_agent import schema
from lvs_agent.schema import Block
from option_effects import EFFECTS as VRRP_EFFECTS
from option_effects import WITHOUT, Effect, Witness
from option_effects_checks import EFFECTS as CHECK_EFFECTS
from option_effects_ipvs import EFFECTS as IPVS_EFFECTS
from option_effects_quorum import EFFECTS as QUORUM_EFFECTS

ROOT = Path(__file__).resolve().parents[2]
TABLES = (VRRP_EFFECTS, IPVS_EFFECTS, QUORUM_EFFECTS, CHECK_EFFECTS)
EFFECTS: dict[str, Effect] = {name: one for table in TABLES for name, one in table.items()}
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
    """ "block.option" for all that can be said, each once."""
    if block.name in seen:
        return
    seen.add(block.name)
    for option in block.options:
        name = f"{block.name}.{option.name}"
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
    assert not missing, f"name the tests that show them in tests/option_effects*.py: {missing}"
    assert not stale, f"no such options: {stale}"
    assert not set(EFFECTS) & set(WITHOUT)


def test_no_further_option_is_without_a_test() -> None:
    assert set(WITHOUT) <= ALLOWED_WITHOUT
    assert all(len(reason) > 10 for reason in WITHOUT.values())


@pytest.mark.parametrize("test", sorted({effect.test for effect in EFFECTS.values()}))
def test_named_test_exists(test: str) -> None:
    path, _, name = test.partition("::")
    name, _, scenario = name.partition("[")
    assert name.startswith("test_")
    assert name in functions(path), f"{path} has no {name}"
    if scenario:
        guest = path.replace("/test_", "/").replace(".py", "_guest.py")
        assert scenario.rstrip("]") in functions(guest), f"{guest} has no {scenario}"


def test_no_option_is_in_two_tables() -> None:
    assert len(EFFECTS) == sum(map(len, TABLES))


@pytest.mark.parametrize("witness", Witness)
def test_effect_is_seen_where_there_is_something_to_see(witness: Witness) -> None:
    tests = {effect.test for effect in EFFECTS.values() if effect.witness is witness}
    assert tests
    assert all(test.startswith(PLACES[witness]) for test in tests)


def test_options_of_different_blocks_do_not_share_a_name() -> None:
    blocks: dict[str, Block] = {}

    def collect(block: Block) -> None:
        assert blocks.setdefault(block.name, block) is block, f"two blocks {block.name}"
        for option in block.options:
            if option.block is not None:
                collect(option.block)

    collect(schema.DOCUMENT)
