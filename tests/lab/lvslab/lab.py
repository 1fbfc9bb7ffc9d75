# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as a whole: what tests and the command line use.

Owns the order of things: what must be recorded before what is created, and what
is killed before what is deleted.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Interface
from pathlib import Path

from lvslab import freezer, image, inventory, network, shell, state, status
from lvslab import topology as topologies
from lvslab.boot import boot, power_off
from lvslab.capture import DEFAULT_FRAMES, DEFAULT_LIMIT_S, Capture
from lvslab.errors import LabError
from lvslab.job import Job
from lvslab.machine import Machine, Power
from lvslab.network import Direction, Namespace
from lvslab.paths import LabPaths, cache_root
from lvslab.progress import Progress
from lvslab.ssh import Ssh
from lvslab.topology import Host, Topology

_COMMAND_TIMEOUT_S = 30.0
_KEEPALIVED_CONF = "/etc/keepalived/keepalived.conf"


class Lab:
    """A lab by name, whether it is up or not. Changes are made at once; no state is cached
    but the topology, so that several Labs of one name, in several processes, agree.
    """

    def __init__(
        self, name: str = "lab", topology: str | None = None, *, quiet: bool = False
    ) -> None:
        """`topology` (a name or a .toml file) is needed for the first `up` only: later
        the lab knows its own. Raises LabError for names that are none.
        """
        self.paths = LabPaths.of(name)
        self.progress = Progress(quiet=quiet)
        self.namespace = Namespace(name=self.paths.namespace)
        self._wanted = topology
        self._state: state.State | None = None

    # -- the lab as a whole ---------------------------------------------------------

    def up(self) -> None:
        """Bring the lab up: build what is missing, boot hosts that are off, wait for all.

        Raises LabError if the lab is up with another topology, or a host fails.
        """
        shell.require_root()
        start = time.monotonic()
        with state.locked(self.paths):
            self._prepare()
            off = [m for m in self._machines() if m.power() is Power.OFF]
            boot(off, self.ssh, self.progress)
        self.progress.note(f"{self.paths.name} is up after {time.monotonic() - start:.1f} s")

    def _prepare(self) -> None:
        """State file first, then the namespace: what is there can always be found.

        known_hosts is written last: without it, an earlier `up` did not come this far.
        """
        self._state = state.load(self.paths)
        if self._state is not None and not self.paths.known_hosts.exists():
            self._remove()
        if self._state is not None and self.namespace.exists():
            if self._wanted and topologies.read(self._wanted)[1] != self._state.text:
                raise LabError(
                    f"{self.paths.name} is up with another topology"
                    f" ({self._state.topology.name}): `lab down` first"
                )
            return
        path, text = topologies.read(self._wanted or "seed")
        name = Path(path).stem
        topology = topologies.parse(text, name=name, source=path)
        built = image.ensure(self.paths.cache, self.progress)
        if not self.namespace.exists():
            shutil.rmtree(self.paths.run, ignore_errors=True)
        state.save(self.paths, name, text, built)
        image.prune(self.paths.cache, state.images_in_use(self.paths.cache))
        self._state = state.load(self.paths)
        with self.progress.step(f"network {self.namespace.name}"):
            network.create(self.namespace, topology)
        host_key = built.host_key.read_text(encoding="ascii")
        lines = [f"{host.management} {host_key.strip()}\n" for host in topology.hosts]
        self.paths.known_hosts.write_text("".join(lines), encoding="ascii")

    def down(self) -> None:
        """Remove everything of this lab, however far it came: processes, namespace,
        cgroups, sockets, disks. Does nothing to a lab that is not there.
        """
        shell.require_root()
        with state.locked(self.paths), self.progress.step(f"{self.paths.name}: down"):
            if self.paths.state.exists() or self.paths.run.exists():
                self._remove()
            elif self.namespace.exists():
                raise LabError(
                    f"network namespace {self.namespace.name} belongs to no lab of this checkout"
                )
            shutil.rmtree(self.paths.sockets, ignore_errors=True)
            shutil.rmtree(self.paths.run, ignore_errors=True)
        self._state = None

    def _remove(self) -> None:
        # Frozen processes of a version 1 cgroup die only when thawed.
        freezer.thaw_all(self.paths.name)
        self.namespace.kill_all()
        self.namespace.delete()
        freezer.remove_all(self.paths.name)

    def reset(self, *hosts: str) -> None:
        """Put hosts (all, if none is named) back to the pristine image and boot them.

        Cables of theirs are plugged in again; if all are reset, partitions are healed.
        """
        with state.locked(self.paths):
            machines = [self._machine(name) for name in hosts] or self._machines()
            power_off(machines, self.ssh, self.progress)
            for machine in machines:
                self.paths.disk(machine.host.name).unlink(missing_ok=True)
                for interface in machine.host.interfaces:
                    network.plug(self.namespace, interface, plugged=True)
            if not hosts:
                network.uncut(self.namespace)
            boot(machines, self.ssh, self.progress)

    def status(self) -> list[status.HostStatus]:
        """How each host is. Raises LabError if the lab is not up."""
        return status.collect(self._machines(), self.namespace)

    def inventory(self) -> str:
        """Ansible inventory with the connection data of all hosts, as YAML."""
        return inventory.render(self.topology, self.ssh)

    # -- hosts ----------------------------------------------------------------------

    @property
    def topology(self) -> Topology:
        """Networks and hosts. Raises LabError if the lab is not up."""
        return self._up_state().topology

    @property
    def ssh(self) -> Ssh:
        """SSH to the hosts."""
        key = self._up_state().image.private_key
        return Ssh(paths=self.paths, namespace=self.namespace, private_key=key)

    def host(self, name: str) -> Host:
        """Topology data of a host."""
        return self.topology.host(name)

    def address(self, host: str, interface: str) -> IPv4Interface:
        """A host's own address on an interface (or network)."""
        return self.host(host).interface(interface).address

    def run(
        self,
        host: str,
        command: str | Sequence[str],
        *,
        timeout: float = _COMMAND_TIMEOUT_S,
        check: bool = True,
        stdin: str | None = None,
    ) -> shell.Result:
        """Run a command in a host, at most `timeout` seconds. See Ssh.run."""
        return self.ssh.run(self.host(host), command, timeout_s=timeout, check=check, stdin=stdin)

    def put(self, host: str, path: str, content: str, mode: str = "0644") -> None:
        """Write a file in a host, atomically."""
        self.ssh.put(self.host(host), path, content, mode)

    def start(self, host: str, command: str | Sequence[str]) -> Job:
        """Start a background command in a host."""
        return Job.start(self.ssh, self.host(host), command)

    def power(self, host: str) -> Power:
        """Whether a host is running, frozen or off."""
        return self._machine(host).power()

    def power_cut(self, host: str) -> None:
        """Pull the plug of a host: what it had not synced is lost."""
        machine = self._machine(host)
        machine.power_cut()
        # After the cut, so that the cut itself is not delayed; its peers see
        # nothing of this connection.
        self.ssh.disconnect(machine.host)

    def boot(self, *hosts: str) -> None:
        """Boot hosts that are off, with the disks they had, and wait for them."""
        with state.locked(self.paths):
            boot([self._machine(name) for name in hosts], self.ssh, self.progress)

    def freeze(self, host: str) -> None:
        """Stop a host in its tracks; it knows nothing of it."""
        self._machine(host).freeze()

    def thaw(self, host: str) -> None:
        """Let a frozen host go on."""
        self._machine(host).thaw()

    def keepalived(self, host: str, configuration: str | None) -> None:
        """Run Debian's keepalived in a host with `configuration`, or stop it (None)."""
        if configuration is None:
            self.run(host, "systemctl stop keepalived")
            return
        self.put(host, _KEEPALIVED_CONF, configuration)
        self.run(host, f"keepalived --config-test -f {_KEEPALIVED_CONF}")
        self.run(host, "systemctl reset-failed keepalived; systemctl restart keepalived")

    # -- the network ----------------------------------------------------------------

    def link(self, host: str, interface: str, up: bool) -> None:
        """Plug a host's cable in, or pull it out: no frame passes and the host sees its
        carrier go. A frozen host sees it later than its frames stop: at its next boot.
        """
        machine = self._machine(host)
        cable = machine.host.interface(interface)
        if cable is machine.host.interfaces[0]:
            raise LabError(f"{cable.name} is the management network: freeze the host instead")
        # Inside first: carrier and frames then go in the same instant. Outside in
        # any case: that is what status, the next boot and a frozen host go by.
        if machine.power() is Power.RUNNING:
            state_word = "up" if up else "down"
            self.run(host, f"ip -n lvslab-cables link set dev {cable.name} {state_word}")
        network.plug(self.namespace, cable, plugged=up)

    def partition(
        self,
        first: Iterable[str],
        second: Iterable[str],
        *,
        direction: Direction = "both",
        network_name: str | None = None,
    ) -> None:
        """Drop frames between two groups of hosts on the cluster networks (or only on
        `network_name`), both ways or only those that one group sends. Cuts add up.
        """
        names = [network_name] if network_name else [n.name for n in self.topology.networks]
        pairs = network.pairs_between(
            self.topology, list(first), list(second), names, direction=direction
        )
        network.cut(self.namespace, pairs)

    def heal(self) -> None:
        """End all partitions."""
        network.uncut(self.namespace)

    @contextmanager
    def capture(self, network_name: str, expression: str = "") -> Iterator[Path]:
        """Capture on a network inside a `with`; gives the pcap's path, complete after it."""
        path = self.paths.captures / f"{network_name}-{time.time_ns()}.pcap"
        running = self.start_capture(network_name, path, expression=expression)
        try:
            yield path
        finally:
            running.stop()

    def start_capture(
        self,
        network_name: str,
        path: Path,
        *,
        expression: str = "",
        frames: int = DEFAULT_FRAMES,
        limit_s: float = DEFAULT_LIMIT_S,
    ) -> Capture:
        """Start a capture that the caller stops."""
        return Capture.start(
            self.namespace,
            self.topology.network(network_name).bridge,
            path,
            expression=expression,
            frames=frames,
            limit_s=limit_s,
        )

    # -- inside ---------------------------------------------------------------------

    def _up_state(self) -> state.State:
        if self._state is None:
            self._state = state.load(self.paths)
        if self._state is None or not self.namespace.exists():
            raise LabError(f"lab {self.paths.name} is not up: run `lab up`")
        return self._state

    def _machine(self, name: str) -> Machine:
        return Machine(
            host=self.topology.host(name),
            paths=self.paths,
            namespace=self.namespace,
            image=self._up_state().image,
        )

    def _machines(self) -> list[Machine]:
        return [self._machine(host.name) for host in self.topology.hosts]


def labs() -> list[str]:
    """Names of all labs of this checkout that have state."""
    folder = cache_root() / "run"
    return sorted(path.name for path in folder.glob("*") if (path / "lab.json").exists())
