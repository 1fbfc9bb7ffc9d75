# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process: the only writer of addresses and of IPVS.

Owns the ledger and the order of start, change and end; addresses are kept by
`kernel_addresses.py`, IPVS by `kernel_ipvs.py`. Must never decide who is master nor who is healthy.
Of the ha process it takes Hold, of the health process verdicts, and nothing else.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from lvs_agent import config as configuration
from lvs_agent.adapters import ledger_file
from lvs_agent.core import ledger as ledgers
from lvs_agent.core.ledger import Ledger
from lvs_agent.core.messages import (
    Hold,
    HoldApplied,
    Message,
    ProcessDied,
    ProcessRestarted,
    Verdict,
    VerdictsComplete,
)
from lvs_agent.core.model import Config
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.child import Child, Start
from lvs_agent.proc.kernel_addresses import AddressKeeper
from lvs_agent.proc.kernel_ipvs import IpvsKeeper
from lvs_agent.proc.loop import Loop

# A dead ha process is re-forked within milliseconds; less than this would release addresses that
# its successor is about to confirm.
DEAD_MAN_MINIMUM_NS = 250_000_000
# A successor of ours hears of every instance in its first milliseconds; when it does not, there is
# no ha process, and nobody advertises the addresses that it found.
ADOPTED_WAIT_NS = 3_000_000_000
# How long ha may take to hand over when the supervisor is gone.
HAND_OVER_NS = 500_000_000
_REOPEN_NS = 1_000_000_000


class Peer:
    """The channel to another child. It outlives that child, and its nonsense: a frame that is not
    a message closes the channel, and a second later it is opened anew."""

    def __init__(
        self,
        loop: Loop,
        name: str,
        end: socket.socket,
        on_message: Callable[[Message], None],
        log: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._name = name
        self._end = end
        self._on_message = on_message
        self._log = log
        self._open()

    def _open(self) -> None:
        self._channel = Channel(self._loop, self._end.dup(), self._on_message, self._closed)

    def _closed(self, reason: str) -> None:
        self._log("error", f"channel to the {self._name} process: {reason}")
        self._loop.call_at(self._loop.now_ns() + _REOPEN_NS, self._open)

    def send(self, message: Message) -> None:
        """Send; see Channel.send."""
        self._channel.send(message)

    def flush(self) -> None:
        """Send what waits; see Channel.flush."""
        self._channel.flush()


class Kernel(Child):
    """See the module; the rules are in docs/architecture.md."""

    def __init__(
        self,
        loop: Loop,
        supervisor: socket.socket,
        ha: socket.socket,
        health: socket.socket,
        start: Start,
    ) -> None:
        super().__init__(loop, supervisor, start)
        self._directory = ledger_file.runtime_dir()
        self._leaving = False
        self._ha_dead = False
        self._ha = Peer(loop, "ha", ha, self._from_ha, self.log)
        self._health = Peer(loop, "health", health, self._from_health, self.log)
        before, wrong = ledger_file.read(self._directory)
        if wrong:
            self.log("warning", f"{wrong}; a sweep of the rest goes on")
        self._addresses = AddressKeeper(
            loop,
            config=start.config,
            log=self.log,
            on_link=self._ha.send,
            on_lost=self._ha.send,
            restarted=start.restarted,
        )
        if not start.restarted:
            for error in self._addresses.sweep(before):
                self.log("error", f"sweep: {error}")
        self._write_ledger(before | ledgers.of_config(start.config))
        self._ipvs = IpvsKeeper(
            loop,
            config=start.config,
            generation=start.generation,
            log=self.log,
            on_removed=self._rewrite_ledger,
            owned=before.services,
            restarted=start.restarted,
        )
        if start.restarted:
            self._expect_ha(ADOPTED_WAIT_NS)
        self._addresses.send_links(everything=True)

    def _write_ledger(self, content: Ledger) -> None:
        try:
            ledger_file.write(self._directory, content)
        except OSError as error:
            # Going on without is the lesser evil: only a kill -9 of everything would miss it.
            self.log("error", f"{self._directory / ledger_file.NAME}: {error.strerror}")

    def _rewrite_ledger(self) -> None:
        """Forget what was removed: it may be somebody else's from now on."""
        self._write_ledger(self._owned_by(self.config))

    # From the other processes

    def _from_ha(self, message: Message) -> None:
        if not isinstance(message, Hold):
            self.log("error", f"the ha process sent {type(message).__name__}; ignored")
            return
        hold = message.hold and not self._leaving
        error = self._addresses.hold(message.instance, hold)
        if message.hold and self._leaving:
            error = "the agent is stopping"
        self._ha.send(
            HoldApplied(
                instance=message.instance,
                hold=message.hold,
                sequence=message.sequence,
                error=error,
            )
        )
        if error:
            self.log("error", f"vrrp_instances.{message.instance}: {error}")
        if self._leaving and not self._addresses.held():
            self.stop()

    def _from_health(self, message: Message) -> None:
        match message:
            case Verdict():
                self._ipvs.verdict(message)
            case VerdictsComplete(generation=generation):
                self._ipvs.verdicts_complete(generation)
            case _:
                self.log("error", f"the health process sent {type(message).__name__}; ignored")

    def handle(self, message: Message) -> None:
        """From the supervisor."""
        match message:
            case ProcessDied(name="ha"):
                self._ha_dead = True
                self._expect_ha(self._dead_man_ns())
            case ProcessRestarted(name="ha"):
                self._ha_dead = False
                self._addresses.send_links(everything=True)
            case ProcessDied() | ProcessRestarted():
                pass  # health: its last verdicts are held, and it repeats them
            case _:
                self.log("error", f"the supervisor sent {type(message).__name__}; ignored")

    # ha is dead, or not heard of

    def _dead_man_ns(self) -> int:
        held = self._addresses.held()
        return max(
            [DEAD_MAN_MINIMUM_NS]
            + [i.advert_int_ns for i in self.config.vrrp_instances if i.name in held]
        )

    def _expect_ha(self, wait_ns: int) -> None:
        self._addresses.expect_news()
        self.loop.call_at(self.loop.now_ns() + wait_ns, self._dead_man)

    def _dead_man(self) -> None:
        """Nobody advertises what ha does not confirm: give it up."""
        for name in self._addresses.release_silent():
            self.log(
                "warning",
                f"vrrp_instances.{name}: the ha process does not confirm it; addresses removed",
            )
        # A Hold that the dead process had sent may have been read only after the news of its
        # death: while it has no successor, look again.
        if self._ha_dead and self._addresses.held():
            self._expect_ha(self._dead_man_ns())

    # Change and end

    def reconfigure(self, document: str) -> None:
        """Apply the new configuration; the ledger names old and new before anything is added."""
        config = configuration.load(document)
        before = self.config
        self._write_ledger(self._owned_by(before) | self._owned_by(config))
        self.config = config
        for error in self._addresses.reconfigure(config):
            self.log("error", error)
        self._ipvs.reconfigure(config, self.generation)
        self._rewrite_ledger()

    def _owned_by(self, config: Config) -> Ledger:
        return ledgers.of_config(config) | Ledger(services=self._ipvs.owned)

    def stop(self) -> None:
        """Remove all that is owned, forget it, end."""
        errors = self._addresses.release_all() + self._ipvs.remove_all()
        for error in errors:
            self.log("error", f"stop: {error}")
        if not errors:
            self._write_ledger(Ledger())
        self._ha.flush()
        self.finish()

    def supervisor_gone(self) -> None:
        """ha hands over at the same time: wait for it a little, then remove what is left."""
        self._leaving = True
        if self._addresses.held():
            self.loop.call_at(self.loop.now_ns() + HAND_OVER_NS, self.stop)
        else:
            self.stop()

    def report(self) -> dict[str, object]:
        """`links`, `addresses`, `services`, `drift`: see docs/status.md."""
        links, addresses = self._addresses.report()
        services = self._ipvs.report()
        return {
            "links": links,
            "addresses": addresses,
            "services": services,
            "drift": {
                "addresses_put_back": self._addresses.drift.addresses_put_back,
                "addresses_removed": self._addresses.drift.addresses_removed,
                "netlink_overruns": self._addresses.drift.overruns,
                "ipvs_operations": self._ipvs.drift.operations,
                "ipvs_audits": self._ipvs.drift.audits,
            },
        }


def main(supervisor: socket.socket, ha: socket.socket, health: socket.socket, start: Start) -> None:
    """The whole life of the process; returns when it has handed over."""
    loop = Loop()
    Kernel(loop, supervisor, ha, health, start).run()
