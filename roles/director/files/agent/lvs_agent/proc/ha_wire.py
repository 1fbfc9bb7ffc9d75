# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything of the ha process that touches the network: adverts in and out, announcements, probes.

Owns the sockets, the receivers with their counters, and the packets of every instance. Must never
decide about the protocol: what is received goes to `on_event`, what is sent is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace

from lvs_agent.adapters.arp import Sent
from lvs_agent.adapters.clock import wall_ns
from lvs_agent.core.events import AddressClaimed, AnnouncementNeeded, Event
from lvs_agent.core.messages import LinkState
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.advertising import address_number, sending_interface
from lvs_agent.core.vrrp.announce import pause_after_ns
from lvs_agent.core.vrrp.auth import next_sequence
from lvs_agent.core.vrrp.journal import RateLimit, left_out
from lvs_agent.core.vrrp.links import Need, interfaces, needs
from lvs_agent.core.vrrp.neighbours import decode_claim
from lvs_agent.core.vrrp.packet import address_text
from lvs_agent.core.vrrp.reasons import EXPLANATIONS, RejectReason, Remark
from lvs_agent.core.vrrp.receive import Accepted, Receiver
from lvs_agent.proc.ha_member import Member
from lvs_agent.proc.ha_ports import Ports
from lvs_agent.proc.loop import Loop

# An interface whose sockets could not be opened is tried again after this.
_REOPEN_NS = 1_000_000_000
# What is sent for an address whose interface is not there: nothing, which fails.
_NO_FRAME = ("", b"")
# A claim of one address is passed on so often: a flood of them is one piece of news.
_CLAIM_NS = 100_000_000


class Wire:
    """The network side of all instances.

    `on_event(name, event)` gets adverts and claims of an instance; `on_link` every LinkState as the
    state machines are to see it: an interface whose sockets cannot be opened does not run, and one
    that was made anew was gone in between. `log(level, text)`.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        on_event: Callable[[str, Event], None],
        on_link: Callable[[LinkState], None],
        log: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._on_event = on_event
        self._on_link = on_link
        self._log = log
        self._ports = Ports(loop, self._received, self._heard, log)
        # Who counts frames: (name, sent, failed).
        self.on_frames: Callable[[str, int, int], None] = lambda name, sent, failed: None
        self._links: dict[str, LinkState] = {}
        self._needs: dict[str, Need] = {}
        self._receivers: dict[tuple[str, int], Receiver] = {}
        self._members: dict[Hashable, Member] = {}
        self._keys: dict[str, Hashable] = {}
        self._holders: dict[tuple[str, str], str] = {}
        # By VMAC interface: the one below, for whose receiver it listens too.
        self._bases: dict[str, str] = {}
        self._claimed_ns: dict[tuple[str, str], int] = {}
        # Interface and whether IPv6: when the next announcement may go out there, whoever's it is.
        # Empty as long as nobody pauses between announcements.
        self._turns: dict[tuple[str, bool], int] = {}
        self._lines = RateLimit(1)

    # Configuration and interfaces.

    def configure(self, instances: Mapping[Hashable, VrrpInstance]) -> None:
        """Have exactly these on the wire, by the new settings from now on."""
        for key in self._members.keys() - instances.keys():
            self._members.pop(key).close()
        for key, instance in instances.items():
            if key not in self._members:
                self._members[key] = Member(instance, self._loop, self._announce)
            self._members[key].prepare(instance, self._links)
        self._keys = {instance.name: key for key, instance in instances.items()}
        self._holders = {
            (each.interface, each.address): instance.name
            for instance in instances.values()
            for each in (*instance.addresses, *instance.excluded)
        }
        self._bases = {
            each.vmac.interface: each.interface
            for each in instances.values()
            if each.vmac is not None
        }
        self._claimed_ns, self._turns = {}, {}
        self._configure_receivers(instances)
        self._needs = needs(instances.values())
        for name in self._ports.names() - self._needs.keys():
            self._ports.close(name)
        for link in list(self._links.values()):
            opened = self._open(link)
            if opened != link:
                self._note(opened)

    def _configure_receivers(self, instances: Mapping[Hashable, VrrpInstance]) -> None:
        parts: dict[tuple[str, int], dict[Hashable, VrrpInstance]] = {}
        for key, instance in instances.items():
            parts.setdefault((instance.interface, instance.family), {})[key] = instance
        for where in self._receivers.keys() - parts.keys():
            del self._receivers[where]
        for where, part in parts.items():
            receiver = self._receivers.setdefault(where, Receiver(where[1]))
            receiver.configure(part)

    def link(self, link: LinkState) -> None:
        """An interface as the kernel process reports it."""
        name, before = link.interface, self._links.get(link.interface)
        if before is not None and 0 != before.index != link.index != 0:
            # Deleted and made anew between two reports: what was on the old one is gone.
            self.link(replace(link, index=0, running=False))
            before = self._links[name]
        if before is not None and link.running and not before.running:
            self._ports.close(name)  # memberships of a link that was gone are not trusted
        self._note(self._open(link))

    def _note(self, link: LinkState) -> None:
        name, before = link.interface, self._links.get(link.interface)
        self._links[name] = link
        concerned = [m for m in self._members.values() if name in interfaces(m.instance)]
        for member in concerned:
            member.prepare(member.instance, self._links)
        # A resignation goes out by the old sockets, if anything goes at all.
        self._on_link(link)
        if not link.running:
            self._ports.close(name)
        if before is not None and before.mac != link.mac:
            for instance in [member.instance for member in concerned]:
                held = (*instance.addresses, *instance.excluded)
                moved = tuple(each.address for each in held if each.interface == name)
                if moved:
                    self._on_event(instance.name, AnnouncementNeeded(addresses=moved))

    def _open(self, link: LinkState) -> LinkState:
        """Open what is needed on `link`; if that fails, it counts as down for a while."""
        self._own_addresses(link)
        need = self._needs.get(link.interface)
        if need is None or not link.running or link.index == 0:
            return link
        try:
            self._ports.open(link.interface, link.index, need)
        except OSError as error:
            self._log("error", f"vrrp: cannot open sockets on {link.interface}: {error}")
            failed = replace(link, running=False)
            self._loop.call_at(self._loop.now_ns() + _REOPEN_NS, lambda: self._reopen(link, failed))
            return failed
        return link

    def _reopen(self, link: LinkState, failed: LinkState) -> None:
        """Try again, unless the kernel process has reported something newer."""
        if self._links.get(link.interface) == failed:
            self._note(self._open(link))

    def _own_addresses(self, link: LinkState) -> None:
        for (interface, family), receiver in self._receivers.items():
            if interface != link.interface:
                continue
            primary = link.primary6 if family == 6 else link.primary
            own = {primary} if primary is not None else set()
            own |= {
                member.instance.source
                for member in self._members.values()
                if (member.instance.interface, member.instance.family) == (interface, family)
                and member.instance.source is not None
            }
            receiver.set_own_addresses(address_number(address) for address in own)

    # In.

    def drain(self, name: str) -> None:
        """Hand out what the sockets of an instance have received: silence may be none."""
        instance = self._member(name).instance
        self._ports.drain(instance.interface, instance.family)
        if instance.vmac is not None:
            self._ports.drain(instance.vmac.interface, instance.family)

    def _received(self, interface: str, family: int, datagram: bytes) -> bool:
        interface = self._bases.get(interface, interface)
        result = self._receivers[interface, family].examine(datagram)
        if isinstance(result, Accepted):
            self._on_event(result.instance, result.event)
            for remark in result.remarks:
                source = address_text(result.event.source, family)
                self._remark(result.instance, interface, source, remark, "accepted")
            return True
        # Other people's virtual routers on our network are none of our business.
        if result.reason is not RejectReason.VIRTUAL_ROUTER_ID:
            who = result.instance or f"IPv{family}"
            source = address_text(result.source, family)
            self._remark(who, interface, source, result.reason, "rejected")
        return False

    def _remark(
        self, who: str, interface: str, source: str, why: RejectReason | Remark, fate: str
    ) -> None:
        count = self._lines.admit((who, interface, why), self._loop.now_ns())
        if count is not None:
            text = f"vrrp {who} ({interface}): advert of {source} {fate}: {EXPLANATIONS[why]}"
            self._log("warning", text + left_out(count))

    def _heard(self, interface: str, frame: bytes) -> None:
        claim = decode_claim(frame)
        if claim is None or any(link.mac == claim.mac for link in self._links.values()):
            return
        where = (interface, claim.address)
        name, now_ns = self._holders.get(where), self._loop.now_ns()
        if name is None or now_ns - self._claimed_ns.get(where, -_CLAIM_NS) < _CLAIM_NS:
            return
        self._claimed_ns[where] = now_ns
        self._on_event(name, AddressClaimed(address=claim.address, mac=claim.mac))

    # Out.

    def _member(self, name: str) -> Member:
        return self._members[self._keys[name]]

    def send_advert(self, name: str, *, priority: int, resign: bool) -> tuple[int, OSError | None]:
        """Send an advert to everybody it is for; how many went out, and the last error."""
        member = self._member(name)
        instance = member.instance
        interface, sent, failure = sending_interface(instance), 0, None
        parcels = member.parcels(0 if resign else priority, lambda: self._next_sequence(member))
        for destination, datagram in parcels:
            error = self._ports.send(interface, instance.family, datagram, destination)
            sent += error is None
            failure = error or failure
        return sent, failure

    def _next_sequence(self, member: Member) -> int:
        instance = member.instance
        receiver = self._receivers[instance.interface, instance.family]
        seen = receiver.highest_sequence(self._keys[instance.name])
        return next_sequence(member.sequence, seen, wall_ns())

    def announce(
        self, name: str, addresses: tuple[str, ...], repeat: int | None, now_ns: int
    ) -> None:
        """Begin a burst (`core.actions.Announce`)."""
        member = self._member(name)
        member.announcer.start(addresses, now_ns, repeat)
        member.announce_alarm.set(member.announcer.deadline_ns)

    def stop_announcing(self, name: str) -> None:
        """Forget what is not sent yet."""
        self._member(name).announcer.stop()

    def _announce(self, member: Member) -> None:
        """Send the slice of announcements that is due."""
        announcer, now_ns = member.announcer, self._loop.now_ns()
        due_ns = announcer.deadline_ns
        if due_ns is not None and due_ns <= now_ns:
            self._send_frames(member, announcer.take(now_ns), now_ns)
        member.announce_alarm.set(announcer.deadline_ns)

    def _send_frames(self, member: Member, addresses: list[str], now_ns: int) -> None:
        # A takeover of 500 addresses is over when the last one is announced: nothing here is done
        # for each frame that can be done once.
        if not addresses:
            return
        frames, send = member.frames, self._ports.send_frame
        yes, failure = Sent.YES, Sent.FAILED
        sent = failed = 0
        for at, address in enumerate(addresses):
            interface, frame = frames.get(address, _NO_FRAME)
            if self._turns and now_ns < (turn_ns := self._turn_ns(interface, address)):
                member.announcer.postpone(addresses[at:], turn_ns)
                break
            outcome = send(interface, frame)
            if outcome is yes:
                sent += 1
            elif outcome is failure:
                failed += 1
            else:
                member.announcer.congested(addresses[at:], now_ns)
                break
        else:
            # A slice ends with the first address that is paused after.
            if pause_ns := pause_after_ns(member.instance, address):
                self._turns[interface, ":" in address] = now_ns + pause_ns
        self.on_frames(member.instance.name, sent, failed)

    def _turn_ns(self, interface: str, address: str) -> int:
        return self._turns.get((interface, ":" in address), 0)

    def probe(self, name: str, addresses: tuple[str, ...]) -> None:
        """Ask who has these addresses. Nothing is tried again: the next probe will."""
        probes = self._member(name).probes
        for address in addresses:
            if address in probes:
                self._ports.send_frame(*probes[address])

    # Status.

    def counters(self, name: str) -> dict[str, object]:
        """The receiver's part of an instance's counters."""
        key = self._keys[name]
        instance = self._members[key].instance
        receiver = self._receivers[instance.interface, instance.family]
        return {
            "rejected": {reason.value: n for reason, n in receiver.rejects_of(key).items()},
            "remarks": {remark.value: n for remark, n in receiver.seen_by(key).items()},
        }

    def receivers_report(self) -> list[dict[str, object]]:
        """What was received on an interface that belongs to no instance."""
        return [
            {
                "interface": interface,
                "family": family,
                "rejected": {reason.value: n for reason, n in receiver.rejects.items()},
            }
            for (interface, family), receiver in self._receivers.items()
        ]
