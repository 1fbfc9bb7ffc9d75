# SPDX-License-Identifier: GPL-3.0-or-later
"""The option tables of the documentation."""

from __future__ import annotations

from lvs_agent import schema
from lvs_agent.schema import Block, Kind, Option

from lvs_generate import NOTICE
from lvs_generate.walk import blocks

_INTRODUCTION = """
The inventory says the cluster once, in variables of the group `lvs_directors` (or `all`). What
differs on one director goes into its host_vars under `lvs_host`, a mapping with the same keys
without the prefix `lvs_`, which is merged over the others: mappings merge, anything else replaces,
null removes. How that works, priorities and peers that are derived, and several clusters in one
inventory: [inventory.md](inventory.md). The agent's own file `/etc/lvs-agent/config.json` has the
keys without prefix too.

| variable | where | what |
|---|---|---|
{variables}
| `lvs_host` | host_vars of a director | what differs there |
| `lvs_group` | group_vars of some directors | what differs for them, in the same form |
| `lvs_cluster` | group_vars | which of several clusters the hosts belong to |
| `lvs_isolated` | group_vars | true: no other cluster's network reaches this one's |
| `lvs_address` | host_vars | its address in the cluster's network; required for real servers |
| `lvs_interfaces` | host_vars of a director | its interfaces and their addresses, such as \
`{{eth0: [172.16.1.9/16]}}`; lets the controller check interfaces and networks |
| `lvs_address6` | host_vars | its IPv6 address, where it has both |
| `lvs_unmanaged_real_servers` | group_vars | addresses of real servers out of Ansible's hands |
| `lvs_unmanaged_virtual_addresses` | group_vars | addresses of virtual servers that no \
instance has: something else brings them to a director ([inventory.md](inventory.md)) |
| `lvs_nat_route` | group_vars or host_vars of real servers | what goes back through the directors \
with NAT: `service` (default), `address`, `none` ([forwarding.md](forwarding.md)) |
| `lvs_fwmark_addresses` | group_vars | virtual addresses behind each firewall mark, such as \
`7: [172.16.1.254]` |
| `lvs_ipvs_sysctls` | group_vars | kernel parameters below `net.ipv4.vs`, such as \
`sloppy_tcp: 1` ([forwarding.md](forwarding.md)) |

A real server with the name of a host of the group `lvs_real_servers` takes its `ip` from that
host's `lvs_address` if it has none, or from `lvs_address6` where the virtual server is of IPv6.

Options have keepalived's names and, where not said otherwise, its defaults. Where keepalived has a
line, such as an address or a route, the same line is accepted as a string. A list of one may be
written without the list.

Commands are a text or a list of words. The text is split like a shell's words, but there is no
shell: `|`, `&&`, `$` and the like are refused, and the first word is the full path of a program.
"""

_WARNINGS = """
## Warnings

`lvs-agent check FILE` prints warnings about what is allowed and rarely meant, on standard error,
and still exits with 0; the playbook shows the same, and what only the directors together show: a
nopreempt or use_vmac that they do not share, a tracker's weight that is too small to move an
instance.
"""

_UNSUPPORTED = """
## Keywords of keepalived that are not options

They are refused with the same advice, never ignored.

| keyword | advice |
|---|---|
"""


def text() -> str:
    """docs/options.md."""
    variables = "\n".join(_variable(option) for option in schema.DOCUMENT.options)
    parts = [f"# Options\n\n<!-- {NOTICE} -->\n{_INTRODUCTION.format(variables=variables)}"]
    parts += [_section(block) for block in blocks() if block is not schema.DOCUMENT]
    return "\n".join([*parts, _WARNINGS.lstrip("\n"), _unsupported()])


def _variable(option: Option) -> str:
    return f"| `lvs_{option.name}` | group_vars | {_value(option)}. {option.doc} |"


def _unsupported() -> str:
    names: dict[str, list[str]] = {}
    for name, advice in schema.NOT_SUPPORTED.items():
        names.setdefault(advice, []).append(f"`{name}`")
    rows = [f"| {', '.join(listed)} | {advice} |" for advice, listed in names.items()]
    return _UNSUPPORTED.lstrip("\n") + "\n".join(rows) + "\n"


def _section(block: Block) -> str:
    rows = ["| option | value | default | meaning |", "|---|---|---|---|"]
    rows += [_row(option) for option in block.options]
    return f"## {block.name}\n\n{block.doc}\n\n" + "\n".join(rows) + "\n"


def _row(option: Option) -> str:
    example = "" if option.example is None else f" Example: `{_shown(option.example)}`."
    cells = (f"`{option.name}`", _value(option), _default(option), f"{option.doc}{example}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _shown(value: object) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


def _value(option: Option) -> str:
    block = f"[{option.block.name}](#{option.block.name})" if option.block else ""
    match option.kind:
        case Kind.BLOCK:
            return f"boolean or {block}" if option.block and option.block.flag else block
        case Kind.BLOCKS:
            return f"list of {block}"
        case Kind.NAMED_BLOCKS:
            return f"name: {block}"
        case Kind.CHOICE:
            return ", ".join(f"`{choice}`" for choice in option.choices)
        case Kind.INTEGER | Kind.SECONDS | Kind.MILLISECONDS:
            return f"{option.kind}{_bounds(option)}"
        case _:
            return str(option.kind)


def _bounds(option: Option) -> str:
    unit = f" {option.unit}" if option.unit and option.kind is Kind.INTEGER else ""
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
