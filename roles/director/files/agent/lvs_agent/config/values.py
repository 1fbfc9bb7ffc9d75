# SPDX-License-Identifier: GPL-3.0-or-later
"""One value of each simple kind: checked, and in the form that the rules and the builder expect.

Owns types, ranges and notations. Must never look at a second option: that is `config/rules.py`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any

from lvs_agent.config.addresses import ADDRESS_CHECKS
from lvs_agent.config.commands import split_command
from lvs_agent.config.report import Report, describe, example
from lvs_agent.config.rules_names import check_interface_name
from lvs_agent.schema import Kind, Option
from lvs_agent.status_codes import parse_status_codes

_FOREVER_S = 2**32 - 1  # INFINITY_LIFE_TIME, linux/if_addr.h
# The reserved tables of iproute2's rt_tables (linux/rtnetlink.h, enum rt_class_t).
_TABLES = {"default": 253, "main": 254, "local": 255}
# Origins of routes: linux/rtnetlink.h, RTPROT_*, under iproute2's names.
_PROTOCOLS = {
    "boot": 3, "static": 4, "gated": 8, "ra": 9, "mrt": 10, "zebra": 11, "bird": 12,
    "dnrouted": 13, "xorp": 14, "ntk": 15, "dhcp": 16, "keepalived": 18, "babel": 42,
    "bgp": 186, "isis": 187, "ospf": 188, "rip": 189, "eigrp": 192,
}  # fmt: skip
# More digits than there can be things to count.
_SHARE_DIGITS = 9
# As many processors as a Linux kernel can be built for (CONFIG_NR_CPUS of x86).
_CPUS = 8192
# IANA's protocol numbers, those that one may want to route by.
_IP_PROTOCOLS = {
    "icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58,
    "ipv6-icmp": 58, "ospf": 89, "vrrp": 112, "sctp": 132, "udplite": 136,
}  # fmt: skip


def number(option: Option, value: Any, path: str, report: Report) -> Any:
    """A whole number, seconds or milliseconds within the option's bounds."""
    low, high = option.minimum, option.maximum
    boolean = isinstance(value, bool)
    if isinstance(value, int) and not boolean and low is not None and high is not None:
        if low <= value <= high:
            return value  # as nearly all are, and there may be 65,536
    elif option.true_means is not None and boolean:
        return option.true_means if value else 0
    whole = option.kind is Kind.INTEGER
    wanted = "a whole number" if whole else f"a number of {option.kind}"
    is_number = isinstance(value, int | float) and not boolean
    if not is_number or not math.isfinite(value):
        report(path, f"must be {wanted}, not {describe(value)}{example(option)}")
        return None
    if whole and not isinstance(value, int):
        report(path, f"must be {wanted}, not {value}")
        return None
    return value if in_range(option, value, str(value), path, report) else None


def in_range(option: Option, size: float, shown: str, path: str, report: Report) -> bool:
    """True if `size` is within the option's bounds; reports `shown` otherwise."""
    low, high = option.minimum, option.maximum
    if (low is None or size >= low) and (high is None or size <= high):
        return True
    if low is not None and high is not None:
        bounds = f"from {low:.15g} to {high:.15g}"
    else:
        bounds = f"at least {low:.15g}" if low is not None else f"at most {high:.15g}"
    unit = f" {option.unit}" if option.unit else ""
    report(path, f"must be {bounds}{unit}, not {shown}")
    return False


def _boolean(option: Option, value: Any, path: str, report: Report) -> Any:
    if isinstance(value, bool):
        return value
    report(path, f"must be true or false, not {describe(value)}")
    return None


def _string(option: Option, value: Any, path: str, report: Report) -> Any:
    if not isinstance(value, str):
        hint = "; put it in quotes" if isinstance(value, int | float) else ""
        report(path, f"must be text, not {describe(value)}{hint}")
        return None
    if not value.isprintable() and any(
        ord(character) < 32 or ord(character) == 127 for character in value
    ):
        report(path, "must not contain control characters")
        return None
    shown = f"a text of {len(value)} characters"
    return value if in_range(option, len(value), shown, path, report) else None


_TEXT = Option(name="text", kind=Kind.STRING, doc="", minimum=1, maximum=255)


def _strings(option: Option, value: Any, path: str, report: Report) -> Any:
    """A list of texts; in one text they are separated by blanks."""
    listed = value.split() if isinstance(value, str) else value
    if not isinstance(listed, list | tuple):
        report(path, f"must be a list of texts, not {describe(value)}{example(option)}")
        return ()
    if not in_range(option, len(listed), f"{len(listed)} entries", path, report):
        return ()
    texts = [_string(_TEXT, item, f"{path}[{index}]", report) for index, item in enumerate(listed)]
    return tuple(text for text in texts if text is not None)


def _choice(option: Option, value: Any, path: str, report: Report) -> Any:
    if isinstance(value, str) and value in option.choices:
        return value
    # YAML makes a number of 1.1.
    number_like = isinstance(value, int | float) and not isinstance(value, bool)
    text = str(value) if number_like else value
    if isinstance(text, str):
        for choice in option.choices:
            if choice.lower() == text.lower():
                return choice
    close = difflib.get_close_matches(str(text), option.choices, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    report(path, f"must be one of {', '.join(option.choices)}, not {describe(value)}{hint}")
    return None


def _interface(option: Option, value: Any, path: str, report: Report) -> Any:
    if not isinstance(value, str) or not value:
        report(path, f"must be the name of a network interface, not {describe(value)}")
        return None
    return value if check_interface_name(value, path, report) else None


def _lifetime(option: Option, value: Any, path: str, report: Report) -> Any:
    if value == "forever":
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _FOREVER_S:
        return value
    report(path, f"must be a whole number of seconds, or forever, not {describe(value)}")
    return None


def _named_number(
    names: dict[str, int], low: int, high: int, wanted: str
) -> Callable[[Option, Any, str, Report], Any]:
    def check(option: Option, value: Any, path: str, report: Report) -> Any:
        if isinstance(value, str):
            if value.lower() in names:
                return names[value.lower()]
            value = int(value) if value.isascii() and value.isdigit() else value
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        known = ", ".join(names)
        report(
            path, f"must be {wanted}: {known}, or a number from {low} to {high}, not"
            f" {describe(value)}"
        )  # fmt: skip
        return None

    return check


def _mark(option: Option, value: Any, path: str, report: Report) -> Any:
    """MARK or MARK/MASK, decimal or 0x..., as (mark, mask)."""
    mark, slash, mask = str(value).partition("/")
    try:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        pair = int(mark, 0), int(mask, 0) if slash else 2**32 - 1
    except ValueError:
        report(path, f"must be a mark such as 0x10/0xff, not {describe(value)}")
        return None
    if not all(0 <= part < 2**32 for part in pair):
        report(path, f"must fit in 32 bits, not {value}")
        return None
    if pair[0] & ~pair[1]:
        report(path, f"{value} can never match: the mark has bits that the mask lacks")
        return None
    return pair


def _ports(option: Option, value: Any, path: str, report: Report) -> Any:
    """A port or FIRST-LAST, as (first, last)."""
    first, dash, last = str(value).partition("-")
    if (
        isinstance(value, int | str)
        and not isinstance(value, bool)
        and first.isascii() and first.isdigit()
        and (not dash or (last.isascii() and last.isdigit()))
        and 1 <= int(first) <= int(last or first) <= 65535
    ):  # fmt: skip
        return int(first), int(last or first)
    report(path, f"must be a port or a range such as 1024-65535, not {describe(value)}")
    return None


def _share(option: Option, value: Any, path: str, report: Report) -> Any:
    """A number, or a number of per cent, as (number, "") or (number, "%")."""
    text = str(value).strip()
    digits = text.removesuffix("%").rstrip()
    unit = "%" if text.endswith("%") else ""
    if (
        isinstance(value, int | str)
        and not isinstance(value, bool)
        and digits.isascii() and digits.isdigit()
        and len(digits) <= _SHARE_DIGITS
        and (not unit or int(digits) <= 100)
    ):  # fmt: skip
        return int(digits), unit
    report(path, f"must be a number, or 0% to 100%, not {describe(value)}{example(option)}")
    return None


def _command(option: Option, value: Any, path: str, report: Report) -> Any:
    try:
        return split_command(value, program=option.kind is Kind.COMMAND)
    except ValueError as error:
        report(path, f"{error}{example(option)}")
        return None


def _cpus(option: Option, value: Any, path: str, report: Report) -> Any:
    """Numbers of processors, sorted, each once."""
    listed = value if isinstance(value, list | tuple) else str(value).replace(",", " ").split()
    texts = [str(one) for one in listed[: _CPUS + 1]]
    # A number's text and nothing else: neither True, nor 1.0, nor a list within the list.
    whole = all(text.isascii() and text.isdigit() and len(text) <= 4 for text in texts)
    found = sorted({int(text) for text in texts}) if whole else []
    if not found or found[-1] >= _CPUS or len(texts) > _CPUS:
        wanted = f"must be numbers of processors, from 0 to {_CPUS - 1}"
        report(path, f"{wanted}, not {describe(value)}{example(option)}")
        return None
    return tuple(found)


def _status_codes(option: Option, value: Any, path: str, report: Report) -> Any:
    try:
        return parse_status_codes(value)
    except ValueError as error:
        report(path, f"{error}{example(option)}")
        return None


def _hexadecimal(option: Option, value: Any, path: str, report: Report) -> Any:
    """Bytes; with HEX_PATTERN (bytes, the bits that count), both empty for true."""
    if option.kind is Kind.HEX_PATTERN and isinstance(value, bool):
        return (b"", b"") if value else None
    if not isinstance(value, str):
        hint = "; put it in quotes" if isinstance(value, int | float) else ""
        report(path, f"must be {option.kind}, not {describe(value)}{hint}{example(option)}")
        return None
    digits = "".join(value.split()).lower()
    if not in_range(option, len(digits), f"{len(digits)} digits", path, report):
        return None
    wild = "x" if option.kind is Kind.HEX_PATTERN else ""
    if len(digits) % 2 or digits.strip("0123456789abcdef" + wild):
        report(path, f"must be {option.kind}, two for each byte, not {describe(value)}")
        return None
    known = bytes.fromhex(digits.replace("x", "0"))
    if option.kind is Kind.HEX:
        return known
    return known, bytes.fromhex("".join("0" if digit == "x" else "f" for digit in digits))


CHECKS: dict[Kind, Callable[[Option, Any, str, Report], Any]] = {
    Kind.INTEGER: number,
    Kind.SECONDS: number,
    Kind.MILLISECONDS: number,
    Kind.BOOLEAN: _boolean,
    Kind.STRING: _string,
    Kind.STRINGS: _strings,
    Kind.CHOICE: _choice,
    Kind.INTERFACE: _interface,
    Kind.LIFETIME: _lifetime,
    Kind.TABLE: _named_number(_TABLES, 1, 2**32 - 1, "a routing table"),
    Kind.PROTOCOL: _named_number(_PROTOCOLS, 3, 255, "the origin of a route"),
    Kind.IP_PROTOCOL: _named_number(_IP_PROTOCOLS, 1, 255, "an IP protocol"),
    Kind.MARK: _mark,
    Kind.PORTS: _ports,
    Kind.SHARE: _share,
    Kind.COMMAND: _command,
    Kind.WORDS: _command,
    Kind.CPUS: _cpus,
    Kind.STATUS_CODES: _status_codes,
    Kind.HEX: _hexadecimal,
    Kind.HEX_PATTERN: _hexadecimal,
    **ADDRESS_CHECKS,
}
