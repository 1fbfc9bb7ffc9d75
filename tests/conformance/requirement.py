# SPDX-License-Identifier: GPL-3.0-or-later
"""What a requirement of the VRRP standards is, and how one is written down.

Owns the shapes and the notation of `requirements_*.py`. Must never hold a requirement, nor a
sentence of an RFC: the tables are in our own words.

A requirement that several RFCs share is written once, with a place in each. A place's id is
RFC-section-number; a letter after the number (7a, 7b) splits one key word into parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
RFCS = ("3768", "5798", "9568")
_ID = re.compile(r"(3768|5798|9568)-((?:[A-Z]|\d+)(?:\.\d+)*)-(\d+)([a-z]?)")


class Level(StrEnum):
    """How binding. Capitals: RFC 2119's words; small letters: normative prose of the same RFC."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"
    MAY = "MAY"
    RECOMMENDED = "RECOMMENDED"
    NOT_RECOMMENDED = "NOT RECOMMENDED"
    must = "must"
    should = "should"
    may = "may"
    step = "step"  # of the state machine, of a procedure, or the definition of a field


class Subject(StrEnum):
    """Who has to do it."""

    SENDER = "sender"
    RECEIVER = "receiver"
    STATES = "state machine"
    CONFIGURATION = "configuration"
    KERNEL = "kernel"
    OPERATOR = "operator"
    MEDIUM = "other medium"


class Verdict(StrEnum):
    """How we stand to it."""

    COVERED = "covered"
    DEVIATION = "deviation"
    GAP = "gap"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an RFC says it. `part`: "" or the letter of a part of one sentence."""

    rfc: str
    section: str
    number: int
    part: str
    level: Level

    @property
    def id(self) -> str:
        return f"{self.rfc}-{self.section}-{self.number}{self.part}"

    @property
    def order(self) -> tuple[object, ...]:
        """Sorts as the RFC is read; the appendices are last."""
        words = self.section.split(".")
        numbers = [int(word) if word.isdigit() else 100 + ord(word) for word in words]
        return (self.rfc, numbers, self.number, self.part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """`positive` and `negative` are references to tests, "module::name", without "test_".

    A module without a slash is in tests/conformance. `note`: why not, or under which option.
    """

    places: tuple[Place, ...]
    subject: Subject
    text: str
    verdict: Verdict
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    note: str = ""


def at(level: Level, *ids: str) -> tuple[Place, ...]:
    """Places of one level; raises ValueError for an id that is none."""
    places = []
    for text in ids:
        match = _ID.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not RFC-section-number")
        rfc, section, number, part = match.groups()
        places.append(Place(rfc=rfc, section=section, number=int(number), part=part, level=level))
    return tuple(places)


def covered(
    places: tuple[Place, ...], subject: Subject, text: str, yes: str, no: str, *, note: str = ""
) -> Requirement:
    """We do it. `yes`, `no`: blank-separated tests that show it done, and not done otherwise."""
    return Requirement(
        places=places,
        subject=subject,
        text=text,
        verdict=Verdict.COVERED,
        positive=tuple(yes.split()),
        negative=tuple(no.split()),
        note=note,
    )


def deviation(
    places: tuple[Place, ...], subject: Subject, text: str, *, why: str, yes: str, no: str
) -> Requirement:
    """We do something else on purpose. The tests show what we do, and how far it goes."""
    return Requirement(
        places=places,
        subject=subject,
        text=text,
        verdict=Verdict.DEVIATION,
        positive=tuple(yes.split()),
        negative=tuple(no.split()),
        note=why,
    )


def gap(places: tuple[Place, ...], subject: Subject, text: str, why: str) -> Requirement:
    """It applies, and is not done or not tested."""
    return Requirement(places=places, subject=subject, text=text, verdict=Verdict.GAP, note=why)


def outside(places: tuple[Place, ...], subject: Subject, text: str, why: str) -> Requirement:
    """It is no business of this product."""
    return Requirement(
        places=places, subject=subject, text=text, verdict=Verdict.NOT_APPLICABLE, note=why
    )


def file_of(reference: str) -> Path:
    """The file of a test reference."""
    module = reference.partition("::")[0]
    directory, _, name = module.rpartition("/")
    return TESTS / (directory or "conformance") / f"test_{name}.py"


def function_of(reference: str) -> str:
    """The function of a test reference."""
    return f"test_{reference.partition('::')[2]}"
