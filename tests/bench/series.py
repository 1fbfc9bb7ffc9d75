# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples of one figure, by who was measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass(slots=True)
class Series:
    """Samples of one figure by contestant."""

    figure: str
    unit: str
    target: str
    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, who: str, value: float) -> None:
        self.samples.setdefault(who, []).append(value)

    def median(self, who: str) -> float | None:
        values = self.samples.get(who)
        return statistics.median(values) if values else None

    def worst(self, who: str) -> float | None:
        values = self.samples.get(who)
        return max(values) if values else None
