# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a cluster's state: what people look for is there, secrets are not."""

from __future__ import annotations

import json
from dataclasses import replace

from ansible_collections.lvs.cluster.plugins.plugin_utils import _health, _report

from .cluster_seen import infos, seen

AT = "2026-01-01T00:00:00+00:00"


def page(found: dict[str, object]) -> str:
    shown = seen(found)
    return _report.markdown([shown], _health.judge(shown), AT)


def test_the_page_says_who_is_master_and_what_is_up() -> None:
    text = page(infos())
    assert f"{AT}: All is well." in text
    assert "| VI_1 | 81 | eth0 | drct1 (100) | 1 h 6 min | drct2 (90) | 172.16.1.254/32 |" in text
    assert "| web | TCP 172.16.1.254:80 | rr | 2/2 | yes | 12 |" in text
    assert "| rs1 | web | 172.16.1.3 port 80 | up | 1 | 6 |" in text
    assert "| drct1 | 0.1.0 | 0123456789abcdef |  | 1 d 1 h |" in text
    assert "172.16.1.254/32 (lo), 172.16.1.3/16 (eth0)" in text


def test_every_table_has_rows_of_one_width() -> None:
    for block in page(infos()).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_what_is_wrong_comes_first() -> None:
    found = infos()
    found["drct2"] = "cannot be reached: timed out"
    text = page(found)
    assert "**1 problem.**" in text
    assert text.index("- drct2: cannot be reached") < text.index("## Instances")
    assert "| drct2 | **not seen** |" in text


def test_directors_that_disagree_are_both_shown() -> None:
    found = infos()
    found["drct2"]["status"]["services"][0]["real_servers"][0].update(up=False, reason="refused")
    assert "| 2/2 / 1/2 |" in page(found)
    assert "| up / **down** (refused) |" in page(found)


def test_what_a_host_says_stays_in_its_cell() -> None:
    found = infos()
    found["drct2"]["status"]["instances"][0].update(state="FAULT", reason="a | b\n<script>")
    text = page(found)
    assert "a \\| b &lt;script>" in text


def test_secrets_are_in_neither_file() -> None:
    found = infos()
    found["drct1"]["status"]["x"] = [{"authentication": {"auth_pass": "hunter2"}}]
    shown = seen(found)
    facts = _report.facts([shown], _health.judge(shown), AT)
    assert "hunter2" not in json.dumps(facts)
    assert "(hidden)" in json.dumps(facts)
    assert facts["healthy"] is True


def test_several_clusters_are_told_apart() -> None:
    shown = seen(infos())
    other = replace(shown, name="mail")
    text = _report.markdown([replace(shown, name="web"), other], _health.Findings(), AT)
    assert text.index("## Instances of cluster web") < text.index("## Instances of cluster mail")
