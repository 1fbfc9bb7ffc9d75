# SPDX-License-Identifier: GPL-3.0-or-later
"""links.json in the runtime directory: VMACs made and settings changed, and undoing both.

Owns the file and the undoing. Must never decide what is made; must never import pyroute2: the
sweep after a crash uses it.
"""

from __future__ import annotations

import socket
from pathlib import Path

from lvs_agent.adapters import link_netlink, own_file
from lvs_agent.adapters.netlink import Netlink
from lvs_agent.adapters.rtnetlink import read_links
from lvs_agent.core import links_made
from lvs_agent.core.host import Host
from lvs_agent.core.host_facts import Link
from lvs_agent.core.links_made import LinksMade
from lvs_agent.core.links_wanted import is_vmac, value_of

NAME = "links.json"
# The kernel waits for its readers each time an interface goes, about 20 ms: 255 VMACs one by one
# would take longer than the service may take to stop. As a group they go at once.
_MANY = 5
# A number that nobody else uses; that is looked at each time all the same.
_GROUP = 0x4C565343


def read(directory: Path) -> tuple[LinksMade, str | None]:
    """The content, and what was wrong with the file (None: nothing, or there is no file)."""
    return own_file.read(directory / NAME, links_made.BYTES_LIMIT, links_made.decode, LinksMade())


def write(directory: Path, content: LinksMade) -> None:
    """Replace the file, atomically: readers see the old or the new one. Raises OSError."""
    own_file.write(directory / NAME, links_made.encode(content))


def undo(netlink: Netlink, host: Host, made: LinksMade) -> tuple[list[str], list[str]]:
    """Remove the VMACs and put the settings back: (names removed, what went wrong).

    An interface of that name that is no macvlan with that MAC is somebody else's. A setting is put
    back on the interface that had it, if nobody has changed it since. Raises NetlinkError.
    """
    found = [(host.link(name), mac) for name, mac in made.vmacs.items()]
    removed, errors = _remove(netlink, [link for link, mac in found if link and is_vmac(link, mac)])
    values: dict[int, dict[int, int]] = {}
    for key, old in made.settings.items():
        link = host.links.get(old.index)  # it may have another name by now
        if link is not None and value_of(link, key.setting) == old.set:
            values.setdefault(link.index, {})[key.setting] = old.before
    for index, refusal in link_netlink.set_values(netlink, values).items():
        errors.append(f"settings of interface {host.links[index].name}: {refusal}")
    return removed, errors


def _remove(netlink: Netlink, links: list[Link]) -> tuple[list[str], list[str]]:
    """Remove interfaces: (names removed, what went wrong)."""
    if len(links) >= _MANY and _remove_together(netlink, links):
        return [link.name for link in links], []
    removed: list[str] = []
    errors: list[str] = []
    for link in links:
        refusal = link_netlink.remove(netlink, link.index)
        if refusal is None:
            removed.append(link.name)
        else:
            errors.append(f"interface {link.name}: {refusal}")
    return removed, errors


def _remove_together(netlink: Netlink, links: list[Link]) -> bool:
    """Remove interfaces by way of a group of their own; False: nothing was done."""
    indexes = {link.index for link in links}
    if any(link.group == _GROUP for link in read_links(netlink).links.values()):
        return False
    refusal = link_netlink.set_group(netlink, indexes, _GROUP)
    members = {link.index for link in read_links(netlink).links.values() if link.group == _GROUP}
    # Removing a group spares nobody in it: never do it with one too many.
    if refusal is not None or members != indexes:
        link_netlink.set_group(netlink, members & indexes, 0)
        return False
    return link_netlink.remove_group(netlink, _GROUP) is None


def sweep(directory: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Undo all that the file says: (interfaces removed, what went wrong).

    The file is emptied when nothing went wrong. For when no process of the agent is left.
    """
    made, wrong = read(directory)
    errors = [wrong] if wrong else []
    removed: list[str] = []
    if made:
        try:
            netlink = Netlink(socket.NETLINK_ROUTE)
            try:
                removed, failed = undo(netlink, read_links(netlink), made)
                errors += failed
            finally:
                netlink.close()
            if not errors:
                write(directory, LinksMade())
        except OSError as error:
            errors.append(f"interfaces: {error.strerror}")
    return tuple(removed), tuple(errors)
