# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from pathlib import Path

from bench.series import Series

OURS, THEIRS = "lvs-agent", "keepalived"


def table(scenarios: dict[str, dict[str, Series]]) -> str:
    """Median (worst) of each figure, and the ratio of the medians."""
    rows = [("figure", "unit", "lvs-agent", "keepalived", "ratio", "target")]
    for name, series in scenarios.items():
        rows.append((f"-- {name}", "", "", "", "", ""))
        rows += [
            (one.figure, one.unit, _cell(one, OURS), _cell(one, THEIRS), _ratio(one), one.target)
            for one in series.values()
            if one.samples
        ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _cell(series: Series, who: str) -> str:
    median, worst = series.median(who), series.worst(who)
    if median is None or worst is None:
        return "-"
    if len(series.samples[who]) == 1:
        return f"{median:.3g}"
    return f"{median:.3g} ({worst:.3g})"


def _ratio(series: Series) -> str:
    ours, theirs = series.median(OURS), series.median(THEIRS)
    if ours is None or not theirs:
        return "-"
    return f"{ours / theirs:.2f}"


def save(scenarios: dict[str, dict[str, Series]], path: Path) -> None:
    """Every sample, with what it was measured on."""
    versions = subprocess.run(
        ["keepalived", "--version"], check=False, capture_output=True, text=True, timeout=10
    )
    document = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "keepalived": (versions.stdout + versions.stderr).splitlines()[:1],
        "figures": {
            name: {
                key: {"figure": one.figure, "unit": one.unit, "target": one.target, **one.samples}
                for key, one in series.items()
                if one.samples
            }
            for name, series in scenarios.items()
        },
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
