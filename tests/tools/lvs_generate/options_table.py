# SPDX-License-Identifier: GPL-3.0-or-later
"""The option tables of the documentation."""

from __future__ import annotations

from lvs_agent import schema
from lvs_agent.schema import Block, Kind, Option

from lvs_generate import NOTICE
from lvs_generate.walk import blocks

_INTRODUCTION = """
The inventory says the cluster once, in three variables of the group `lvs_directors` (or `all`):
`lvs_global_defs`, `lvs_vrrp_instances` and `lvs_virtual_servers`. What differs on one director goes
into its host_vars under `lvs_host`, a mapping with the same three keys without their prefix, which
is merged over the others: mappings merge, anything else replaces, null removes. The agent's own
file `/etc/lvs-agent/config.json` has the three keys without prefix too.

| variable | where | what |
|---|---|---|
| `lvs_global_defs` | group_vars | [global_defs](#global_defs) |
| `lvs_vrrp_instances` | group_vars | name: [vrrp_instance](#vrrp_instance) |
| `lvs_virtual_servers` | group_vars | name: [virtual_server](#virtual_server) |
| `lvs_host` | host_vars of a director | what differs there |
| `lvs_address` | host_vars | its address in the cluster's network; required for real servers |
| `lvs_interfaces` | host_vars of a director | its interfaces and their addresses, such as \
`{eth0: [172.16.1.9/16]}`; lets the controller check interfaces and networks |
| `lvs_unmanaged_real_servers` | group_vars | addresses of real servers out of Ansible's hands |

A real server with the name of a host of the group `lvs_real_servers` takes its `ip` from that
host's `lvs_address` if it has none.
"""


def text() -> str:
    """docs/options.md."""
    parts = [f"# Options\n\n<!-- {NOTICE} -->\n{_INTRODUCTION}"]
    parts += [_section(block) for block in blocks() if block is not schema.DOCUMENT]
    return "\n".join(parts)


def _section(block: Block) -> str:
    rows = ["| option | value | default | meaning |", "|---|---|---|---|"]
    rows += [_row(option) for option in block.options]
    return f"## {block.name}\n\n{block.doc}\n\n" + "\n".join(rows) + "\n"


def _row(option: Option) -> str:
    example = "" if option.example is None else f" Example: `{option.example}`."
    cells = (f"`{option.name}`", _value(option), _default(option), f"{option.doc}{example}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(option: Option) -> str:
    block = f"[{option.block.name}](#{option.block.name})" if option.block else ""
    match option.kind:
        case Kind.BLOCK:
            return block
        case Kind.BLOCKS:
            return f"list of {block}"
        case Kind.NAMED_BLOCKS:
            return f"name: {block}"
        case Kind.CHOICE:
            return ", ".join(f"`{choice}`" for choice in option.choices)
        case Kind.INTEGER | Kind.SECONDS:
            return f"{option.kind}{_bounds(option)}"
        case _:
            return str(option.kind)


def _bounds(option: Option) -> str:
    unit = f" {option.unit}" if option.unit and option.kind is not Kind.SECONDS else ""
    if option.minimum is None or option.maximum is None:
        return unit
    return f", {option.minimum:.15g} to {option.maximum:.15g}{unit}"


def _default(option: Option) -> str:
    if option.required:
        return "required"
    if option.default_doc:
        return option.default_doc
    if option.default is None or option.default == {}:
        return ""
    if isinstance(option.default, bool):
        return "true" if option.default else "false"
    return f"`{option.default}`"
