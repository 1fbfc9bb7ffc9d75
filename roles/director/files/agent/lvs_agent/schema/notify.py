# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance or sync group tells, and by which program.

Owns those options.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import command, flag

NOTIFY_OPTIONS = (
    command("notify_master", "Run on becoming master.", example="/usr/local/bin/master.sh web"),
    command("notify_backup", "Run on becoming backup."),
    command("notify_fault", "Run on FAULT."),
    command("notify_stop", "Run when the agent stops."),
    command(
        "notify",
        "Run at each of these; gets four words more: INSTANCE or GROUP, the name, the state, the"
        " priority (0 for a group).",
    ),
    flag(
        "smtp_alert",
        "Mail the changes of state.",
        default=None,
        default_doc="global_defs.smtp_alert_vrrp",
    ),
)

# Of an instance alone: a sync group has no priority of its own that could change.
NOTIFY_PRIORITY_CHANGES = flag(
    "notify_priority_changes",
    "Tell changes of the priority too (notify and FIFO).",
    default=None,
    default_doc="global_defs.vrrp_notify_priority_changes",
)
