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

try:
    import numpy as np
    import pandas as pd
except ImportError:
    pd = None

IMPORTS = "import numpy as np, pandas as pd\n"


class Tables(harness.OnOneDaemon):
    @classmethod
    def setUpClass(cls):
        if not pd:
            raise unittest.SkipTest("python3-pandas is missing")
        super().setUpClass()
        cls.decode = staticmethod(tables.documented_decoder())

    def compare(self, expression, assert_equal):
        result = self.client.run(IMPORTS + expression, profile="data", display_last_expression=False).check()
        self.assertEqual((result.stderr.data, result.violations), (b"", None), result)
        again = json.loads(result.result_json, object_hook=self.decode)
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
