# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of requirements itself: whole, honest about its tests, and its document up to date."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest
from conformance.requirement import RFCS, TESTS, Requirement, Verdict, file_of, function_of
from conformance.requirements import ALL, LEAD_INS, by_place

REPOSITORY = TESTS.parent
HERE = TESTS / "conformance"
TESTED = (Verdict.COVERED, Verdict.DEVIATION)
# Key words in capitals in the three texts, counted there; "tests/tools/conformance.py --texts"
# counts them again, section by section.
KEY_WORDS = {"3768": 52, "5798": 67, "9568": 94}


def references(requirement: Requirement) -> tuple[str, ...]:
    return (*requirement.positive, *requirement.negative)


@cache
def collected() -> dict[tuple[Path, str], list[str]]:
    """Every test that pytest would run of the files that the table names: parameters by name."""
    files = sorted({file_of(each) for requirement in ALL for each in references(requirement)})
    absent = [str(file) for file in files if not file.is_file()]
    assert not absent, f"the table names tests in {absent}"
    done = subprocess.run(
        [
            *(sys.executable, "-B", "-m", "pytest", "--collect-only", "-q"),
            *("-p", "no:cacheprovider", *map(str, files)),
        ],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        # Whoever asks for other words of this run does not ask for them of that one.
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = defaultdict(list)
    for line in done.stdout.splitlines():
        if match := re.fullmatch(r"(\S+\.py)::(\w+)(?:\[(.*)\])?", line):
            found[REPOSITORY / match[1], match[2]].append(match[3] or "")
    return found


def test_ids_are_unique_and_numbered_without_holes() -> None:
    ids = [place.id for place, _ in by_place()]
    assert [each for each, count in Counter(ids).items() if count > 1] == []
    numbers = defaultdict(set)
    for place, _ in by_place():
        numbers[place.rfc, place.section].add(place.number)
    assert {
        at: found for at, found in numbers.items() if found != {*range(1, len(found) + 1)}
    } == {}


@pytest.mark.parametrize("rfc", RFCS)
def test_every_key_word_in_capitals_has_its_row(rfc: str) -> None:
    """One row per word: further parts (7b, 7c) of a sentence share the word of the first."""
    rows = sum(
        place.rfc == rfc and place.level.value.isupper() and place.part in ("", "a")
        for place, _ in by_place()
    )
    lead_ins = sum(count for (text, _), count in LEAD_INS.items() if text == rfc)
    assert rows + lead_ins == KEY_WORDS[rfc]


def test_every_requirement_is_said_whole() -> None:
    for requirement in ALL:
        ids = [place.id for place in requirement.places]
        assert ids
        assert requirement.text.endswith("."), ids
        if requirement.verdict in TESTED:
            assert requirement.positive, ids
            assert requirement.negative, ids
        else:
            assert requirement.note, ids
            assert not references(requirement), ids
        if requirement.verdict is Verdict.DEVIATION:
            assert requirement.note, ids


def test_every_named_test_exists() -> None:
    wrong = [
        f"{reference} of {requirement.places[0].id}"
        for requirement in ALL
        for reference in references(requirement)
        if (file_of(reference), function_of(reference)) not in collected()
    ]
    assert wrong == []


def test_every_requirement_is_shown_for_each_of_its_rfcs() -> None:
    """Of its positive tests with parameters for RFCs, one has each RFC that the row stands in."""
    wrong = []
    for place, requirement in by_place():
        shown = [collected()[file_of(each), function_of(each)] for each in requirement.positive]
        general = [each for each in shown if not any("rfc" in name for name in each)]
        own = [each for each in shown if any(f"rfc{place.rfc}" in name for name in each)]
        if shown and not general and not own:
            wrong.append(place.id)
    assert wrong == []


def test_every_conformance_test_is_in_the_table() -> None:
    named = {(file_of(each), function_of(each)) for row in ALL for each in references(row)}
    unnamed = [
        f"{file.name}::{node.name}"
        for file in sorted(HERE.glob("test_*.py"))
        if file.name != Path(__file__).name
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and (file, node.name) not in named
    ]
    assert unnamed == []


def test_no_conformance_test_is_switched_off() -> None:
    """Nothing skips, but for the want of root (the marker of every test in namespaces)."""
    root = re.compile(r'pytest\.mark\.skipif\(os\.geteuid\(\) != 0, reason="needs root"\)')
    for file in HERE.glob("test_*.py"):
        if file.name != Path(__file__).name:
            text = root.sub("", file.read_text(encoding="utf-8"))
            assert not re.search(r"\b(skip|skipif|xfail|importorskip)\b", text), file.name


@pytest.mark.parametrize("rfc", RFCS)
def test_gaps_are_under_5_percent(rfc: str) -> None:
    verdicts = Counter(row.verdict for place, row in by_place() if place.rfc == rfc)
    applicable = verdicts.total() - verdicts[Verdict.NOT_APPLICABLE]
    assert applicable > 100
    assert verdicts[Verdict.GAP] < 0.05 * applicable


def test_document_is_what_the_table_says() -> None:
    tool = REPOSITORY / "tests" / "tools" / "conformance.py"
    done = subprocess.run(
        [sys.executable, "-B", str(tool), "--check"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"run tests/tools/conformance.py\n{done.stdout}{done.stderr}"
