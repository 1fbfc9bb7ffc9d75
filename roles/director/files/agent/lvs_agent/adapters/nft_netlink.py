# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's own nf_tables table (net/netfilter/nf_tables_api.c) as netlink messages.

Owns the table's rules and the encoding. Must never touch another table, nor decide what goes into
the sets. The table `lvs_agent` has three chains with policy accept:

    input   ip daddr @closed4 drop; ip6 daddr @closed6 drop, but for neighbor discovery
    forward nothing that came to a virtual MAC by a VMAC in @quiet
    output  no IGMP and MLD by the VMACs in @quiet, no router solicitation by those in @vmacs
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Collection, Iterable, Mapping

from lvs_agent.adapters.netlink import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    attribute,
    attributes,
    message,
)

NETLINK_NETFILTER = 12  # linux/netlink.h; the socket module does not name it
EVENTS_GROUP = 7  # NFNLGRP_NFTABLES
# The first refusal of `remove` where the kernel has nf_tables without the family inet: no table.
NO_FAMILY = errno.EOPNOTSUPP
TABLE = "lvs_agent"
# IPVS takes packets at LOCAL_IN with priority 98 and 99 (net/netfilter/ipvs/ip_vs_core.c:
# NF_IP_PRI_NAT_SRC - 2 and - 1). Behind it only what no virtual server wants is left to be dropped;
# in front of it (keepalived: -1) no_accept would close the virtual servers too.
INPUT_PRIORITY = 150
FORWARD_PRIORITY = -1
OUTPUT_PRIORITY = -1

# linux/netfilter/nfnetlink.h and nf_tables.h
_SUBSYSTEM = 10 << 8
_BATCH_BEGIN, _BATCH_END = 16, 17
_NEWTABLE, _DELTABLE, _NEWCHAIN, _GETCHAIN, _NEWRULE, _GETRULE = 0, 2, 3, 4, 6, 7
_NEWSET, _NEWSETELEM, _GETSETELEM, _DELSETELEM = 9, 12, 13, 14
_NFPROTO_INET = 1
_LOCAL_IN, _FORWARD, _LOCAL_OUT = 1, 2, 3
_DROP, _ACCEPT = 0, 1
_REGISTER = 1
_META_NFPROTO, _META_L4PROTO, _META_IIFNAME, _META_OIFNAME = 15, 16, 6, 7
_EQUAL, _AT_MOST, _AT_LEAST = 0, 3, 5
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_HEADER = struct.Struct("=BBH")
_U32 = struct.Struct("!I")
_NESTED = 0x8000
_NLM_F_APPEND = 0x800
# RFC 4861 and 2710, 3810: 130 to 132 and 143 are MLD, 133 and 134 router solicitation and
# advertisement, 135 and 136 neighbor solicitation and advertisement.
_ADVERTISEMENT = (134, 134)
_MLD, _SOLICITATION, _NEIGHBORS, _MLD2 = (130, 132), (133, 133), (135, 136), (143, 143)
_IPPROTO_IGMP = 2
# (type, size, byte order) of the elements of each set; the kernel looks at the size only, type and
# order tell nft(8) how to show them.
SETS = {"closed4": (7, 4, 2), "closed6": (8, 16, 2), "vmacs": (41, 16, 1), "quiet": (41, 16, 1)}
# One attribute has at most 65,535 bytes; an element takes up to 28.
_ELEMENTS_PER_MESSAGE = 1_000


def begin() -> bytes:
    """Opens a batch that is applied as a whole."""
    return message(_BATCH_BEGIN, 0, _HEADER.pack(0, 0, socket.htons(10)))


def end() -> bytes:
    """Closes a batch."""
    return message(_BATCH_END, 0, _HEADER.pack(0, 0, socket.htons(10)))


def install(elements: Mapping[str, Collection[str]]) -> list[bytes]:
    """The whole table with those elements in its sets; a table that is there already goes."""
    return [*remove(), *_table(), *add(elements)]


def remove() -> list[bytes]:
    """Removes the table. Made first, so that it is no error when there is none."""
    name = attribute(1, _text(TABLE))
    return [_request(_NEWTABLE, name, NLM_F_CREATE), _request(_DELTABLE, name)]


def add(elements: Mapping[str, Collection[str]]) -> list[bytes]:
    """Adds elements to the sets; one that is there already is fine."""
    return list(_elements(_NEWSETELEM, NLM_F_CREATE, elements))


def take_out(elements: Mapping[str, Collection[str]]) -> list[bytes]:
    """Takes elements out of the sets; refused (ENOENT) when one is not there."""
    return list(_elements(_DELSETELEM, 0, elements))


def _table() -> list[bytes]:
    name = attribute(1, _text(TABLE))
    return [
        _request(_NEWTABLE, name, NLM_F_CREATE | NLM_F_EXCL),
        *(_set(number, *one) for number, one in enumerate(SETS.items(), 1)),
        _chain("input", _LOCAL_IN, INPUT_PRIORITY),
        _chain("forward", _FORWARD, FORWARD_PRIORITY),
        _chain("output", _LOCAL_OUT, OUTPUT_PRIORITY),
        *(_request(_NEWRULE, rule, NLM_F_CREATE | _NLM_F_APPEND) for rule in _rules()),
    ]


def _rules() -> list[bytes]:
    vmacs, quiet = _of_interface("vmacs"), _of_interface("quiet")
    to_vmacs = _load_meta(_META_IIFNAME) + _lookup("vmacs")
    to_quiet = _load_meta(_META_IIFNAME) + _lookup("quiet")
    four, six = _compare(_META_NFPROTO, b"\x02"), _compare(_META_NFPROTO, b"\x0a")
    igmp = _compare(_META_L4PROTO, bytes((_IPPROTO_IGMP,)))
    icmp6 = _compare(_META_L4PROTO, bytes((socket.IPPROTO_ICMPV6,)))
    return [
        _rule("input", four, _to("closed4", 16), _verdict(_DROP)),
        _rule("input", six, icmp6, _icmp_type(_NEIGHBORS), _verdict(_ACCEPT)),
        _rule("input", six, _to("closed6", 24), _verdict(_DROP)),
        # Else the VMAC gets an address and a default route by autoconfiguration, which cannot be
        # turned off over netlink: on every director the same address, of the virtual MAC.
        _rule("input", to_vmacs, six, icmp6, _icmp_type(_ADVERTISEMENT), _verdict(_DROP)),
        _rule("forward", to_quiet, _verdict(_DROP)),
        _rule("output", vmacs, six, icmp6, _icmp_type(_SOLICITATION), _verdict(_DROP)),
        _rule("output", quiet, four, igmp, _verdict(_DROP)),
        _rule("output", quiet, six, icmp6, _icmp_type(_MLD), _verdict(_DROP)),
        _rule("output", quiet, six, icmp6, _icmp_type(_MLD2), _verdict(_DROP)),
    ]


def rules_per_chain() -> dict[str, int]:
    """How many rules each chain has."""
    chains = [_text_of(attributes(rule), 2) for rule in _rules()]
    return {chain: chains.count(chain) for chain in dict.fromkeys(chains)}


# Reading: only so much that a table which is not ours any more is found out


def rules_request() -> bytes:
    """Asks for the rules of the table."""
    return _request(_GETRULE, attribute(1, _text(TABLE)), NLM_F_DUMP)


def chains_request() -> bytes:
    """Asks for all chains of the family."""
    return _request(_GETCHAIN, b"", NLM_F_DUMP)


def elements_request(name: str) -> bytes:
    """Asks for the elements of a set; refused (ENOENT) when there is none."""
    return _request(_GETSETELEM, attribute(1, _text(TABLE)) + attribute(2, _text(name)), NLM_F_DUMP)


def chain_of_rule(body: bytes) -> str | None:
    """The chain of a rule of our table; None for any other."""
    return _text_of(attributes(body, _HEADER.size), 2) if is_ours(body) else None


def chain_of_chain(body: bytes) -> tuple[str, bool] | None:
    """(name, whether it is in force) of a chain of our table; None for any other."""
    if not is_ours(body):
        return None
    found = dict(attributes(body, _HEADER.size))
    return bytes(found.get(3, b"")).rstrip(b"\0").decode(errors="replace"), 4 in found


def elements_of(body: bytes, name: str) -> list[str]:
    """The elements in one answer to `elements_request`."""
    found = dict(attributes(body, _HEADER.size))
    keys: list[str] = []
    for __, element in attributes(found.get(3, b"")):
        value = dict(attributes(dict(attributes(element)).get(1, b""))).get(1, b"")
        keys.append(_key_text(name, bytes(value)))
    return keys


def is_ours(body: bytes) -> bool:
    """Whether a message about tables, chains, rules or sets is about our table."""
    if not body or body[0] != _NFPROTO_INET:
        return False
    return _text_of(attributes(body, _HEADER.size), 1) == TABLE


# Encoding


def _request(kind: int, body: bytes, flags: int = 0) -> bytes:
    return message(_SUBSYSTEM | kind, flags, _HEADER.pack(_NFPROTO_INET, 0, 0) + body)


def _nest(kind: int, payload: bytes) -> bytes:
    return attribute(kind | _NESTED, payload)


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _text_of(found: Iterable[tuple[int, memoryview]], kind: int) -> str:
    return bytes(dict(found).get(kind, b"")).rstrip(b"\0").decode(errors="replace")


def _chain(name: str, hook: int, priority: int) -> bytes:
    place = attribute(1, _U32.pack(hook)) + attribute(2, struct.pack("!i", priority))
    body = attribute(1, _text(TABLE)) + attribute(3, _text(name)) + _nest(4, place)
    body += attribute(5, _U32.pack(_ACCEPT)) + attribute(7, _text("filter"))
    return _request(_NEWCHAIN, body, NLM_F_CREATE)


def _set(number: int, name: str, shape: tuple[int, int, int]) -> bytes:
    kind, size, order = shape
    body = attribute(1, _text(TABLE)) + attribute(2, _text(name)) + attribute(3, _U32.pack(0))
    body += attribute(4, _U32.pack(kind)) + attribute(5, _U32.pack(size))
    body += attribute(10, _U32.pack(number)) + attribute(13, struct.pack("=BBI", 0, 4, order))
    return _request(_NEWSET, body, NLM_F_CREATE)


def _elements(kind: int, flags: int, elements: Mapping[str, Collection[str]]) -> Iterable[bytes]:
    for name, keys in elements.items():
        ordered = sorted(keys)
        for start in range(0, len(ordered), _ELEMENTS_PER_MESSAGE):
            part = ordered[start : start + _ELEMENTS_PER_MESSAGE]
            listed = b"".join(_nest(1, _nest(1, attribute(1, _key(name, key)))) for key in part)
            body = attribute(1, _text(TABLE)) + attribute(2, _text(name)) + _nest(3, listed)
            yield _request(kind, body, flags)


def _key(name: str, key: str) -> bytes:
    match name:
        case "closed4":
            return socket.inet_pton(socket.AF_INET, key)
        case "closed6":
            return socket.inet_pton(socket.AF_INET6, key)
    return key.encode().ljust(16, b"\0")


def _key_text(name: str, key: bytes) -> str:
    if len(key) != SETS[name][1]:
        return "?"
    if name in ("closed4", "closed6"):
        # As the configuration writes it; inet_ntop(3) has another form for IPv4-mapped ones.
        return str(ipaddress.ip_address(key))
    return key.rstrip(b"\0").decode(errors="replace")


def _rule(chain: str, *expressions: bytes) -> bytes:
    return attribute(1, _text(TABLE)) + attribute(2, _text(chain)) + _nest(4, b"".join(expressions))


def _expression(name: str, payload: bytes) -> bytes:
    return _nest(1, attribute(1, _text(name)) + _nest(2, payload))


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, _U32.pack(value))


def _load_meta(key: int) -> bytes:
    return _expression("meta", _number(2, key) + _number(1, _REGISTER))


def _load_payload(base: int, offset: int, size: int) -> bytes:
    numbers = (_REGISTER, base, offset, size)
    return _expression(
        "payload", b"".join(_number(kind, value) for kind, value in enumerate(numbers, 1))
    )


def _is(operation: int, value: bytes) -> bytes:
    return _expression(
        "cmp", _number(1, _REGISTER) + _number(2, operation) + _nest(3, attribute(1, value))
    )


def _compare(meta: int, value: bytes) -> bytes:
    return _load_meta(meta) + _is(_EQUAL, value)


def _icmp_type(types: tuple[int, int]) -> bytes:
    first, last = (bytes((number,)) for number in types)
    load = _load_payload(_TRANSPORT_HEADER, 0, 1)
    return load + _is(_AT_LEAST, first) + _is(_AT_MOST, last)


def _lookup(name: str) -> bytes:
    number = list(SETS).index(name) + 1
    body = attribute(1, _text(name)) + _number(2, _REGISTER) + _number(4, number)
    return _expression("lookup", body)


def _to(name: str, offset: int) -> bytes:
    return _load_payload(_NETWORK_HEADER, offset, SETS[name][1]) + _lookup(name)


def _of_interface(name: str) -> bytes:
    return _load_meta(_META_OIFNAME) + _lookup(name)


def _verdict(code: int) -> bytes:
    inner = _nest(2, _nest(2, _number(1, code)))
    return _expression("immediate", _number(1, 0) + inner)
