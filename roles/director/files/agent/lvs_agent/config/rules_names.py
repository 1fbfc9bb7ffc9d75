# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for names of files, users and interfaces.

Owns their form. Must never look whether they exist: the document may be checked elsewhere.
"""

from __future__ import annotations

import re

from lvs_agent.config.report import Report

INTERFACE_NAME_LIMIT = 15  # bytes: IFNAMSIZ - 1, linux/if.h
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")  # as useradd(8) has them


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


def user_name(text: str | None, path: str, report: Report) -> None:
    """Report a user name that can be none; keepalived's form with a group is explained."""
    if text is None or _USER.fullmatch(text):
        return
    if re.fullmatch(r"\S+[\s:]+\S+", text):
        report(path, f"{text!r}: name the user alone; scripts have the groups of their user")
    else:
        report(path, f"{text!r} is not the name of a user")
