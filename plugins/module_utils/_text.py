# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration document as text: as its file has it, and as people read it in a diff.

Owns both; in the diff it is YAML with secrets hidden, which must never become a file that a
program reads.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._secrets import SECRET_OPTIONS

HIDDEN = "(hidden)"
HIDDEN_NEW = "(hidden, new)"
# What YAML reads back as the same text without quotes; everything else is quoted.
_PLAIN = re.compile(r"[A-Za-z0-9_/](?:[A-Za-z0-9_./ -]|:(?! ))*(?<![ :])")
_NOT_TEXT = re.compile(
    r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|true|false|yes|no|on|off|null|~", re.IGNORECASE
)


def document_text(document: Any) -> str:
    """A configuration document as its file has it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def document_sha256(document: Any) -> str:
    """The digest that an agent shows when it has the document in force."""
    return hashlib.sha256(document_text(document).encode()).hexdigest()


def parsed(text: str | None) -> Any:
    """The document in a file's text; None if it is not readable."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def render(document: Any, earlier: Any = None) -> str:
    """`document` as YAML text; a secret that differs from the one in `earlier` is marked as new."""
    return "".join(f"{line}\n" for line in _lines(document, earlier, 0))


def _lines(value: Any, earlier: Any, depth: int) -> list[str]:
    indent = "  " * depth
    lines: list[str] = []
    if isinstance(value, dict):
        for name, item in value.items():
            before = earlier.get(name) if isinstance(earlier, dict) else None
            if name in SECRET_OPTIONS:
                changed = earlier is not None and item != before
                lines.append(f"{indent}{name}: {HIDDEN_NEW if changed else HIDDEN}")
            elif isinstance(item, (dict, list)) and item:
                lines.append(f"{indent}{_scalar(name)}:")
                lines += _lines(item, before, depth + 1)
            else:
                lines.append(f"{indent}{_scalar(name)}: {_scalar(item)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            has = isinstance(earlier, list) and index < len(earlier)
            inner = _lines(item, earlier[index] if has else None, depth + 1)
            lines.append(f"{indent}- {inner[0].strip()}" if inner else f"{indent}- {{}}")
            lines += inner[1:]
    else:
        lines.append(f"{indent}{_scalar(value)}")
    return lines


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not _NOT_TEXT.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)
