#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs in the machine of ./vm, as root: the attacks of tests/attacks against the installed service, which has its cgroups,
its private /dev and the filter of its unit."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
os.environ.update(PYSB_ATTACK_SERVICE="1", PYSB_ATTACK_MUTATIONS="2000", PYSB_ATTACK_HEADER=os.path.join(HERE, "unistd_64.h"),
                  PYSB_BUILD_ROOT="/")  # nothing is built here
sys.path[1:1] = [HERE, os.path.join(HERE, "../attacks"), os.path.dirname(HERE)]
import machine
import tap

if __name__ == "__main__":
    machine.install()
    machine.shell("systemctl", "start", "pysbd.socket", "pysbd-manager.socket")
    machine.submit("1", profile="default")  # starts the service
    from test_clients import Clients
    from test_observed import Observed
    from test_programs import Programs
    tap.run(Programs, Observed, Clients, after_failure=machine.journal)
