# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs together, and in which order: the one place that knows.

Workers of pytest-xdist take one unit after the other: a file, or one of the groups below. What
takes longest comes first, so that all workers end at about the same time; only the order counts,
not the seconds. `pytest --durations=0` shows what a file takes.
"""

from __future__ import annotations

# Folders whose tests must not run at the same time: the namespaces' names are fixed.
NAMESPACES = ("conformance", "interop", "netns")

# Files of tests/lab that are played on one lab one after the other. The first begins with bare
# hosts; each of the others has its inventory applied to what the one before has left, as it happens
# to a cluster in its life, and spares the hosts' boot and the agent's installation.
CHAINS = (
    ("test_lvs_dr", "test_operate", "test_checks", "test_bad_input", "test_faults"),
    ("test_vrrp_options", "test_lvs_dr_ipv6", "test_lvs_tun", "test_forwarding_table"),
    (
        "test_single_instance",
        "test_two_instances",
        "test_inventory",
        "test_keepalived_peer",
        "test_migrate",
    ),
    (
        "test_proxy_pairs",
        "test_kernel_parameters",
        "test_bfd_check",
        "test_directors_as_real_servers",
        "test_removal",
    ),
)

# The units of tests/lab, by the first file of each.
LAB = (
    "test_lvs_dr",
    "test_vrrp_options",
    "test_single_instance",
    "test_proxy_pairs",
    "test_differential",
    "test_tutorial",
    "test_lab_tool",
    "test_lvs_nat",
    "test_ipvs_netlink",
    "test_ipvs_options",
    "test_differential_vrrp",
    "test_quorum",
    "test_sync_daemon",
)
_FOLDERS = (*NAMESPACES, "lab", "gates", "sim")


def chain(module: str) -> tuple[str, ...]:
    """The files that are played on one lab together with the file `module`, itself among them."""
    return next((each for each in CHAINS if module in each), (module,))


def ends_with_removal(module: str) -> bool:
    """Whether a file of the chain compares the hosts with what they were at its beginning."""
    return "test_removal" in chain(module)


def follows(module: str, before: str) -> bool:
    """Whether `module` goes on with the hosts that `before` has left."""
    files = chain(module)
    return before in files and files.index(before) < files.index(module)


def unit(folder: str, module: str, path: str) -> str:
    """The name of what a worker takes at once; `path` of a file that stands alone."""
    if folder in NAMESPACES:
        return "namespaces"
    return chain(module)[0] if folder == "lab" else path


def place(folder: str, module: str) -> tuple[int, int, int]:
    """Sorts tests by it; those of one file keep their order."""
    number = _FOLDERS.index(folder) if folder in _FOLDERS else len(_FOLDERS)
    if folder != "lab":
        return number, 0, 0
    files = chain(module)
    first = LAB.index(files[0]) if files[0] in LAB else len(LAB)
    return number, first, files.index(module)
