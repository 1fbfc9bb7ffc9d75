#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of `cluster_health`; the action plugin of the same name does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_health
short_description: Judge the state of a running cluster
version_added: 0.1.0
description:
  - Takes what M(lvs.cluster.host_info) saw on the hosts and lists everything that is wrong with the
    cluster in one message. It holds what the agents say against what the kernels say, the
    directors against each other, and all against the inventory.
  - Each instance has exactly one master, its addresses are on that director and on no other, IPVS
    is the same on all directors, every virtual server has its quorum, real servers are up, the
    configuration in force is the inventory's, all directors run the same release.
  - Hosts that could not be reached are among what is wrong. Speaks to no host and changes nothing.
options:
  hosts:
    description: Hosts to judge. Directors and real servers are told apart by their groups.
    type: list
    elements: str
    required: true
  seen:
    description: Variable in which each host's result of M(lvs.cluster.host_info) is registered.
    type: str
    default: lvs_seen
  verified:
    description:
      - Variables in which a host's result of M(lvs.cluster.real_server_probe), or of
        M(lvs.cluster.real_server_network) in check mode, is registered. Of one that is not set,
        nothing is said.
    type: list
    elements: str
    default: [real_server_result, director_verified]
  require:
    description: Fail if anything is wrong.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Can run in check mode, does the same.
  diff_mode:
    support: none
    description: Changes nothing.
  platform:
    platforms: posix
    support: full
    description: Runs on the controller.
  action:
    support: full
    description: Has an action plugin that does all the work.
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: See what the directors do
  lvs.cluster.host_info:
  register: lvs_seen
  ignore_unreachable: true

- name: Fail unless all is well
  lvs.cluster.cluster_health:
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
healthy:
  description: Whether nothing is wrong.
  returned: always
  type: bool
problems:
  description: What is wrong.
  returned: always
  type: list
  elements: str
  sample: ["instance VI_1 has 2 masters: drct1 and drct2"]
notes:
  description: What an operator ordered and has not taken back, such as drained real servers.
  returned: always
  type: list
  elements: str
facts:
  description: All that was seen, without secrets.
  returned: success
  type: dict
markdown:
  description: The same as a page for people.
  returned: success
  type: str
"""
