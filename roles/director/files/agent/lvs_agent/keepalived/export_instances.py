# SPDX-License-Identifier: GPL-3.0-or-later
"""What a keepalived.conf has to say of an instance's addresses and VMAC for them to be ours.

Owns the way back from `completion_addresses.py`.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.keepalived.completion_addresses import VMAC_PREFIX, mapping, with_option
from lvs_agent.keepalived.families import family
from lvs_agent.schema import VIRTUAL_IPADDRESS

Values = dict[str, Any]


def defaults_said(instance: Values, global_defs: Values) -> Values:
    """The instance with our defaults where keepalived's differ."""
    found = dict(instance)
    for option in ("virtual_ipaddress", "virtual_ipaddress_excluded"):
        addresses = instance.get(option)
        if addresses:
            several = addresses if isinstance(addresses, list | tuple) else [addresses]
            found[option] = [_address(one) for one in several]
    own = instance.get("use_vmac")
    if own and family(instance) == 6:
        six = f"{global_defs.get('vmac_prefix') or VMAC_PREFIX}6.{instance['virtual_router_id']}"
        if own is True:
            found["use_vmac"] = {"name": six}
        elif isinstance(own, dict) and not own.get("name"):
            found["use_vmac"] = {**own, "name": six}
    return found


def _address(address: str | Values) -> str | Values:
    values = mapping(VIRTUAL_IPADDRESS, address)
    text, __, length = str(values["address"]).partition("/")
    said = values.get("preferred_lft") is not None or values.get("mngtmpaddr")
    if ":" not in text or length in ("", "128") or said:
        return address
    return with_option(address, "preferred_lft", 0)
