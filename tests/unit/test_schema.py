# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema describes itself completely: every option has a text, and a default it accepts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lvs_agent import schema
from lvs_agent.config.walk import check_value
from lvs_agent.schema import Block, Kind, Option


def walk(block: Block, path: str = "") -> Iterator[tuple[str, Option]]:
    for option in block.options:
        yield f"{path}{option.name}", option
        if option.block is not None:
            yield from walk(option.block, f"{path}{option.name}.")


OPTIONS = dict(walk(schema.DOCUMENT))


@pytest.mark.parametrize("path", OPTIONS)
def test_option_is_described_and_accepts_its_own_default_and_example(path: str) -> None:
    option = OPTIONS[path]
    assert option.doc.endswith("."), "a sentence"
    assert (option.block is not None) == (
        option.kind in (Kind.BLOCK, Kind.BLOCKS, Kind.NAMED_BLOCKS)
    )
    assert bool(option.choices) == (option.kind is Kind.CHOICE)
    assert not (option.required and option.default is not None)
    for value in (option.default, option.example):
        errors: list[str] = []
        if value is not None:
            check_value(option, value, path, lambda *error: errors.append(str(error)))  # noqa: B023
        assert not errors


@pytest.mark.parametrize("path", OPTIONS)
def test_names_of_a_block_are_unique(path: str) -> None:
    block = OPTIONS[path].block
    if block is not None:
        names = [option.name for option in block.options]
        assert len(set(names)) == len(names)


def test_passwords_are_marked_secret() -> None:
    assert OPTIONS["vrrp_instances.authentication.auth_pass"].secret
    assert OPTIONS["global_defs.smtp_password"].secret


def test_what_is_not_supported_is_not_an_option_and_has_advice() -> None:
    known = {option.name for option in OPTIONS.values()}
    assert not known & set(schema.NOT_SUPPORTED)
    assert all(len(advice) > 10 for advice in schema.NOT_SUPPORTED.values())


def test_every_default_that_names_another_option_names_one_that_exists() -> None:
    for option in OPTIONS.values():
        words = (option.default_doc or "").split(",")[0]
        if words.startswith("global_defs."):
            assert words in OPTIONS, option.name
