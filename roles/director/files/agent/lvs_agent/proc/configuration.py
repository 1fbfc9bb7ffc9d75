# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration file as the supervisor hands it on: checked, and in the form each child gets.

Owns the loading. Must never apply anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from lvs_agent import config
from lvs_agent.adapters import config_file
from lvs_agent.adapters.digest import sha256_hex
from lvs_agent.config import ConfigError, ConfigRejected
from lvs_agent.core.model import Config
from lvs_agent.core.supervise import HA, HEALTH, KERNEL, TRACK
from lvs_agent.core.wire import FRAME_LIMIT

# A document travels inside a message, where every quotation mark and backslash doubles.
_DOCUMENT_LIMIT = (FRAME_LIMIT - 1024) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """An accepted configuration. `documents`: the JSON text for each child."""

    config: Config
    sha256: str
    documents: dict[str, str]


def load(path: str) -> Loaded:
    """Read and check the file. Raises ConfigRejected with everything that is wrong."""
    try:
        text = config_file.read(path)
    except config_file.ConfigFileError as error:
        raise ConfigRejected((ConfigError(path="", message=str(error)),)) from error
    document = config.parse(text)
    accepted = config.from_document(document)
    whole = json.dumps(document, separators=(",", ":"))
    if len(whole) > _DOCUMENT_LIMIT:
        message = f"more than {_DOCUMENT_LIMIT} bytes without blanks; divide the cluster"
        raise ConfigRejected((ConfigError(path="", message=message),))
    # ha has no use for virtual servers, and parsing 10,000 real servers would delay its adverts.
    for_ha = {key: value for key, value in document.items() if key != "virtual_servers"}
    return Loaded(
        config=accepted,
        sha256=sha256_hex(text.encode()),
        documents={
            KERNEL: whole,
            HEALTH: whole,
            TRACK: whole,
            HA: json.dumps(for_ha, separators=(",", ":")),
        },
    )


def advert_ints_ns(accepted: Config) -> dict[str, int]:
    """The advert interval of each VRRP instance, nanoseconds."""
    return {one.name: one.advert_int_ns for one in accepted.vrrp_instances}


def public_text(accepted: Config) -> str:
    """The configuration in force as JSON text, secrets left out."""
    return json.dumps(accepted, separators=(",", ":"), default=_public)


def _public(value: object) -> object:
    if isinstance(value, bytes):
        return "(secret)"
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}  # type: ignore[attr-defined]
