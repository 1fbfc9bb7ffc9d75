# SPDX-License-Identifier: GPL-3.0-or-later
"""Default routes that the kernel has from router advertisements, on a host that becomes a router.

A router ignores advertisements, and with the change its kernel drops the default routes that came
by them, unless accept_ra of the interface is 2 (ip-sysctl.rst). Owns finding those interfaces. Must
never set anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _host

FORWARDING = "net.ipv6.conf.all.forwarding"

_ROUTES = "/proc/net/ipv6_route"
_KEY = re.compile(r"net\.ipv6\.conf\.[^.]+\.accept_ra")
# RTF_DEFAULT and RTF_ADDRCONF (linux/ipv6_route.h): the kernel made it from an advertisement. What
# a network manager made from one has not got them, and does not depend on accept_ra.
_FROM_ADVERTISEMENT = 0x00010000 | 0x00040000


def needed(module: Any, wanted: Mapping[str, str], recorded: Iterable[str] = ()) -> dict[str, str]:
    """The parameters that keep the default routes when `wanted` makes the host a router.

    They have to be set before the others. `recorded`: parameters set by an earlier run; they are
    needed as long as the host is a router, so that a router that is away for a while is not lost.
    """
    if wanted.get(FORWARDING) != "1":
        return {}
    found = {f"net.ipv6.conf.{name.replace('.', '/')}.accept_ra" for name in _interfaces()}
    for key in found & set(wanted):
        if wanted[key] != "2":
            module.warn(
                f"{key} is to be {wanted[key]}: the default route that this interface has from"
                " router advertisements is lost as long as the host forwards IPv6. Make it 2, or"
                " give the host a default route of its own."
            )
    found |= {key for key in recorded if _KEY.fullmatch(key)}
    # 0: somebody wants no advertisements there. None: the interface is gone.
    return {key: "2" for key in sorted(found) if _host.sysctl(key) in ("1", "2")}


def _interfaces() -> Iterator[str]:
    # Destination, its length, source, its length, next hop, metric, use (2), flags, interface.
    for line in (_host.read_text(_ROUTES) or "").splitlines():
        fields = line.split()
        if len(fields) == 10 and int(fields[8], 16) & _FROM_ADVERTISEMENT == _FROM_ADVERTISEMENT:
            yield fields[9]
