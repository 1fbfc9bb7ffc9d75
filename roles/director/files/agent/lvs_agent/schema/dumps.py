# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in keepalived's layouts for programs that know keepalived; part of global_defs.

Owns those options, which have keepalived's names.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Kind, Option

# The agent's unit has directories of its own there (PrivateTmp); and a name there could be
# somebody else's link. "//" is another way to write "/".
PRIVATE = ("/tmp/", "/var/tmp/", "//")
PUBLIC = "/run/lvs-agent"
# Files of the agent's own in its directories.
RESERVED = (
    "adopt", "control.sock", "instances.json", "links.json", "lock", "owned.json",
    "real_servers.json", "timeouts.json",
)  # fmt: skip


def _file(kind: str, usual: str, what: str, when: str) -> Option:
    return Option(
        name=f"{kind}_dump_file",
        kind=Kind.STRING,
        minimum=2,
        maximum=255,
        doc=f"Full path of a file that the agent writes {what} into, in keepalived's layout, when"
        f" its main process gets {when}.",
        default_doc="none is written",
        example=f"{PUBLIC}/{usual}",
    )


NAMES = ("json_dump_file", "state_dump_file", "stats_dump_file")

DUMPS = (
    _file("json", "keepalived.json", "the state and the counters of all instances", "SIGRTMIN+2"),
    _file("state", "keepalived.data", "the state of instances and trackers", "SIGUSR1"),
    _file("stats", "keepalived.stats", "the instances' counters", "SIGUSR2"),
    Option(
        name="json_version",
        kind=Kind.CHOICE,
        choices=("1", "2"),
        default="1",
        doc="Layout of json_dump_file: a list of the instances, or a mapping with the list and the"
        " tracked processes.",
    ),
)
