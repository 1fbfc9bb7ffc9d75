# SPDX-License-Identifier: GPL-3.0-or-later
"""Which probe carries out which check.

Owns that choice.
"""

from __future__ import annotations

from typing import assert_never

from lvs_agent.adapters.probes.datagram import dns_probe, ping_probe, udp_probe
from lvs_agent.adapters.probes.dialogue import DialogueProbe
from lvs_agent.adapters.probes.engine import Done, Engine, Probe
from lvs_agent.adapters.probes.http import HttpProbe
from lvs_agent.adapters.probes.local import FileProbe, ProgramProbe
from lvs_agent.adapters.probes.tcp import TcpProbe
from lvs_agent.adapters.programs import Programs
from lvs_agent.core.checks import (
    DnsCheck,
    FileCheck,
    HttpCheck,
    MiscCheck,
    PingCheck,
    ProbedCheck,
    SmtpCheck,
    TcpCheck,
    UdpCheck,
)


def make(check: ProbedCheck, engine: Engine, programs: Programs, done: Done) -> Probe:
    """The probe of `check`; it calls `done` at the end of each try."""
    match check:
        case TcpCheck():
            return TcpProbe(engine, check, done)
        case HttpCheck():
            return HttpProbe(engine, check, done)
        case PingCheck():
            return ping_probe(engine, check, done)
        case UdpCheck():
            return udp_probe(engine, check, done)
        case DnsCheck():
            return dns_probe(engine, check, done)
        case SmtpCheck():
            return DialogueProbe(engine, check, done)
        case MiscCheck():
            return ProgramProbe(programs, check, done)
        case FileCheck():
            return FileProbe(check, done)
    assert_never(check)
