# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent's own code makes of keepalived.conf files.

Owns the rounds of questions: the agent says which files it has to see, somebody fetches them, until
it has all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_files
from ansible_collections.lvs.cluster.plugins.plugin_utils._agent_code import Failed, ask

DIRECTORY = "/etc/keepalived"

# Files include each other 16 deep, and each level takes one round. Files that are too long for one
# answer take one more each.
_ROUNDS = 64
_DENIED = os.strerror(errno.EACCES)

# Gets what is wanted (`known_files.py`), gives what `_keepalived_files.answer` does.
Fetch = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something that is said of a line: `path` is where in the document."""

    path: str
    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a file became: the document, what was noticed, and what the agent would refuse."""

    document: dict[str, Any]
    notices: tuple[Line, ...] = ()
    errors: tuple[Line, ...] = ()


@dataclass(slots=True, kw_only=True)
class Source:
    """A keepalived.conf: its path on its host, the host's config id, and who fetches its files."""

    path: str
    config_id: str
    fetch: Fetch
    found: dict[str, list[str]] = field(default_factory=dict)
    content: dict[str, dict[str, str]] = field(default_factory=dict)
    programs: dict[str, str | None] = field(default_factory=dict)

    def learn(self, wanted: dict[str, Any]) -> None:
        """Fetch what is wanted."""
        self.take(self.fetch(wanted))

    def take(self, told: dict[str, Any]) -> None:
        """Remember what was fetched."""
        for one in told["found"]:
            self.found["\0".join((one["directory"], one["pattern"]))] = one["files"]
        self.content.update(told["content"])
        self.programs.update(told["programs"])

    def question(self) -> dict[str, Any]:
        """What the agent's code gets."""
        names = ("path", "config_id", "found", "content", "programs")
        return {name: getattr(self, name) for name in names}


def local(path: str, config_id: str) -> Source:
    """The file `path` on the controller, with the files beside it as those in /etc/keepalived."""
    folder, name = os.path.split(os.path.abspath(path))
    place = _keepalived_files.Place(DIRECTORY, folder)
    return Source(
        path=f"{DIRECTORY}/{name}",
        config_id=config_id,
        fetch=lambda wanted: _keepalived_files.answer(wanted, place),
    )


def read(sources: Mapping[str, Source]) -> dict[str, Read]:
    """What each of the files becomes. Raises Failed, saying what is wrong with all of them."""
    for source in sources.values():
        if source.path not in source.content:
            source.learn({"files": [source.path]})
    done: dict[str, dict[str, Any]] = {}
    for __ in range(_ROUNDS):
        waiting = {name: one.question() for name, one in sources.items() if name not in done}
        for name, told in ask("read", waiting).items():
            if "wanted" in told:
                sources[name].learn(told["wanted"])
            else:
                done[name] = told
        if len(done) == len(sources):
            break
    else:
        missing = ", ".join(name for name in sources if name not in done)
        raise Failed(f"{missing}: files still include others after {_ROUNDS} rounds of reading")
    # A file that is left out, since nobody may read it, would be missing in all that follows.
    wrong = [
        f"{name}: {path}: {each['error']}; read it as root (--become)"
        for name, source in sources.items()
        for path, each in source.content.items()
        if each.get("error") == _DENIED
    ]
    wrong = wrong or [
        f"{name}: {each['unreadable']}" for name, each in done.items() if "unreadable" in each
    ]
    if wrong:
        raise Failed("\n".join(wrong))
    return {
        name: Read(
            document=done[name]["document"],
            notices=tuple(Line(**each) for each in done[name]["notices"]),
            errors=tuple(Line(**each) for each in done[name]["errors"]),
        )
        for name in sources
    }


def same(pairs: Mapping[str, tuple[Any, Any]]) -> dict[str, bool]:
    """Whether the two documents of each pair are accepted and mean the same."""
    return dict(ask("same", {name: list(pair) for name, pair in pairs.items()}))


def yaml(files: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """By name: {document, comments} as text."""
    return dict(ask("yaml", files))
