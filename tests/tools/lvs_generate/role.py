# SPDX-License-Identifier: GPL-3.0-or-later
"""The director role's argument specification and defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from lvs_agent import schema
from lvs_agent.schema import Block, Kind, Option

from lvs_generate import NOTICE

_TYPES = {
    Kind.INTEGER: "int",
    Kind.SECONDS: "float",
    Kind.MILLISECONDS: "float",
    Kind.BOOLEAN: "bool",
    Kind.BLOCK: "dict",
    Kind.NAMED_BLOCKS: "dict",
    # Several notations; the agent's checker reads them.
    Kind.STRINGS: "raw",
    Kind.COMMAND: "raw",
    Kind.CPUS: "raw",
    Kind.STATUS_CODES: "raw",
    Kind.BLOCKS: "raw",
}
_SEE = "Its options are in C(docs/options.md)."

# The role's own variables, which the agent knows nothing of.
_OWN: dict[str, tuple[Any, dict[str, Any]]] = {
    "director_group": (
        "{{ lvs_group | default({}) }}",
        {
            "type": "dict",
            "description": [
                "What differs for a group of directors, such as one of several clusters. A mapping"
                " with the names above, such as C(vrrp_instances), without their prefix. It is"
                " merged over them; mappings merge, anything else replaces, null removes."
            ],
        },
    ),
    "director_host": (
        "{{ lvs_host | default({}) }}",
        {
            "type": "dict",
            "description": [
                "What differs on this director, in the same form. It is merged over the variables"
                " of the group and over O(director_group)."
            ],
        },
    ),
    "director_real_server_addresses": (
        "{{ groups['lvs_real_servers'] | default([]) | lvs.cluster.host_addresses(hostvars) }}",
        {
            "type": "dict",
            "description": [
                "Lists of the addresses of inventory hosts. A real server with the name of one of"
                " them takes its C(ip) from here if it has none, of the virtual server's family if"
                " there is one."
            ],
        },
    ),
    "director_python": (
        "auto",
        {
            "type": "path",
            "description": [
                "Python interpreter of the agent on the director, 3.11 or later. With V(auto) it is"
                " C(/usr/bin/python3) where that is new enough, else the first of"
                " C(/usr/bin/python3.11) and on; where there is none, the role says which package"
                " has one."
            ],
        },
    ),
    "director_install_packages": (
        False,
        {
            "type": "bool",
            "description": [
                "Install the packages of the distribution that bring what a director lacks."
                " Otherwise the role only says which."
            ],
        },
    ),
    "director_network_drop_ins": (
        True,
        {
            "type": "bool",
            "description": [
                "Where systemd-networkd or NetworkManager runs, tell it by a drop-in file to leave"
                " alone the addresses, routes, rules and interfaces of the agent."
            ],
        },
    ),
    "director_firewall": (
        "none",
        {
            "type": "str",
            "choices": ["none", "nftables", "firewalld", "ufw", "auto"],
            "description": [
                "Whether, and by what, VRRP, AH, BFD and the synchronisation of IPVS are let in"
                " from the other directors only. V(nftables) is a table of its own, which drops the"
                " rest. V(firewalld) and V(ufw) get rules that let them in; the rest is refused by"
                " what these refuse anyway. V(auto) is the one of those two that is in force, else"
                " nftables. V(none) leaves firewalls alone, and takes back what the role did."
            ],
        },
    ),
    "director_firewall_peers": (
        [],
        {
            "type": "list",
            "elements": "str",
            "description": [
                "Addresses, or networks, of VRRP routers that are peers but not in the inventory,"
                " such as a keepalived."
            ],
        },
    ),
    "director_releases_kept": (
        2,
        {
            "type": "int",
            "description": ["How many releases of the agent to keep, for going back."],
        },
    ),
    "director_sysctls": (
        {},
        {
            "type": "dict",
            "description": [
                "Kernel parameters to set on the director, and to keep over a reboot, besides those"
                " that its configuration needs, and before them."
            ],
        },
    ),
    "director_ipvs_sysctls": (
        "{{ lvs_ipvs_sysctls | default({}) }}",
        {
            "type": "dict",
            "description": [
                "Kernel parameters below C(net.ipv4.vs), such as C(sloppy_tcp), by that short name."
                " They go before the defaults, which are C(expire_nodest_conn) 1,"
                " C(expire_quiescent_template) 1 and C(conn_reuse_mode) 1."
            ],
        },
    ),
    "director_writable_paths": (
        [],
        {
            "type": "list",
            "elements": "path",
            "description": [
                "Directories that the agent and its scripts may write to besides its own"
                " (V(/run/lvs-agent) and V(/var/lib/lvs-agent)). To its unit, everything else is"
                " read-only."
            ],
        },
    ),
    "director_check_interfaces": (
        True,
        {
            "type": "bool",
            "description": [
                "Fail before anything is changed if an interface of the configuration does not"
                " exist. Turn it off if the interface comes later; the instance then waits for it."
            ],
        },
    ),
    "director_verify_real_servers": (
        True,
        {
            "type": "bool",
            "description": ["Try out from the director whether the real servers are prepared."],
        },
    ),
    "director_verify_kinds": (
        ["DR", "TUN", "NAT"],
        {
            "type": "list",
            "elements": "str",
            "choices": ["DR", "TUN", "NAT"],
            "description": ["Forwarding methods to try out."],
        },
    ),
    "director_hand_over": (
        "{{ inventory_hostname | lvs.cluster.directors_of(groups, hostvars) | length > 1 }}",
        {
            "type": "bool",
            "description": [
                "Before the running agent is restarted, give its instances to another director, and"
                " stand aside until the agent is healthy again. The role fails before it changes"
                " anything if no other director takes them. Default is true with more than one"
                " director in the cluster."
            ],
        },
    ),
    "director_hand_over_timeout": (
        30,
        {
            "type": "int",
            "description": ["How many seconds another director may take to become master."],
        },
    ),
    "director_claim_expires": (
        300,
        {
            "type": "int",
            "description": [
                "After how many seconds a director that stands aside for this role takes part in"
                " elections again by itself, because the run that wanted it is dead. Another run"
                " waits as long for its turn."
            ],
        },
    ),
    "director_stable_for": (
        3,
        {
            "type": "int",
            "description": [
                "After a restart, for how many seconds all must have been well, virtual servers"
                " that had their quorum before among it, or the role goes back to what ran before."
            ],
        },
    ),
    "director_settle_timeout": (
        60,
        {
            "type": "int",
            "description": [
                "After a change, how many seconds to wait until the agent is healthy and each VRRP"
                " instance has a master, before the next director is touched."
            ],
        },
    ),
    "director_beside_keepalived": (
        False,
        {
            "type": "bool",
            "description": [
                "Let a keepalived run on the same host. It must have other addresses and virtual"
                " servers than the agent."
            ],
        },
    ),
    "director_keepalived_unit": (
        "keepalived.service",
        {
            "type": "str",
            "description": ["The systemd unit of a keepalived that the agent takes over from."],
        },
    ),
}


# The entry points besides main. Their options are the role's own variables that they read; those of
# the configuration are left to `main`, which checks types, and to `cluster_check` and the agent.
_ENTRY_POINTS = {
    "preflight": (
        "See whether a host can be a director",
        "Reads only. Fails saying everything that is missing.",
    ),
    "stage": (
        "Everything that can be done beside a running agent",
        "Prepares the host and unpacks the agent, without making it the current release and without"
        " touching a running one.",
    ),
    "look": (
        "After stage: whether anything is left to do",
        "Changes nothing. Puts the director into the group C(lvs_directors_as_wanted), or into"
        " C(lvs_directors_to_do).",
    ),
    "rollback": (
        "Go back to the release of the agent from before",
        "Puts back the release and unit that ran before the release last changed, and keeps the"
        " configuration. Hands over first, as for any other release.",
    ),
    "verify": (
        "See from a director whether real servers are prepared",
        "Changes nothing. Fails saying which real server does what it must not.",
    ),
    "keepalived": (
        "See what the agent would do in keepalived's place",
        "Changes nothing that is in force. Unpacks the agent, to look by it.",
    ),
    "adopt": (
        "Put the agent in keepalived's place",
        "Starts the agent beside a running keepalived, lets it adopt what that holds, and ends"
        " keepalived without its clean-up. Goes back by itself if the agent does not become well.",
    ),
    "hand_back": (
        "Put keepalived in the agent's place",
        "The same the other way round. keepalived's own configuration file must be there.",
    ),
    "remove": (
        "Take the agent off a director",
        "Stops the agent, which hands over first, and leaves the host as it was before the role."
        " Kernel modules stay loaded until a reboot.",
    ),
}
_ROLE = Path(__file__).resolve().parents[3] / "roles" / "director"


def _read_by(entry_point: str) -> set[str]:
    """The variables that an entry point reads: in its tasks, in files that these name, and in the
    values of the role's variables among them."""
    values = yaml.safe_load((_ROLE / "vars" / "main.yml").read_text())
    names: set[str] = set()
    texts, seen = [(_ROLE / "tasks" / f"{entry_point}.yml").read_text()], {f"{entry_point}.yml"}
    while texts:
        text = re.sub(r"^\s*#.*$", "", texts.pop(), flags=re.MULTILINE)
        new = set(re.findall(r"\bdirector_\w+", text)) - names
        files = set(re.findall(r"\b[\w.-]+\.(?:yml|j2)\b", text)) - seen
        texts += [str(values[name]) for name in new if name in values]
        texts += [path.read_text() for file in files for path in _ROLE.glob(f"*/{file}")]
        names |= new
        seen |= files
    return names


def argument_specs() -> str:
    """`meta/argument_specs.yml`."""
    options = {f"director_{each.name}": _argument(each) for each in schema.DOCUMENT.options}
    for name, (default, argument) in _OWN.items():
        shown = {} if isinstance(default, str) and "{{" in default else {"default": default}
        options[name] = {**argument, **shown}
    main = _entry_point(
        "A director of a Linux Virtual Server cluster",
        "Installs, configures and supervises lvs-agent, which holds virtual addresses by VRRP and"
        " balances virtual servers over checked real servers by IPVS.",
        "The variables take what the inventory says once for the cluster in variables of the same"
        " names with the prefix C(lvs_), such as C(lvs_vrrp_instances), and for each director in"
        " C(lvs_host).",
        options=options,
    )
    others = {
        name: _entry_point(
            title, text, options={each: options[each] for each in _OWN if each in _read_by(name)}
        )
        for name, (title, text) in _ENTRY_POINTS.items()
    }
    return _yaml({"argument_specs": {"main": main, **others}})


def _entry_point(title: str, *texts: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "short_description": title,
        "description": list(texts),
        "author": ["The lvs.cluster developers"],
        "version_added": "0.1.0",
        "options": options,
    }


def _argument(option: Option) -> dict[str, Any]:
    argument: dict[str, Any] = {"type": _TYPES.get(option.kind, "str")}
    text = [_sentence(option.doc)]
    if option.block is not None and option.block.line and option.kind is Kind.BLOCK:
        argument["type"] = "raw"
        text.append(_SEE)
    elif option.kind is Kind.BLOCK and option.block is not None:
        argument["options"] = _options(option.block)
    elif option.block is not None:
        text.append(_SEE)
    if option.choices:
        argument["choices"] = list(option.choices)
    if option.default_doc:
        text.append(f"Default is {option.default_doc}.")
    if option.default not in (None, {}):
        argument["default"] = option.default
    if option.required:
        argument["required"] = True
    if option.secret:
        argument["no_log"] = True
    return {**argument, "description": text}


def _options(block: Block) -> dict[str, Any]:
    return {option.name: _argument(option) for option in block.options}


def _sentence(text: str) -> str:
    """YAML plain scalars end at ': '; nobody should have to think of that."""
    return text if text.endswith(".") else f"{text}."


def defaults() -> str:
    """`defaults/main.yml`."""
    values: dict[str, Any] = {
        f"director_{option.name}": f"{{{{ lvs_{option.name} | default({_empty(option)}) }}}}"
        for option in schema.DOCUMENT.options
    }
    values |= {name: default for name, (default, _) in _OWN.items()}
    return _yaml(values)


def _empty(option: Option) -> str:
    return "[]" if option.kind is Kind.BLOCKS else "{}"


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, as yamllint wants it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(value: Any) -> str:
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return f"# SPDX-License-Identifier: GPL-3.0-or-later\n# {NOTICE}\n---\n{text}"
