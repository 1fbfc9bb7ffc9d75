# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived.conf: its language, its keywords, and what they mean here."""
