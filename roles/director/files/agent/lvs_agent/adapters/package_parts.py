# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing modules of a package without what the package's own `__init__` would import.

Owns one trick, for memory and start-up time: `import pyroute2` loads 400 modules (asyncio, ssl,
sqlite3, unittest, ...) in 0.2 s and 14 MiB; its message classes need 20 of them. Must be called
before the first import of the package; afterwards it does nothing.
"""

from __future__ import annotations

import importlib.util
import sys
import types


def import_parts_only(package: str) -> None:
    """Let `import package.module` run without `package/__init__.py`; names in it are missing."""
    if package in sys.modules:
        return
    specification = importlib.util.find_spec(package)
    if specification is None or specification.submodule_search_locations is None:
        return  # the import that follows says what is missing
    bare = types.ModuleType(package, "Only a place for submodules; see package_parts.py.")
    bare.__path__ = list(specification.submodule_search_locations)
    bare.__spec__ = specification
    sys.modules[package] = bare
