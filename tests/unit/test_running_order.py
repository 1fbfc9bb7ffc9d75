# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which the workers of `make test` take the test files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import running_order

TESTS = Path(running_order.__file__).parent


def test_each_file_of_the_lab_has_its_place() -> None:
    files = {path.stem for path in TESTS.glob("lab/test_*.py")}
    placed = [name for first in running_order.LAB for name in running_order.chain(first)]
    assert sorted(placed) == sorted(files)


def test_a_chain_is_one_unit_and_keeps_its_order() -> None:
    for files in running_order.CHAINS:
        units = {running_order.unit("lab", name, f"tests/lab/{name}.py") for name in files}
        assert len(units) == 1
        places = [running_order.place("lab", name) for name in files]
        assert places == sorted(set(places))
        assert all(running_order.follows(later, one) for one, later in pairwise(files))
        assert not any(running_order.follows(one, later) for one, later in pairwise(files))


def test_what_stands_alone_follows_nothing() -> None:
    assert not running_order.follows("test_lvs_nat", "test_lvs_dr")
    assert not running_order.follows("test_lvs_nat", "test_lvs_nat")
    assert not running_order.follows("test_faults", "test_lvs_tun")


def test_namespaces_are_one_unit_and_come_first() -> None:
    units = {running_order.unit(folder, "test_x", folder) for folder in running_order.NAMESPACES}
    assert len(units) == 1
    others = [running_order.place(folder, "test_x") for folder in ("lab", "sim", "unit")]
    first = [running_order.place(folder, "test_x") for folder in running_order.NAMESPACES]
    assert max(first) < min(others)
    assert running_order.unit("unit", "test_x", "one") != running_order.unit(
        "unit", "test_x", "two"
    )
