#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of `keepalived_inventory`; the action plugin of the same name does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: keepalived_inventory
short_description: Make an inventory of the directors' keepalived.conf
version_added: 0.1.0
description:
  - Reads the keepalived.conf of every director of a cluster, with all that it includes, and writes
    one inventory. What the directors have in common is in C(group_vars), what differs in
    C(host_vars), passwords in a file of their own.
  - The files come from the directors themselves (O(directors)), which need neither the agent nor
    anything else for that, or from a folder of the controller (O(files)).
  - A comment in the inventory says of every line that is not taken over as it stands what became of
    it.
  - The address of a virtual server that no instance has, and not all directors by themselves, is
    listed in C(lvs_unmanaged_virtual_addresses), with a comment that says what to do with it.
  - Before anything is written, the collection reads the inventory as M(lvs.cluster.agent_config)
    would get it. What comes of it for each director must be what its keepalived.conf says, else the
    task fails.
  - A file that exists is not written over without O(force), and an encrypted vault never. Then
    nothing at all is written.
options:
  dest:
    description: Folder of the inventory, on the controller.
    type: path
    required: true
  directors:
    description:
      - The directors to read from, hosts of the present inventory. Their order is that of
        C(lvs_directors) where they are in it.
      - Not with O(files).
    type: list
    elements: str
    default: []
  path:
    description: The file on the directors.
    type: str
    default: /etc/keepalived/keepalived.conf
  files:
    description:
      - Folder on the controller with a C(NAME.conf), or C(NAME/keepalived.conf) beside what it
        includes, for each director. C(NAME) is the director's name in the inventory.
      - Files that a keepalived.conf includes from C(/etc/keepalived) are looked for beside it.
    type: path
  real_servers:
    description:
      - Names for real servers by their address, so that they become hosts of the inventory. Hosts
        of C(lvs_real_servers) with C(lvs_address) in the present inventory are known without.
      - All others are listed in C(lvs_unmanaged_real_servers).
    type: dict
    default: {}
  force:
    description: Write over files that exist.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Does all but writing the inventory.
  diff_mode:
    support: full
    description: Shows the files but the one with the passwords.
  platform:
    platforms: posix
    support: full
    description: Works on the controller. It reads from directors with Linux.
  action:
    support: full
    description: Has an action plugin that does all the work.
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: Make an inventory of what the directors have
  lvs.cluster.keepalived_inventory:
    directors: "{{ groups['lvs_directors'] }}"
    dest: /srv/inventories/web
  run_once: true

- name: Make one of copies of their files
  lvs.cluster.keepalived_inventory:
    files: /srv/keepalived
    dest: /srv/inventories/web
    real_servers:
      172.16.1.3: rs1
      172.16.1.4: rs2
  delegate_to: localhost
"""

RETURN = r"""
directors:
  description: The directors, in order of preference.
  returned: success
  type: list
  elements: str
written:
  description: The inventory's files that were written (in check mode, would be).
  returned: success
  type: list
  elements: str
notices:
  description: What was not taken over as it stands, each with its file and line.
  returned: success
  type: list
  elements: str
  sample: ["drct1.conf:43, drct2.conf:43: presistence_timeout is not a keyword of virtual_server: it
    has no effect, in keepalived neither; did you mean persistence_timeout?"]
differences:
  description: In what directors differ that are usually the same.
  returned: success
  type: list
  elements: str
  sample: ["drct2: vrrp_instances.VI_1.advert_int: differs from drct1"]
errors:
  description:
    - What M(lvs.cluster.cluster_check) refuses of the inventory. It is written nevertheless.
  returned: success
  type: list
  elements: str
warnings_found:
  description: What M(lvs.cluster.cluster_check) warns of.
  returned: success
  type: list
  elements: str
next:
  description: What to do next.
  returned: success
  type: list
  elements: str
"""
