# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the client: one connection, and a request over it every fifth of a second.

Usage: long_session.py URL SECONDS. After that time, or some answers after SIGUSR1, it prints the
number of answers, all of them over the first connection; ends with an error when that breaks.
Standard library only.
"""

from __future__ import annotations

import signal
import sys
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

PAUSE_S = 0.2
# nginx closes a connection after 1,000 requests.
MOST = 900
# So many more show that the connection works still.
AFTER_SIGNAL = 10


def main() -> None:
    """Ask until the time is over, or until told to end."""
    url, end = urlsplit(sys.argv[1]), time.monotonic() + float(sys.argv[2])
    connection = HTTPConnection(url.hostname or "", url.port or 80, timeout=10)
    connection.connect()
    used = connection.sock
    answers, most = 0, MOST

    def told_to_end(*_: object) -> None:
        nonlocal most
        most = min(MOST, answers + AFTER_SIGNAL)

    signal.signal(signal.SIGUSR1, told_to_end)
    while time.monotonic() < end and answers < most:
        connection.request("GET", url.path)
        answer = connection.getresponse()
        answer.read()
        # http.client opens another one when the server has closed this one.
        if answer.status != 200 or connection.sock is not used:
            sys.exit(f"after {answers} answers: status {answer.status}, or another connection")
        answers += 1
        time.sleep(PAUSE_S)
    print(answers, flush=True)


main()
