# SPDX-License-Identifier: GPL-3.0-or-later
"""Every keyword that is supported stands in a configuration that keepalived and the agent are both
given (tests/lab/differential), or here with the reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lvs_agent.adapters.keepalived_files import KeepalivedFiles
from lvs_agent.keepalived.keywords import TOP
from lvs_agent.keepalived.parse import parse
from lvs_agent.keepalived.table import Place, Support, grammar, places
from lvs_agent.keepalived.tree import Statement

INCLUDE = re.compile(r"^(include[a-z]?) ", re.MULTILINE)
CONFIGURATIONS = Path(__file__).parents[2] / "lab/differential"

# (place, keywords) -> why no configuration has them.
_NEWER = "Debian 12's keepalived does not know it yet"
WITHOUT: dict[tuple[str, str], str] = {
    ("global_defs", "vrrp_owner_ignore_adverts vrrp_delay_after_boot"): _NEWER,
    ("global_defs", "v3_checksum_as_v2"): _NEWER,
    ("global_defs", "json_dump_file state_dump_file stats_dump_file json_version"): _NEWER,
    ("vrrp_instance", "owner_ignore_adverts v3_checksum_as_v2"): _NEWER,
    ("SSL_GET", "sni_name"): _NEWER,
}


def used(place: Place, statements: Iterable[Statement]) -> Iterator[tuple[str, str]]:
    """Each keyword with its place."""
    for statement in statements:
        word = statement.words[0].text
        keyword = place.keywords.get(word)
        if keyword is not None:
            yield place.name, word
            if keyword.place is not None:
                yield from used(places()[keyword.place], statement.block or ())


def test_every_supported_keyword_is_in_a_configuration_or_has_a_reason_not_to_be() -> None:
    found: set[tuple[str, str]] = set()
    for path in CONFIGURATIONS.glob("*.conf"):
        parsed = parse(str(path), KeepalivedFiles(), config_id="drct1", grammar=grammar())
        found |= set(used(places()[TOP], parsed.statements))
        # Included files are read in the place of the line.
        found |= {(TOP, word) for word in INCLUDE.findall(path.read_text())}
    supported = {
        (place.name, keyword.name)
        for place in places().values()
        for keyword in place.keywords.values()
        if keyword.support in (Support.YES, Support.DIFFERENT)
    }
    without = {(place, word) for (place, words) in WITHOUT for word in words.split()}
    assert sorted(supported - found) == sorted(without)
