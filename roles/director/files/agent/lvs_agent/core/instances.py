# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instance of a new configuration is which of the old one.

Owns the pairing of names. Must never look at anything but identities: a name may change.
"""

from __future__ import annotations

from lvs_agent.core.addresses import identity
from lvs_agent.core.model import Config


def former_names(before: Config, after: Config) -> dict[str, str]:
    """The name that each instance of `after` had in `before`; new ones are left out."""
    known = {identity(one): one.name for one in before.vrrp_instances}
    pairs = ((one.name, known.get(identity(one))) for one in after.vrrp_instances)
    return {name: former for name, former in pairs if former is not None}
