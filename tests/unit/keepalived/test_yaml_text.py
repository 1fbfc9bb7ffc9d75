# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents as YAML text are read as the same documents."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.keepalived import yaml_text

SCALARS = (
    st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(0, 1e6)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
    | st.sampled_from(
        ["on", "no", "Null", "~", "1.5", "0x10", "12:30", "a: b", "- x", "fe80::1", "fe80::",
         "1::", "1::/8", "2001:10:20", "1::2:30 dev eth0", "::1", "#x", "'", '"',
         "192.0.2.1/24 brd + dev eth0", "%", "a #b", "", " a", "a ", "=", "1_0", "2001-01-01",
         "{{ x }}", "a{%"]
    )
)  # fmt: skip
KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


class Reader(yaml.SafeLoader):
    """Reads what is no template as the text it is, as Ansible does."""


Reader.add_constructor("!unsafe", lambda reader, node: reader.construct_scalar(node))


def lists_in_lists(value: Any) -> bool:
    """No document has them."""
    if isinstance(value, dict):
        return any(map(lists_in_lists, value.values()))
    if isinstance(value, list):
        return any(isinstance(one, list) or lists_in_lists(one) for one in value)
    return False


@given(st.dictionaries(KEYS, VALUES.filter(lambda value: not lists_in_lists(value)), max_size=4))
def test_what_is_written_is_read_again(document: dict[str, Any]) -> None:
    assert yaml.load(yaml_text.text(document, {}), Reader) == (document or None)


def test_nothing_that_a_file_says_is_a_template_and_a_variable_is_one() -> None:
    document = {"a": ["{{ x }}", "{%", "{#", "{}"], "b": {yaml_text.VARIABLE: "vault_b"}}
    assert (
        yaml_text.text(document, {})
        == """\
---
a:
  - !unsafe "{{ x }}"
  - !unsafe "{%"
  - !unsafe "{#"
  - "{}"

b: "{{ vault_b }}"
"""
    )


def test_it_is_written_as_people_write_it() -> None:
    document = {
        "global_defs": {"router_id": "drct1", "vrrp_strict": True},
        "vrrp_instances": {
            "VI_1": {
                "priority": 100,
                "version": "2",
                "virtual_ipaddress": ["192.0.2.9/24 dev eth0 label eth0:0", "fe80::1"],
                "unicast_peer": [{"address": "192.0.2.2", "min_ttl": 3}],
            },
            "VI_2": {"priority": 90},
        },
        "virtual_servers": {"192.0.2.1:80": {"real_servers": {}}},
    }
    comments = {
        "": ["First."],
        "vrrp_instances.VI_1": ["One.", "Two."],
        "vrrp_instances.VI_1.virtual_ipaddress[1]": ["Three."],
        "vrrp_instances.VI_2": [
            "Six is longer than what stands beside other windows, so that it goes on in the next"
            " line, where it can be read."
        ],
        "vrrp_instances.gone.priority": ["Four."],
        "gone": ["Five."],
    }
    assert (
        yaml_text.text(document, comments)
        == """\
# First.
# Five.
---
global_defs:
  router_id: drct1
  vrrp_strict: true

# Four.
vrrp_instances:
  # One.
  # Two.
  VI_1:
    priority: 100
    version: "2"
    virtual_ipaddress:
      - 192.0.2.9/24 dev eth0 label eth0:0
      # Three.
      - fe80::1
    unicast_peer:
      - address: 192.0.2.2
        min_ttl: 3

  # Six is longer than what stands beside other windows, so that it goes on in the next line, where
  #   it can be read.
  VI_2:
    priority: 90

virtual_servers:
  "192.0.2.1:80":
    real_servers: {}
"""
    )
