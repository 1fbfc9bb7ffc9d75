# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces on a bridge, the real ha process in them, and keepalived as its peer.

The kernel process is played by the test: it answers every Hold (or not, when told) and reports the
namespace's real links. Everything that is started here is ended by `Lan.close`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lvs_agent.core.messages import (
    Hold,
    HoldApplied,
    InstanceState,
    LinkState,
    LogLine,
    Message,
    StatusReply,
    StatusRequest,
    Stop,
)
from lvs_agent.core.wire import Decoder, encode

AGENT = Path(__file__).resolve().parents[2] / "roles/director/files/agent"
RUNNER = Path(__file__).with_name("vrrp_runner.py")
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
    """One ha process in a namespace, and the test's side of its two channels."""

    def __init__(self, lan: Lan, host: str, document: dict[str, object], *masters: str) -> None:
        self.namespace = lan.namespace(host)
        self.kernel_answers = True
        self.hold_error: str | None = None
        self.messages: list[tuple[float, Message]] = []
        self.holds: list[tuple[float, Hold]] = []
        self._supervisor, supervisor = socket.socketpair()
        self._kernel, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fds = (supervisor.fileno(), kernel.fileno())
        # CAP_NET_RAW and nothing else, as in production.
        confined = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
        caps = [f"--{kind}=-all,+net_raw" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
        self.process = subprocess.Popen(
            [
                *("ip", "netns", "exec", self.namespace, *confined, *caps),
                *(
                    sys.executable,
                    str(RUNNER),
                    str(fds[0]),
                    str(fds[1]),
                    json.dumps(document),
                    *masters,
                ),
            ],
            pass_fds=fds,
            env={"PYTHONPATH": str(AGENT), "PATH": os.environ["PATH"]},
        )
        supervisor.close()
        kernel.close()
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

    def report_links(self) -> None:
        """The kernel process's LinkState for every Ethernet interface of the namespace."""
        text = run("ip", "-n", self.namespace, "-j", "address", "show")
        for link in json.loads(text):
            if not link or link.get("link_type") != "ether":
                continue
            addresses = [a["local"] for a in link["addr_info"] if a["family"] == "inet"]
            self.from_kernel(
                LinkState(
                    interface=link["ifname"],
                    index=link["ifindex"],
                    running="LOWER_UP" in link["flags"] and "UP" in link["flags"],
                    primary=addresses[0] if addresses else None,
                    mac=link["address"],
                )
            )

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
        self.from_supervisor(StatusRequest(request_id=number))
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
        self._supervisor.close()
        self._kernel.close()


class Lan:
    """Hosts on one bridge, which lives in a namespace of its own."""

    def __init__(self, directory: Path, hosts: dict[str, str]) -> None:
        self.directory = directory
        self._prefix = f"vrrp-{os.getpid()}-"
        self._namespaces: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._nodes: list[Node] = []
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
        run("ip", "-n", host, "address", "add", address, "dev", "eth0")
        run("ip", "-n", host, "link", "set", "eth0", "up")

    def namespace(self, host: str) -> str:
        """The namespace's name."""
        return self._prefix + host

    def _add_namespace(self, host: str) -> None:
        run("ip", "netns", "add", self.namespace(host))
        self._namespaces.append(self.namespace(host))

    def node(self, host: str, document: dict[str, object], *masters: str) -> Node:
        """Start the ha process on `host`; `masters` are instances to adopt as MASTER."""
        node = Node(self, host, document, *masters)
        self._nodes.append(node)
        return node

    def spawn(self, host: str, *command: str, output: Path) -> subprocess.Popen[bytes]:
        """A program on `host` that `close` ends."""
        with output.open("wb") as stream:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace(host), *command],
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def inject(self, host: str, datagrams: list[bytes], rounds: int = 1, rate: int = 0) -> float:
        """Send raw datagrams to the VRRP group from `host`; the rate reached, per second."""
        done = subprocess.run(
            [
                *("ip", "netns", "exec", self.namespace(host)),
                *(sys.executable, str(INJECTOR), "224.0.0.18", str(rounds), str(rate)),
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

    def capture(self, host: str, name: str) -> Capture:
        """Begin to capture VRRP and ARP on `host`'s eth0."""
        return Capture(self, host, name)

    def link(self, host: str, *change: str) -> None:
        """`ip link set` on the bridge's side of `host`'s cable."""
        run("ip", "-n", self.namespace("bridge"), "link", "set", f"to-{host}", *change)

    def addresses(self, host: str) -> list[str]:
        """IPv4 addresses on `host`'s eth0."""
        text = run("ip", "-n", self.namespace(host), "-j", "-4", "address", "show", "dev", "eth0")
        return [a["local"] for link in json.loads(text) for a in link.get("addr_info", [])]

    def close(self) -> None:
        """End what was started, remove what was made."""
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


class Capture:
    """tcpdump into a file, tshark to read it."""

    def __init__(self, lan: Lan, host: str, name: str) -> None:
        self._file = lan.directory / f"{name}.pcap"
        log = lan.directory / f"{name}.log"
        expression = ("ip", "proto", "112", "or", "arp")
        self._process = lan.spawn(
            host,
            *(
                "tcpdump",
                "-i",
                "eth0",
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
                *expression,
            ),
            output=log,
        )
        eventually(lambda: "listening on" in log.read_text(), 5, "tcpdump listens")

    def fields(self, display_filter: str, *names: str) -> list[list[str]]:
        """End the capture; the named fields of every packet that the filter matches."""
        end(self._process, signal.SIGINT)
        options = [option for name in names for option in ("-e", name)]
        # Both checksums are validated, IPv4's and VRRP's.
        text = run(
            *("tshark", "-r", str(self._file), "-o", "ip.check_checksum:TRUE"),
            *("-Y", display_filter, "-T", "fields", *options),
        )
        return [line.split("\t") for line in text.splitlines()]
