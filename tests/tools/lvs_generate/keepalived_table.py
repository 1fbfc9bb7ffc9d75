# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/keepalived.md: every keyword of keepalived, and what becomes of it."""

from __future__ import annotations

from lvs_agent.keepalived import keywords
from lvs_agent.keepalived.table import Form, Keyword, Place, Support, places

from lvs_generate import NOTICE

_INTRODUCTION = """
The agent reads a keepalived.conf, and writes one.

```
lvs-agent import keepalived.conf            # what it becomes: the inventory's variables, in YAML
lvs-agent import --json keepalived.conf     # the same as the agent's own configuration file
lvs-agent export /etc/lvs-agent/config.json # back again
lvs-agent check --keepalived keepalived.conf
lvs-agent plan --keepalived keepalived.conf # what it would change in this host's kernel
lvs-agent run --keepalived keepalived.conf  # run by it; a reload (SIGHUP) reads it again
```

How the file itself is read, with its includes, conditions and variables:
[keepalived-language.md](keepalived-language.md).

From the files of all directors to one inventory, and from keepalived to the agent:
[migrate.md](migrate.md).

`import` is for one director, and writes nothing. Its output has a comment above each block for
whatever is not taken over as it stands, with the line of the file; the same lines go to standard
error. The file is read as the host with this name has it (lines with `@ID`); `--config-id` names
another one. The agent's user must be able to read the file, and those that it includes: at a reload
the agent has no privileges any more.

What is imported behaves as it did:

- A keyword that keepalived does not know has no effect there, nor here: `presistence_timeout 5`
  gives no persistence, and a line that says so, with what was probably meant. The same is true of a
  value that is out of range, of a tracker that is used but not there, of an instance without
  `virtual_router_id`.
- keepalived does not look ahead: a tracker that is defined behind the instance that names it has
  no effect.
- What keepalived corrects is corrected: `nopreempt` together with `state MASTER` is dropped, a
  virtual server without `protocol` is UDP, one without real servers is left out.
- Where keepalived's default is another than ours, the imported document says keepalived's:
  `lb_kind: NAT`, `v3_checksum_as_v2: false`, `enable_sni: false`, `preferred_lft forever` of IPv6
  addresses with a network, `vrrp.VRID` as the name of a VMAC of IPv6, too, the `retry` and
  `delay_before_retry` of checks.
- Programs without a path are looked for on the host. Scripts run as the agent's own user, without
  privileges, unless `script_user` names one; a user and group behind a single command have no
  effect.

Virtual servers and real servers, which have no names in keepalived, are called by their address and
port (`192.0.2.1:80`, `[2001:db8::1]:53/udp`, `fwmark-7`), or by their group's name.

`export` says our defaults where keepalived's differ, and begins with a comment for everything that
keepalived has no keyword for. Names of virtual servers and real servers are lost on the way.

## Keywords

*yes*: read and written. *differs*: as the last column says. *not needed*: it may stand in the file,
and what it asks for holds in any case. *no*: it has no effect here, and the import says so.
"""

_TITLES = {
    keywords.TOP: "Outside of every block",
    "SSL": "SSL",
    "host": "host, in SMTP_CHECK",
    "url": "url, in HTTP_GET and SSL_GET",
    "authentication": "authentication, in vrrp_instance",
    "real_server": "real_server, in virtual_server",
}

# Where each block of keepalived's stands in our document.
_PATHS = {
    keywords.TOP: "",
    "global_defs": "global_defs.",
    "authentication": "vrrp_instances.*.authentication.",
    "real_server": "virtual_servers.*.real_servers.*.",
    "url": "http_get.url.",
}


def text() -> str:
    """docs/keepalived.md."""
    parts = [f"# keepalived.conf\n\n<!-- {NOTICE} -->\n{_INTRODUCTION}"]
    parts += [_section(place) for place in places().values()]
    return "\n".join(parts)


def _section(place: Place) -> str:
    rows = [_row(place, one) for _, one in sorted(place.keywords.items())]
    title = _TITLES.get(place.name, place.name)
    head = "| keyword | here | becomes | |\n|---|---|---|---|\n"
    return f"### {title}\n\n{head}" + "\n".join(rows) + "\n"


def _row(place: Place, keyword: Keyword) -> str:
    becomes = f"`{_path(place, keyword)}`" if _path(place, keyword) else ""
    notes = [keyword.note] if keyword.note else []
    if keyword.name_now:
        notes.append(f"old name of `{keyword.name_now}`")
    if keyword.since:
        notes.append(f"keepalived {keyword.since}")
    words = "; ".join(notes).replace("|", "\\|")
    return f"| `{keyword.name}` | {keyword.support.value} | {becomes} | {words} |"


def _path(place: Place, keyword: Keyword) -> str:
    if keyword.support is Support.NO or keyword.form is Form.IGNORED:
        return ""
    if place.name == keywords.TOP:
        by_name = {name: section for section, name in keywords.SECTIONS.items()}
        name = keyword.option.name if keyword.option else by_name.get(keyword.name, "")
        return name or ("interface_up_down_delays" if keyword.name.startswith("inter") else "")
    if keyword.option is None:
        return ""
    return f"{_prefix(place)}{keyword.option.name}"


def _prefix(place: Place) -> str:
    if place.name in _PATHS:
        return _PATHS[place.name]
    top = places()[keywords.TOP].keywords.get(place.name)
    if top is not None and top.option is not None:
        return f"{top.option.name}.*."
    if place.name == "virtual_server":
        return "virtual_servers.*."
    return f"{place.name.lower()}."
