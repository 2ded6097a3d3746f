# SPDX-License-Identifier: LGPL-2.1-or-later
"""formats."""

__all__ = []
