# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs in the machine of ./vm, as root: the attacks of tests/attacks against the installed service, which has its cgroups,
its private /dev and the filter of its unit."""

import os
import shutil
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
os.environ.update(PYSB_ATTACK_SERVICE="1", PYSB_ATTACK_MUTATIONS="2000", PYSB_BUILD_ROOT="/")  # nothing is built here
sys.path[1:1] = [HERE, os.path.join(HERE, "tests/attacks"), os.path.join(HERE, "tests")]
import guest
import tap

if __name__ == "__main__":
    guest.install()
    shutil.copytree(os.path.join(HERE, "tests/attacks/profiles"), "/etc/pysb/profiles", dirs_exist_ok=True)
    guest.shell("systemctl", "start", "pysbd.socket", "pysbd-manager.socket")
    guest.submit("1", profile="default")  # starts the service
    from test_clients import Clients
    from test_observed import Observed
    from test_programs import Programs
    tap.run(Programs, Observed, Clients, after_failure=guest.journal)
