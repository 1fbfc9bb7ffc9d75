# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration as the supervisor takes it and hands it on.

Owns the loading, of a file of ours or of a keepalived.conf (`proc/keepalived_source.py`). Must
never apply anything.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lvs_agent import config
from lvs_agent.adapters import config_file
from lvs_agent.adapters.digest import sha256_hex
from lvs_agent.config import ConfigError, ConfigRejected
from lvs_agent.core.model import Config
from lvs_agent.core.supervise import NAMES
from lvs_agent.core.wire import FRAME_LIMIT
from lvs_agent.proc import config_parts

# What the name of a keepalived.conf begins with; `proc/keepalived_source.py` has the rest.
KEEPALIVED = "keepalived:"

# More than anybody reads in the journal; `lvs-agent check` prints all of them.
_NOTICES_LIMIT = 100
# A configuration travels in one message, with a few words before it.
_PACKED_LIMIT = FRAME_LIMIT - 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """An accepted configuration. `notices`: what a keepalived.conf says and is not here."""

    config: Config
    sha256: str
    notices: tuple[str, ...] = ()


def load(path: str) -> Loaded:
    """Read and check the file. Raises ConfigRejected with everything that is wrong.

    `path` may name a keepalived.conf in the way of `keepalived_source`.
    """
    if path.startswith(KEEPALIVED):
        from lvs_agent.proc import keepalived_source  # noqa: PLC0415 - for those who have one

        found = keepalived_source.read(path)
        accepted = found.accepted()
        return Loaded(
            config=accepted,
            sha256=sha256_hex(found.text().encode()),
            notices=_limited([str(one) for one in found.notices()], path),
        )
    try:
        text = config_file.read(path)
    except config_file.ConfigFileError as error:
        raise ConfigRejected((ConfigError(path="", message=str(error)),)) from error
    with no_collection():
        return Loaded(config=config.load(text), sha256=sha256_hex(text.encode()))


def _limited(notices: list[str], path: str) -> tuple[str, ...]:
    rest = len(notices) - _NOTICES_LIMIT
    if rest <= 0:
        return tuple(notices)
    file = path.split(":", 2)[2]
    more = f"and {rest} more; see lvs-agent check --keepalived {file}"
    return (*notices[:_NOTICES_LIMIT], more)


@contextmanager
def no_collection() -> Iterator[None]:
    """Hundreds of thousands of objects are made, none of them garbage: nothing is to be looked
    for among them. It may be inside another one."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def packed(loaded: Loaded, before: Loaded) -> dict[str, bytes]:
    """What each child gets, after it had that of `before`. Raises ConfigRejected when that is too
    much."""
    whole = config_parts.pack(loaded.config)
    if len(whole) > _PACKED_LIMIT:
        message = (
            f"is more than the agent's processes can hand on ({len(whole)} bytes packed, at most"
            f" {_PACKED_LIMIT}); divide the cluster"
        )
        raise ConfigRejected((ConfigError(path="", message=message),))
    parts = {name: config_parts.part(name, loaded.config, before.config) for name in NAMES}
    return {
        name: whole if part is loaded.config else config_parts.pack(part)
        for name, part in parts.items()
    }


def advert_ints_ns(accepted: Config) -> dict[str, int]:
    """The advert interval of each VRRP instance, nanoseconds."""
    return {one.name: one.advert_int_ns for one in accepted.vrrp_instances}


def public_text(accepted: Config) -> str:
    """The configuration in force as JSON text, secrets left out."""
    return json.dumps(_public(accepted), separators=(",", ":"))


def _public(value: object) -> object:
    """As plain values: whatever has named fields becomes an object."""
    if isinstance(value, bytes):
        return "(secret)"
    names = getattr(value, "__dataclass_fields__", None) or getattr(value, "_fields", None)
    if names is not None:
        return {name: _public(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [_public(one) for one in value]
    return value
