# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of sessions have in common."""

import harness
import varlink

# The interpreter looks at no signal in there
DEAF = "sum(range(10 ** 12))"


class Session:
    """One that the connection ends with."""

    def __init__(self, daemon, **parameters):
        self.client = varlink.Connection(daemon.address)
        parameters.setdefault("bindToConnection", True)
        self.info = self.client.call("OpenSession", **parameters)["info"]
        self.id = self.info["session"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def execute(self, code, **parameters):
        return self.client.call("Execute", session=self.id, code=code, **parameters)["result"]

    def value(self, code):
        result = self.execute(code)
        assert result["outcome"] == "success", result
        return result.get("resultJson")

    def start(self, code, **parameters):
        """On the session's own connection, with events."""
        self.client.send("Execute", {"session": self.id, "code": code, **parameters}, more=True)

    def wait_output(self, marker):
        text = ""
        while marker not in text:
            text += self.client.receive()["event"].get("output", {}).get("text", "")

    def wait_event(self, kind):
        while True:
            event = self.client.receive()["event"]
            if event["kind"] == kind:
                return event

    def wait_result(self):
        while True:
            reply = self.client.receive()
            if "result" in reply:
                return reply["result"]


class SessionCase(harness.OnOneDaemon):
    def setUp(self):
        self.other = varlink.Connection(self.daemon.address)
        self.addCleanup(self.other.close)
        harness.poll_until(lambda: self.other.call("WhoAmI")["sessions"] == 0,
                           "the end of the sessions of other tests")

    def open(self, **parameters):
        session = Session(self.daemon, **parameters)
        self.addCleanup(session.client.close)
        return session

    def refused(self, name, method, **parameters):
        with self.assertRaises(varlink.Refused) as caught:
            self.other.call(method, **parameters)
        self.assertEqual(caught.exception.name, name, caught.exception.parameters)
        return caught.exception.parameters

    def state(self, session):
        return self.other.call("GetSession", session=session.id)["info"]["state"]
