# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/import_keepalived.yml and the lookup, run by ansible-playbook as an operator would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from . import conftest

COPIES = Path(__file__).parent / "keepalived_copies"
PLAYBOOKS = conftest.REPOSITORY / "playbooks"


class Operator:
    """Runs the collection's playbooks in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        collections = next(one for one in sys.path if "lvs-collections-" in one)
        self._environment = {
            **os.environ,
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "ANSIBLE_NOCOLOR": "1",
            "PWD": str(folder),
        }

    def play(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ansible", "playbook", f"lvs.cluster.{name}", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_copies_become_an_inventory_that_the_check_accepts(operator: Operator) -> None:
    shutil.copytree(COPIES / "lvs_nat", operator.folder / "copies")
    wanted = ("-e", "keepalived_files=copies", "-e", "keepalived_inventory=web")
    seen = operator.play("import_keepalived", *wanted, "--check", "--diff")
    assert seen.returncode == 0, seen.stdout
    assert "zrszrs11" not in seen.stdout
    assert not (operator.folder / "web").exists()

    done = operator.play("import_keepalived", *wanted, "-vvv")
    assert done.returncode == 0, done.stdout
    assert "did you mean persistence_timeout?" in done.stdout
    assert f"ansible-vault encrypt {operator.folder}/web/group_vars" in done.stdout
    inventory = f"-i {operator.folder}/web --ask-vault-pass"
    assert f"ansible-playbook lvs.cluster.validate {inventory}" in done.stdout
    assert "zrszrs11" not in done.stdout
    checked = operator.play("validate", "-i", "web")
    assert checked.returncode == 0, checked.stdout
    assert "only drct1 has this instance" in checked.stderr + checked.stdout


def test_files_are_fetched_from_a_director_with_what_they_include(operator: Operator) -> None:
    etc = operator.folder / "etc"
    etc.mkdir()
    text = (COPIES / "single" / "drct2.conf").read_text()
    (etc / "vrrp.inc").write_text(text)
    script = 'vrrp_script chk {\n script "sh -c true"\n}\n'
    (etc / "keepalived.conf").write_text(f"{script}include *.inc\n")
    (operator.folder / "hosts.ini").write_text("lb1\n")
    done = operator.play(
        "import_keepalived", "-i", "hosts.ini", "-e", "keepalived_inventory=web",
        "-e", "ansible_connection=local", "-e", f"ansible_python_interpreter={sys.executable}",
        "-e", f"keepalived_path={etc}/keepalived.conf",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    # How to reach the hosts is in the inventory that they were read by.
    inventories = f"-i {operator.folder}/hosts.ini -i {operator.folder}/web"
    assert f"keepalived runs: ansible-playbook lvs.cluster.migrate {inventories}" in done.stdout
    shared = yaml.safe_load((operator.folder / "web/group_vars/lvs_directors/main.yml").read_text())
    assert "VI_1" in shared["lvs_vrrp_instances"]
    # The host was asked for it; where is its own business.
    assert shared["lvs_vrrp_scripts"]["chk"]["script"].endswith("/sh -c true")


def test_the_file_may_stay_the_source(operator: Operator) -> None:
    shutil.copytree(COPIES / "lvs_nat", operator.folder / "keepalived")
    (operator.folder / "group_vars").mkdir()
    (operator.folder / "hosts.yml").write_text(
        "lvs_directors:\n  hosts:\n    drct1:\n    drct2:\nlvs_real_servers:\n"
    )
    look_up = "{{ lookup('lvs.cluster.keepalived', keepalived_conf%s) }}"
    variables = {
        "keepalived_conf": "{{ inventory_dir }}/keepalived/{{ inventory_hostname }}.conf",
        "lvs_host": look_up % "",
        "lvs_unmanaged_real_servers": look_up % ", part='real_servers', warn=false",
    }
    (operator.folder / "group_vars/lvs_directors.yml").write_text(yaml.safe_dump(variables))
    done = operator.play("validate", "-i", "hosts.yml")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "drct1.conf:49: presistence_timeout" in " ".join(told.split())
