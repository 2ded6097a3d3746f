#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""short.py TEST…: end-to-end tests, with the programs of short-io/ in the place of the usual ones: the same results."""

import os
import subprocess
import sys
import tempfile

build = os.environ["PYSB_BUILD_ROOT"]
with tempfile.TemporaryDirectory(prefix="pysb-short.", dir="/var/tmp") as root:
    for name in ("client", "lib", "profiles"):
        os.symlink(f"{build}/{name}", f"{root}/{name}")
    os.symlink(f"{build}/tests/faults/short-io", f"{root}/daemon")
    status = subprocess.call(sys.argv[1:], env=dict(os.environ, PYSB_BUILD_ROOT=root))
sys.exit(status)
