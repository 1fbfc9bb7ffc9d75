#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of `cluster_check`; the action plugin of the same name does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_check
short_description: Validate a whole cluster on the controller
version_added: 0.1.0
description:
  - Builds the configuration of every host of the group C(lvs_directors) from the inventory and
    lists everything that is wrong with it in one message, each error with the place in the
    inventory and what to do.
  - Hosts with the same C(lvs_cluster) are a cluster of their own; between clusters only what they
    must not share is checked.
  - Checks each director's configuration with the agent's own checker, and the rules between
    hosts. Such as duplicate virtual router ids on a network, equal priorities, instances that
    differ between directors, unicast peers that do not list each other, virtual addresses outside
    the networks of their interface, real servers in no group, unknown C(lvs_*) variables.
  - Warns of what is allowed and rarely meant, such as C(state=MASTER) with C(nopreempt), or a
    tracker whose weight is too small to move the instance to another director.
  - Speaks to no host and changes nothing. It looks at the whole inventory even if the play is
    limited to some hosts.
options: {}
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
- name: Validate the cluster before anything is changed
  lvs.cluster.cluster_check:
  run_once: true
"""

RETURN = r"""
errors:
  description: What is wrong; the task fails if there is anything.
  returned: always
  type: list
  elements: dict
  contains:
    where:
      description: Place in the inventory.
      type: str
      returned: always
      sample: "host_vars drct2: lvs_host.vrrp_instances.VI_1.priority"
    message:
      description: What is wrong, and what to do.
      type: str
      returned: always
warnings_found:
  description: What is unusual, in the same form; also shown as warnings.
  returned: always
  type: list
  elements: dict
directors:
  description: The directors of the cluster.
  returned: always
  type: list
  elements: str
clusters:
  description:
    - The directors of each cluster by its name, which is empty where C(lvs_cluster) is not said.
  returned: always
  type: dict
  sample: {"web": ["web-lb1", "web-lb2"], "mail": ["mail-lb1", "mail-lb2"]}
real_servers:
  description: The real servers of the cluster.
  returned: always
  type: list
  elements: str
"""
