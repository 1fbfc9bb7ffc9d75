# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes: one network exchange of a health check each."""
