# SPDX-License-Identifier: GPL-3.0-or-later
"""Mails alerts: the outbox, the clock and the postman together.

Owns the timer. Must never decide what is worth a mail: `core/notify.py`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from lvs_agent.adapters.smtp import Postman
from lvs_agent.core.mail import Entry, Outbox
from lvs_agent.core.model import Mail
from lvs_agent.proc.loop import Loop, Timer


class Mailer:
    """Without a mail configuration alerts are dropped: nobody asked for them."""

    def __init__(self, loop: Loop, log: Callable[[str, str], None]) -> None:
        self._loop = loop
        self._log = log
        self._outbox = Outbox()
        self._mail: Mail | None = None
        self._name = socket.gethostname()
        self._router_id = self._name
        self._postman: Postman | None = None
        self._timer: Timer | None = None
        self._last_error: str | None = None

    def configure(self, mail: Mail | None, router_id: str | None) -> None:
        """Go by these settings from the next mail on."""
        self._mail = mail
        self._router_id = router_id or self._name
        if mail is not None and self._postman is None:
            self._postman = Postman()
            self._loop.add_reader(self._postman.fileno(), self._delivered)

    def add(self, subject: str, text: str) -> None:
        """An alert."""
        if self._mail is None:
            return
        entry = Entry(at=time.strftime("%Y-%m-%d %H:%M:%S %z"), subject=subject, text=text)
        self._outbox.add(entry, self._mail.batch_ns, self._loop.now_ns())
        self._arm()

    def _arm(self) -> None:
        deadline_ns = self._outbox.deadline_ns
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if deadline_ns is None else self._loop.call_at(deadline_ns, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._mail is None or self._postman is None:
            return
        letter = self._outbox.take(self._router_id, self._loop.now_ns())
        if letter is not None:
            self._postman.send(self._mail, letter, self._name)

    def _delivered(self) -> None:
        assert self._postman is not None
        delivery = self._postman.result()
        if delivery is None:
            return
        self._outbox.delivered(ok=delivery.error is None, now_ns=self._loop.now_ns())
        if delivery.error != self._last_error:
            self._last_error = delivery.error
            if delivery.error is None:
                self._log("info", "mail: the server takes mails again")
            else:
                self._log("error", f"mail not delivered, trying again: {delivery.error}")
        self._arm()

    def hurry(self) -> None:
        """The process is about to end: wait for no further alerts."""
        self._outbox.hurry(self._loop.now_ns())
        self._arm()

    @property
    def idle(self) -> bool:
        """Nothing is left to be mailed."""
        return self._mail is None or self._outbox.idle

    def close(self) -> None:
        """The end; what could not be delivered is said."""
        if not self.idle:
            self._log("error", "mail: ending with alerts that could not be delivered")
        if self._postman is not None:
            self._loop.remove_reader(self._postman.fileno())
            self._postman = None

    def report(self) -> dict[str, object]:
        """For the status."""
        return {
            "sent": self._outbox.sent,
            "failed": self._outbox.failed,
            "alerts_dropped": self._outbox.dropped,
            "last_error": self._last_error,
        }
