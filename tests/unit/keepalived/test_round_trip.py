# SPDX-License-Identifier: GPL-3.0-or-later
"""A keepalived.conf becomes a document, that a keepalived.conf, and that the same document."""

from __future__ import annotations

import dataclasses
from typing import Any

from full_document import FULL
from hypothesis import HealthCheck, given, settings
from keepalived_documents import configurations, exported, imported
from lvs_agent import config
from lvs_agent.core.model import Config


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(configurations())
def test_what_was_imported_survives_export_and_import(text: str) -> None:
    first = imported(text).document
    assert imported(exported(first)).document == first


def test_a_document_survives_export_and_import_but_for_its_names() -> None:
    """In any of its notations, and what keepalived has no keyword for apart."""
    document = {
        **FULL,
        "global_defs": _without(FULL["global_defs"], "smtp_security", "smtp_user", "smtp_password"),
    }
    again = imported(exported(document))
    assert again.errors() == ()
    assert _nameless(config.from_document(again.document)) == _nameless(
        config.from_document(document)
    )


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _nameless(accepted: Config) -> Config:
    """The configuration with servers named by their order."""
    servers = tuple(
        dataclasses.replace(
            server,
            name=str(index),
            services=tuple(sorted(server.services)),
            real_servers=tuple(
                real._replace(name=str(number)) for number, real in enumerate(server.real_servers)
            ),
        )
        for index, server in enumerate(accepted.virtual_servers)
    )
    return dataclasses.replace(accepted, virtual_servers=servers)
