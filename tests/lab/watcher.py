# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the client: fetches a URL every 20 ms and prints `second<TAB>first line of the answer`.

Usage: watcher.py URL SECONDS [INTERVAL TIMEOUT], in seconds, for hosts that are slow. Standard
library only; ends by itself. A failed request prints "-".
"""

from __future__ import annotations

import http.client
import sys
import time
from urllib.parse import urlsplit

INTERVAL_S = 0.02
# Below the 1 s after which TCP repeats its first packet: the gap is seen to a quarter of a second.
TIMEOUT_S = 0.25


def fetch(host: str, port: int, path: str, timeout_s: float) -> str:
    """The first line of the answer, or "-"."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read(200).decode(errors="replace")
        return text.splitlines()[0].strip() if response.status == 200 and text.strip() else "-"
    except (OSError, http.client.HTTPException):
        return "-"
    finally:
        connection.close()


def main() -> None:
    """Fetch until the time is over."""
    url = urlsplit(sys.argv[1])
    end = time.monotonic() + float(sys.argv[2])
    interval_s, timeout_s = map(float, sys.argv[3:5] or (INTERVAL_S, TIMEOUT_S))
    while time.monotonic() < end:
        answer = fetch(url.hostname or "", url.port or 80, url.path or "/", timeout_s)
        print(f"{time.monotonic():.4f}\t{answer}", flush=True)
        time.sleep(interval_s)


main()
