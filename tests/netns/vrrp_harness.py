# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces on a bridge, the agent in them, and keepalived as its peer.

`Lan.agent` runs the whole agent. `Lan.node` runs the real ha process alone: the kernel and track
processes are played by the test, which answers every Hold (or not, when told), reports the
namespace's real links, and says what it likes about trackers. Everything that is started here is
ended by `Lan.close`.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lvs_agent.cli.client import ClientError, ask
from lvs_agent.core.messages import (
    GroupState,
    Hold,
    HoldApplied,
    InstanceEvent,
    InstanceState,
    LinkState,
    LogLine,
    Message,
    StatusReply,
    StatusRequest,
    Stop,
    TrackerState,
)
from lvs_agent.core.wire import Decoder, encode

AGENT = Path(__file__).resolve().parents[2] / "roles/director/files/agent"
RUNNER = Path(__file__).with_name("vrrp_runner.py")
PROGRAM = AGENT / "bin/lvs-agent"
INJECTOR = Path(__file__).with_name("vrrp_inject.py")


def run(*command: str) -> str:
    """Standard output of a command that has to succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def eventually(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait for `condition`; the seconds it took."""
    begin = time.monotonic()
    while time.monotonic() - begin < timeout_s:
        if condition():
            return time.monotonic() - begin
        time.sleep(0.002)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class Node:
    """One ha process in a namespace, and the test's side of its three channels."""

    def __init__(
        self,
        lan: Lan,
        host: str,
        document: dict[str, object],
        *masters: str,
        capabilities: tuple[str, ...] = (),
    ) -> None:
        self.namespace = lan.namespace(host)
        self.kernel_answers = True
        self.hold_error: str | None = None
        self.messages: list[tuple[float, Message]] = []
        self.holds: list[tuple[float, Hold]] = []
        self._supervisor, supervisor = socket.socketpair()
        self._kernel, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._track, track = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ends = (supervisor, kernel, track)
        fds = [end.fileno() for end in ends]
        # CAP_NET_RAW and nothing else, and scheduled before others, as in production. More only in
        # the place of a unit's limits, which nobody may raise in every container.
        confined = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
        held = ",".join(("-all", *(f"+{name}" for name in ("net_raw", *capabilities))))
        caps = [f"--{kind}={held}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
        self.process = subprocess.Popen(
            [
                *("ip", "netns", "exec", self.namespace, *_realtime(), *confined, *caps),
                *(sys.executable, str(RUNNER), *map(str, fds), json.dumps(document), *masters),
            ],
            pass_fds=fds,
            env={"PYTHONPATH": str(AGENT), "PATH": os.environ["PATH"]},
        )
        for end in ends:
            end.close()
        for end, handler in ((self._supervisor, self._note), (self._kernel, self._serve)):
            threading.Thread(target=self._read, args=(end, handler), daemon=True).start()
        self.report_links()

    def _read(self, end: socket.socket, handler: Callable[[Message], None]) -> None:
        decoder = Decoder()
        with contextlib.suppress(OSError):
            while data := end.recv(262144):
                for message in decoder.feed(data):
                    handler(message)

    def _note(self, message: Message) -> None:
        self.messages.append((time.monotonic(), message))

    def _serve(self, message: Message) -> None:
        assert isinstance(message, Hold)
        self.holds.append((time.monotonic(), message))
        if self.kernel_answers:
            error = self.hold_error if message.hold else None
            answer = HoldApplied(
                instance=message.instance, hold=message.hold, sequence=message.sequence, error=error
            )
            self.from_kernel(answer)

    def from_kernel(self, message: Message) -> None:
        """Say something as the kernel process."""
        self._kernel.send(encode(message))

    def from_supervisor(self, message: Message) -> None:
        """Say something as the supervisor."""
        self._supervisor.sendall(encode(message))

    def from_track(self, *messages: TrackerState) -> None:
        """Say something as the track process."""
        for message in messages:
            self._track.send(encode(message))

    def report_links(self) -> None:
        """The kernel process's LinkState for every Ethernet interface of the namespace."""
        text = run("ip", "-n", self.namespace, "-j", "address", "show")
        for link in json.loads(text):
            if link and link.get("link_type") == "ether":
                self.from_kernel(_link_state(link))

    def groups(self, group: str) -> list[str]:
        """The states that a sync group went through."""
        told = [message for _, message in list(self.messages)]
        return [m.state for m in told if isinstance(m, GroupState) and m.group == group]

    def events(self, instance: str = "web") -> list[str]:
        """What else was told of an instance (messages.InstanceEvent)."""
        told = [message for _, message in list(self.messages)]
        return [m.event for m in told if isinstance(m, InstanceEvent) and m.instance == instance]

    def states(self, instance: str = "web") -> list[tuple[float, str]]:
        """When the instance went into which state."""
        return [
            (at, message.state)
            for at, message in list(self.messages)
            if isinstance(message, InstanceState) and message.instance == instance
        ]

    def state(self, instance: str = "web") -> str:
        """The state reported last."""
        states = self.states(instance)
        return states[-1][1] if states else "unknown"

    def wait_for(self, state: str, timeout_s: float, instance: str = "web") -> float:
        """Wait until the instance is in `state`; the monotonic time of its report."""
        what = f"{self.namespace} {instance} {state}; it is {self.state(instance)}"
        eventually(lambda: self.state(instance) == state, timeout_s, what)
        return self.states(instance)[-1][0]

    def expect_hold(self, hold: bool) -> None:
        """Wait until the last Hold that the kernel process got says `hold`."""
        what = f"{self.namespace}: Hold({hold})"
        eventually(lambda: bool(self.holds) and self.holds[-1][1].hold is hold, 1, what)

    def number(self, name: str) -> int:
        """One counter of the first instance."""
        value = self.counters()[name]
        assert isinstance(value, int)
        return value

    def log(self) -> list[str]:
        """The journal's lines."""
        return [m.text for _, m in list(self.messages) if isinstance(m, LogLine)]

    def report(self) -> dict[str, object]:
        """The process's part of the status."""
        number = time.monotonic_ns() // 1000
        self.from_supervisor(StatusRequest(request_id=number, brief=False))
        found: list[StatusReply] = []

        def answered() -> bool:
            replies = (m for _, m in list(self.messages) if isinstance(m, StatusReply))
            found.extend(reply for reply in replies if reply.request_id == number)
            return bool(found)

        eventually(answered, 5, "a status reply")
        report: dict[str, object] = json.loads(found[0].report)
        return report

    def counters(self) -> dict[str, int | dict[str, int]]:
        """The counters of the first instance."""
        instances = self.report()["instances"]
        assert isinstance(instances, list)
        counters: dict[str, int | dict[str, int]] = instances[0]["counters"]
        return counters

    def stop(self) -> None:
        """Orderly end, as the supervisor asks for it."""
        self.from_supervisor(Stop())
        self.process.wait(5)

    def close(self) -> None:
        """End the process in whatever state it is."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(5)
        for end in (self._supervisor, self._kernel, self._track):
            end.close()


@functools.cache
def _realtime() -> tuple[str, ...]:
    """What gives a program the scheduling of the service, where that is allowed."""
    prefix = ("chrt", "--fifo", "20")
    refused = subprocess.run([*prefix, "true"], check=False, capture_output=True, timeout=5)
    return () if refused.returncode else prefix


def _link_state(link: dict[str, Any]) -> LinkState:
    """One interface of `ip -j address`."""
    found = {"inet": list[str](), "inet6": list[str]()}
    for address in link["addr_info"]:
        if not address.get("tentative"):
            found[address["family"]].append(address["local"])
    link_local = [address for address in found["inet6"] if address.startswith("fe80:")]
    return LinkState(
        interface=link["ifname"],
        index=link["ifindex"],
        running="LOWER_UP" in link["flags"] and "UP" in link["flags"],
        primary=found["inet"][0] if found["inet"] else None,
        mac=link["address"],
        primary6=link_local[0] if link_local else None,
        sources=(*found["inet"], *found["inet6"]),
    )


class Agent:
    """The whole agent on a host, with a runtime directory of its own."""

    def __init__(self, lan: Lan, host: str, document: dict[str, Any]) -> None:
        self.namespace = lan.namespace(host)
        self._number = len(lan.agents)
        self.directory = lan.directory / f"agent-{self._number}-{host}"
        self.directory.mkdir()
        self.config = self.directory / "config.json"
        self.log_file = self.directory / "log"
        # A Unix socket's path has 107 bytes at most, and pytest's directories are long.
        self.runtime = Path(tempfile.mkdtemp(prefix="lvs-agent-"))
        self.write(document)
        self._lan, self._host = lan, host
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        options = ("--config", str(self.config), "--runtime-dir", str(self.runtime))
        program = (sys.executable, str(PROGRAM), "run", *options)
        return self._lan.spawn(self._host, *program, output=self.log_file, own_end=True)

    def write(self, document: dict[str, Any]) -> None:
        """Write the configuration file; `reload` puts it in force."""
        self.config.write_text(json.dumps(document))

    def reload(self, document: dict[str, Any]) -> None:
        """Go on with another configuration."""
        self.write(document)
        ask("reload", self.runtime, 10)

    def status(self) -> dict[str, Any]:
        """What `lvsctl status --json` has; {} while nobody answers."""
        try:
            status: dict[str, Any] = ask("status", self.runtime, 5)
        except ClientError:
            return {}
        return status

    def instance(self, name: str = "web") -> dict[str, Any]:
        """One entry of the status; {} while there is none."""
        instances = self.status().get("instances", [])
        return next((each for each in instances if each["name"] == name), {})

    def state(self, name: str = "web") -> str:
        """The state of an instance."""
        state: str = self.instance(name).get("state", "unknown")
        return state

    def wait_for(self, state: str, timeout_s: float, name: str = "web") -> float:
        """Wait until the instance is in `state`; the monotonic time of that."""
        eventually(lambda: self.state(name) == state, timeout_s, f"{self.namespace} {name} {state}")
        return time.monotonic()

    def log(self) -> str:
        """What it wrote to its standard error."""
        return self.log_file.read_text()

    def stop(self) -> None:
        """Orderly end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def close(self) -> None:
        """End it in whatever state it is."""
        end(self.process)
        shutil.rmtree(self.runtime, ignore_errors=True)


_NUMBERS = itertools.count()


def side_by_side(directory: Path, hosts: dict[str, str], *scenarios: Callable[[Lan], None]) -> None:
    """Run scenarios that mostly wait at the same time, each on a network of its own.

    Raises the first one's error, after all have ended.
    """

    def play(number: int, scenario: Callable[[Lan], None]) -> None:
        own = directory / str(number)
        own.mkdir()
        lan = Lan(own, hosts)
        try:
            scenario(lan)
        finally:
            lan.close()

    with ThreadPoolExecutor(len(scenarios)) as pool:
        running = [pool.submit(play, number, each) for number, each in enumerate(scenarios)]
    for each in running:
        each.result()


class Lan:
    """Hosts on one bridge, which lives in a namespace of its own.

    `hosts` has each one's addresses, separated by blanks; IPv6 link-local ones make themselves.
    """

    def __init__(self, directory: Path, hosts: dict[str, str]) -> None:
        self.directory = directory
        self._prefix = f"vrrp-{os.getpid()}-{next(_NUMBERS)}-"
        self._namespaces: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._nodes: list[Node] = []
        self.agents: list[Agent] = []
        self._add_namespace("bridge")
        bridge = self.namespace("bridge")
        run("ip", "-n", bridge, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        run("ip", "-n", bridge, "link", "set", "br0", "up")
        for name, address in hosts.items():
            self._add_namespace(name)
            run("ip", "-n", self.namespace(name), "link", "set", "lo", "up")
            self._cable(name, address)

    def _cable(self, name: str, address: str) -> None:
        host, bridge = self.namespace(name), self.namespace("bridge")
        peer = ("peer", "name", f"to-{name}", "netns", bridge)
        run("ip", "-n", host, "link", "add", "eth0", "type", "veth", *peer)
        run("ip", "-n", bridge, "link", "set", f"to-{name}", "master", "br0", "up")
        run("ip", "-n", host, "link", "set", "eth0", "up")
        for each in address.split():
            run("ip", "-n", host, "address", "add", each, "dev", "eth0")

    def namespace(self, host: str) -> str:
        """The namespace's name."""
        return self._prefix + host

    def _add_namespace(self, host: str) -> None:
        run("ip", "netns", "add", self.namespace(host))
        self._namespaces.append(self.namespace(host))
        # An address that is still being probed for duplicates cannot send.
        self.sysctl(
            host, **{"net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0}
        )

    def sysctl(self, host: str, **settings: int) -> None:
        """Set kernel parameters of the namespace."""
        words = [f"{name}={value}" for name, value in settings.items()]
        run("ip", "netns", "exec", self.namespace(host), "sysctl", "-qw", *words)

    def link_local(self, host: str, interface: str = "eth0") -> str:
        """The IPv6 link-local address of an interface."""
        text = run(
            "ip", "-n", self.namespace(host), "-j", "-6", "address", "show", "dev", interface
        )
        found = [a["local"] for link in json.loads(text) for a in link.get("addr_info", [])]
        return next(address for address in map(str, found) if address.startswith("fe80:"))

    def mac(self, host: str, interface: str = "eth0") -> str:
        """The Ethernet address of an interface."""
        text = run("ip", "-n", self.namespace(host), "-j", "link", "show", "dev", interface)
        mac: str = json.loads(text)[0]["address"]
        return mac

    def add_vmac(self, host: str, interface: str, mac: str) -> None:
        """A VMAC interface on eth0, as the kernel process makes it."""
        namespace = self.namespace(host)
        macvlan = ("type", "macvlan", "mode", "private")
        run(
            "ip",
            "-n",
            namespace,
            "link",
            "add",
            interface,
            "link",
            "eth0",
            "address",
            mac,
            *macvlan,
        )
        run("ip", "-n", namespace, "link", "set", interface, "up")

    def agent(self, host: str, document: dict[str, Any]) -> Agent:
        """Start the whole agent on `host`."""
        agent = Agent(self, host, document)
        self.agents.append(agent)
        return agent

    def node(
        self,
        host: str,
        document: dict[str, object],
        *masters: str,
        capabilities: tuple[str, ...] = (),
    ) -> Node:
        """Start the ha process on `host`; `masters` are instances to adopt as MASTER."""
        node = Node(self, host, document, *masters, capabilities=capabilities)
        self._nodes.append(node)
        return node

    def spawn(
        self, host: str, *command: str, output: Path, own_end: bool = False
    ) -> subprocess.Popen[bytes]:
        """A program on `host` that `close` ends, unless the caller does (`own_end`)."""
        with output.open("wb") as stream:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace(host), *command],
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if not own_end:
            self._processes.append(process)
        return process

    def keepalived(self, host: str, configuration: str) -> subprocess.Popen[bytes]:
        """Debian's keepalived on `host`; `end` stops it, its log is `keepalived_log`."""
        file = self.directory / f"{host}-keepalived.conf"
        file.write_text(configuration)
        pids = (f"{self.directory}/{host}-{name}.pid" for name in ("keepalived", "vrrp"))
        return self.spawn(
            host,
            *("keepalived", "-n", "-l", "-D", "-P", "-f", str(file)),
            *("-p", next(pids), "-r", next(pids)),
            output=self.directory / f"{host}-keepalived.log",
        )

    def keepalived_log(self, host: str) -> str:
        """What keepalived on `host` said."""
        return (self.directory / f"{host}-keepalived.log").read_text()

    def inject(
        self,
        host: str,
        datagrams: list[bytes],
        rounds: int = 1,
        rate: int = 0,
        destination: str = "224.0.0.18",
    ) -> float:
        """Send raw datagrams from `host`; the rate reached, per second."""
        done = subprocess.run(
            [
                *("ip", "netns", "exec", self.namespace(host)),
                *(sys.executable, str(INJECTOR), destination, str(rounds), str(rate)),
            ],
            input="\n".join(datagram.hex() for datagram in datagrams),
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return float(done.stdout)

    def recreate(self, host: str, address: str) -> None:
        """Delete `host`'s eth0 and make another of the same name, with another index."""
        run("ip", "-n", self.namespace(host), "link", "del", "eth0")
        # The index that is free now is taken, so that the new interface gets another.
        run("ip", "-n", self.namespace(host), "link", "add", "spare", "type", "veth")
        self._cable(host, address)

    def capture(
        self, host: str, name: str, interface: str = "eth0", expression: str = ""
    ) -> Capture:
        """Begin to capture on an interface of `host`: VRRP, ARP and ICMPv6, or `expression`."""
        return Capture(self, host, name, interface, expression or _EXPRESSION)

    def link(self, host: str, *change: str) -> None:
        """`ip link set` on the bridge's side of `host`'s cable."""
        run("ip", "-n", self.namespace("bridge"), "link", "set", f"to-{host}", *change)

    def addresses(self, host: str) -> list[str]:
        """All addresses on `host`'s interfaces but lo."""
        text = run("ip", "-n", self.namespace(host), "-j", "address", "show", "up")
        links = [link for link in json.loads(text) if link and link.get("ifname") != "lo"]
        return [a["local"] for link in links for a in link.get("addr_info", [])]

    def close(self) -> None:
        """End what was started, remove what was made."""
        for agent in self.agents:
            agent.close()
        for node in self._nodes:
            node.close()
        for process in self._processes:
            end(process)
        for namespace in self._namespaces:
            subprocess.run(["ip", "netns", "del", namespace], check=False, timeout=30)


def end(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    """End a program of `Lan.spawn` and its children: they are a session of their own."""
    if process.poll() is None:
        os.killpg(process.pid, how)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


_EXPRESSION = "ip proto 112 or ip6 proto 112 or ip proto 51 or arp or icmp6"


class Capture:
    """tcpdump into a file, tshark to read it."""

    def __init__(self, lan: Lan, host: str, name: str, interface: str, expression: str) -> None:
        self._file = lan.directory / f"{name}.pcap"
        log = lan.directory / f"{name}.log"
        self._process = lan.spawn(
            host,
            *(
                "tcpdump",
                "-i",
                interface,
                "-U",
                "--immediate-mode",
                "-s",
                "1500",
                "-B",
                "32768",
                "-w",
                str(self._file),
                "-Z",
                "root",
                expression,
            ),
            output=log,
        )
        eventually(lambda: "listening on" in log.read_text(), 5, "tcpdump listens")

    def fields(self, display_filter: str, *names: str, at_least: int = 0) -> list[list[str]]:
        """End the capture; the named fields of every packet that the filter matches.

        `at_least`: so many are on their way, and tcpdump may not have had the time to see them.
        """
        deadline = time.monotonic() + 5
        while at_least and self._seen(display_filter) < at_least and time.monotonic() < deadline:
            time.sleep(0.1)
        end(self._process, signal.SIGINT)
        options = [option for name in names for option in ("-e", name)]
        # Both checksums are validated, IPv4's and VRRP's.
        text = run(
            *("tshark", "-r", str(self._file), "-o", "ip.check_checksum:TRUE"),
            *("-Y", display_filter, "-T", "fields", *options),
        )
        return [line.split("\t") for line in text.splitlines()]

    def _seen(self, display_filter: str) -> int:
        """How many there are by now; the last one may be cut short, which tshark complains of."""
        command = ("tshark", "-r", str(self._file), "-Y", display_filter)
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        return len(done.stdout.splitlines())
