# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of the schema, each once."""

from __future__ import annotations

from lvs_agent import schema
from lvs_agent.schema import Block


def blocks(start: Block = schema.DOCUMENT) -> list[Block]:
    """`start` and every block below it, in reading order, each once."""
    found: dict[str, Block] = {}

    def visit(block: Block) -> None:
        if block.name in found:
            if found[block.name] is not block:
                raise ValueError(f"two blocks are called {block.name}")
            return
        found[block.name] = block
        for option in block.options:
            if option.block is not None:
                visit(option.block)

    visit(start)
    return list(found.values())
