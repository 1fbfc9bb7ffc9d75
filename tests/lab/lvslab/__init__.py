# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: real Debian hosts with their own kernels, as ordinary processes of one machine.

from lvslab import Lab
lab = Lab(name="mine", topology="seed")
lab.up()
print(lab.run("drct1", "ipvsadm -ln").stdout)
"""

from __future__ import annotations

from lvslab.capture import Capture
from lvslab.errors import CommandFailed, LabError
from lvslab.job import Job
from lvslab.lab import Lab
from lvslab.machine import Power
from lvslab.shell import Result

__all__ = ["Capture", "CommandFailed", "Job", "Lab", "LabError", "Power", "Result"]
