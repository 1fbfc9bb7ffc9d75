# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-test calls get-pip: puts pip into an empty virtual environment.

ansible-test fetches its own from a host that a machine with nothing but a package index does not
reach. This one lies in ansible-test's cache instead, under the name that it looks for, beside that
pip, installed already. ansible-test wants ten of them, and a copy takes a tenth of the time.
"""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

if __name__ == "__main__":
    unpacked = Path(__file__).with_suffix("")
    shutil.copytree(unpacked, sysconfig.get_path("purelib"), dirs_exist_ok=True)
