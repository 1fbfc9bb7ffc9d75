# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a configuration is read: whatever the files say, an answer comes within a second.

Owns the numbers, and their reasons. What is beyond is an error, never cut off.
"""

from __future__ import annotations

# All files together. 250 bytes are a real server with its check: 8000 of them.
BYTES = 2 * 1024 * 1024
# Lines after everything is expanded, also those that come to nothing; an opening brace and what is
# behind it count as one more. About as many as 2 MiB of usual text have.
LINES = 100_000
# Words of all statements. The usual text that LINES is for has half as many.
WORDS = 300_000
# Characters of one line, expanded or not. keepalived's own buffer, where it breaks a longer line in
# two, is a quarter of that.
LINE = 4096
KEEPALIVED_LINE = 1023
# References to parameters: in one line (a definition that contains itself never ends), and
# altogether.
REFERENCES_IN_LINE = 500
REFERENCES = 50_000
# Definitions of several lines within each other; and files included by each other: a person who
# follows them gets lost earlier. The number of files opened bounds what the depth does not: files
# that each include two others.
MULTILINE_DEPTH = 16
INCLUDE_DEPTH = 16
FILES = 500
# What the braces of an include's pattern expand to.
PATTERNS = 100
# Parts of a path with wildcards: each multiplies the directories to search.
WILD_PARTS = 2
# Blocks within each other; keepalived's keywords need five. Trees are printed and compared
# recursively, which this bounds too.
DEPTH = 32
# Notices that anybody reads, and the characters of one: a line that it repeats may be long.
NOTICES = 500
NOTICE = 400
# Statements looked through for the end of a block that seems to lack its opening brace.
LOOK_AHEAD = 200
