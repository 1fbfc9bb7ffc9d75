# SPDX-License-Identifier: GPL-3.0-or-later
"""Which halves of the sync daemon run."""

from __future__ import annotations

from dataclasses import replace

from lvs_agent.core.ipvs.sync import Half, SyncSettings, changes, wanted
from lvs_agent.core.model import SyncDaemon

DAEMON = SyncDaemon(
    interface="eth0", instance="VI_1", sync_id=7, maxlen=None, port=None, ttl=None, group=None
)
SETTINGS = SyncSettings(interface="eth0", sync_id=7)
FOUND = SyncSettings(interface="eth0", sync_id=7, maxlen=1460, port=8848, ttl=1, group="224.0.0.81")


def test_halves_follow_the_instance_or_both_run() -> None:
    assert wanted(None, held=True) == {}
    assert wanted(DAEMON, held=True) == {Half.MASTER: SETTINGS}
    assert wanted(DAEMON, held=False) == {Half.BACKUP: SETTINGS}
    assert set(wanted(replace(DAEMON, instance=None), held=False)) == {Half.MASTER, Half.BACKUP}


def test_what_runs_as_wanted_is_left_running() -> None:
    assert changes({Half.MASTER: SETTINGS}, {Half.MASTER: FOUND}, {}) == ([], {})


def test_other_half_is_stopped_before_ours_starts() -> None:
    stop, start = changes({Half.MASTER: SETTINGS}, {Half.BACKUP: FOUND}, {})
    assert (stop, start) == ([Half.BACKUP], {Half.MASTER: SETTINGS})


def test_every_setting_that_differs_leads_to_a_new_start() -> None:
    for other in (
        replace(SETTINGS, interface="eth1"),
        replace(SETTINGS, sync_id=8),
        replace(SETTINGS, port=9000),
        replace(SETTINGS, ttl=2),
        replace(SETTINGS, group="224.0.0.82"),
    ):
        stop, start = changes({Half.MASTER: other}, {Half.MASTER: FOUND}, {Half.MASTER: SETTINGS})
        assert (stop, start) == ([Half.MASTER], {Half.MASTER: other})


def test_length_counts_by_what_was_asked_for_since_the_kernel_adjusts_it() -> None:
    asked = replace(SETTINGS, maxlen=100)
    running = {Half.MASTER: replace(FOUND, maxlen=1024)}
    assert changes({Half.MASTER: asked}, running, {Half.MASTER: asked}) == ([], {})
    assert changes({Half.MASTER: asked}, running, {Half.MASTER: SETTINGS})[0] == [Half.MASTER]
