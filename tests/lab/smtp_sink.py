# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host: takes mail (RFC 5321) on port 2525 and prints it.

Usage: smtp_sink.py [SECONDS]. Serves one connection after the other.
"""

from __future__ import annotations

import socketserver
import sys
import threading

PORT = 2525
_LINES_LIMIT = 10_000


class Session(socketserver.StreamRequestHandler):
    """One connection."""

    timeout = 10

    def handle(self) -> None:
        self._say("220 sink")
        data = False
        for _ in range(_LINES_LIMIT):
            line = self.rfile.readline(2000).decode(errors="replace").rstrip("\r\n")
            if data:
                data = line != "."
                print(line if data else "-- end of mail", flush=True)
                if not data:
                    self._say("250 taken")
                continue
            verb = line[:4].upper()
            data = verb == "DATA"
            if verb in ("MAIL", "RCPT"):
                print(line, flush=True)
            self._say("354 go on" if data else "221 bye" if verb == "QUIT" else "250 yes")
            if verb in ("QUIT", ""):
                return

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


def main() -> None:
    """Serve for the time given."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer(("", PORT), Session) as server:
        threading.Timer(seconds, server.shutdown).start()
        server.serve_forever()


if __name__ == "__main__":
    main()
