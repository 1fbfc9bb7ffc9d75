# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's eyes: the picture of the host, kept up to date.

Owns the monitoring socket, the periodic full reading, and when the keepers are told to look. Must
never change anything.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from lvs_agent.adapters.netlink import Netlink, NetlinkError
from lvs_agent.adapters.rtnetlink import HostMonitor, HostReader, Overrun
from lvs_agent.core.host import Changes, Host
from lvs_agent.proc.loop import Loop

AUDIT_NS = 5_000_000_000
# A repair leads to changes of its own, and those to none: a VMAC, its flags, its addresses. What
# is left after so many rounds waits for the next turn of the loop.
_ROUNDS = 4
# After a takeover the processor belongs to the ha process, which has its announcements to send;
# what the kernel tells us of our own addresses can wait as long as 500 announcements take on a slow
# host. (Measured with 500 addresses on two busy cores: the last one is announced in half the time.)
_GIVE_WAY_NS = 20_000_000


class HostWatcher:
    """Opens its sockets at once and reads the host. Raises OSError when it cannot.

    `on_change` is called with what changed whenever the picture is complete; `on_audit` before
    that, when everything was read again because it was time to. `netlink` is for the keepers' own
    requests too: they are all made in this process's one thread.
    """

    def __init__(
        self,
        loop: Loop,
        log: Callable[[str, str], None],
        on_change: Callable[[Changes], None],
        on_audit: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._log = log
        self._on_change = on_change
        self._on_audit = on_audit
        self.overruns = 0
        self._giving_way = False
        self.netlink = Netlink(socket.NETLINK_ROUTE)
        # The monitor first: what changes during the dump is told again.
        self._monitor = HostMonitor()
        self._reader = HostReader(self.netlink)
        self.host: Host = self._reader.read()
        self.host.take_changes()

    def start(self) -> None:
        """Watch from now on."""
        self._loop.add_reader(self._monitor.fileno(), self._readable)
        self._loop.call_at(self._loop.now_ns() + AUDIT_NS, self._audit)

    def absorb(self) -> bool:
        """Bring the picture up to date; False when there is still more to read."""
        try:
            events, complete = self._monitor.read()
        except Overrun:
            self.overruns += 1
            self._log("warning", "rtnetlink changes were lost (ENOBUFS); reading everything again")
            return self.refresh()
        for event in events:
            self.host.apply(event)
        return complete

    def catch_up(self) -> None:
        """Bring the picture up to date, however much there is to read."""
        for __ in range(_ROUNDS):
            if self.absorb():
                return
        self.refresh()

    def refresh(self) -> bool:
        """Read everything again; False when the kernel does not answer."""
        try:
            host = self._reader.read()
        except NetlinkError as error:
            self._log("error", f"reading interfaces and addresses: {error.strerror}")
            return False
        links = self.host.take_changes().links
        host.note_everything(links)
        self.host = host
        return True

    def settle(self) -> None:
        """Tell of the changes so far, and of those that the keepers make because of them."""
        for __ in range(_ROUNDS):
            changes = self.host.take_changes()
            if not changes:
                return
            self._on_change(changes)
            if not self.absorb():
                return
        self._loop.call_at(self._loop.now_ns(), self.settle)

    def give_way(self) -> None:
        """Look at nothing for a moment. Called again meanwhile it does not become a longer one."""
        if not self._giving_way:
            self._giving_way = True
            self._loop.remove_reader(self._monitor.fileno())
            self._loop.call_at(self._loop.now_ns() + _GIVE_WAY_NS, self._resume)

    def _resume(self) -> None:
        self._giving_way = False
        self._loop.add_reader(self._monitor.fileno(), self._readable)
        self._readable()

    def _readable(self) -> None:
        if self.absorb():
            self.settle()

    def _audit(self) -> None:
        self._loop.call_at(self._loop.now_ns() + AUDIT_NS, self._audit)
        self._on_audit()
        if self.absorb() and self.refresh():
            self.settle()
