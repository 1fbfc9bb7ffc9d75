# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's keeper of VMAC interfaces and of interface settings.

Owns making, adopting, replacing and removing VMACs, and the net.ipv4.conf values that they (and
promote_secondaries) need, with the way back. Must never touch an interface that is no macvlan, nor
decide who is master: a VMAC is there as long as its instance is configured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lvs_agent.adapters import link_netlink, link_state_file
from lvs_agent.core import links_wanted as rules
from lvs_agent.core.host import Changes
from lvs_agent.core.host_facts import Link
from lvs_agent.core.links_made import Before, LinksMade
from lvs_agent.core.links_wanted import SettingKey, WantedVmac
from lvs_agent.core.model import Config
from lvs_agent.proc.kernel_watch import HostWatcher

# As with addresses: a fight with somebody who undoes it all at once must not take our time.
REPAIRS_PER_AUDIT = 20


@dataclass(slots=True)
class LinkDrift:
    """What others did to our interfaces, and we undid."""

    vmacs_put_back: int = 0
    settings_put_back: int = 0


class LinkKeeper:
    """Does nothing before `start`. `directory` has the file with the way back."""

    def __init__(
        self,
        watcher: HostWatcher,
        *,
        config: Config,
        log: Callable[[str, str], None],
        directory: Path,
    ) -> None:
        self._watcher = watcher
        self._log = log
        self._directory = directory
        self._vmacs = rules.wanted_vmacs(config)
        self._settings = rules.wanted_settings(config)
        self._config = config
        self._made, wrong = link_state_file.read(directory)
        if wrong:
            log("warning", f"{wrong}; VMAC interfaces of an earlier run may be left")
        self._there: dict[str, int] = {}  # VMACs as we left them: index
        self._refused: dict[str, str] = {}
        self._checked: set[int] = set()  # interfaces whose settings were seen to be right
        self._repairs = 0
        self._warned: str | None = None
        self.drift = LinkDrift()

    # Start, change, end

    def start(self) -> None:
        """Make or adopt the VMACs, and undo what an earlier run left and nobody wants now."""
        self._make_all()
        self._undo_unwanted()
        self._warn_of_filter()

    def reconfigure(self, config: Config) -> None:
        """Make what is new; what nobody wants any more goes with `drop_unwanted`, after its
        addresses."""
        self._config = config
        self._vmacs = rules.wanted_vmacs(config)
        self._settings = rules.wanted_settings(config)
        self._refused.clear()
        self._watcher.refresh()  # interface settings are told by a full reading only
        self._checked.clear()
        self._drop_rivals()
        self._make_all()
        self._warn_of_filter()

    def drop_unwanted(self) -> list[str]:
        """Remove and put back what the configuration does not want any more; what went wrong."""
        return self._undo_unwanted()

    def _drop_rivals(self) -> None:
        """An interface cannot be up while another one on the same base has its MAC: a VMAC that
        got another name must lose the old one first."""
        wanted = {vmac.mac for vmac in self._vmacs.values()}
        rivals = {
            name: mac
            for name, mac in self._made.vmacs.items()
            if name not in self._vmacs and mac in wanted
        }
        for error in self._undo(LinksMade(vmacs=rivals)):
            self._log("error", error)

    def remove_all(self) -> list[str]:
        """Remove every VMAC, put every setting back; what went wrong."""
        self._vmacs, self._settings = {}, {}
        self._watcher.refresh()
        return self._undo_unwanted()

    def _undo_unwanted(self) -> list[str]:
        return self._undo(
            LinksMade(
                vmacs={n: mac for n, mac in self._made.vmacs.items() if n not in self._vmacs},
                settings={k: v for k, v in self._made.settings.items() if k not in self._settings},
            )
        )

    def _undo(self, unwanted: LinksMade) -> list[str]:
        if not unwanted:
            return []
        host, netlink = self._watcher.host, self._watcher.netlink
        try:
            _removed, errors = link_state_file.undo(netlink, host, unwanted)
        except OSError as error:
            return [f"removing interfaces: {error.strerror}"]
        if not errors:
            for name in unwanted.vmacs:
                del self._made.vmacs[name]
                self._there.pop(name, None)
            for key in unwanted.settings:
                del self._made.settings[key]
            self._write()
        self._watcher.catch_up()
        return errors

    def _write(self) -> None:
        try:
            link_state_file.write(self._directory, self._made)
        except OSError as error:
            path = self._directory / link_state_file.NAME
            # Going on without is the lesser evil: only a kill -9 of everything would miss it.
            self._log("error", f"{path}: {error.strerror}")

    # Watching

    def settle(self, changes: Changes) -> None:
        """React to the host as it is now: VMACs that are missing or other than ours, settings."""
        concerned = changes.everything or bool(changes.links)
        if not concerned or not (self._vmacs or self._settings):
            return
        if changes.everything:
            self._checked.clear()
        self._checked -= changes.links
        if self._repairs < REPAIRS_PER_AUDIT:
            self._make_all()

    def allow_repairs(self) -> None:
        """An audit begins: repairs may be made again, and refusals are tried once more."""
        self._repairs = 0

    def error_of(self, name: str) -> str | None:
        """What is wrong with the VMAC of that name; it is not to be used then."""
        return self._refused.get(name)

    def is_vmac(self, name: str) -> bool:
        """Whether the configuration has a VMAC of that name."""
        return name in self._vmacs

    # VMACs

    def _make_all(self) -> None:
        names = {name: vmac.mac for name, vmac in self._vmacs.items()}
        if names.items() - self._made.vmacs.items():
            self._made.vmacs |= names
            self._write()
        try:
            for wanted in self._vmacs.values():
                self._keep(wanted)
            self._set_all()
        except OSError as error:
            self._log("error", f"VMAC interfaces: {error.strerror}")

    def _keep(self, wanted: WantedVmac) -> None:
        host = self._watcher.host
        base, found = host.link(wanted.base), host.link(wanted.interface)
        if base is None:
            self._there.pop(wanted.interface, None)  # it went with its base
            return
        if found is not None and not rules.is_vmac(found):
            self._complain(
                wanted,
                f"an interface of that name is there already ({found.kind or 'no macvlan'});"
                " rename it, or give use_vmac another name",
            )
            return
        if found is None or not rules.is_exactly(wanted, found, base):
            found = self._make(wanted, base, found)
        if found is None:
            return
        ours = self._there.get(wanted.interface) == found.index
        if not found.up or not ours:
            refusal = link_netlink.bring_up(self._watcher.netlink, found.index)
            self._watcher.catch_up()
            if found.index not in self._watcher.host.links:
                return  # it was being deleted; what is missing then is another matter
            if refusal is not None:
                self._complain(wanted, f"bringing it up: {refusal}")
                return
            if ours:
                self._note_repair(f"interface {wanted.interface} had been set down; up again")
        self._there[wanted.interface] = found.index
        self._refused.pop(wanted.interface, None)

    def _make(self, wanted: WantedVmac, base: Link, found: Link | None) -> Link | None:
        """Make the interface, which is written down already, after removing the macvlan that has
        its name."""
        name, netlink = wanted.interface, self._watcher.netlink
        refusal = None
        if found is not None:
            self._log("warning", f"interface {name} is not as configured; making it anew")
            self._repairs += 1
            refusal = link_netlink.remove(netlink, found.index)
        lost = self._there.pop(name, None)
        if refusal is None:
            refusal = link_netlink.make_vmac(netlink, name, wanted.mac, base.index)
        self._watcher.catch_up()
        if refusal is not None:
            self._complain(wanted, f"making it on {wanted.base}: {refusal}")
            return None
        if lost is not None and lost not in self._watcher.host.links:
            self._note_repair(f"interface {name} had been removed; it is there again")
        return self._watcher.host.link(name)

    def _complain(self, wanted: WantedVmac, text: str) -> None:
        """Log each kind of trouble once: the audit tries again every few seconds."""
        if self._refused.get(wanted.interface) != text:
            self._refused[wanted.interface] = text
            self._log("error", f"VMAC interface {wanted.interface}: {text}")

    def _note_repair(self, text: str) -> None:
        self._repairs += 1
        self.drift.vmacs_put_back += 1
        self._log("warning", text)

    # Settings

    def _set_all(self) -> None:
        """Set what is not as wanted, after the way back was written down."""
        values: dict[int, dict[int, int]] = {}
        drifted: list[str] = []
        seen: set[int] = set()
        changed = False
        for key, value in self._settings.items():
            link = self._watcher.host.link(key.interface)
            if link is None or link.index in self._checked or not self._is_ours_to_set(key):
                continue
            current = rules.value_of(link, key.setting)
            seen.add(link.index)
            if current is None or rules.will_do(key.setting, value, current):
                continue
            values.setdefault(link.index, {})[key.setting] = value
            known = self._made.settings.get(key)
            if known is not None and known.index == link.index:
                drifted.append(f"{key.interface}.{key.setting.label}")
            elif not self.is_vmac(key.interface):  # a VMAC takes its settings with it
                self._made.settings[key] = Before(index=link.index, before=current, set=value)
                changed = True
        if changed:
            self._write()
        refusals = link_netlink.set_values(self._watcher.netlink, values)
        self._checked |= seen
        for index, refusal in refusals.items():
            name = self._watcher.host.links[index].name
            if self._refused.get(f"{name} settings") != str(refusal):
                self._refused[f"{name} settings"] = str(refusal)
                self._log("error", f"net.ipv4.conf.{name}: {refusal}")
        if drifted:
            self.drift.settings_put_back += len(drifted)
            self._log("warning", f"net.ipv4.conf: {', '.join(drifted)} had been changed; set again")

    def _is_ours_to_set(self, key: SettingKey) -> bool:
        """Never on an interface that only has the name of a VMAC."""
        link = self._watcher.host.link(key.interface)
        return link is not None and (not self.is_vmac(key.interface) or rules.is_vmac(link))

    def _warn_of_filter(self) -> None:
        """net.ipv4.conf.all cannot be set over netlink; say so when it defeats a VMAC."""
        if not self._vmacs:
            return
        try:
            value = link_netlink.rp_filter_of_all(self._watcher.netlink)
        except OSError as error:
            self._log("warning", f"net.ipv4.conf.all.rp_filter: {error.strerror}")
            return
        names = rules.filtered_vmacs(self._config, self._watcher.host, value or 0)
        text = (
            f"net.ipv4.conf.all.rp_filter is {value}: packets to the addresses on"
            f" {', '.join(sorted(names))} will be dropped; have the director role set it to 0 or 2"
            if names
            else None
        )
        if text is not None and text != self._warned:
            self._log("warning", text)
        self._warned = text
