# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints, as JSON, what a host is like: files, users, network, kernel parameters, units.

Runs on a lab's host, which has Python alone. What changes by itself, or by others than the roles,
is left out, each with its reason.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess

FOLDERS = ("/etc", "/opt", "/usr/local", "/var/lib", "/run")
# Their owners rewrite these while the host runs.
VOLATILE = (
    "/run/log", "/run/systemd", "/run/udev", "/run/user", "/run/sshd", "/run/dbus", "/run/lock",
    "/run/initctl", "/run/credentials", "/run/lvslab", "/run/nginx", "/run/sudo", "/run/mount",
    "/var/lib/systemd", "/var/lib/private", "/run/utmp", "/run/frr", "/run/keepalived",
    # of the web servers that other tests of the chain have run
    "/etc/haproxy", "/run/haproxy", "/run/haproxy.pid", "/run/haproxy-master.sock",
    "/var/lib/haproxy", "/run/nginx.pid",
    "/var/lib/nginx",
    # shadow's own copies of what it changed last, and its lock
    "/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/.pwd.lock",
    "/etc/subuid-", "/etc/subgid-", "/etc/subuid", "/etc/subgid",
    "/etc/ld.so.cache", "/etc/resolv.conf", "/etc/hosts", "/etc/mtab",
)  # fmt: skip
# Set by the kernel itself as it runs.
COUNTING = ("fs.dentry-state", "fs.file-nr", "fs.inode-", "kernel.random", "kernel.ns_last_pid",
            "kernel.pty.nr", "fs.aio-nr", "fs.quota", "kernel.tainted",
            "net.netfilter.nf_conntrack_count", "net.ipv4.route.gc", "dev.", "vm.",
            "kernel.sched", "fs.epoll", "user.")  # fmt: skip


def run(*words: str) -> list[str]:
    """The sorted lines that a command prints."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    return sorted(line.rstrip() for line in done.stdout.splitlines())


def files() -> dict[str, str]:
    """Path -> kind, permissions, owner and content."""
    found = {}
    for top in FOLDERS:
        for folder, folders, names in os.walk(top):
            folders[:] = [each for each in folders if f"{folder}/{each}" not in VOLATILE]
            for name in (*folders, *names):
                path = f"{folder}/{name}"
                # lvslab's own background commands write there.
                if path not in VOLATILE and not path.startswith("/run/lvslab-"):
                    found[path] = described(path)
    return found


def described(path: str) -> str:
    """One file, without its times."""
    try:
        status = os.lstat(path)
        text = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
        if os.path.islink(path):
            return f"{text} -> {os.readlink(path)}"
        # What is in /run belongs to programs that run.
        if os.path.isfile(path) and not path.startswith("/run/"):
            with open(path, "rb") as file:
                return f"{text} {hashlib.sha256(file.read()).hexdigest()[:16]}"
        return text
    except FileNotFoundError:
        return "gone"


def sysctls() -> dict[str, str]:
    """Name -> value; only what is a setting."""
    pairs = (line.partition(" = ")[::2] for line in run("/sbin/sysctl", "-a"))
    return {name: value for name, value in pairs if not name.startswith(COUNTING)}


def routes() -> list[str]:
    """Of all tables; those from router advertisements come and go by themselves."""
    found = []
    for family in ("-4", "-6"):
        found += run("ip", family, "route", "show", "table", "all")
    return [line for line in found if " proto ra " not in line]


def services() -> list[str]:
    """What IPVS balances. To ask a kernel without IPVS would load it."""
    return run("ipvsadm", "-Sn") if os.path.exists("/proc/net/ip_vs") else []


def units() -> list[str]:
    """Services that systemd knows of ours or of the network, with what they do."""
    names = ("lvs-*.service", "*network*.service", "nft*.service")
    command = ("systemctl", "list-units", "--all", "--plain", "--no-legend", *names)
    return [" ".join(line.split()[:3]) for line in run(*command)]


print(
    json.dumps(
        {
            "files": files(),
            "sysctls": sysctls(),
            "addresses": [each.split(" valid_lft")[0] for each in run("ip", "-o", "address")],
            "links": [each.split(":")[1] for each in run("ip", "-o", "link")],
            "rules": [*run("ip", "-4", "rule"), *run("ip", "-6", "rule")],
            "routes": routes(),
            "tables": run("nft", "list", "ruleset"),
            "services": services(),
            "units": units(),
        }
    )
)  # fmt: skip
