# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived makes of addresses, VMACs and routes where ours would be another.

Owns the instances' kernel objects' part of `completion.py`. How it is there was seen in kernels
(tests/lab/differential).
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config import lines
from lvs_agent.keepalived.families import family
from lvs_agent.keepalived.translate import Translator
from lvs_agent.schema import VIRTUAL_IPADDRESS, VIRTUAL_ROUTE, Block

Values = dict[str, Any]

VMAC_PREFIX = "vrrp"


def complete(document: Values, translator: Translator) -> None:
    """Change the instances in `document` into what behaves as in keepalived."""
    prefix = document["global_defs"].get("vmac_prefix", VMAC_PREFIX)
    instances = document.get("vrrp_instances", {})
    for name, instance in instances.items():
        path = f"vrrp_instances.{name}"
        for option in ("virtual_ipaddress", "virtual_ipaddress_excluded"):
            for index, line in enumerate(instance.get(option) or ()):
                here = f"{path}.{option}[{index}]"
                instance[option][index] = _address(line, instance, here, translator)
        _routes(path, instance, translator)
    _vmac_names(instances, prefix)


def _address(
    line: str | Values, instance: Values, path: str, translator: Translator
) -> str | Values:
    values = mapping(VIRTUAL_IPADDRESS, line)
    below = values.get("dev") == instance["interface"] and not values.get("use_vmac")
    alike = (":" in str(values.get("address", ""))) == (family(instance) == 6)
    if instance.get("use_vmac") and below and alike:
        # The interface below a VMAC stands for the VMAC, to addresses of its family.
        if "label" in values:
            message = "label is left out: it begins with the name of the interface below"
            translator.note(path, translator.positions[path], message)
            del values["label"]
            line = values
        line = with_option(line, "use_vmac")
    if "preferred_lft" in values and ":" not in values["address"]:
        message = "preferred_lft is left out: it has no effect on IPv4, in keepalived neither"
        translator.note(path, translator.positions[path], message)
        del values["preferred_lft"]
        line = values
    address, __, length = str(values.get("address", "")).partition("/")
    forever = ":" in address and length not in ("", "128")
    if forever and "preferred_lft" not in values:
        line = with_option(line, "preferred_lft", "forever")
    return line


def _routes(path: str, instance: Values, translator: Translator) -> None:
    """Only routes that are not watched may be of another protocol."""
    found = []
    for index, line in enumerate(instance.get("virtual_routes") or ()):
        values = mapping(VIRTUAL_ROUTE, line)
        if "protocol" in values and not values.get("no_track"):
            where = translator.positions[f"{path}.virtual_routes[{index}]"]
            message = "protocol is left out, as in keepalived: it is for routes with no_track"
            translator.note(path, where, message)
            del values["protocol"]
            line = values  # noqa: PLW2901 - the same route
        found.append(line)
    if found:
        instance["virtual_routes"] = found


def _vmac_names(instances: Values, prefix: str) -> None:
    """Of both families: vrrp.51; ours are vrrp6.51 for IPv6."""
    taken = {
        instance.get("virtual_router_id")
        for instance in instances.values()
        if instance.get("use_vmac") and family(instance) == 4
    }
    for instance in instances.values():
        number = instance.get("virtual_router_id")
        if not instance.get("use_vmac") or family(instance) == 4 or number in taken:
            continue
        own = instance["use_vmac"]
        if own is True:
            instance["use_vmac"] = {"name": f"{prefix}.{number}"}
        elif isinstance(own, dict) and not own.get("name"):
            instance["use_vmac"] = {**own, "name": f"{prefix}.{number}"}


def mapping(block: Block, line: str | Values) -> Values:
    """The mapping of a line; empty if it cannot be read, which is said elsewhere."""
    if not isinstance(line, str):
        return dict(line)
    try:
        return lines.of_words(block, line.split(), line)
    except lines.LineError:
        return {}


def with_option(line: str | Values, option: str, value: str | int | None = None) -> str | Values:
    """The line with one option more, in the form that it has; without a value a yes-or-no one."""
    if isinstance(line, str):
        return f"{line} {option}" if value is None else f"{line} {option} {value}"
    return {**line, option: True if value is None else value}
