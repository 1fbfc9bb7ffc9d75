# SPDX-License-Identifier: GPL-3.0-or-later
"""Directors with the whole agent, in network namespaces, and the test's hands on their cables.

Owns everything it starts. The LAN is a bridge; a second one, "far", joins the directors' eth1. A
test puts a frame into one director's cable, so that nobody else gets it, and sees what comes out.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from conformance.frames import Frame, parse
from lvs_agent.cli.client import AgentError, ClientError, ask

AGENT = Path(__file__).resolve().parents[2] / "roles" / "director" / "files" / "agent"
_START = "import sys; from lvs_agent.cli.agent import main; sys.exit(main())"
_CLONE_NEWNET = 0x40000000
_ETH_P_ALL = 0x0003
_PACKET_OUTGOING = 4  # linux/if_packet.h
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h
_SECOND_ANSWER_S = 0.05
# More than all frames of a module's tests on one cable.
_TAP_BYTES = 32 * 1024 * 1024


def run(*command: str) -> str:
    """Standard output of a command that has to succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    """Wait for `condition`."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread is in a namespace; sockets that it opens stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        assert libc.setns(there, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(home, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(there)
        os.close(home)


class Cable:
    """The bridge's end of a host's cable."""

    def __init__(self, namespace: str, interface: str) -> None:
        with inside(namespace):
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_ALL)
            )
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _TAP_BYTES)
        self._socket.bind((interface, 0))
        self._everything: list[Frame] = []
        self._since = 0

    def inject(self, frame: bytes) -> None:
        """Give a frame to this host alone."""
        self._socket.send(frame)

    def everything(self) -> list[Frame]:
        """Every frame that the host has sent since it was plugged in."""
        while True:
            try:
                data, address = self._socket.recvfrom(65536)
            except BlockingIOError:
                return self._everything
            if address[2] != _PACKET_OUTGOING:
                self._everything.append(parse(data))

    def sent(self) -> list[Frame]:
        """Every frame since `forget`."""
        return self.everything()[self._since :]

    def forget(self) -> None:
        """Let `sent` begin now."""
        self._since = len(self.everything())

    def answers(
        self, frame: bytes, wanted: Callable[[Frame], bool], wait_s: float = 1.0
    ) -> list[Frame]:
        """What the host sends after `frame` that is `wanted`; waits for the first, or in vain."""
        self.forget()
        self.inject(frame)
        end = time.monotonic() + wait_s
        while True:
            found = [each for each in self.sent() if wanted(each)]
            if time.monotonic() > end:
                return found
            if found:
                # A second answer, which would be one too many, comes right after the first.
                end = min(end, time.monotonic() + _SECOND_ANSWER_S)
            time.sleep(0.01)

    def close(self) -> None:
        self._socket.close()


class Host:
    """A namespace with eth0 on the LAN and, if it has an address there, eth1 on the far side."""

    def __init__(self, lan: Lan, name: str, number: int, *, far: bool) -> None:
        self.namespace = f"{lan.prefix}{name}"
        self.address = f"10.7.0.{number}"
        self.address6 = f"fe80::{number:x}"
        run("ip", "netns", "add", self.namespace)
        lan.namespaces.append(self.namespace)
        # The hosts' own addresses are there at once.
        self.write("net/ipv6/conf/default/accept_dad", "0")
        self.ip("link", "set", "lo", "up")
        self.cable = self._plug(lan, "eth0", "br0", f"{name}0", [self.address, self.address6])
        self.far = self.cable
        if far:
            addresses = [f"10.8.0.{number}", f"2001:db8:8::{number:x}"]
            self.far = self._plug(lan, "eth1", "br1", f"{name}1", addresses)

    def _plug(
        self, lan: Lan, interface: str, bridge: str, port: str, addresses: list[str]
    ) -> Cable:
        peer = ("peer", "name", port, "netns", lan.bridge)
        self.ip("link", "add", interface, "type", "veth", *peer)
        run("ip", "-n", lan.bridge, "link", "set", port, "master", bridge, "up")
        cable = Cable(lan.bridge, port)
        lan.cables.append(cable)
        # No other link-local address than the given one.
        self.write(f"net/ipv6/conf/{interface}/addr_gen_mode", "1")
        for address in addresses:
            length = "64" if ":" in address else "24"
            self.ip("address", "add", f"{address}/{length}", "dev", interface)
        self.ip("link", "set", interface, "up")
        return cable

    def ip(self, *arguments: str) -> str:
        return run("ip", "-n", self.namespace, *arguments)

    def write(self, name: str, value: str) -> None:
        """Set a sysctl."""
        # nsenter's /proc/sys/net is that of whoever opens it.
        with inside(self.namespace):
            Path("/proc/thread-self/root/proc/sys", name).write_text(value, encoding="ascii")

    def links(self) -> list[dict[str, Any]]:
        """Interfaces with their addresses."""
        found: list[dict[str, Any]] = json.loads(self.ip("-j", "-d", "address", "show"))
        return found

    def mac(self, interface: str = "eth0") -> bytes:
        """The MAC of an interface."""
        (found,) = [link for link in self.links() if link.get("ifname") == interface]
        return bytes.fromhex(str(found["address"]).replace(":", ""))

    def has(self, address: str) -> bool:
        """Whether some interface has the address."""
        return any(
            info.get("local") == address
            for link in self.links()
            for info in link.get("addr_info", [])
        )


class Director(Host):
    """A host that runs the agent."""

    def __init__(self, lan: Lan, name: str, number: int) -> None:
        super().__init__(lan, name, number, far=True)
        self.directory = lan.directory / name
        self.directory.mkdir()
        self._log = self.directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, document: dict[str, Any]) -> None:
        """Run the agent with this configuration."""
        config = self.directory / "config.json"
        config.write_text(json.dumps(document), encoding="utf-8")
        arguments = ("run", "--config", str(config), "--runtime-dir", str(self.directory / "run"))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("ip", "netns", "exec", self.namespace),
                    *(sys.executable, "-c", _START, *arguments),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PYTHONPATH": str(AGENT), "PATH": os.environ["PATH"]},
            )

    def log(self) -> list[str]:
        """The journal's lines."""
        return self._log.read_text(encoding="utf-8").splitlines()

    def instance(self, name: str) -> dict[str, Any]:
        """An instance's part of the status."""
        status = ask("status", self.directory / "run", 5.0)
        (found,) = [each for each in status["instances"] if each["name"] == name]
        return dict(found)

    def wait_for(self, state: str, names: list[str]) -> None:
        """Wait until all of these instances are in `state`."""

        def reached() -> bool:
            with contextlib.suppress(ClientError, AgentError):
                return all(self.instance(name)["state"] == state for name in names)
            return False

        try:
            eventually(reached, f"{names} are {state} on {self.namespace}", 15.0)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self.log()[-30:]])) from None

    def stop(self) -> None:
        """End the agent as systemd does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)


class Lan:
    """The two bridges and what is plugged into them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.prefix = f"vrrpc-{os.getpid()}-"
        self.namespaces: list[str] = []
        self.cables: list[Cable] = []
        self.directors: list[Director] = []
        self.bridge = f"{self.prefix}bridge"
        run("ip", "netns", "add", self.bridge)
        self.namespaces.append(self.bridge)
        for name in ("br0", "br1"):
            options = ("type", "bridge", "mcast_snooping", "0")
            run("ip", "-n", self.bridge, "link", "add", name, *options)
            run("ip", "-n", self.bridge, "link", "set", name, "up")

    def host(self, name: str, number: int) -> Host:
        return Host(self, name, number, far=False)

    def director(self, name: str, number: int) -> Director:
        made = Director(self, name, number)
        self.directors.append(made)
        return made

    def close(self) -> None:
        """End what was started, remove what was made."""
        for director in self.directors:
            director.stop()
        for cable in self.cables:
            cable.close()
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "del", namespace], check=False, timeout=30)
