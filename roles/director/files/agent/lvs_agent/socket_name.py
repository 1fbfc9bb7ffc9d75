# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket's name in the runtime directory, for both of its ends.

Owns that name. Must never import anything: `lvsctl status` is to answer at once.
"""

SOCKET_NAME = "control.sock"
