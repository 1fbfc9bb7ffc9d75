# SPDX-License-Identifier: GPL-3.0-or-later
"""Vagrant with libvirt on a machine without KVM: QEMU's software emulation, in namespaces.

`box` builds the box, `cell` is the place where libvirt and Vagrant run; `cli` is for people and
playbooks. Uses the lab's ways to run commands and to tell people.
"""
