# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for names of files, users and interfaces.

Owns their form. Must never look whether they exist: the document may be checked elsewhere.
"""

from __future__ import annotations

import re

from lvs_agent.config.report import Report

INTERFACE_NAME_LIMIT = 15  # bytes: IFNAMSIZ - 1, linux/if.h
# As useradd(8) and groupadd(8) have them.
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")
_BETWEEN = re.compile(r":|\s+")


def check_interface_name(text: str, path: str, report: Report) -> bool:
    """True if an interface can be called `text`: dev_valid_name() of the kernel's net/core/dev.c.

    Nor may it have a "%", which the kernel would make a number of.
    """
    if (
        len(text.encode()) <= INTERFACE_NAME_LIMIT
        and not any(character in text for character in "/:%")
        and text not in (".", "..")
        and len(text.split()) == 1
        and text.isprintable()
    ):
        return True
    report(path, f"{text!r} is not a name that a network interface can have")
    return False


def full_path(text: str, path: str, report: Report) -> bool:
    """True if `text` is the full path of a file."""
    words = text.split()
    if len(words) > 1 and words[0].startswith("/"):
        report(path, f"{text!r} is more than a path; the pipe or file belongs to the agent's user")
        return False
    if not text.startswith("/") or text.endswith("/") or "/../" in f"{text}/":
        report(path, f"{text!r} must be the full path of a file, beginning with /")
        return False
    return True


def user_and_group(text: str) -> tuple[str, str | None]:
    """USER, USER:GROUP, or as keepalived has it USER GROUP.

    >>> user_and_group("web:www-data")
    ('web', 'www-data')
    """
    user, *group = _BETWEEN.split(text, maxsplit=1)
    return user, group[0] if group else None


def run_as(text: str | None, path: str, report: Report) -> None:
    """Report what names no user, or no group behind it."""
    if text is None:
        return
    user, group = user_and_group(text)
    if not _USER.fullmatch(user):
        report(path, f"{user!r} is not the name of a user; write USER or USER:GROUP")
    elif group is not None and not _USER.fullmatch(group):
        report(path, f"{group!r} is not the name of a group; write USER or USER:GROUP")
