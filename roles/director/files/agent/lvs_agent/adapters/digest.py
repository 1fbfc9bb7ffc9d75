# SPDX-License-Identifier: GPL-3.0-or-later
"""SHA-256 by Python's own code.

Owns the choice of the module. hashlib takes OpenSSL where it can, whose library costs 3.5 MiB in
memory that five processes share: too much for one digest of a file.
"""

from __future__ import annotations

import importlib
from typing import Any


def sha256_hex(data: bytes) -> str:
    """The digest as 64 hexadecimal digits."""
    digest: str = _constructor()(data).hexdigest()
    return digest


def _constructor() -> Any:
    # CPython 3.12 and later, CPython 3.11; else whatever there is.
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            return importlib.import_module(name).sha256
        except ImportError:
            continue
    raise RuntimeError("this Python has no SHA-256")
