# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of keywords is complete, and says the same as the schema."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lvs_agent import schema
from lvs_agent.keepalived import keywords, translate_special
from lvs_agent.keepalived.table import Form, Place, Support, grammar, places
from lvs_agent.schema import Block

# What our document has and keepalived writes as words behind another keyword.
BEHIND = {"reverse", "overwrite"}
# What keepalived's users write into the inventory, and keepalived.conf has in another place.
OF_THE_INVENTORY = {
    "document.track_group",
    "ssl_get.password",
    "vrrp_instance", "vrrp_sync_group", "vrrp_script", "vrrp_track_file", "vrrp_track_process",
    "bfd_instance", "virtual_server", "real_server", "virtual_server_group",
}  # fmt: skip

KEEPALIVED = shutil.which("keepalived", path="/usr/sbin:/usr/bin")
MAN_PAGE = Path("/usr/share/man/man5/keepalived.conf.5.gz")
installed = pytest.mark.skipif(KEEPALIVED is None, reason="keepalived is not installed here")

AROUND = {
    "authentication": ("vrrp_instance V {", "authentication {"),
    "real_server": ("virtual_server 192.0.2.1 80 {", "real_server 192.0.2.2 80 {"),
    "virtual_server": ("virtual_server 192.0.2.1 80 {",),
    "global_defs": ("global_defs {",),
    "SSL": ("SSL {",),
}


def opened(name: str) -> tuple[str, ...]:
    """The lines that open the block."""
    if name in AROUND:
        return AROUND[name]
    if name.endswith(("_CHECK", "_GET")):
        return (*AROUND["real_server"], f"{name} {{")
    if name == "url":
        return (*opened("HTTP_GET"), "url {")
    if name == "host":
        return (*opened("SMTP_CHECK"), "host {")
    return (f"{name} X {{",)


def blocks() -> Iterator[tuple[Place, Block]]:
    for place in places().values():
        if place.block is not None:
            yield place, place.block


@pytest.mark.parametrize(("place", "block"), list(blocks()), ids=lambda one: one.name)
def test_every_option_of_the_schema_has_its_keyword_or_is_ours(place: Place, block: Block) -> None:
    reached = {one.option.name for one in place.keywords.values() if one.option is not None}
    ours = {*keywords.OURS.get(block.name, ()), *keywords.ELSEWHERE.get(block.name, ())}
    assert {option.name for option in block.options} - reached - BEHIND == ours


def test_options_whose_text_says_so_are_ours() -> None:
    said = {
        (block.name, option.name)
        for _, block in blocks()
        for option in block.options
        if "ot in keepalived" in option.doc
    }
    assert said <= {(block, name) for block, names in keywords.OURS.items() for name in names}


def test_every_reason_for_not_being_there_is_given_in_the_table() -> None:
    given = {
        word
        for place in places().values()
        for one in place.keywords.values()
        for word in (one.name.lower(), f"{place.name.lower()}.{one.name.lower()}")
    }
    assert set(schema.NOT_SUPPORTED) - given == OF_THE_INVENTORY - given


def test_what_is_read_in_a_way_of_its_own_has_a_reader() -> None:
    special = {
        (place.name, one.name)
        for place in places().values()
        for one in place.keywords.values()
        if one.form is Form.SPECIAL and place.name not in keywords.PLACES_WITHOUT_BLOCK
    }
    assert special == set(translate_special.READERS)


def test_what_is_not_there_says_why_and_what_differs_says_how() -> None:
    for place in places().values():
        for one in place.keywords.values():
            assert one.note or one.support is Support.YES, (place.name, one.name)


def test_the_language_is_told_which_lines_are_commands_and_where_a_block_can_begin() -> None:
    assert {"script", "notify_master", "misc_path", "process", "quorum_up"} <= grammar().commands
    assert {"vrrp_instance", "virtual_server", "global_defs"} <= grammar().top_level
    # They are keywords of instances, too: nothing is missing where they stand.
    assert not {"track_file", "url", "real_server"} & grammar().top_level


def words_of_keepalived() -> list[str]:
    """Whatever could be a keyword: every word in the program, and in its manual."""
    assert KEEPALIVED is not None
    texts = [Path(KEEPALIVED).read_bytes()]
    if MAN_PAGE.exists():
        texts.append(gzip.decompress(MAN_PAGE.read_bytes()))
    word = re.compile(rb"(?<![\w-])[A-Za-z][a-z0-9]+(?:[_-][a-z0-9]+)*(?![\w-])|[A-Z_]{3,}")
    found = {match.decode() for text in texts for match in word.findall(text)}
    return sorted(one for one in found if len(one) > 1 and not one.startswith("include"))


def unknown_to_keepalived(opening: tuple[str, ...], lines: list[str], directory: Path) -> set[str]:
    """The first words of those `lines` that it calls unknown, within the block so opened."""
    assert KEEPALIVED is not None
    file = directory / "keepalived.conf"
    file.write_text("\n".join([*opening, *lines, *("}" for _ in opening), ""]))
    command = [KEEPALIVED, "--config-test", "--log-console", f"--use-file={file}"]
    found = subprocess.run(command, capture_output=True, check=False, timeout=60)
    said = (found.stdout + found.stderr).decode("latin-1")
    return set(re.findall(r"Unknown keyword '([^']*)'", said))


@installed
@pytest.mark.parametrize("name", [name for name in places() if name != keywords.TOP])
def test_whatever_keepalived_takes_for_a_keyword_is_in_the_table(name: str, tmp_path: Path) -> None:
    # Those that open a block would swallow what comes behind them.
    known = {*places()[name].keywords, *places()[keywords.TOP].keywords, *places(), "group"}
    candidates = [word for word in words_of_keepalived() if word not in known]
    assert len(candidates) > 1000
    lines = [f"{word} 1" for word in candidates]
    unknown = unknown_to_keepalived(opened(name), lines, tmp_path)
    assert set(candidates) - unknown == set()


# Of keepalived after 2.2.7, which Debian 12 has; or in its manual only.
NEWER = {
    "global_defs": """set_supplementary_groups use_symlink_paths dbus_no_interface_name
        state_dump_file stats_dump_file json_dump_file json_version iproute_usr_dir iproute_etc_dir
        snmp_vs_stats_update_interval snmp_rs_stats_update_interval""",
    "vrrp_instance": "auth_hmac timer_expired_backup",
    "bfd_instance": "multihop",
    "SSL_GET": "tls_compliant",
    "FILE_CHECK": "dynamic",
    "url": "tls_compliant",
}
# Of older ones, or if built in another way.
OTHER_BUILDS = {"vrrp_ipsets", "nat_mask"}


@installed
@pytest.mark.parametrize("name", [name for name in places() if name != keywords.TOP])
def test_whatever_the_table_takes_for_a_keyword_keepalived_knows(name: str, tmp_path: Path) -> None:
    newer = {*NEWER.get(name, "").split(), *OTHER_BUILDS}
    usable = [one for one in places()[name].keywords.values() if not one.since]
    lines = [
        f"{one.name} {{\n}}" if opens_a_block(one.form, one.name) else f"{one.name} 1"
        for one in usable
        if one.name not in newer
    ]
    assert unknown_to_keepalived(opened(name), lines, tmp_path) == set()


def opens_a_block(form: Form, name: str) -> bool:
    blocks = (Form.LINES, Form.NAMES, Form.BLOCK, Form.REPEATED, Form.NAMED)
    return form in blocks or name in ("host", "real_server")
