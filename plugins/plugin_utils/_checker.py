# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent's own checker says of documents.

Owns the shape of the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _agent_code

# By director: (path, message) of each.
Found = dict[str, list[tuple[str, str]]]


def check(documents: Mapping[str, Any]) -> tuple[Found, Found]:
    """Errors and warnings of each of `documents`; hosts with errors have no warnings. Raises
    Failed."""
    texts = {name: json.dumps(document) for name, document in documents.items()}
    answer = _agent_code.ask("check", texts)
    errors, warnings = (
        {name: [tuple(each) for each in found] for name, found in answer[kind].items()}
        for kind in ("errors", "warnings")
    )
    return errors, warnings
