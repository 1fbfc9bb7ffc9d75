# SPDX-License-Identifier: GPL-3.0-or-later
"""The keepalived.conf files of four clusters, with the mistakes that people make in them, become
inventories; what is said of them, and what the check still refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils._agent_code import Failed

from . import conftest  # noqa: F401

from ansible_collections.lvs.cluster.plugins.action import cluster_check  # isort: skip
from ansible_collections.lvs.cluster.plugins.plugin_utils import (  # isort: skip
    _keepalived,
    _keepalived_import,
    _keepalived_inventory,
    _keepalived_sources,
    _keepalived_written,
)

pytestmark = pytest.mark.usefixtures("at_once")
COPIES = Path(__file__).parent / "keepalived_copies"


def imported(folder: Path, **known: Any) -> _keepalived_import.Imported:
    """The inventory of the copies in `folder`."""
    copies = _keepalived_sources.in_folder(str(folder))
    sources = {name: _keepalived.local(path, name) for name, path in copies.items()}
    names = {name: str(Path(path).relative_to(folder)) for name, path in copies.items()}
    read = _keepalived_sources.labelled(_keepalived.read(sources), names)
    return _keepalived_import.imported(read, **known)


def refused(found: _keepalived_import.Imported) -> list[str]:
    """What lvs.cluster.validate refuses."""
    problems = cluster_check.problems(found.written)
    return [str(one) for one in problems if not one.warning]


def warned(found: _keepalived_import.Imported) -> list[tuple[str, str]]:
    """Where lvs.cluster.validate warns, and what it says."""
    problems = cluster_check.problems(found.written)
    return [(one.where, one.message) for one in problems if one.warning]


def notices(found: _keepalived_import.Imported) -> list[tuple[str, str]]:
    """Where, and how what is said begins."""
    pairs = [one.partition(": ") for one in found.notices]
    return [(where, " ".join(message.split()[:5])) for where, __, message in pairs]


SLASHES = "// and what is behind"
SERVER = [
    ("drct1.conf:48, drct2.conf:48", "nat_mask has no counterpart here:"),
    ("drct1.conf:49, drct2.conf:49", "presistence_timeout is not a keyword"),
    ("drct1.conf:60,72, drct2.conf:60,72", "nb_get_retry is an old name"),
]


def test_a_single_instance_with_its_last_brace_missing() -> None:
    found = imported(COPIES / "single")
    assert notices(found) == [
        ("drct1.conf:5", SLASHES),
        ("drct1.conf:14", "the block of vrrp_instance VI_1"),
    ]
    assert found.differences == []
    assert refused(found) == []
    hosts = found.written.variables
    assert hosts["drct1"]["lvs_host"] == {
        "global_defs": {"router_id": "drct1"},
        "vrrp_instances": {"VI_1": {"state": "MASTER", "priority": 100}},
    }
    instance = hosts["drct2"]["lvs_vrrp_instances"]["VI_1"]
    assert instance["authentication"] == {"auth_type": "PASS", "auth_pass": "zrs66zrs"}


def test_two_instances_of_which_the_second_file_was_copied_with_its_router_id() -> None:
    found = imported(COPIES / "two")
    assert notices(found) == [("drct1.conf:30", SLASHES)]
    assert refused(found) == []
    text = found.files["group_vars/lvs_directors/main.yml"]
    assert re.search(r"  # All directors have this router_id.*\n  router_id: drct1\n", text)


def test_direct_routing_without_the_virtual_address_that_the_article_forgot() -> None:
    """No instance has 172.16.1.254. keepalived runs, and says nothing; so does the inventory run,
    but it says what is to be decided."""
    found = imported(COPIES / "lvs_dr", named={"172.16.1.3": "rs1", "172.16.1.4": "rs2"})
    assert notices(found) == SERVER
    server = found.written.variables["drct1"]["lvs_virtual_servers"]["172.16.1.254:80"]
    assert server["real_servers"] == {"rs1": {"weight": 1}, "rs2": {"weight": 2}}
    assert server["http_get"]["retry"] == 3
    assert found.written.variables["rs2"] == {"lvs_address": "172.16.1.4"}
    assert refused(found) == []
    assert [where for where, message in warned(found) if "has 172.16.1.254: " in message] == [
        "group_vars: lvs_unmanaged_virtual_addresses"
    ]
    assert found.files["group_vars/lvs_directors/main.yml"].endswith(
        """
# Addresses of virtual servers that no vrrp_instance has. As with keepalived, clients do not
# get there unless something else brings them to a director. If one is to move with an
# instance, add it to that instance's virtual_ipaddress, and take it out here.
lvs_unmanaged_virtual_addresses:
  - 172.16.1.254
"""
    )


@pytest.mark.parametrize("holders", [("drct1", "drct2"), ("drct1",), ()])
def test_an_address_that_somebody_put_there_is_a_hosts_own_if_all_directors_have_it(
    holders: tuple[str, ...],
) -> None:
    """If some have it, it goes from one to the other, and nothing here moves it."""
    vip = "172.16.1.254/32"
    own = {"drct1": "172.16.1.9/16", "drct2": "172.16.1.2/16"}
    found = imported(
        COPIES / "lvs_dr",
        addresses={
            name: {"eno16777736": [address, vip] if name in holders else [address]}
            for name, address in own.items()
        },
    )
    by_itself = len(holders) == len(own)
    for name, address in own.items():
        variables = found.written.variables[name]
        listed = [address, vip] if by_itself else [address]
        assert variables["lvs_interfaces"] == {"eno16777736": listed}
        assert ("lvs_unmanaged_virtual_addresses" in variables) is not by_itself
    assert refused(found) == []


def test_nat_with_a_second_file_that_lacks_braces_a_virtual_router_id_and_a_scheduler() -> None:
    found = imported(COPIES / "lvs_nat")
    assert notices(found) == [
        ("drct1.conf:48, drct2.conf:38", SERVER[0][1]),
        ("drct1.conf:49, drct2.conf:39", SERVER[1][1]),
        ("drct1.conf:60,72, drct2.conf:50,62", SERVER[2][1]),
        ("drct2.conf:3", "the block of global_defs is"),
        ("drct2.conf:26", "VI_2 lacks virtual_router_id: it is"),
        ("drct2.conf:37", "the block of virtual_server 172.16.1.188"),
    ]
    assert found.differences == [
        "drct2: vrrp_instances.VI_2: not on drct2, but on drct1; null takes it away",
        "drct1: virtual_servers.172.16.1.188:80.delay_loop: not on drct2, where it is 60",
        "drct1: virtual_servers.172.16.1.188:80.lb_algo: not on drct2, where it is wlc",
    ]
    assert refused(found) == []
    assert found.files["host_vars/drct2.yml"].endswith(
        """\
    # drct2.conf:26: VI_2 lacks virtual_router_id: it is left out
    # Not on drct2, but on drct1; null takes it away.
    VI_2: null
"""
    )


def test_directors_that_disagree_are_told_and_both_keep_what_they_say(tmp_path: Path) -> None:
    text = (COPIES / "single" / "drct2.conf").read_text()
    (tmp_path / "a.conf").write_text(text.replace("priority 90", "priority 200"))
    (tmp_path / "b.conf").write_text(
        text.replace("virtual_router_id 81", "virtual_router_id 82")
        .replace("advert_int 1", "advert_int 2")
        .replace("auth_pass zrs66zrs", "auth_pass zrs77zrs")
    )
    found = imported(tmp_path)
    assert [one.rpartition(".")[2] for one in found.differences] == [
        "virtual_router_id: differs from a",
        "advert_int: differs from a",
        "auth_pass: differs from a",
    ]
    places = [one.partition(": ")[2].partition(": ")[0] for one in refused(found)]
    assert places == [
        f"lvs_host.vrrp_instances.VI_1.{option}"
        for option in ("virtual_router_id", "advert_int", "authentication")
    ]
    own = found.written.variables["b"]["lvs_host"]["vrrp_instances"]["VI_1"]
    assert own["virtual_router_id"] == 82
    assert own["authentication"] == {"auth_pass": "zrs77zrs"}


def test_the_addresses_of_a_host_are_its_own_but_not_the_virtual_ones() -> None:
    at = {"eno16777736": ["172.16.1.9/16", "172.16.1.99/32"], "eth1": ["10.0.0.9/24"]}
    found = imported(COPIES / "single", addresses={"drct1": at, "drct2": {}})
    first, second = (found.written.variables[name] for name in ("drct1", "drct2"))
    assert first["lvs_address"] == "172.16.1.9"
    assert first["lvs_interfaces"] == {"eno16777736": ["172.16.1.9/16"], "eth1": ["10.0.0.9/24"]}
    assert "lvs_address" not in second
    assert "# lvs_address: 192.0.2.11" in found.files["host_vars/drct2.yml"]


def test_what_only_one_director_says_is_in_its_own_variables(tmp_path: Path) -> None:
    text = (COPIES / "single" / "drct2.conf").read_text()
    (tmp_path / "a.conf").write_text(text)
    (tmp_path / "b.conf").write_text(text.replace("priority 90", "priority 80\n preempt_delya 5"))
    found = imported(tmp_path)
    assert "preempt_delya" in found.files["host_vars/b.yml"]
    assert "preempt_delya" not in found.files["group_vars/lvs_directors/main.yml"]


def read_as(document: dict[str, Any], *errors: _keepalived.Line) -> dict[str, _keepalived.Read]:
    return {"lb1": _keepalived.Read(document=document, errors=errors)}


INSTANCE = {"interface": "eth0", "virtual_router_id": 5, "virtual_ipaddress": ["192.0.2.9/24"]}


def test_what_the_agent_refuses_is_said_where_it_stands() -> None:
    document = {"vrrp_instances": {"V": {**INSTANCE, "priority": 0}}}
    path = "vrrp_instances.V.priority"
    error = _keepalived.Line(path=path, file="lb1.conf", line=7, message="must be at least 1")
    found = _keepalived_import.imported(read_as(document, error))
    assert found.notices == ["lb1.conf:7: ERROR: must be at least 1"]
    text = found.files["host_vars/lb1.yml"]
    assert "      # lb1.conf:7: ERROR: must be at least 1\n      priority: 0\n" in text
    assert any(path in one for one in refused(found))


def test_an_inventory_that_would_not_say_the_same_is_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forgetful(made: Any, comments: Any) -> dict[str, Any]:
        written = files(made, comments)
        del written["host_vars/lb1.yml"]["document"]["lvs_host"]
        return written

    files = _keepalived_inventory.files
    monkeypatch.setattr(_keepalived_inventory, "files", forgetful)
    document = {"vrrp_instances": {"V": {**INSTANCE, "priority": 90}}}
    with pytest.raises(Failed, match="would not give lb1 what"):
        _keepalived_import.imported(read_as(document))


def test_what_looks_like_a_template_is_none(tmp_path: Path) -> None:
    text = (COPIES / "single" / "drct2.conf").read_text()
    script = 'vrrp_script s {\n script "/bin/echo {{ 7 * 7 }}"\n}\n'
    (tmp_path / "a.conf").write_text(script + text.replace("zrs66zrs", '"{{x}}"'))
    written = imported(tmp_path).written.variables["a"]
    assert written["lvs_vrrp_scripts"]["s"]["script"] == "/bin/echo '{{' 7 '*' 7 '}}'"
    instance = written["lvs_vrrp_instances"]["VI_1"]
    assert instance["authentication"]["auth_pass"] == "{{x}}"


def test_a_copy_with_its_includes_is_a_folder_and_absolute_paths_are_beside_it(
    tmp_path: Path,
) -> None:
    text = (COPIES / "single" / "drct2.conf").read_text()
    folder = tmp_path / "drct2"
    (folder / "conf.d").mkdir(parents=True)
    (folder / "keepalived.conf").write_text(
        "include /etc/keepalived/conf.d/*.conf\ninclude /etc/passwd\ninclude ../../outside.conf\n"
    )
    (folder / "conf.d" / "vrrp.conf").write_text(text.replace("advert_int 1", "advert_itn 1"))
    found = imported(tmp_path)
    assert "VI_1" in found.written.variables["drct2"]["lvs_vrrp_instances"]
    assert [(where, message) for where, message in notices(found)] == [
        ("drct2/conf.d/vrrp.conf:19", "advert_itn is not a keyword"),
        ("drct2/keepalived.conf:2", "no such file: /etc/passwd; nothing"),
        ("drct2/keepalived.conf:3", "no such file: ../../outside.conf; nothing"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x7fELF" + bytes(200), "drct1: .*not a text file"),
        (b"include keepalived.conf\n", "drct1: .*keepalived.conf includes itself"),
        (b"x" * (3 * 1024 * 1024), "drct1: "),
    ],
    ids=["binary", "loop", "long"],
)  # fmt: skip
def test_what_is_no_configuration_says_so(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "drct1").mkdir()
    (tmp_path / "drct1" / "keepalived.conf").write_bytes(content)
    with pytest.raises(Failed, match=message):
        imported(tmp_path)


def test_a_folder_without_copies_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"no NAME\.conf"):
        imported(tmp_path)


def placed(files: dict[str, str], dest: Path, *, force: bool = False, check: bool = False) -> Any:
    return _keepalived_written.placed(files, str(dest), "vault.yml", force=force, check_mode=check)


def test_nothing_is_written_over_unless_told_and_then_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("mine\n")
    with pytest.raises(Failed, match=re.escape(f"{tmp_path}/b.yml: exists")):
        placed({"a.yml": "a\n", "b.yml": "b\n"}, tmp_path)
    assert not (tmp_path / "a.yml").exists()
    placed({"a.yml": "a\n", "b.yml": "b\n"}, tmp_path, force=True)
    assert (tmp_path / "b.yml").read_text() == "b\n"
    assert placed({"a.yml": "a\n", "b.yml": "b\n"}, tmp_path) == ([], [])


def test_passwords_are_nobodys_else_to_read_and_stay_out_of_diffs(tmp_path: Path) -> None:
    diffs, __ = placed({"vault.yml": "secret\n"}, tmp_path / "new", check=True)
    assert "secret" not in str(diffs)
    assert not (tmp_path / "new").exists()
    placed({"vault.yml": "secret\n"}, tmp_path / "new")
    assert (tmp_path / "new" / "vault.yml").stat().st_mode & 0o777 == 0o600


def test_an_encrypted_vault_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "vault.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    assert placed({"vault.yml": "secret\n"}, tmp_path, force=True) == (
        [],
        [str(tmp_path / "vault.yml")],
    )
    assert (tmp_path / "vault.yml").read_text().startswith("$ANSIBLE_VAULT")
