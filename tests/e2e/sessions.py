# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of sessions have in common."""

import harness
from harness import next_event
from pysb import errors

# The interpreter looks at no signal in there
DEAF = "sum(range(10 ** 12))"
LOOP = "print('on', flush=True)\nwhile True: pass"


class Case(harness.OnOneDaemon):
    def setUp(self):
        harness.poll_until(lambda: self.client.who_am_i().sessions == 0,
                           "the end of the sessions of other tests")
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of their boxes")

    def open(self, **options):
        session = self.client.open_session(**options)
        self.addCleanup(close, session)
        return session

    def start(self, session, code):
        """Runs a cell up to the line that it writes; returns its events."""
        stream = session.stream(code)
        self.addCleanup(stream.close)
        self.assertEqual(next_event(stream, "output").output.text, "on\n")
        return stream

    def boxed_job(self):
        """The only process of the only box that is not its init."""
        return max(p.pid for p in self.daemon.boxed() if p.nested_pid != 1)

    def assert_ends(self, result, outcome, is_alive):
        self.assertEqual((result.outcome, result.session_alive), (outcome, is_alive), result)

    def refused(self, error, function, *arguments, **options):
        with self.assertRaises(error) as refused:
            function(*arguments, **options)
        return refused.exception


def close(session):
    try:
        session.close()
    except errors.SessionNotFound:
        pass


def value(session, code):
    return session.execute(code).value
