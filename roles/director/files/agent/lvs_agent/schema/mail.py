# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail: who gets it, about what, and through which server.

Owns those options of global_defs.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Block, Kind, Option, flag, integer, seconds

SMTP_SERVER = Block(
    name="smtp_server",
    doc="A mail server: its name or address, keepalived's line `HOST PORT`, or this mapping.",
    line=True,
    options=(
        Option(
            name="host",
            kind=Kind.STRING,
            required=True,
            minimum=1,
            maximum=253,
            doc="Name or address.",
            example="127.0.0.1",
        ),
        integer(
            "port",
            "Port.",
            (1, 65535),
            default_doc="25; 587 with starttls, 465 with tls",
        ),
    ),
)

MAIL_OPTIONS = (
    Option(
        name="notification_email",
        kind=Kind.STRINGS,
        maximum=100,
        doc="Who gets mail.",
        default_doc="nobody",
        example=["root@localhost"],
    ),
    Option(
        name="notification_email_from",
        kind=Kind.STRING,
        minimum=1,
        maximum=254,
        doc="Sender of the mails.",
        default_doc="lvs-agent@ and the host's name",
        example="keepalived@localhost",
    ),
    Option(
        name="smtp_server",
        kind=Kind.BLOCK,
        block=SMTP_SERVER,
        doc="Mail server; required with notification_email.",
    ),
    seconds(
        "smtp_connect_timeout",
        "Longest time for a connection, and for each answer.",
        (0.1, 600),
        default=30,
    ),
    Option(
        name="smtp_helo_name",
        kind=Kind.STRING,
        minimum=1,
        maximum=253,
        doc="What the agent calls itself there.",
        default_doc="the host's name",
    ),
    Option(
        name="smtp_security",
        kind=Kind.CHOICE,
        choices=("none", "starttls", "tls"),
        default="none",
        doc="Encryption of the connection; the server's certificate is verified. Not in"
        " keepalived.",
    ),
    Option(
        name="smtp_user",
        kind=Kind.STRING,
        minimum=1,
        maximum=255,
        doc="User to log in as. Not in keepalived.",
    ),
    Option(
        name="smtp_password",
        kind=Kind.STRING,
        minimum=1,
        maximum=255,
        secret=True,
        doc="That user's password; needs smtp_security. Not in keepalived.",
    ),
    seconds(
        "smtp_batch",
        "What happens within this time goes into one mail. Not in keepalived.",
        (0, 3600),
        default=5,
    ),
    flag(
        "smtp_alert",
        "Default of smtp_alert_vrrp and smtp_alert_checker.",
        default=None,
        default_doc="false for VRRP, true for real servers",
    ),
    flag(
        "smtp_alert_vrrp",
        "Mail the changes of state of instances and sync groups that do not say otherwise.",
        default=None,
        default_doc="smtp_alert, else false",
    ),
    flag(
        "smtp_alert_checker",
        "Mail when a real server dies or comes back.",
        default=None,
        default_doc="smtp_alert, else true",
    ),
    flag("no_checker_emails", "The opposite of smtp_alert_checker."),
    flag("no_email_faults", "Mail no change to FAULT."),
)
