# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived corrects in an instance when it has read all of it.

Owns these corrections; each gives a notice at its line.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.keepalived.translate import Translator

Values = dict[str, Any]

_OWNER = 255
_AS_WELL = "in keepalived neither"


class Correction:
    """Options of one block that have to go or to change, with a notice at their line."""

    def __init__(self, path: str, values: Values, translator: Translator) -> None:
        self._path, self._values, self._translator = path, values, translator

    def drop(self, option: str, why: str) -> None:
        """Take `option` out, if it is there."""
        if self._values.pop(option, None) not in (None, False):
            self.note(option, f"{option} is left out: {why}")

    def change(self, option: str, value: object, why: str) -> None:
        """Give `option` another value."""
        self._values[option] = value
        self.note(option, why)

    def note(self, option: str, message: str) -> None:
        """A notice at the line of `option`."""
        positions = self._translator.positions
        where = positions.get(f"{self._path}.{option}") or positions[self._path]
        self._translator.note(self._path, where, message)


def correct(path: str, instance: Values, version: int, strict: bool, to: Translator) -> None:
    """Change `instance` as keepalived would, of that VRRP version, in strict mode or not."""
    one = Correction(path, instance, to)
    _election(instance, one)
    if version == 2 and not float(instance.get("advert_int", 1)).is_integer():
        whole = max(1, int(instance["advert_int"] + 0.5))
        one.change("advert_int", whole, f"advert_int is rounded to {whole} s, as in keepalived")
    authentication = instance.get("authentication")
    if authentication is not None and not {"auth_type", "auth_pass"} <= authentication.keys():
        one.drop("authentication", "it lacks auth_type or auth_pass")
        instance.pop("authentication", None)
    if version == 3:
        one.drop("authentication", f"VRRP version 3 has none, {_AS_WELL}")
    if strict:
        one.drop("authentication", f"strict mode has none, {_AS_WELL}")
        one.drop("preempt_delay", f"strict mode has none, {_AS_WELL}")
        if instance.get("state") == "MASTER" and instance.get("priority") != _OWNER:
            one.drop("state", "in strict mode only priority 255 is MASTER")
    if "use_vmac" not in instance:
        one.drop("vmac_xmit_base", f"it has no effect without use_vmac, {_AS_WELL}")
    _peers(instance, one)
    _own_interface(instance, one)
    for option in ("track_interface", "track_script", "track_process", "track_file", "track_bfd"):
        _once(instance, option, one)


def _election(instance: Values, one: Correction) -> None:
    if instance.get("state") == "MASTER":
        if "priority" not in instance:
            instance["priority"] = _OWNER
            one.note("state", "MASTER without a priority is priority 255, the address owner")
        one.drop("nopreempt", f"it does not go with state MASTER, {_AS_WELL}")
        one.drop("preempt_delay", f"it does not go with state MASTER, {_AS_WELL}")
    if instance.get("priority") == _OWNER:
        one.drop("nopreempt", f"it does not go with priority 255, {_AS_WELL}")
    if instance.get("nopreempt"):
        one.drop("preempt", "nopreempt says the opposite")
        one.drop("preempt_delay", f"it does not go with nopreempt, {_AS_WELL}")


def _peers(instance: Values, one: Correction) -> None:
    """This director is not a peer of itself, though one file for all may list it."""
    own = instance.get("unicast_src_ip") or instance.get("mcast_src_ip")
    peers = instance.get("unicast_peer", [])
    kept = [peer for peer in peers if _name(peer, "address") != own]
    if len(kept) < len(peers):
        one.note("unicast_peer", f"{own} is left out of unicast_peer: it is unicast_src_ip")
        instance["unicast_peer"] = kept
        if not kept:
            del instance["unicast_peer"]
    _once(instance, "unicast_peer", one, "address")


def _own_interface(instance: Values, one: Correction) -> None:
    """It is watched in any case, or dont_track_primary says not to; a weight does not count."""
    uses = instance.get("track_interface", [])
    kept = [use for use in uses if _name(use, "name") != instance["interface"]]
    if len(kept) == len(uses):
        return
    own = instance["interface"]
    message = f"{own} is left out of track_interface, as in keepalived: it is the instance's own"
    one.note("track_interface", message)
    instance["track_interface"] = kept
    if not kept:
        del instance["track_interface"]


def _once(values: Values, option: str, one: Correction, key: str = "name") -> None:
    """Of entries with the same name the first counts."""
    entries = values.get(option)
    if entries is None:
        return
    first: dict[str, Any] = {}
    for entry in entries:
        first.setdefault(_name(entry, key), entry)
    if len(first) < len(entries):
        one.note(option, f"{option} has the same entry twice: the first counts")
        values[option] = list(first.values())


def _name(entry: str | Values, key: str) -> str:
    return entry.partition(" ")[0] if isinstance(entry, str) else str(entry[key])
