# SPDX-License-Identifier: GPL-3.0-or-later
"""THE schema: every configuration option once, with type, range, unit, default, text and example.

Owns the description of the configuration document; the role's argument specification, the role
defaults, the option tables of the documentation and the editors' JSON Schema are generated from
it. Must never read a file, look at the host or decide anything about a value beyond its own shape:
rules that involve several options are in `config/rules.py`.

Option names are keepalived's keywords (keepalived.conf(5)) in lower snake case.
"""

from __future__ import annotations

from lvs_agent.schema.addresses import NEXTHOP, VIRTUAL_IPADDRESS, VIRTUAL_ROUTE, VIRTUAL_RULE
from lvs_agent.schema.checks import CHECK_NAMES
from lvs_agent.schema.document import DOCUMENT, UP_DOWN_DELAY
from lvs_agent.schema.global_defs import GLOBAL_DEFS, LVS_SYNC_DAEMON
from lvs_agent.schema.inherited import INHERITED
from lvs_agent.schema.ipvs import REAL_SERVER, SCHEDULERS, SORRY_SERVER, VIRTUAL_SERVER
from lvs_agent.schema.kinds import Block, Kind, Option
from lvs_agent.schema.mail import SMTP_SERVER
from lvs_agent.schema.tracking import (
    BFD_INSTANCE,
    TRACK_INTERFACE,
    VRRP_SCRIPT,
    VRRP_TRACK_FILE,
    VRRP_TRACK_PROCESS,
)
from lvs_agent.schema.unsupported import NOT_SUPPORTED
from lvs_agent.schema.vrrp import (
    AUTHENTICATION,
    UNICAST_PEER,
    USE_VMAC,
    VRRP_INSTANCE,
    VRRP_SYNC_GROUP,
)

__all__ = [
    "AUTHENTICATION",
    "BFD_INSTANCE",
    "CHECK_NAMES",
    "DOCUMENT",
    "GLOBAL_DEFS",
    "INHERITED",
    "LVS_SYNC_DAEMON",
    "NEXTHOP",
    "NOT_SUPPORTED",
    "REAL_SERVER",
    "SCHEDULERS",
    "SMTP_SERVER",
    "SORRY_SERVER",
    "TRACK_INTERFACE",
    "UNICAST_PEER",
    "UP_DOWN_DELAY",
    "USE_VMAC",
    "VIRTUAL_IPADDRESS",
    "VIRTUAL_ROUTE",
    "VIRTUAL_RULE",
    "VIRTUAL_SERVER",
    "VRRP_INSTANCE",
    "VRRP_SCRIPT",
    "VRRP_SYNC_GROUP",
    "VRRP_TRACK_FILE",
    "VRRP_TRACK_PROCESS",
    "Block",
    "Kind",
    "Option",
]
