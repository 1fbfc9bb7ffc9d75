# SPDX-License-Identifier: GPL-3.0-or-later
"""Has configurations played by keepalived and by the agent: those with IPVS on a host of the lab,
the others, which every kernel can do, in namespaces of this machine, where a process costs little.

Owns where each is played and what it finds there. The scenario itself is differential_guest.py.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from check_servers import Authority
from guest_bundle import unpack, unpack_here
from lvslab import Lab

HERE = Path(__file__).parent
GUESTS = (HERE / "differential_guest.py", HERE / "differential_far.py", HERE / "differential")
# The configurations name the host, and scripts that lie beside them.
HOST = "drct1"
TARGET = "/root/differential-test"
BESIDE = "/root/differential"
# Pairs at a time: most of it is waiting for timers of seconds; a pair takes 60 MB.
AT_ONCE_ON_LAB = 4
AT_ONCE_HERE = 16
LONGEST_S = 540
# Own folders in the place of the machine's, and an own name; all ends with the first process.
_APART = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
_ENTER = (
    'mount --bind "$0" /root && mount -t tmpfs tmpfs /run && hostname "$1" && cd "$2" && shift 2'
    ' && exec /usr/bin/python3 differential_guest.py "$@"'
)


def needs_ipvs(configuration: Path) -> bool:
    """Whether the file, or one that it says to include (`# differential: ipvs`), has any."""
    text = configuration.read_text(errors="replace")
    return "virtual_server" in text or "# differential: ipvs" in text


def configurations(*, ipvs: bool) -> list[str]:
    """The names of the configurations of one of the two kinds."""
    paths = (HERE / "differential").glob("*.conf")
    return sorted(path.stem for path in paths if needs_ipvs(path) is ipvs)


def asked(request: pytest.FixtureRequest) -> list[str]:
    """Those that tests of the requesting file are run for."""
    items = [item for item in request.session.items if item.path == request.path]
    return [item.callspec.params["name"] for item in items if isinstance(item, pytest.Function)]


def on_lab(lab: Lab, names: Iterable[str], folder: Path) -> dict[str, dict[str, Any]]:
    """What became of each configuration, by its name; `folder` is empty."""
    unpack(lab, HOST, TARGET, *GUESTS, _certificate(folder))
    done = lab.run(
        HOST,
        f"modprobe ip_vs && ln -sfn {TARGET}/differential {BESIDE} && cd {TARGET}"
        f" && python3 differential_guest.py {AT_ONCE_ON_LAB} tls.pem {' '.join(_files(names))}",
        timeout=LONGEST_S,
    )
    return _results(done.stdout)


def here(names: Iterable[str], folder: Path) -> dict[str, dict[str, Any]]:
    """The same, without IPVS. Needs root, as everything in network namespaces does."""
    home = folder / "home"
    unpack_here(home / Path(TARGET).name, *GUESTS, _certificate(folder))
    home.joinpath(Path(BESIDE).name).symlink_to(f"{TARGET}/differential")
    command = [*_APART, "sh", "-c", _ENTER, str(home), HOST, TARGET]
    command += [str(AT_ONCE_HERE), "tls.pem", *_files(names)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 0, done.stderr
    return _results(done.stdout)


def _certificate(folder: Path) -> Path:
    return Authority(folder).issue("www.example.com").rename(folder / "tls.pem")


def _files(names: Iterable[str]) -> list[str]:
    return [f"differential/{name}.conf" for name in names]


def _results(output: str) -> dict[str, dict[str, Any]]:
    played = [json.loads(line) for line in output.splitlines()]
    return {result["name"]: result for result in played}
