# SPDX-License-Identifier: GPL-3.0-or-later
"""Files made from the schema are what the schema gives now."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from bad_documents import GOOD
from full_document import FULL

REPOSITORY = Path(__file__).resolve().parents[2]


def test_no_generated_file_is_stale() -> None:
    command = [sys.executable, "-B", str(REPOSITORY / "tests" / "tools" / "generate.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"run tests/tools/generate.py\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def editors_schema() -> Any:
    text = (REPOSITORY / "docs" / "lvs-config.schema.json").read_text(encoding="utf-8")
    found = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


@pytest.mark.parametrize("document", [GOOD, FULL], ids=["services", "everything"])
def test_editors_accept_what_the_agent_accepts(
    editors_schema: Any, document: dict[str, Any]
) -> None:
    variables = {f"lvs_{name}": value for name, value in document.items()}
    assert [error.message for error in editors_schema.iter_errors(variables)] == []


def test_editors_accept_the_example_inventories(editors_schema: Any) -> None:
    files = sorted(REPOSITORY.glob("playbooks/inventories/*/*_vars/*.yml"))
    assert files
    for path in files:
        errors = list(editors_schema.iter_errors(yaml.safe_load(path.read_text()) or {}))
        assert not errors, (path, errors)


def test_editors_mark_an_unknown_option(editors_schema: Any) -> None:
    wrong = {"lvs_global_defs": {"vrrp_versoin": 3}}
    assert list(editors_schema.iter_errors(wrong))
