# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that all modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules that change a host and can say beforehand what they would change."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and say what would change without changing it.
    support: full
  diff_mode:
    description: Shows what changes (or in check mode would change).
    support: full
  platform:
    description: Platforms on which the module works.
    platforms: linux
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Only reads, in check mode as well.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
  platform:
    description: Platforms on which the module works.
    platforms: linux
    support: full
"""
