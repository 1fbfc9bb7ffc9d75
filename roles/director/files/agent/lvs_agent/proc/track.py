# SPDX-License-Identifier: GPL-3.0-or-later
"""The track process: what an instance's fate depends on besides the network, and who is told of it.

Owns the trackers (scripts, processes, files, BFD sessions), the notifications (scripts, FIFOs,
mail) and the programs of checks that are to run as another user. Must never decide about an
instance: ha does; nor about a real server: health does. It has no capability on the network; it
runs other people's programs, and that is why nothing else lives here.
"""

from __future__ import annotations

import socket
from dataclasses import replace

from lvs_agent.core.messages import (
    BfdState,
    GroupState,
    InstanceEvent,
    InstanceState,
    Message,
    OverrideChange,
    PoolChange,
    ProcessDied,
    ProcessRestarted,
    ProgramWanted,
    TrackerState,
    Verdict,
)
from lvs_agent.core.model import Config, TrackerKind
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.child import Child, Start
from lvs_agent.proc.loop import Loop
from lvs_agent.proc.track_bfd import BfdRunner
from lvs_agent.proc.track_files import FileWatcher
from lvs_agent.proc.track_notify import Notifier
from lvs_agent.proc.track_processes import ProcessWatcher
from lvs_agent.proc.track_programs import ProgramRunner
from lvs_agent.proc.track_scripts import ScriptRunner
from lvs_agent.proc.track_telling import SessionTeller

# What the scripts and mails of a stop may take: less than the supervisor's patience at that stage.
_STOP_WAIT_NS = 1_500_000_000
_STOP_STEP_NS = 20_000_000


class Track(Child):
    """The child process."""

    def __init__(
        self, loop: Loop, supervisor: socket.socket, ha: socket.socket, start: Start
    ) -> None:
        super().__init__(loop, supervisor, start)
        self._ha = Channel(loop, ha, self._from_ha, self._ha_closed)
        self._scripts = ScriptRunner(loop, self._changed)
        self._files = FileWatcher(loop, self._changed, self.log)
        self._processes = ProcessWatcher(loop, self._changed)
        self._programs = ProgramRunner(loop, self.supervisor.send)
        self._bfd_states = self._unknown_sessions(start.config)
        self._bfd = BfdRunner(loop, start.config.bfd_instances, self._bfd_changed, self.log)
        self._neighbors = {one.name: one.neighbor for one in start.config.bfd_instances}
        self._teller = SessionTeller(loop, self._session_told, self._bfd.fault)
        self._teller.configure(start.config.bfd_instances)
        self._notifier = Notifier(loop, start.config, self.log)
        self._stop_by_ns: int | None = None
        self._configure(start.config)
        self._tell_everything()
        self._teller.tell_everything()

    def _configure(self, config: Config) -> None:
        self._scripts.configure(config.scripts)
        self._files.configure(config.files)
        self._processes.configure(config.processes)
        self._programs.configure(config.programs)

    @staticmethod
    def _unknown_sessions(config: Config) -> dict[str, TrackerState]:
        return {
            one.name: TrackerState(
                kind=TrackerKind.BFD,
                name=one.name,
                up=None,
                value=0,
                reason=f"no session with {one.neighbor} yet",
            )
            for one in config.bfd_instances
        }

    # What the trackers say.

    def _changed(self, state: TrackerState) -> None:
        level = "info" if state.up else "warning"
        self.log(level, f"{state.kind} {state.name} is {_word(state)}: {state.reason}")
        self._ha.send(state)

    def _bfd_changed(self, name: str, up: bool, reason: str) -> None:
        state = TrackerState(kind=TrackerKind.BFD, name=name, up=up, value=0, reason=reason)
        self._bfd_states[name] = state
        self._changed(state)
        self._teller.changed(name, up=up, reason=reason)

    def _session_told(self, state: BfdState) -> None:
        """The checks are told; the ha process hears it of a session that never came up, too."""
        self.supervisor.send(state)
        if state.up is not False:
            return
        for name, known in self._bfd_states.items():
            if known.up is None and self._neighbors.get(name) == state.neighbor:
                self._bfd_states[name] = replace(known, up=False, reason=state.reason)
                self._changed(self._bfd_states[name])

    def _tell_everything(self) -> None:
        for state in (
            *self._scripts.states(),
            *self._files.states(),
            *self._processes.states(),
            *self._bfd_states.values(),
        ):
            self._ha.send(state)

    def _from_ha(self, message: Message) -> None:
        self.log("error", f"the ha process sent {type(message).__name__}; ignored")

    def _ha_closed(self, reason: str) -> None:
        # Results no longer reach anybody: the supervisor is to start all this anew.
        self.log("error", f"channel to the ha process: {reason}")
        self.finish()

    # What the supervisor says.

    def handle(self, message: Message) -> None:
        match message:
            case InstanceState() | GroupState() | InstanceEvent():
                self._notifier.told(message)
            case Verdict() | PoolChange() | OverrideChange():
                self._notifier.told(message)
            case ProgramWanted():
                self._programs.wanted(message)
            case ProcessRestarted(name="ha"):
                self._tell_everything()
            case ProcessDied(name="health"):
                self._programs.forget()
            case ProcessDied() | ProcessRestarted():
                pass
            case _:
                self.log("error", f"the supervisor sent {type(message).__name__}; ignored")

    def reconfigure(self, config: Config) -> None:
        """Trackers that stay the same keep their state and go on."""
        known = self._bfd_states
        self._neighbors = {one.name: one.neighbor for one in config.bfd_instances}
        self._bfd_states = {
            name: known.get(name, state) for name, state in self._unknown_sessions(config).items()
        }
        self.config = config
        self._teller.configure(config.bfd_instances)
        self._bfd.reconfigure(config.bfd_instances)
        self._notifier.reconfigure(config)
        self._configure(config)
        self._tell_everything()
        self._teller.tell_everything()

    def stop(self) -> None:
        """Run what the last changes of state ask for, for a bounded time, then end."""
        if self._stop_by_ns is not None:
            return
        self._stop_by_ns = self.loop.now_ns() + _STOP_WAIT_NS
        self._scripts.close()
        self._files.close()
        self._processes.close()
        self._programs.close()
        self._teller.close()
        self._bfd.close()
        self._notifier.stopping()
        self._finish_when_idle()

    def _finish_when_idle(self) -> None:
        now_ns = self.loop.now_ns()
        if self._notifier.idle or now_ns >= (self._stop_by_ns or 0):
            self._notifier.close()
            self.finish()
            return
        self.loop.call_at(now_ns + _STOP_STEP_NS, self._finish_when_idle)

    def supervisor_gone(self) -> None:
        self.stop()

    def report(self, *, brief: bool) -> dict[str, object]:
        """`trackers` and `notifications`: see docs/status.md."""
        return {
            "trackers": [
                *self._scripts.report(),
                *self._files.report(),
                *self._processes.report(),
                *(
                    {"type": "bfd", "name": name, "up": state.up, "reason": state.reason}
                    for name, state in self._bfd_states.items()
                ),
            ],
            "bfd": self._bfd.report(),
            "notifications": self._notifier.report(),
        }


def _word(state: TrackerState) -> str:
    if state.kind == TrackerKind.FILE:
        return str(state.value)
    return "up" if state.up else "down"


def main(supervisor: socket.socket, ha: socket.socket, start: Start) -> None:
    """The life of the process; returns when the last notifications are out."""
    loop = Loop()
    Track(loop, supervisor, ha, start).run()
