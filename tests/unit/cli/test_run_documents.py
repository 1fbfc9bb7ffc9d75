# SPDX-License-Identifier: GPL-3.0-or-later
"""dynamic_interfaces, from the file to the end or the beginning of the agent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lvs_agent.cli import run


def written(path: Path, *, dynamic: bool) -> str:
    document = {
        "global_defs": {"dynamic_interfaces": dynamic},
        "vrrp_instances": {
            "web": {
                "interface": "nosuch0",
                "virtual_router_id": 51,
                "virtual_ipaddress": ["192.0.2.99/32"],
            }
        },
    }
    path.write_text(json.dumps(document))
    return str(path)


@pytest.mark.parametrize("dynamic", [False, True])
def test_missing_interface_ends_the_start_unless_the_file_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dynamic: bool
) -> None:
    monkeypatch.setenv("LVS_AGENT_RUNTIME_DIR", "")  # run sets it
    # A file where the agent wants its directory: as far as this comes a start that begins.
    (tmp_path / "run").touch()
    status = run.run(written(tmp_path / "config.json", dynamic=dynamic), tmp_path / "run")
    assert status == (run.EX_CANTCREAT if dynamic else run.EX_CONFIG)
