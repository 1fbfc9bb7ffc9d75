# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that the schema is written in: kinds of values, options, blocks.

Owns the vocabulary. Must never name an option, nor check a value (`config/values.py` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a value looks like. Seconds and milliseconds are numbers, fractions allowed."""

    INTEGER = "integer"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    BOOLEAN = "boolean"
    STRING = "string"
    STRINGS = "list of strings"
    CHOICE = "choice"
    IPV4 = "IPv4 address"
    IP = "IP address"
    IP_RANGE = "IP address, range or network"
    NETMASK = "netmask or prefix length"
    CIDR = "IP address with optional /prefix"
    PREFIX = "IP prefix"
    BROADCAST = "IPv4 address, + or -"
    LIFETIME = "seconds or forever"
    MAC = "MAC address"
    INTERFACE = "interface name"
    TABLE = "routing table"
    PROTOCOL = "routing protocol"
    IP_PROTOCOL = "IP protocol"
    MARK = "mark with optional /mask"
    PORTS = "port or range of ports"
    SHARE = "number, or number and %"
    COMMAND = "command"
    WORDS = "words"
    CPUS = "numbers of processors"
    STATUS_CODES = "HTTP status codes"
    HEX = "hexadecimal digits"
    HEX_PATTERN = "true or hexadecimal digits"
    BLOCK = "mapping"
    BLOCKS = "list of mappings"
    NAMED_BLOCKS = "mapping of names to mappings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a block.

    `minimum`/`maximum` bound a number, or the length of a string or a list. `default` None means
    "not set"; `default_doc` says in words what then holds. `block` describes the value of the
    three block kinds. `true_means` is the number that true stands for, 0 being false.
    """

    name: str
    kind: Kind
    doc: str
    default: object = None
    default_doc: str | None = None
    required: bool = False
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    example: object = None
    secret: bool = False
    true_means: int | None = None
    block: Block | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """A mapping of options.

    `line`: keepalived's one-line form is accepted too (`config/lines.py` reads it). `flag`: true
    stands for the mapping with nothing in it, false for its absence.
    """

    name: str
    doc: str
    options: tuple[Option, ...]
    line: bool = False
    flag: bool = False

    def option(self, name: str) -> Option | None:
        """The option called `name`, or None."""
        return next((option for option in self.options if option.name == name), None)


def flag(
    name: str, doc: str, *, default: bool | None = False, default_doc: str | None = None
) -> Option:
    """A yes-or-no option; `default` None together with `default_doc`."""
    return Option(name=name, kind=Kind.BOOLEAN, doc=doc, default=default, default_doc=default_doc)


def integer(
    name: str,
    doc: str,
    bounds: tuple[int, int],
    *,
    default: int | None = None,
    default_doc: str | None = None,
    unit: str | None = None,
    required: bool = False,
    example: int | None = None,
) -> Option:
    """A whole number within `bounds`."""
    return Option(
        name=name,
        kind=Kind.INTEGER,
        doc=doc,
        minimum=bounds[0],
        maximum=bounds[1],
        default=default,
        default_doc=default_doc,
        unit=unit,
        required=required,
        example=example,
    )


def seconds(
    name: str,
    doc: str,
    bounds: tuple[float, float],
    *,
    default: float | None = None,
    default_doc: str | None = None,
) -> Option:
    """A duration in seconds within `bounds`."""
    return Option(
        name=name,
        kind=Kind.SECONDS,
        unit="s",
        doc=doc,
        minimum=bounds[0],
        maximum=bounds[1],
        default=default,
        default_doc=default_doc,
    )


def command(name: str, doc: str, *, required: bool = False, example: str | None = None) -> Option:
    """A program with its arguments."""
    return Option(
        name=name, kind=Kind.COMMAND, doc=doc, required=required, example=example, maximum=64
    )


def blocks(name: str, block: Block, doc: str, *, maximum: int) -> Option:
    """A list of `block`, absent by default."""
    return Option(name=name, kind=Kind.BLOCKS, block=block, doc=doc, maximum=maximum)
