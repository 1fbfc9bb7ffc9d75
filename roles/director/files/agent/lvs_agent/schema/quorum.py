# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual server makes of its checks: quorum, panic, sorry servers, and who is told.

Owns those options; `schema/ipvs.py` has them in its blocks.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Kind, Option, command, flag, integer

_WEIGHT_LIMIT = 2**31 - 1

POOL_OPTIONS = (
    integer(
        "quorum",
        "Sum of the weights of real servers that are up, without which the virtual server counts as"
        " down.",
        (1, _WEIGHT_LIMIT),
        default=1,
    ),
    integer(
        "hysteresis",
        "The quorum is gained at quorum + hysteresis, and lost below quorum - hysteresis.",
        (0, _WEIGHT_LIMIT),
        default=0,
    ),
    command(
        "quorum_up",
        "Run when the quorum is gained, at the start too.",
        example="/sbin/ip addr add 192.0.2.80/32 dev lo",
    ),
    command("quorum_down", "Run when the quorum is lost, or the virtual server is removed."),
    Option(
        name="panic_threshold",
        kind=Kind.SHARE,
        doc="More real servers down at the same time than this, a number or a share in %, is"
        " believed to be the checks' own trouble: the last good ones stay in the pool, and you are"
        " told. Not in keepalived.",
        default_doc="every verdict counts",
        example="50%",
    ),
    flag("alpha", "Real servers count as down until a check has passed."),
    flag("omega", "When the agent stops, run notify_down and quorum_down of what was up."),
    flag(
        "inhibit_on_failure",
        "A dead real server stays in IPVS with weight 0, so that its connections are not cut off.",
    ),
    flag("ha_suspend", "Check only while the virtual address is on this director."),
    flag(
        "smtp_alert",
        "Mail when the quorum is lost or gained, and when a real server dies or comes back.",
        default=None,
        default_doc="global_defs.smtp_alert_checker",
    ),
    flag("sorry_server_inhibit", "A sorry server that is not needed stays in IPVS with weight 0."),
)

SERVER_OPTIONS = (
    command("notify_up", "Run when the real server comes back."),
    command("notify_down", "Run when the real server dies, or is removed."),
    flag(
        "alpha",
        "The real server counts as down until its checks have passed.",
        default=None,
        default_doc="the virtual server's alpha",
    ),
    flag(
        "inhibit_on_failure",
        "Dead, the real server stays in IPVS with weight 0.",
        default=None,
        default_doc="the virtual server's inhibit_on_failure",
    ),
    flag(
        "smtp_alert",
        "Mail when the real server dies or comes back.",
        default=None,
        default_doc="the virtual server's smtp_alert",
    ),
)
