# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators want of VRRP instances in place of ordinary elections, and for how long.

Owns the book of it: what may be asked for, when it ends, and its form in a file. Must never read a
clock or a file. What an override does to an election is `vrrp/unit.py`'s and `vrrp/router.py`'s
business, how an instance is given away `handover.py`'s.

Times are the wall clock in whole seconds since 1970: an override has to end at the hour that its
operator meant, whether the host was up until then or not. A clock that is set forward ends it
earlier, one that is set back later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from lvs_agent.core.control import Argument
from lvs_agent.core.instances import former_names
from lvs_agent.core.messages import InstanceOverride
from lvs_agent.core.model import Config, VrrpInstance

# The owner's priority (RFC 9568 section 5.2.4).
_OWNER_PRIORITY = 255
# More than a configuration can have instances that matter: 255 VRIDs on each of some interfaces.
OVERRIDES_LIMIT = 4096
TEXT_LIMIT = 200
BYTES_LIMIT = 4 * 1024 * 1024
# A century: what is longer is a mistake, and no date that can be written.
EXPIRES_MOST_S = 100 * 366 * 86400
# Thirty seconds are eight Master_Down_Intervals of the usual second; version 2 may have 255 s.
TIMEOUT_S = 30
TIMEOUT_MOST_S = 3600
_VERSION = 1


class OverrideState(StrEnum):
    """GIVEN_AWAY: lowest priority, overtakes nobody. HELD: overtakes nobody. ORDINARY: neither."""

    GIVEN_AWAY = "given_away"
    HELD = "held"
    ORDINARY = "ordinary"


class OverrideRefused(Exception):
    """An override is not possible; the text says why and what to do."""


def strongest(overrides: Iterable[InstanceOverride | None]) -> InstanceOverride | None:
    """What counts for a sync group whose members have these: given away before held."""
    found = [each for each in overrides if each is not None]
    given_away = (each for each in found if each.state == OverrideState.GIVEN_AWAY)
    return next(given_away, found[0] if found else None)


def in_words(override: InstanceOverride) -> str:
    """ "given away by alice: new kernel"."""
    state = override.state.replace("_", " ")
    by = f" by {override.owner}" if override.owner else ""
    return f"{state}{by}: {override.reason}" if override.reason else f"{state}{by}"


def as_report(override: InstanceOverride) -> dict[str, object]:
    """`hold` of an instance in the status; times as ISO 8601."""
    expires_s = override.expires_s
    return {
        "state": override.state,
        "owner": override.owner,
        "reason": override.reason,
        "since": iso(override.since_s),
        "expires": None if expires_s is None else iso(expires_s),
    }


def until(override: InstanceOverride) -> str:
    """ " until 2026-..." for people; nothing if it does not end by itself."""
    return "" if override.expires_s is None else f" until {iso(override.expires_s)}"


def iso(time_s: int) -> str:
    """A wall clock time for people and programs."""
    return datetime.fromtimestamp(time_s, UTC).isoformat()


def check_text(name: str, text: str) -> None:
    """Owner and reason end up in logs, mails and terminals. Raises OverrideRefused."""
    if len(text) > TEXT_LIMIT:
        raise OverrideRefused(f"{name} is longer than {TEXT_LIMIT} characters")
    if not text.isprintable():
        raise OverrideRefused(f"{name} contains characters that cannot be printed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request, read. `instance` None: all; `check`: only say what it would change; `exclusive`:
    what another owner wants stays."""

    state: OverrideState
    instance: str | None
    owner: str
    reason: str
    expires_s: int | None
    timeout_s: int
    force: bool
    check: bool
    exclusive: bool

    @classmethod
    def read(cls, arguments: Mapping[str, Argument]) -> Wish:
        """The arguments of the verb `failover`; their types are right already. Raises
        OverrideRefused."""
        try:
            state = OverrideState(str(arguments.get("state")))
        except ValueError:
            known = ", ".join(OverrideState)
            raise OverrideRefused(f"state has to be one of {known}") from None
        owner, reason = (str(arguments.get(name) or "") for name in ("owner", "reason"))
        check_text("owner", owner)
        check_text("reason", reason)
        instance = arguments.get("instance")
        return cls(
            state=state,
            instance=None if instance is None else str(instance),
            owner=owner,
            reason=reason,
            expires_s=_number(arguments, "expires_s", 1, EXPIRES_MOST_S),
            timeout_s=_number(arguments, "timeout_s", 1, TIMEOUT_MOST_S) or TIMEOUT_S,
            force=arguments.get("force") is True,
            check=arguments.get("check") is True,
            exclusive=arguments.get("exclusive") is True,
        )

    def override(
        self, instance: str, before: InstanceOverride | None, now_s: int
    ) -> InstanceOverride | None:
        """What is to be in force for `instance` after `before`; None: nothing."""
        if self.state is OverrideState.ORDINARY:
            return None
        renewed = before is not None and not self.changes(before)
        return InstanceOverride(
            instance=instance,
            state=self.state,
            owner=self.owner,
            reason=self.reason,
            since_s=before.since_s if renewed and before is not None else now_s,
            expires_s=None if self.expires_s is None else now_s + self.expires_s,
        )

    def apply(self, book: InstanceBook, names: Iterable[str], now_s: int) -> InstanceBook:
        """The book after it. Raises OverrideRefused."""
        for name in names:
            book = book.set([name], self.override(name, book[name], now_s))
        return book

    def changes(self, override: InstanceOverride | None) -> bool:
        """Whether it is more than what is in force already, with another end at most."""
        if override is None or self.state is OverrideState.ORDINARY:
            return (override is None) != (self.state is OverrideState.ORDINARY)
        wanted = (self.state, self.owner, self.reason, self.expires_s is None)
        there = (override.state, override.owner, override.reason, override.expires_s is None)
        return wanted != there


def free_of_others(
    found: tuple[tuple[str, ...], ...], book: InstanceBook, wish: Wish
) -> tuple[tuple[str, ...], ...]:
    """Those of the parties `found` that an exclusive wish is about: to end something, only its
    owner's. Raises OverrideRefused where another owner wants something, so that of two at once one
    has it."""
    if not wish.exclusive:
        return found
    taken = {
        members: each
        for members in found
        for name in members
        if (each := book[name]) is not None and each.owner != wish.owner
    }
    if wish.state is OverrideState.ORDINARY:
        return tuple(members for members in found if members not in taken)
    for members, each in taken.items():
        raise OverrideRefused(
            f"{members[0]} is {in_words(each)}{until(each)}; wait for its end, or resume it first"
        )
    return found


def _number(arguments: Mapping[str, Argument], name: str, least: int, most: int) -> int | None:
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or not least <= value <= most:
        raise OverrideRefused(f"{name} has to be between {least} and {most}, not {value}")
    return value


def party(config: Config, instance: str) -> tuple[str, ...]:
    """The instance and all that move with it, in the document's order."""
    for group in config.sync_groups:
        if instance in group.members:
            return tuple(group.members)
    return (instance,)


def parties(config: Config, instance: str | None) -> tuple[tuple[str, ...], ...]:
    """Those of `instance`, which may name a sync group as well, or (None) of all there are.

    Raises OverrideRefused for one that is not configured, and for an owner.
    """
    by_name = {each.name: each for each in config.vrrp_instances}
    groups = {each.name: each for each in config.sync_groups}
    if instance is None:
        found = dict.fromkeys(party(config, name) for name in by_name)
    elif instance in by_name:
        found = dict.fromkeys([party(config, instance)])
    elif instance in groups:
        found = dict.fromkeys([tuple(groups[instance].members)])
    else:
        known = ", ".join([*by_name, *groups]) or "none"
        raise OverrideRefused(f"there is no VRRP instance {instance!r} here; there are: {known}")
    for name in (name for members in found for name in members):
        if by_name[name].priority == _OWNER_PRIORITY:
            raise OverrideRefused(
                f"{name} owns its addresses (priority {_OWNER_PRIORITY}) and can neither be given"
                " away nor held; give it a priority of at most 254 first"
            )
    return tuple(found)


class InstanceBook:
    """All overrides, by the name of the instance; those of others wait until they come back."""

    def __init__(self, overrides: Iterable[InstanceOverride] = ()) -> None:
        self._overrides = {each.instance: each for each in overrides}

    def __getitem__(self, instance: str) -> InstanceOverride | None:
        return self._overrides.get(instance)

    def __iter__(self) -> Iterator[InstanceOverride]:
        return iter(self._overrides.values())

    def state(self, instance: str) -> OverrideState:
        """What counts for it."""
        override = self._overrides.get(instance)
        return OverrideState.ORDINARY if override is None else OverrideState(override.state)

    def set(self, instances: Iterable[str], override: InstanceOverride | None) -> InstanceBook:
        """The book with `override` for each of `instances`; None: without any.

        Raises OverrideRefused when there are too many.
        """
        book = dict(self._overrides)
        for name in instances:
            book.pop(name, None)
            if override is not None:
                book[name] = replace(override, instance=name)
        if len(book) > OVERRIDES_LIMIT:
            raise OverrideRefused(f"there are {OVERRIDES_LIMIT} overrides already; end some first")
        return InstanceBook(book.values())

    def expired(self, wall_s: int) -> tuple[InstanceOverride, ...]:
        """Those whose time is over."""
        return tuple(
            each
            for each in self._overrides.values()
            if each.expires_s is not None and each.expires_s <= wall_s
        )

    def renamed(
        self, before: Iterable[VrrpInstance], after: Iterable[VrrpInstance]
    ) -> InstanceBook:
        """The book when `after` is the configuration: a virtual router keeps what was said of it
        under another name (`core/instances.py`)."""
        before = tuple(before)
        former = former_names(before, after)
        old = {each.name for each in before}
        book = {name: each for name, each in self._overrides.items() if name not in old}
        gone = old - set(former.values())
        book |= {name: each for name, each in self._overrides.items() if name in gone}
        for name, was in former.items():
            if (override := self._overrides.get(was)) is not None:
                book[name] = replace(override, instance=name)
        return InstanceBook(book.values())

    # The file.

    def encode(self) -> bytes:
        """The content of the file."""
        entries = [
            {name: getattr(each, name) for name in InstanceOverride.__slots__}
            for each in self._overrides.values()
        ]
        return json.dumps({"version": _VERSION, "instances": entries}, indent=1).encode() + b"\n"


def decode(content: bytes) -> tuple[InstanceBook, str | None]:
    """The book in a file, and what is wrong with it (None: nothing); what is sound is kept."""
    if len(content) > BYTES_LIMIT:
        return InstanceBook(), f"more than {BYTES_LIMIT} bytes"
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return InstanceBook(), "not JSON"
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        return InstanceBook(), f"not of version {_VERSION}"
    entries = document.get("instances")
    if not isinstance(entries, list) or len(entries) > OVERRIDES_LIMIT:
        return InstanceBook(), f'"instances" is not a list of at most {OVERRIDES_LIMIT}'
    found = [_entry(each) for each in entries]
    sound = [each for each in found if each is not None]
    wrong = len(found) - len(sound)
    return InstanceBook(sound), f"{wrong} entries make no sense" if wrong else None


def _entry(value: object) -> InstanceOverride | None:
    if not isinstance(value, Mapping) or set(value) != set(InstanceOverride.__slots__):
        return None
    texts = [value[name] for name in ("instance", "state", "owner", "reason")]
    times = [value["since_s"]] + ([] if value["expires_s"] is None else [value["expires_s"]])
    sound = all(isinstance(each, str) and each.isprintable() for each in texts) and all(
        isinstance(each, int) and not isinstance(each, bool) and 0 <= each < 1 << 36
        for each in times
    )
    if not sound or value["state"] not in (OverrideState.GIVEN_AWAY, OverrideState.HELD):
        return None
    return InstanceOverride(**value)
