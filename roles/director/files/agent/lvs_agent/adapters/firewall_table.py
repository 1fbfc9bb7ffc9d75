# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's nf_tables table in the kernel: installing, changing, reading, hearing of changes.

Owns the nfnetlink conversation. Must never decide what is held back.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from lvs_agent.adapters import nft_netlink as codec
from lvs_agent.adapters.netlink import Netlink, NetlinkError
from lvs_agent.adapters.netlink_events import EventSocket
from lvs_agent.core.firewall import Firewall


class FirewallTable:
    """Raises OSError when the kernel has no nf_tables."""

    def __init__(self) -> None:
        self._netlink = Netlink(codec.NETLINK_NETFILTER)
        try:
            self._events = EventSocket(codec.NETLINK_NETFILTER, (codec.EVENTS_GROUP,))
        except OSError:
            self._netlink.close()
            raise

    def fileno(self) -> int:
        """For the loop: readable when somebody's table has changed."""
        return self._events.fileno()

    def close(self) -> None:
        """Close the sockets; the table stays."""
        self._netlink.close()
        self._events.close()

    def changed(self) -> bool:
        """Whether somebody else changed our table since the last call."""
        notifications, changed = self._events.read()
        return changed or any(
            author != self._netlink.port and codec.is_ours(body)
            for __, author, body in notifications
        )

    def install(self, content: Firewall) -> None:
        """Make the table anew, at one blow. Raises OSError."""
        self._apply(codec.install(content.sets()))

    def change(self, before: Firewall, after: Firewall) -> None:
        """Bring the sets from `before` to `after`, at one blow. Raises OSError."""
        requests = [*codec.add(after.without(before)), *codec.take_out(before.without(after))]
        if requests:
            self._apply(requests)

    def remove(self) -> None:
        """Remove the table; that there is none is fine. Raises OSError."""
        try:
            self._apply(codec.remove())
        except NetlinkError as error:
            if error.errno != codec.NO_FAMILY:
                raise

    def _apply(self, requests: Sequence[bytes]) -> None:
        refusals = self._netlink.transaction(codec.begin(), requests, codec.end())
        if refusals:
            raise NetlinkError(refusals[0].errno, str(refusals[0]))

    def read(self) -> Firewall | None:
        """What the sets hold; None when the table is not there as we made it. Raises OSError."""
        try:
            rules = [codec.chain_of_rule(b) for b in self._netlink.dump(codec.rules_request())]
            if {chain: rules.count(chain) for chain in rules} != codec.rules_per_chain():
                return None
            chains = [codec.chain_of_chain(b) for b in self._netlink.dump(codec.chains_request())]
            if {one for one in chains if one} != {(n, True) for n in codec.rules_per_chain()}:
                return None
            return Firewall(**{name: self._elements(name) for name in codec.SETS})
        except NetlinkError as error:
            if error.errno == errno.ENOENT:
                return None
            raise

    def _elements(self, name: str) -> frozenset[str]:
        bodies = self._netlink.dump(codec.elements_request(name))
        return frozenset(key for body in bodies for key in codec.elements_of(body, name))
