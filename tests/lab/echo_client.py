# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the client: asks each service of a list a few times, and says who answered.

Usage: echo_client.py JSON, a list of [protocol, address, port, source]. Standard library only.
Prints a JSON list with the answers to each, in order; an attempt that failed is null.
"""

from __future__ import annotations

import json
import socket
import sys

ATTEMPTS = 6
TIMEOUT_S = 7.0  # two of SCTP's first repetitions, 3 s apart
KINDS = {
    "TCP": (socket.SOCK_STREAM, 0),
    "UDP": (socket.SOCK_DGRAM, 0),
    "SCTP": (socket.SOCK_STREAM, 132),
}


def ask(protocol: str, address: str, port: int, source: str) -> str | None:
    """One answer, None for none in time."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, *KINDS[protocol]) as made:
            made.settimeout(TIMEOUT_S)
            made.bind((source, 0))
            made.connect((address, port))
            if protocol == "UDP":
                made.send(b"?")
            answer = made.recv(100).decode()
            if protocol != "UDP":
                made.send(b"!")
                if made.recv(1) != b"!":
                    return None
            return answer or None
    except OSError:
        return None


def main() -> None:
    """Ask them all."""
    services = json.loads(sys.argv[1])
    print(json.dumps([[ask(*each) for _ in range(ATTEMPTS)] for each in services]))


if __name__ == "__main__":
    main()
