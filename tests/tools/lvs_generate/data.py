# SPDX-License-Identifier: GPL-3.0-or-later
"""Constants for the plugins, which must not import the agent."""

from __future__ import annotations

from lvs_agent import schema
from lvs_agent.schema import Kind

from lvs_generate import NOTICE
from lvs_generate.walk import blocks

_HEADER = f'''# SPDX-License-Identifier: GPL-3.0-or-later
"""{NOTICE}"""

from __future__ import annotations
'''


def defaults() -> str:
    """`DEFAULTS`: block.option -> value, for every option with a plain default; `SECTIONS`."""
    lines = [_HEADER, "from typing import Any, Final", "", "DEFAULTS: Final[dict[str, Any]] = {"]
    for block in blocks():
        for option in block.options:
            if isinstance(option.default, bool | int | float):
                lines.append(f'    "{block.name}.{option.name}": {option.default},')
            elif isinstance(option.default, str):
                lines.append(f'    "{block.name}.{option.name}": "{option.default}",')
    lines += [
        "}",
        "",
        "# What the inventory says in variables of these names, and what an absent one is.",
    ]
    lines += ["SECTIONS: Final[dict[str, Any]] = {"]
    for option in schema.DOCUMENT.options:
        lines.append(f'    "{option.name}": {"[]" if option.kind is Kind.BLOCKS else "{}"},')
    return "\n".join([*lines, "}", ""])


def secrets() -> str:
    """`SECRET_OPTIONS`: names of options whose values nobody is to read."""
    names = sorted({option.name for block in blocks() for option in block.options if option.secret})
    listed = ", ".join(f'"{name}"' for name in names)
    return f"{_HEADER}\nSECRET_OPTIONS = frozenset({{{listed}}})\n"
