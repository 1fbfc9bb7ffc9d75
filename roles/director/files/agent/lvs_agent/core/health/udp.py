# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a datagram tells that a UDP_CHECK's server is well.

Owns the comparison. Must never raise on what came back.
"""

from __future__ import annotations

from lvs_agent.core.checks import Reply
from lvs_agent.core.health.check import Result, failed, passed

# Of an answer, in a reason for people.
_SHOWN_BYTES = 16


def judge(reply: Reply | None, data: bytes) -> Result:
    """The result of an answer. Without `reply` any answer will do."""
    what = f"{len(data)} bytes"
    if reply is None:
        return passed(f"answered with {what}")
    if not reply.minimum <= len(data) <= reply.maximum:
        return failed(f"answered with {what}, wanted {reply.minimum} to {reply.maximum}")
    if len(data) < len(reply.pattern):
        return failed(f"answered with {what}, wanted {len(reply.pattern)} as in require_reply")
    if any(
        (got ^ wanted) & mask
        for got, wanted, mask in zip(data, reply.pattern, reply.mask, strict=False)
    ):
        shown = data[:_SHOWN_BYTES].hex()
        return failed(f"answered {shown}{'...' if len(data) > _SHOWN_BYTES else ''}, not as wanted")
    return passed(f"answered with {what} as wanted")
