# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process: the only writer of addresses, routes, rules, its firewall table and IPVS.

Owns the ledger and the order of start, change and end; what an instance holds is kept by
`kernel_keepers.py`, IPVS by `kernel_ipvs.py`. Must never decide who is master nor who is healthy.
Of the ha process it takes Hold, of the health process verdicts, and nothing else.
"""

from __future__ import annotations

import json
import socket

from lvs_agent.adapters import adoption, ledger_file
from lvs_agent.core import ledger as ledgers
from lvs_agent.core.ledger import Ledger
from lvs_agent.core.messages import (
    Hold,
    HoldApplied,
    Message,
    OverridesOrder,
    OverridesReport,
    ProcessDied,
    ProcessRestarted,
    StatusRequest,
    Verdict,
    VerdictsComplete,
)
from lvs_agent.core.model import Config
from lvs_agent.proc.child import Child, Start
from lvs_agent.proc.kernel_ipvs import IpvsKeeper
from lvs_agent.proc.kernel_keepers import Keepers
from lvs_agent.proc.kernel_marks import SocketMaker
from lvs_agent.proc.kernel_status import StatusAnswer
from lvs_agent.proc.kernel_suspend import SuspendTeller
from lvs_agent.proc.loop import Loop
from lvs_agent.proc.peer import Peer

# A dead ha process is re-forked within milliseconds; less than this would release addresses that
# its successor is about to confirm.
DEAD_MAN_MINIMUM_NS = 250_000_000
# A successor of ours hears of every instance in its first milliseconds; when it does not, there is
# no ha process, and nobody advertises the addresses that it found.
ADOPTED_WAIT_NS = 3_000_000_000
# Beside another program, which advertises them meanwhile, a host that is starved by two programs
# that start may take its time.
SHARED_WAIT_NS = 20_000_000_000
# How long ha may take to hand over when the supervisor is gone.
HAND_OVER_NS = 500_000_000


class Kernel(Child):
    """See the module; the rules are in docs/design.md."""

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
        self._answering: StatusAnswer | None = None
        self._leaving = False
        self._ha_dead = False
        self._ha = Peer(loop, "ha", ha, self._from_ha, self.log)
        self._health = Peer(loop, "health", health, self._from_health, self.log)
        before, wrong = ledger_file.read(self._directory)
        if wrong:
            self.log("warning", f"{wrong}; a sweep of the rest goes on")
        self._keepers = Keepers(
            loop,
            config=start.config,
            log=self.log,
            on_link=self._ha.send,
            on_lost=self._ha.send,
            restarted=start.restarted,
            directory=self._directory,
            before=before,
            write_ledger=lambda: self._write_ledger(before | ledgers.of_config(start.config)),
        )
        self._ipvs = IpvsKeeper(
            loop,
            config=start.config,
            generation=start.generation,
            log=self.log,
            on_removed=self._rewrite_ledger,
            owned=before.services,
            restarted=start.restarted,
            adopt=start.pools,
            overrides=start.overrides,
            tell=self.supervisor.send,
        )
        self._marks = SocketMaker(loop, start.marks, start.config, start.generation, self.log)
        self._suspend = SuspendTeller(
            start.config, lambda: self._keepers.host.host, self._health.send
        )
        self._keepers.host.on_settled.append(lambda _changes: self._suspend.look())
        self._suspend.look()
        if start.restarted:
            shared = adoption.is_ordered(self._directory)
            self._expect_ha(SHARED_WAIT_NS if shared else ADOPTED_WAIT_NS)
        self._keepers.host.send_links(everything=True)

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

        def acknowledge(error: str | None) -> None:
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

        self._keepers.hold(message.instance, message.hold and not self._leaving, acknowledge)
        if self._leaving and not self._keepers.host.held():
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
                self._keepers.host.send_links(everything=True)
            case ProcessRestarted(name="health"):
                self._suspend.repeat()  # its last verdicts are held, and it repeats them
            case ProcessDied() | ProcessRestarted():
                pass
            case OverridesOrder():
                self._overrides(message)
            case _:
                self.log("error", f"the supervisor sent {type(message).__name__}; ignored")

    def _overrides(self, order: OverridesOrder) -> None:
        present = {address.address for address in self._keepers.host.host.addresses()}
        found = self._ipvs.order(order, present)
        report = json.dumps(found, separators=(",", ":")).encode()
        self.supervisor.send(OverridesReport(request_id=order.request_id, report=report))

    # ha is dead, or not heard of

    def _dead_man_ns(self) -> int:
        held = self._keepers.host.held()
        return max(
            [DEAD_MAN_MINIMUM_NS]
            + [i.advert_int_ns for i in self.config.vrrp_instances if i.name in held]
        )

    def _expect_ha(self, wait_ns: int) -> None:
        self._keepers.host.expect_news()
        self.loop.call_at(self.loop.now_ns() + wait_ns, self._dead_man)

    def _dead_man(self) -> None:
        """Nobody advertises what ha does not confirm: give it up."""
        if adoption.is_ordered(self._directory):  # but for the other program, as long as it is
            self.loop.call_at(self.loop.now_ns() + SHARED_WAIT_NS, self._dead_man)
            return
        for name in self._keepers.release_silent():
            self.log(
                "warning",
                f"vrrp_instances.{name}: the ha process does not confirm it; addresses removed",
            )
        # A Hold that the dead process had sent may have been read only after the news of its
        # death: while it has no successor, look again.
        if self._ha_dead and self._keepers.host.held():
            self._expect_ha(self._dead_man_ns())

    # Change and end

    def reconfigure(self, config: Config) -> None:
        """Apply the new configuration; the ledger names old and new before anything is added."""
        before = self.config
        self._write_ledger(self._owned_by(before) | self._owned_by(config))
        self.config = config
        for error in self._keepers.reconfigure(config):
            self.log("error", error)
        self._ipvs.reconfigure(config, self.generation)
        self._marks.reconfigure(config, self.generation)
        self._suspend.reconfigure(config)
        self._rewrite_ledger()

    def _owned_by(self, config: Config) -> Ledger:
        return ledgers.of_config(config) | Ledger(services=self._ipvs.owned)

    def stop(self) -> None:
        """Remove all that is owned, forget it, end; of what another program has too, nothing."""
        if adoption.is_ordered(self._directory):
            self.finish()
            return
        errors = self._keepers.release_all() + self._ipvs.remove_all()
        errors += self._keepers.remove_links()
        for error in errors:
            self.log("error", f"stop: {error}")
        if not errors:
            self._write_ledger(Ledger())
        self._ha.flush()
        self.finish()

    def supervisor_gone(self) -> None:
        """ha hands over at the same time: wait for it a little, then remove what is left."""
        self._leaving = True
        if self._keepers.host.held() and not adoption.is_ordered(self._directory):
            self.loop.call_at(self.loop.now_ns() + HAND_OVER_NS, self.stop)
        else:
            self.stop()

    def answer(self, request: StatusRequest) -> None:
        """As elsewhere, but with the `services`, in slices: 10,000 real servers would keep this
        process from all else for half a second. A new request takes the place of one that is still
        being answered."""
        if self._answering is not None:
            self._answering.cancel()
        self._answering = StatusAnswer(self.loop, self._ipvs.rows(), brief=request.brief)
        self._answering.begin(lambda services: self._answer(request, services))

    def _answer(self, request: StatusRequest, services: bytes) -> None:
        self._answering = None
        rest = json.dumps(self.report(brief=request.brief), separators=(",", ":")).encode()
        self.reply(request, rest[:-1] + b',"services":' + services + b"}")

    def report(self, *, brief: bool) -> dict[str, object]:
        """`links`, `addresses`, `routes`, `rules`, `firewall`, `sync_daemon`, `timeouts`, `drift`:
        see docs/status.md."""
        return {
            **self._keepers.report(),
            "drift": {
                **self._keepers.drift(),
                "ipvs_operations": self._ipvs.drift.operations,
                "ipvs_audits": self._ipvs.drift.audits,
            },
        }


def main(supervisor: socket.socket, ha: socket.socket, health: socket.socket, start: Start) -> None:
    """The whole life of the process; returns when it has handed over."""
    loop = Loop()
    Kernel(loop, supervisor, ha, health, start).run()
