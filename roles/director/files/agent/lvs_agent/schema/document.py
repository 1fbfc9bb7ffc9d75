# SPDX-License-Identifier: GPL-3.0-or-later
"""The document: what stands at its top level.

Owns that list, and the limits to how many of each there may be.
"""

from __future__ import annotations

from lvs_agent.schema.addresses import VIRTUAL_IPADDRESS, VIRTUAL_ROUTE, VIRTUAL_RULE
from lvs_agent.schema.global_defs import GLOBAL_DEFS
from lvs_agent.schema.groups import VIRTUAL_SERVER_GROUP
from lvs_agent.schema.ipvs import VIRTUAL_SERVER
from lvs_agent.schema.kinds import Block, Kind, Option, blocks, seconds
from lvs_agent.schema.tracking import (
    BFD_INSTANCE,
    VRRP_SCRIPT,
    VRRP_TRACK_FILE,
    VRRP_TRACK_PROCESS,
)
from lvs_agent.schema.vrrp import MEMBERS, VRRP_INSTANCE, VRRP_SYNC_GROUP

UP_DOWN_DELAY = Block(
    name="interface_up_down_delay",
    doc="How long an interface must be down, or up, until that counts. keepalived's two numbers,"
    " down and up, in one string are accepted in place of the mapping; one number is both.",
    line=True,
    options=(
        seconds("down", "How long it must be down.", (0, 255), default=0),
        seconds("up", "How long it must be up.", (0, 255), default=0),
    ),
)


TRACK_GROUP = Block(
    name="track_group",
    doc="Instances that depend on the static entries that name this group (track_group).",
    options=(MEMBERS,),
)


def _named(name: str, block: Block, maximum: int, doc: str) -> Option:
    return Option(
        name=name, kind=Kind.NAMED_BLOCKS, block=block, default={}, maximum=maximum, doc=doc
    )


DOCUMENT = Block(
    name="document",
    doc="The agent's configuration document.",
    options=(
        Option(
            name="global_defs",
            kind=Kind.BLOCK,
            block=GLOBAL_DEFS,
            default={},
            doc=GLOBAL_DEFS.doc,
        ),
        _named("vrrp_instances", VRRP_INSTANCE, 4096, "VRRP instances by name."),
        _named(
            "vrrp_sync_groups",
            VRRP_SYNC_GROUP,
            1024,
            "Sync groups by name.",
        ),
        # Each is a process that starts every `interval`: more would be the director's main work.
        _named("vrrp_scripts", VRRP_SCRIPT, 256, "Scripts to track, by name."),
        _named("vrrp_track_files", VRRP_TRACK_FILE, 256, "Files to track, by name."),
        _named("vrrp_track_processes", VRRP_TRACK_PROCESS, 256, "Processes to track, by name."),
        _named(
            "bfd_instances",
            BFD_INSTANCE,
            256,
            "BFD sessions by name: to track, or to check real servers by.",
        ),
        _named(
            "track_groups",
            TRACK_GROUP,
            1024,
            "Instances that depend on static addresses, routes and rules, by name.",
        ),
        blocks(
            "static_ipaddress",
            VIRTUAL_IPADDRESS,
            "Addresses that the host has while the agent runs, whoever is master; each needs dev.",
            maximum=1000,
        ),
        blocks(
            "static_routes",
            VIRTUAL_ROUTE,
            "Routes that the host has while the agent runs.",
            maximum=1000,
        ),
        blocks(
            "static_rules",
            VIRTUAL_RULE,
            "Routing policy rules that the host has while the agent runs.",
            maximum=1000,
        ),
        _named(
            "interface_up_down_delays",
            UP_DOWN_DELAY,
            256,
            "Delays by interface, against links that flap.",
        ),
        _named(
            "virtual_server_groups",
            VIRTUAL_SERVER_GROUP,
            4096,
            "Groups of virtual addresses and firewall marks, by name.",
        ),
        _named(
            "virtual_servers",
            VIRTUAL_SERVER,
            16384,
            "Virtual servers, each under a name of your choice.",
        ),
    ),
)
