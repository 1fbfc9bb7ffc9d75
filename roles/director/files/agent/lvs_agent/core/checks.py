# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks as values: what to ask of whom, and how often.

Owns the shapes only, like `core/model.py`. Equal checks are one probe, whoever asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCheck:
    """TCP_CHECK. Equal checks are one probe, whoever asks for them."""

    address: str
    port: int
    connect_timeout_ns: int
    retry: int
    delay_before_retry_ns: int
    delay_loop_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpUrl:
    """One request; `status_codes` are inclusive (first, last) ranges, sorted, disjoint."""

    path: str
    status_codes: tuple[tuple[int, int], ...]
    virtualhost: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """HTTP_GET. Equal checks are one probe, whoever asks for them."""

    address: str
    port: int
    connect_timeout_ns: int
    retry: int
    delay_before_retry_ns: int
    delay_loop_ns: int
    urls: tuple[HttpUrl, ...]


Check = TcpCheck | HttpCheck
