# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending one mail by SMTP, in a thread, so that no mail server can hold anything up.

Owns the thread and the conversation with the server. Must never decide when to send.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from dataclasses import dataclass

from lvs_agent.core.mail import Letter
from lvs_agent.core.model import Mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How it went. `error` None: the server took the mail."""

    error: str | None


class Postman:
    """`fileno` is readable when `result` has something.

    The descriptor is never closed: a thread may still speak with a server when the process ends,
    and must not write to a number that means something else by then.
    """

    def __init__(self) -> None:
        self._results: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._eventfd

    def send(self, mail: Mail, letter: Letter, name: str) -> None:
        """Begin; `name` is the host's own in the greeting where `helo_name` says nothing."""
        thread = threading.Thread(target=self._work, args=(mail, letter, name), daemon=True)
        thread.start()

    def _work(self, mail: Mail, letter: Letter, name: str) -> None:
        try:
            _deliver(mail, letter, name)
            error = None
        except Exception as failure:  # whatever a mail server makes smtplib raise
            error = f"{type(failure).__name__}: {failure}"[:300]
        self._results.put(Delivery(error=error))
        os.eventfd_write(self._eventfd, 1)

    def result(self) -> Delivery | None:
        """The end of a delivery; None when there is none."""
        try:
            os.eventfd_read(self._eventfd)
        except BlockingIOError:
            return None
        return self._results.get_nowait()


def _deliver(mail: Mail, letter: Letter, name: str) -> None:
    """Speak with the server. Raises OSError or smtplib.SMTPException."""
    # Only where mail is configured: they take 20 ms and some MiB.
    import smtplib  # noqa: PLC0415
    import ssl  # noqa: PLC0415
    from email.message import EmailMessage  # noqa: PLC0415
    from email.utils import formatdate, make_msgid  # noqa: PLC0415

    message = EmailMessage()
    message["From"] = mail.sender if "@" in mail.sender else f"{mail.sender}@{name}"
    message["To"] = ", ".join(mail.recipients)
    message["Subject"] = letter.subject
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=mail.helo_name or name)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's vacation is to answer
    message.set_content(letter.text)

    # The time limit holds for every step of the conversation.
    timeout_s = mail.connect_timeout_ns / 1e9
    helo = mail.helo_name or name
    context = ssl.create_default_context() if mail.security != "none" else None
    server: smtplib.SMTP
    if mail.security == "tls":
        server = smtplib.SMTP_SSL(
            mail.server, mail.port, local_hostname=helo, timeout=timeout_s, context=context
        )
    else:
        server = smtplib.SMTP(mail.server, mail.port, local_hostname=helo, timeout=timeout_s)
    with contextlib.closing(server):
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.login is not None:
            server.login(mail.login[0], mail.login[1].decode())
        refused = server.send_message(message)
        # The mail is taken. How the server says goodbye must not have it sent again.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()
    if refused:
        raise OSError(f"refused for {', '.join(refused)}")
