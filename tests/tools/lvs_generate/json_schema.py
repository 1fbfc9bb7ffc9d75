# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Schema for editors: group_vars and host_vars files of a cluster."""

from __future__ import annotations

import json
from typing import Any

from lvs_agent import schema
from lvs_agent.schema import Block, Kind, Option

from lvs_generate import NOTICE
from lvs_generate.walk import blocks

_IPV4 = {"type": "string", "format": "ipv4"}
_ADDRESS = {"type": "string"}
_FLAG = {"type": "boolean"}
_NUMBER_OR_TEXT = {"type": ["integer", "string"]}
_TEXTS = {"type": "array", "items": {"type": "string"}}
# What an expression gives is known when it is evaluated.
_EXPRESSION = {"type": "string", "pattern": "{{"}
# Blocks that lvs_group may complete.
_COMPLETED = (schema.VRRP_INSTANCE, schema.VIRTUAL_SERVER)
_NAME_PATTERN = "^lvs_(?!(?:{})$)"


def text() -> str:
    """docs/lvs-config.schema.json."""
    properties: dict[str, Any] = {
        f"lvs_{option.name}": _option(option, "") for option in schema.DOCUMENT.options
    }
    properties["lvs_host"] = {"$ref": "#/$defs/partial_document"}
    properties["lvs_group"] = {"$ref": "#/$defs/partial_document"}
    properties["lvs_cluster"] = {"type": "string", "minLength": 1}
    properties["lvs_isolated"] = _FLAG
    properties["lvs_address"] = _ADDRESS
    properties["lvs_address6"] = {"type": "string", "format": "ipv6"}
    properties["lvs_interfaces"] = {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
    }
    properties["lvs_unmanaged_real_servers"] = {"type": "array", "items": _ADDRESS}
    properties["lvs_unmanaged_virtual_addresses"] = {"type": "array", "items": _ADDRESS}
    properties["lvs_fwmark_addresses"] = {
        "type": "object",
        "patternProperties": {"^[0-9]+$": {"type": "array", "items": _ADDRESS}},
        "additionalProperties": False,
    }
    properties["lvs_nat_route"] = {"enum": ["service", "address", "none"]}
    properties["lvs_ipvs_sysctls"] = {"type": "object", "additionalProperties": _NUMBER_OR_TEXT}
    known = "|".join(name.removeprefix("lvs_") for name in properties)
    definitions = {block.name: _block(block, "") for block in blocks()}
    # What a director's own variables change need not be complete.
    definitions |= {f"partial_{block.name}": _block(block, "partial_") for block in blocks()}
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": NOTICE,
        "title": "Inventory variables of lvs.cluster",
        "type": "object",
        "properties": properties,
        "patternProperties": {_NAME_PATTERN.format(known): False},
        "$defs": definitions,
    }
    return json.dumps(document, indent=2) + "\n"


def _block(block: Block, prefix: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "type": "object",
        "description": block.doc,
        "properties": {option.name: _option(option, prefix) for option in block.options},
        "additionalProperties": False,
    }
    if block is schema.VRRP_INSTANCE:
        _derivable(result["properties"])
    # A real server may leave its address to the inventory host of the same name.
    required = [
        option.name
        for option in block.options
        if option.required and (block is not schema.REAL_SERVER or option.name != "ip")
    ]
    if required and not prefix and block not in _COMPLETED:
        result["required"] = required
    other = [*([{"type": "string"}] if block.line else []), *([_FLAG] if block.flag else [])]
    return {"anyOf": [*other, result]} if other else result


def _derivable(properties: dict[str, Any]) -> None:
    """What the inventory may leave to be derived (docs/inventory.md)."""
    auto = {"const": "auto"}
    for name in ("priority", "unicast_peer"):
        properties[name] = {"anyOf": [auto, properties[name]]}
    properties["priority_order"] = {
        "anyOf": [{"type": "string"}, dict(_TEXTS)],
        "description": "Directors in order of preference; the others follow in the inventory's.",
    }


def _option(option: Option, prefix: str) -> dict[str, Any]:
    result = _shape(option, prefix)
    result["description"] = option.doc
    if option.default is not None:
        result["default"] = option.default
    if option.example is not None:
        result["examples"] = [option.example]
    return result


def _shape(option: Option, prefix: str) -> dict[str, Any]:
    reference = {"$ref": f"#/$defs/{prefix}{option.block.name}"} if option.block else {}
    match option.kind:
        case Kind.INTEGER | Kind.SECONDS | Kind.MILLISECONDS:
            kind: str | list[str] = "integer" if option.kind is Kind.INTEGER else "number"
            if option.true_means is not None:
                kind = ["integer", "boolean"]
            return {"type": kind, **_bounds(option, "minimum", "maximum")}
        case Kind.BOOLEAN:
            return dict(_FLAG)
        case Kind.STRING | Kind.INTERFACE:
            return {"type": "string", **_bounds(option, "minLength", "maxLength")}
        case Kind.CHOICE:
            numbers = [json.loads(choice) for choice in option.choices if _is_number(choice)]
            return {"enum": [*option.choices, *numbers]}
        case Kind.IPV4:
            return dict(_IPV4)
        case Kind.IP | Kind.IP_RANGE | Kind.CIDR | Kind.PREFIX | Kind.BROADCAST | Kind.MAC:
            return dict(_ADDRESS)
        case (
            Kind.TABLE
            | Kind.PROTOCOL
            | Kind.IP_PROTOCOL
            | Kind.MARK
            | Kind.PORTS
            | Kind.LIFETIME
            | Kind.NETMASK
        ):
            return dict(_NUMBER_OR_TEXT)
        case Kind.SHARE:
            return dict(_NUMBER_OR_TEXT)
        case Kind.STRINGS | Kind.COMMAND | Kind.WORDS:
            return {"anyOf": [{"type": "string"}, dict(_TEXTS)]}
        case Kind.HEX:
            return {"type": "string"}
        case Kind.HEX_PATTERN:
            return {"type": ["boolean", "string"]}
        case Kind.CPUS | Kind.STATUS_CODES:
            return {"type": ["integer", "string", "array"]}
        case Kind.BLOCK:
            return dict(reference)
        case Kind.BLOCKS:
            listed = {
                "type": "array",
                "items": reference,
                **_bounds(option, "minItems", "maxItems"),
            }
            return {"anyOf": [listed, reference]}
        case Kind.NAMED_BLOCKS:
            values = {"anyOf": [reference, {"type": "null"}]} if prefix else reference
            named = {"type": "object", "additionalProperties": values}
            return {"anyOf": [named, dict(_EXPRESSION)]}


def _is_number(choice: str) -> bool:
    """Whether YAML makes a number of it."""
    return choice.replace(".", "", 1).isdigit()


def _bounds(option: Option, low: str, high: str) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    if option.minimum is not None:
        bounds[low] = option.minimum
    if option.maximum is not None:
        bounds[high] = option.maximum
    return bounds
