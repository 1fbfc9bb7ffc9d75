# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a lab host: one keepalived.conf for Debian's keepalived and for lvs-agent, each in a
network namespace of its own that looks the same, and what the kernel has then.

Usage: differential_guest.py AT_ONCE CERTIFICATE FILE...; prints a line of JSON for each file. The
two are alone on their wires, so each becomes master. Looking ends when both kernels show the same
for a while, or after a time; then both are stopped, and what they left is looked at.

A file may say in a line `# differential: WORD...` what it needs: `least=S` is given so many
seconds; `backup` does not become master, `nothing` has nothing to show (else what the file's blocks
promise is waited for); `reload` is reloaded before the end, `bfd` has a BFD peer on the far side;
of `count` as many announcements are expected from both; `ping=ADDRESS` is tried from the far side.
A file with `ipvs` includes others that have virtual servers.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from differential_far import SECOND_SOURCE, Far

CLONE_NEWNET = 0x40000000
_numbers = itertools.count()  # of namespaces
_first_look = threading.Lock()
_blanks: list[dict[str, list[Any]]] = []
HERE = Path(__file__).resolve().parent
START = "import sys; from lvs_agent.cli.agent import main; sys.exit(main(sys.argv[1:]))"

# Interface of the director, its addresses, and those of the hosts at the other end of the wire.
WIRES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "eth0": (
        ("192.0.2.1/24", f"{SECOND_SOURCE}/24", "2001:db8::1/64"),
        ("192.0.2.11/24", "192.0.2.12/24", "192.0.2.13/24", "2001:db8::11/64", "2001:db8::12/64"),
    ),
    "eth1": (("198.51.100.1/24",), ("198.51.100.11/24", "198.51.100.12/24")),
}
# keepalived waits three adverts of a second and the skew before it is master; its checkers begin
# within delay_loop.
LEAST_S = 4.5
SETTLE_S = 60.0
SAME_FOR_S = 2.0
# Two that differ and have not changed for so long will not any more: a check that fails takes less.
STUCK_S = 20.0
# A reload takes both less than that, and what it changed would be seen.
RELOAD_S = 4.0
STOP_S = 15.0
STEP_S = 0.5
SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv4/ping_group_range": "0 2147483647",
}
PROMOTE = "/proc/sys/net/ipv4/conf/eth0/promote_secondaries"
PROC = "/proc/thread-self/net"
SIGNATURE = ("ip_vs", "route", "fib_trie", "if_inet6")
IFA_F_TENTATIVE = 0x40
# The process that track_process looks for.
TRACKED = ("sleep", "86399")
# What scripts of the configurations tell (parts/tell), a file for each network namespace.
TOLD = Path("/run/differential")
# What of an address is compared: not how long ago it came, nor who says that he made it.
ADDRESS = (
    "family",
    "local",
    "address",
    "prefixlen",
    "broadcast",
    "scope",
    "label",
    "nodad",
    "home",
    "noprefixroute",
    "mngtmpaddr",
    "autojoin",
    "deprecated",
    "preferred_life_time",
)
# Of one side's wire; the adverts and announcements of that time are a few hundred.
FRAMES = 4000
LOG_CHARACTERS = 6000
WHO = ("keepalived", "agent")


def run(*command: str, check: bool = True, stdin: str = "") -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, input=stdin
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Sockets and programs begun in here belong to the namespace; for this thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    with (
        open("/proc/thread-self/ns/net", "rb") as before,
        open(f"/run/netns/{namespace}", "rb") as n,
    ):
        if libc.setns(n.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(before.fileno(), CLONE_NEWNET)


def has(table: str) -> bool:
    """Whether this kernel has it: where there is no IPVS, its table is the same for both."""
    return Path(PROC, table).exists()


class Side:
    """One of the two: its namespace, that at the other end of its wires, and its program."""

    def __init__(self, who: str, folder: Path, configuration: Path, certificate: Path) -> None:
        self.who = who
        number = next(_numbers)
        self.name, self.far = f"{who}-{number}", f"{who}-far-{number}"
        self.folder = folder / who
        self.folder.mkdir()
        self.configuration = self._own(configuration)
        self.words = words_of(configuration)
        self.processes: list[subprocess.Popen[bytes]] = []
        self._wires()
        # The number may have been that of another one before.
        self.told = TOLD / f"net:[{Path('/run/netns', self.name).stat().st_ino}]"
        self.told.unlink(missing_ok=True)
        with inside(self.far):
            far = [each.split("/")[0] for __, addresses in WIRES.values() for each in addresses]
            self.hosts = Far(far, certificate)
        self.before: dict[str, list[Any]] = {}
        self._capture = self._begin(
            self.far, ["tcpdump", "-i", "far-eth0", "-w", self._frames(), "-U", "-c", str(FRAMES),
             "ip proto 112 or ip6 proto 112 or ip proto 51 or arp or icmp6"],
        )  # fmt: skip
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def _own(self, configuration: Path) -> Path:
        """A copy in a folder of this side's own, where ${_PWD} is another one for each."""
        folder = self.folder / "configuration"
        folder.mkdir()
        folder.joinpath("parts").symlink_to(configuration.parent / "parts")
        return Path(shutil.copy(configuration, folder))

    def _frames(self) -> str:
        return str(self.folder / "frames.pcap")

    def _wires(self) -> None:
        run("ip", "-batch", "-", stdin=f"netns add {self.name}\nnetns add {self.far}\n")
        # Directors are routers: IPv6's announcements say so. And everybody may ping, as on a host.
        with inside(self.name):
            for name, value in SYSCTLS.items():
                Path("/proc/sys", name).write_text(value)
        near_lines, far_lines = ["link set lo up"], ["link set lo up"]
        for number, (interface, (near, far)) in enumerate(WIRES.items()):
            near_lines.append(
                f"link add {interface} address 02:00:00:00:01:0{number} type veth"
                f" peer name far-{interface} address 02:00:00:00:02:0{number} netns {self.far}"
            )
            for lines, device, addresses in (
                (near_lines, interface, near),
                (far_lines, f"far-{interface}", far),
            ):
                lines.append(f"link set {device} up")
                for address in addresses:
                    nodad = " nodad" if ":" in address else ""
                    lines.append(f"address add {address} dev {device}{nodad}")
        for name, lines in ((self.name, near_lines), (self.far, far_lines)):
            run("ip", "-n", name, "-batch", "-", stdin="\n".join(lines))

    def tentative(self) -> bool:
        """Link-local addresses come out of duplicate address detection a second or two later."""
        with inside(self.name):
            rows = Path(PROC, "if_inet6").read_text().splitlines()
        return any(int(row.split()[4], 16) & IFA_F_TENTATIVE for row in rows)

    def _begin(
        self, namespace: str, command: list[str], log: Path | None = None
    ) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(HERE),
            "LVS_AGENT_STATE_DIR": str(self.folder / "state"),
        }
        with inside(namespace), contextlib.ExitStack() as files:
            output = files.enter_context(log.open("wb")) if log else subprocess.DEVNULL
            process = subprocess.Popen(
                command, cwd=HERE, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        self.processes.append(process)
        return process

    def _keepalived(self, configuration: Path, folder: Path) -> list[str]:
        pids = (("--pid", "main"), ("--vrrp_pid", "vrrp"), ("--checkers_pid", "checkers"))
        return [
            "keepalived", "-n", "-l", "-D", "-G", "-f", str(configuration),
            *(f"{option}={folder}/{name}.pid" for option, name in (*pids, ("--bfd_pid", "bfd"))),
        ]  # fmt: skip

    def start(self) -> None:
        if "bfd" in self.words:
            folder = self.folder / "far"
            folder.mkdir()
            self._begin(self.far, self._keepalived(HERE / "differential/parts/far.conf", folder))
        command = self._keepalived(self.configuration, self.folder)
        if self.who == "agent":
            command = [
                sys.executable, "-c", START, "run", "--keepalived", str(self.configuration),
                "--runtime-dir", str(self.folder / "run"),
            ]  # fmt: skip
        self.process = self._begin(self.name, command, self.log)

    def reload(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    # -- what there is ------------------------------------------------------------------

    def signature(self) -> list[str]:
        """Changes with what `look` shows, rules apart; reading it starts no program."""
        with inside(self.name):
            rows = [Path(PROC, name).read_text() for name in SIGNATURE if has(name)]
            # Without how often a route was used.
            sixes = [row.split() for row in Path(PROC, "ipv6_route").read_text().splitlines()]
            rows += [" ".join((*row[:6], *row[8:])) for row in sixes]
            links = Path(PROC, "dev").read_text().splitlines()
        return [*rows, *(link.partition(":")[0] for link in links), *self._told_so_far()]

    def look(self) -> dict[str, list[Any]]:
        """What the kernel has, in an order of its own, without what differs by chance; and what
        scripts and mails told."""
        lines = "link show\naddress show\nroute show table all\nrule show\n"
        with inside(self.name):
            shown = {
                family: json_lines(run("ip", family, "-j", "-d", "-batch", "-", stdin=lines))
                for family in ("-4", "-6")
            }
            ipvs = sorted(run("ipvsadm", "-Sn").splitlines()) if has("ip_vs") else []
        pinged = [word for word in sorted(self.words) if word.startswith("ping=")]
        links = shown["-4"][0]
        return {
            "ipvs": ipvs,
            "links": sorted((link_row(link) for link in links if link), key=str),
            "addresses": sorted(
                (
                    [link["ifname"], *sorted((k, address[k]) for k in ADDRESS if k in address)]
                    for answer in shown.values()
                    for link in answer[1]
                    if link
                    for address in link["addr_info"]
                ),
                key=str,
            ),
            "routes": sorted(
                [family, *sorted((k, str(v)) for k, v in route.items())]
                for family, answer in shown.items()
                for route in answer[2]
                # The kernel's own follow from addresses and links.
                if route and route.get("protocol") != "kernel"
            ),
            "rules": sorted(
                [family, *sorted((k, str(v)) for k, v in rule.items())]
                for family, answer in shown.items()
                for rule in answer[3]
            ),
            "told": self._told_so_far(),
            "answers": [word for word in pinged if self._answers(word.removeprefix("ping="))],
        }

    def _answers(self, address: str) -> bool:
        """Whether a host at the other end of the wire gets an answer from there."""
        with inside(self.far):
            return bool(run("ping", "-n", "-c", "1", "-W", "1", address, check=False).count("ttl="))

    def _told_so_far(self) -> list[str]:
        told = self.told.read_text().splitlines() if self.told.exists() else []
        # Programs of their own write it, in any order. The agent puts several mails into one.
        return sorted(told) + sorted(set(self.hosts.told))

    def settings(self) -> dict[str, list[str]]:
        """What changes at the start and no more."""
        text = self.configuration.read_text(errors="replace")
        found: dict[str, list[str]] = {}
        with inside(self.name):
            for word, option in (("lvs_timeouts", "--timeout"), ("lvs_sync_daemon", "--daemon")):
                if word in text:
                    found[word] = run("ipvsadm", "-l", option).splitlines()
            found["promote_secondaries"] = [Path(PROMOTE).read_text()]
        return found

    # -- the end ------------------------------------------------------------------------

    def stop(self) -> bool:
        """Wait for the end after a SIGTERM; whether the program ended by that."""
        assert self.process is not None
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def frames(self) -> str:
        """The capture of the first wire, ended; base64."""
        self._capture.terminate()
        self._capture.wait(5)
        path = Path(self._frames())
        return base64.b64encode(path.read_bytes() if path.exists() else b"").decode()

    def close(self) -> None:
        for process in self.processes:
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            for process in self.processes:
                process.wait(STOP_S)
        # All that is in the namespaces was begun here, or is a child of that.
        for name in (self.name, self.far):
            for pid in run("ip", "netns", "pids", name, check=False).split():
                if int(pid) != os.getpid():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
        for process in self.processes:
            process.wait(5)
        self.hosts.close()
        names = f"netns del {self.name}\nnetns del {self.far}\n"
        run("ip", "-batch", "-", stdin=names, check=False)


def json_lines(text: str) -> list[list[dict[str, Any]]]:
    """The answers to the lines of a batch: a JSON document for each, or an empty line."""
    found, decoder, at = [], json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        answer, at = decoder.raw_decode(text, at)
        found.append(answer)
    return found


def link_row(link: dict[str, Any]) -> list[Any]:
    kind = link.get("linkinfo", {})
    made = [kind.get("info_kind"), kind.get("info_data", {}).get("mode"), link.get("link")]
    return [link["ifname"], link.get("address"), link["mtu"], "UP" in link["flags"], *made]


def words_of(configuration: Path) -> set[str]:
    """What the file says for this harness."""
    lines = configuration.read_text(errors="replace").splitlines()
    said = (line.partition("# differential:")[2] for line in lines if "# differential:" in line)
    return {word for line in said for word in line.split()}


def expected(configuration: Path, words: set[str]) -> set[str]:
    """The parts of a look that must change."""
    text = configuration.read_text(errors="replace")
    found = set()
    if not {"backup", "nothing"} & words and "vrrp_instance" in text:
        found.add("addresses")
    if "nothing" not in words and "virtual_server" in text:
        found.add("ipvs")
    return found


def wait_for(condition: Callable[[], bool], limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(STEP_S)
    return True


def settle(sides: list[Side]) -> list[dict[str, Any]]:
    """What both have once it is the same, not the beginning, and stays so; or in the end."""
    begin = time.monotonic()
    words = sides[0].words
    least = max([LEAST_S, *(float(w[6:]) for w in words if w.startswith("least="))])
    parts = expected(sides[0].configuration, words)
    seen: list[list[str]] = []
    changed = looked = begin
    while True:
        signatures = [side.signature() for side in sides]
        now = time.monotonic()
        if signatures != seen:
            seen, changed = signatures, now
        calm = now - max(changed, looked) >= SAME_FOR_S
        if now - begin >= least and (calm or now - begin > SETTLE_S):
            looks = [side.look() for side in sides]
            moved = all(
                look[part] != side.before[part]
                for look, side in zip(looks, sides, strict=True)
                for part in parts
            )
            same = all(look == looks[0] for look in looks[1:])
            stuck = moved and now - changed > STUCK_S
            if now - begin > SETTLE_S or (moved and same) or stuck:
                return looks
            looked = now
        time.sleep(STEP_S)


def _blank(side: Side) -> dict[str, list[Any]]:
    """What a side has before its start, which is the same for all: looked at once, since each look
    starts three programs."""
    with _first_look:
        if not _blanks:
            _blanks.append(side.look())
    return _blanks[0]


def play(
    configuration: Path, folder: Path, certificate: Path, who: tuple[str, ...] = WHO
) -> dict[str, Any]:
    """What became of each of `who` with one configuration."""
    began = time.monotonic()
    words = words_of(configuration)
    result: dict[str, Any] = {"name": configuration.stem, "counted": "count" in words}
    sides: list[Side] = []
    try:
        for name in who:
            sides.append(Side(name, folder, configuration, certificate))
        wait_for(lambda: not any(side.tentative() for side in sides), 10.0)
        for side in sides:
            side.before = _blank(side)
            side.start()
        looks = settle(sides)
        for side, look in zip(sides, looks, strict=True):
            idle = [
                part for part in expected(configuration, words) if look[part] == side.before[part]
            ]
            result[side.who] = {"had": look | side.settings(), "idle": sorted(idle)}
        if "reload" in words:
            for side in sides:
                side.reload()
            time.sleep(RELOAD_S)
            for side in sides:
                result[side.who]["had"] |= {
                    f"{part} after a reload": rows for part, rows in side.look().items()
                }
        for side in sides:
            assert side.process is not None
            side.process.terminate()
        for side in sides:
            result[side.who] |= {
                "stopped": side.stop(),
                "left": [
                    part for part, rows in side.look().items()
                    if part != "told" and rows != side.before[part]
                ],
                "frames": side.frames(),
                "log": side.log.read_text(errors="replace")[-LOG_CHARACTERS:],
            }  # fmt: skip
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    finally:
        for side in sides:
            side.close()
    result["seconds"] = round(time.monotonic() - began, 1)
    return result


def main() -> None:
    at_once, certificate, *paths = sys.argv[1:]
    shutil.rmtree(TOLD, ignore_errors=True)
    TOLD.mkdir()
    TOLD.chmod(0o1777)  # scripts have users of their own
    with (
        tempfile.TemporaryDirectory(prefix="lvs-differential-") as scratch,
        subprocess.Popen(TRACKED) as tracked,
    ):

        def one(path: str) -> None:
            folder = Path(scratch, Path(path).stem)
            folder.mkdir()
            result = play(Path(path).resolve(), folder, Path(certificate))
            # In one piece: several do so at once.
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()

        with ThreadPoolExecutor(int(at_once)) as pool:
            list(pool.map(one, paths))
        tracked.kill()


if __name__ == "__main__":
    main()
