# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's file: private, atomic, and no way in for a link."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lvs_agent.adapters import adoption, ledger_file, sweep
from lvs_agent.core.ipvs.model import ServiceKey
from lvs_agent.core.ledger import Ledger, LedgerAddress

LEDGER = Ledger(
    addresses=frozenset({LedgerAddress("eth0", "192.0.2.99", 32)}),
    services=frozenset({ServiceKey("TCP", "192.0.2.80", 80)}),
)


def test_written_ledger_is_private_and_read_back(tmp_path: Path) -> None:
    ledger_file.write(tmp_path, LEDGER)
    assert ledger_file.read(tmp_path) == (LEDGER, None)
    assert [path.name for path in tmp_path.iterdir()] == ["owned.json"]
    assert (tmp_path / "owned.json").stat().st_mode & 0o777 == 0o600


def test_missing_file_is_an_empty_ledger(tmp_path: Path) -> None:
    assert ledger_file.read(tmp_path) == (Ledger(), None)


def test_symbolic_link_is_not_followed_and_its_target_not_written(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b'{"addresses": [], "services": []}')
    (tmp_path / "owned.json").symlink_to(target)
    ledger, wrong = ledger_file.read(tmp_path)
    assert ledger == Ledger()
    assert wrong is not None
    ledger_file.write(tmp_path, LEDGER)
    assert target.read_bytes() == b'{"addresses": [], "services": []}'
    assert ledger_file.read(tmp_path) == (LEDGER, None)


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    ledger_file.write(tmp_path, LEDGER)
    with pytest.raises(OSError):
        ledger_file.write(tmp_path / "missing", Ledger())
    assert ledger_file.read(tmp_path) == (LEDGER, None)


def test_sweep_without_a_ledger_does_nothing(tmp_path: Path) -> None:
    report = sweep.sweep(tmp_path)
    assert (report.addresses_removed, report.services_removed, report.errors) == ((), (), ())


def test_sweep_leaves_what_another_program_has_too(tmp_path: Path) -> None:
    ledger = Ledger(addresses=frozenset({LedgerAddress("lo", "192.0.2.99", 32)}))
    ledger_file.write(tmp_path, ledger)
    (tmp_path / adoption.NAME).touch()
    assert sweep.sweep(tmp_path) == sweep.SweepReport(shared=True)
    assert ledger_file.read(tmp_path) == (ledger, None)
    (tmp_path / adoption.NAME).unlink()
    assert not sweep.sweep(tmp_path).shared
    assert ledger_file.read(tmp_path) == (Ledger(), None)


def test_sweep_imports_neither_pyroute2_nor_the_configuration() -> None:
    program = (
        "import sys; import lvs_agent.adapters.sweep; "
        "sys.exit(bool({'pyroute2', 'lvs_agent.core.messages', 'lvs_agent.core.model'}"
        " & set(sys.modules)))"
    )
    agent = Path(sweep.__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=agent, timeout=30)
