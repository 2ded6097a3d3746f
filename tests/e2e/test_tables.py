#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables of the profile data come back by the function that docs/RESULTS.md has for that."""

import json
import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tables
import tap
import varlink

try:
    import numpy as np
    import pandas as pd
except ImportError:
    pd = None

IMPORTS = "import numpy as np, pandas as pd\n"


class Tables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not pd:
            raise unittest.SkipTest("python3-pandas is missing")
        cls.daemon = harness.Daemon(harness.build_tree())
        cls.decode = staticmethod(tables.documented_decoder())

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()

    def compare(self, expression, assert_equal):
        with varlink.Connection(self.daemon.address) as connection:
            result = connection.call("Run", request={
                "code": IMPORTS + expression, "profile": "data",
                "displayLastExpression": False})["result"]
        self.assertEqual((result["outcome"], result["stderr"].get("text")), ("success", ""), result)
        self.assertNotIn("violations", result)
        again = json.loads(result["resultJson"], object_hook=self.decode)
        assert_equal(eval(expression, {"np": np, "pd": pd}), again, check_freq=False)


def add(name, expression, assert_equal):
    def test(self):
        self.compare(expression, getattr(pd.testing, assert_equal))
    test.__doc__ = f"{name} comes back"
    setattr(Tables, f"test_{name}", test)


if __name__ == "__main__":
    for row in tables.FRAMES.items():
        add(*row, "assert_frame_equal")
    for row in tables.SERIES.items():
        add(*row, "assert_series_equal")
    tap.run(Tables)
