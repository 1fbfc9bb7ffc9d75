# SPDX-License-Identifier: GPL-3.0-or-later
"""An imported document as people would have written it, with the same meaning.

Owns what is said in another way than keepalived.conf does: real servers by the names of hosts,
checks once for all real servers of a virtual server, passwords by variables. Whether the meaning is
the same is the agent's to say (`_keepalived.same`). Pure.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._secrets import SECRET_OPTIONS
from ansible_collections.lvs.cluster.plugins.plugin_utils import _document, _keepalived_merge
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived_merge import VARIABLE

_VAULT = "vault_"
_CHECK = re.compile(r"[a-z]+_(?:check|get)")

Document = dict[str, Any]


@dataclass(slots=True)
class Paths:
    """Where what was at one path is now, so that notices stay with what they are about."""

    moved: dict[str, str] = field(default_factory=dict)

    def now(self, path: str) -> str:
        """The path now, by the longest part of it that was moved."""
        for old in sorted(self.moved, key=len, reverse=True):
            if path == old or path.startswith((f"{old}.", f"{old}[")):
                return self.moved[old] + path[len(old) :]
        return path

    def then(self, later: Paths) -> Paths:
        """These moves, and after them `later`."""
        both = {old: later.now(new) for old, new in self.moved.items()}
        return Paths({**later.moved, **both})


def named(document: Mapping[str, Any], hosts: Mapping[str, str]) -> tuple[Document, Paths]:
    """The document with the real servers that are `hosts` (by address) called by their names.

    Of two on one host behind one virtual server, on two ports, the second keeps its name.
    """
    found, paths = copy.deepcopy(dict(document)), Paths()
    for path, server in _servers(found):
        real_servers: Document = {}
        for name, real in server["real_servers"].items():
            host = hosts.get(real.get("ip", ""))
            new = name if host is None or host in real_servers else host
            real_servers[new] = real
            if new != name:
                before = f"{path}.real_servers.{name}"
                paths.moved[before] = f"{path}.real_servers.{new}"
        server["real_servers"] = real_servers
    return found, paths


def simplified(document: Mapping[str, Any]) -> tuple[Document, Paths]:
    """The document with each virtual server's common checks said once, and no port of a real
    server that is the virtual server's."""
    found, paths = copy.deepcopy(dict(document)), Paths()
    for path, server in _servers(found):
        real_servers = server["real_servers"]
        for name, real in real_servers.items():
            if "port" in server and real.get("port") == server["port"]:
                real_servers[name] = {key: value for key, value in real.items() if key != "port"}
        _share_checks(path, server, paths)
    return found, paths


def _share_checks(path: str, server: Document, paths: Paths) -> None:
    real_servers = server["real_servers"]
    each = [_checks(real) for real in real_servers.values()]
    first = each[0]
    texts = {_keepalived_merge.repr_of(one) for one in each}
    if len(each) < 2 or not first or len(texts) > 1 or _checks(server):
        return
    server.update(first)
    for name, real in real_servers.items():
        real_servers[name] = {key: value for key, value in real.items() if key not in first}
        for check in first:
            paths.moved[f"{path}.real_servers.{name}.{check}"] = f"{path}.{check}"
    # What people look for at the end.
    server["real_servers"] = server.pop("real_servers")


def _checks(values: Mapping[str, Any]) -> Document:
    return {key: value for key, value in values.items() if _CHECK.fullmatch(key)}


def without_addresses(document: Mapping[str, Any], hosts: Mapping[str, list[str]]) -> Document:
    """The document without those addresses of real servers that follow from their names: `hosts`
    has the addresses of the hosts that are called so."""
    found = copy.deepcopy(dict(document))
    for __, server in _servers(found):
        for name in hosts.keys() & server["real_servers"].keys():
            server["real_servers"][name].pop("ip", None)
    filled = dict(_servers(_document.merge_document(found, (), dict(hosts))))
    before = dict(_servers(document))
    for path, server in _servers(found):
        for name, real in server["real_servers"].items():
            said = before[path]["real_servers"][name]
            if filled[path]["real_servers"][name] != said:
                server["real_servers"][name] = {"ip": said["ip"], **real}
    return found


@dataclass(slots=True)
class Vault:
    """Secrets by the variables that have them."""

    secrets: dict[str, Any] = field(default_factory=dict)

    def hide(self, document: Mapping[str, Any], director: str) -> Document:
        """The document of `director` with references in the place of secrets. What two directors
        say at one place is one variable, if it is the same."""
        hidden: Document = self._hide(document, "", director)
        return hidden

    def _hide(self, value: Any, path: str, director: str) -> Any:
        if isinstance(value, Mapping):
            return {
                key: {VARIABLE: self._variable(f"{path}_{key}", item, director)}
                if key in SECRET_OPTIONS and not isinstance(item, Mapping | list)
                else self._hide(item, _step(path, key), director)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._hide(one, f"{path}_{i}", director) for i, one in enumerate(value)]
        return value

    def _variable(self, path: str, secret: Any, director: str) -> str:
        name = _VAULT + re.sub(r"\W+", "_", path, flags=re.ASCII).strip("_")
        for one in (name, f"{name}_{re.sub(r'[^A-Za-z0-9]+', '_', director)}"):
            if self.secrets.setdefault(one, secret) == secret:
                return one
        number = 2
        while self.secrets.setdefault(f"{name}_{number}", secret) != secret:
            number += 1
        return f"{name}_{number}"


def _step(path: str, key: str) -> str:
    """Names only: vault_VI_1_auth_pass says enough."""
    usual = ("vrrp_instances", "global_defs", "authentication", "virtual_servers")
    return path if key in usual else f"{path}_{key}"


def real_server_addresses(document: Mapping[str, Any]) -> list[str]:
    """The addresses of all real servers, in the order of the document."""
    found = [
        real["ip"]
        for __, server in _servers(document)
        for real in server["real_servers"].values()
        if isinstance(real, Mapping) and isinstance(real.get("ip"), str)
    ]
    return list(dict.fromkeys(found))


def _servers(document: Mapping[str, Any]) -> Iterator[tuple[str, Document]]:
    """The virtual servers that have real servers, with their paths."""
    for name, server in document.get("virtual_servers", {}).items():
        if server.get("real_servers"):
            yield f"virtual_servers.{name}", server
