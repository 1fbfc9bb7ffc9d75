# SPDX-License-Identifier: GPL-3.0-or-later
"""This agent with Debian's keepalived and with FRR's vrrpd: one test for each cell of the matrix
in docs/interoperability.md."""

from __future__ import annotations

import pytest
from interop.document import DOCUMENT, render, versions
from interop.matrix import Case, cases

pytestmark = [pytest.mark.netns, pytest.mark.timeout(900)]


@pytest.mark.parametrize("case", cases(), ids=Case.name)
def test_peers_get_along(case: Case, results: dict[Case, str | None]) -> None:
    failure = results[case]
    assert failure is None, f"{case.name()}\n{failure}"


def test_document_says_what_the_run_showed(results: dict[Case, str | None]) -> None:
    # Where only a part is played, the page has to be right about that part.
    whole = {case: results.get(case) for case in cases()}
    # The tables: another release of a peer is no reason to fail.
    written, shown = (
        [line for line in page.splitlines() if line.startswith("|")]
        for page in (DOCUMENT.read_text(), render(whole, versions()))
    )
    assert written == shown, "run make interoperability"
