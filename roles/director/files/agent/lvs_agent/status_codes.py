# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP status codes as users write them: `200`, `"200-299 301"`, `[200, "300-302"]`.

Owns that notation. Must never know which check uses it.
"""

from __future__ import annotations

_LOWEST, _HIGHEST = 100, 599
_TERMS_LIMIT = 64  # more terms than there are status codes in use


def parse_status_codes(value: object) -> tuple[tuple[int, int], ...]:
    """Inclusive (first, last) ranges, sorted and disjoint. Raises ValueError saying what is wrong.

    >>> parse_status_codes("301, 200-299")
    ((200, 299), (301, 301))
    """
    terms = _terms(value)
    if not 1 <= len(terms) <= _TERMS_LIMIT:
        raise ValueError(f"must name 1 to {_TERMS_LIMIT} status codes or ranges")
    merged: list[tuple[int, int]] = []
    for first, last in sorted(_range(term) for term in terms):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _terms(value: object) -> list[str]:
    if isinstance(value, bool):
        raise ValueError("must be status codes such as 200-299, not true or false")
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, str):
        return value.replace(",", " ").split()
    if isinstance(value, list | tuple):
        return [term for item in value for term in _terms(item)]
    raise ValueError("must be status codes such as 200-299")


def _range(term: str) -> tuple[int, int]:
    first, dash, last = term.partition("-")
    if not (first.isascii() and first.isdigit()) or (
        dash and not (last.isascii() and last.isdigit())
    ):
        raise ValueError(f"{term!r} is not a status code or a range of them")
    low = int(first)
    high = int(last) if dash else low
    if not _LOWEST <= low <= high <= _HIGHEST:
        raise ValueError(f"{term!r} must lie within {_LOWEST}-{_HIGHEST}, the lower number first")
    return low, high
