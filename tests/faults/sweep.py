#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lets each system call of one run fail, from submit to verdict, and judges what came of it.

    sweep.py [--full | --sample N] [--seed N] [--workers N] [--only PHASE,KIND[,CALL[,OCCURRENCE[,ERROR]]]]

A case is a phase, a kind of process, a call, its occurrence and an error. Phase "start" begins with the daemon, so
each of its cases has one of its own; "serve" begins with a job that a daemon gets which has run others."""

import argparse
import collections
import errno
import os
import queue
import random
import re
import sys
import threading
import time

import harmless
import traced
from traced import EVERY, KINDS, MARK, Ended, Traced

ERRORS = ("EPERM", "EINVAL", "ENOSYS", "ENOMEM", "EMFILE", "EAGAIN", "EINTR", "EBUSY", "EIO", "ENOSPC")
OCCURRENCES_MAX = 20
# Dropping each capability from the bounding set is a call, and what else prctl() does comes behind those
EVERY_OCCURRENCE = {"prctl"}
# They cannot fail; of futex() glibc aborts for any error that it does not expect
NEVER_FAIL = {"exit", "exit_group", "rt_sigreturn", "restart_syscall", "getpid", "getppid", "gettid", "getuid", "geteuid",
              "getgid", "getegid", "umask", "set_tid_address", "futex"}
# The first one of a process is that of the dynamic loader for itself, which dies without looking
LOADER = {"mmap"}
PHASES = {"start": ("builder", "broker", "template"), "serve": KINDS}
# How long somebody may outlive the builder, and a box its verdict, in seconds
ORPHAN_SECONDS = 10

Case = collections.namedtuple("Case", "phase kind call occurrence error")
Verdict = collections.namedtuple("Verdict", "what complaints")  # one word for the statistics


class Calls:
    """Numbers of calls, and how often each kind of process makes them."""

    def __init__(self):
        self.names = traced.call_names()
        self.numbers = {name: number for number, name in self.names.items()}
        self.counts = {}
        daemon = Traced(EVERY)
        try:
            daemon.start()
            # A start ends with the daemon, so what is counted then comes first
            self.check(daemon.run())
            daemon.wait_for_boxes()
            daemon.arm(0, 0, 0)
            self.check(daemon.run())
            daemon.wait_for_boxes()
            self.take("serve", daemon)
        finally:
            daemon.stop()
            daemon.close()
        daemon = Traced(EVERY)
        try:
            daemon.start()
            self.check(daemon.run())
            daemon.wait_for_boxes()
            daemon.stop()
            self.take("start", daemon)
        finally:
            daemon.close()

    @staticmethod
    def check(reply):
        result = reply["parameters"]["result"]
        assert result["outcome"] == "success" and result["stdout"]["text"] == traced.OUTPUT, reply

    def take(self, phase, daemon):
        for kind in PHASES[phase]:
            counts = daemon.counts(KINDS.index(kind))
            self.counts[phase, kind] = {self.names[i]: n for i, n in enumerate(counts) if n}

    def cases(self):
        for (phase, kind), counts in self.counts.items():
            for call, n in counts.items():
                if call in NEVER_FAIL:
                    continue
                first = 2 if phase == "start" and call in LOADER else 1
                if call not in EVERY_OCCURRENCE:
                    n = min(n, OCCURRENCES_MAX)
                for occurrence in range(first, n + 1):
                    for error in ERRORS:
                        yield Case(phase, kind, call, occurrence, error)


def outcomes():
    """The words that a result can have, of the interface text."""
    with open(f"{os.path.dirname(os.path.realpath(__file__))}/../../lib/wire/io.pysb.sandbox.varlink",
              encoding="utf-8") as file:
        text = re.search(r"^type Outcome \((.*?)^\)", file.read(), re.S | re.M)[1]
    return set(re.findall(r"^  ([a-z_]+),?$", text, re.M))


OUTCOMES = outcomes()


def typed(reply):
    """The word for a reply, and what is wrong with it."""
    if "error" in reply:
        name = reply["error"]
        return "refused", [] if name.startswith("io.pysb.") else [f"the error {name}"]
    result = reply["parameters"]["result"]
    outcome = result["outcome"]
    return outcome, [] if outcome in OUTCOMES else [f"the outcome {outcome}: {result.get('message')}"]


def ran(reply):
    return MARK in reply.get("parameters", {}).get("result", {}).get("stdout", {}).get("text", "")


def judge_crash(daemon):
    if daemon.get("crash"):
        return [f"{KINDS[daemon.get('crash_kind')]} ended by signal {daemon.get('crash')}"]
    return []


def judge_reply(case, daemon, reply):
    """A reply, or the exception that there is none."""
    complaints = judge_crash(daemon)
    if isinstance(reply, Ended):
        # No verdict is one only if the daemon says why it ends, and ends as one that failed
        try:
            traced.harness.poll_until(daemon.has_ended, "the daemon's end", 10)
        except AssertionError:
            complaints.append(f"no verdict, {reply}, and the daemon lives")
        else:
            if daemon.get("builder_status") == 0:
                complaints.append(f"no verdict, {reply}, and the daemon has ended well")
            if not daemon.read_log().strip():
                complaints.append(f"no verdict, {reply}, and not a word")
        return Verdict("daemon ended", complaints)
    what, problems = typed(reply)
    complaints += problems
    if ran(reply) and daemon.get("injected") and not harmless.is_harmless(case, daemon.get("uncaged")):
        complaints.append("the program ran, with a step of its confinement failed")
    is_own = case.kind == "job" and not daemon.get("uncaged")  # what a program makes of its own failures is its business
    if what == "success" and not is_own and reply["parameters"]["result"]["stdout"]["text"] != traced.OUTPUT:
        complaints.append(f"success, but: {reply}")
    return Verdict(what, complaints)


def attempt(daemon):
    """The reply, or an exception. Who has lost his connection asks again by the name of his request: a job that has
    run does not run again."""
    request = dict(traced.REQUEST, requestId=os.urandom(8).hex())
    try:
        try:
            return daemon.run(request)
        except Ended:
            return daemon.run(request)
    except Ended as e:
        return e
    except TimeoutError:
        return Ended(f"in {traced.harness.PATIENCE} s")


class Runner:
    """Runs cases one after the other; those of the phase "serve" in one daemon as long as it lives."""

    def __init__(self, calls):
        self.calls = calls
        self.daemon = None
        self.longest = 0.0

    def arm(self, daemon, case):
        daemon.arm(self.calls.numbers[case.call], case.occurrence, getattr(errno, case.error))

    def run(self, case):
        """The Verdict; None if the call did not occur."""
        return self.start(case) if case.phase == "start" else self.serve(case)

    def end(self, daemon, complaints):
        seconds = daemon.stop()
        self.longest = max(self.longest, seconds)
        if seconds > ORPHAN_SECONDS:
            complaints.append(f"something outlived the builder by {seconds:.1f} s")
        complaints += [c for c in judge_crash(daemon) if c not in complaints]

    def start(self, case):
        daemon = Traced(KINDS.index(case.kind))
        try:
            self.arm(daemon, case)
            daemon.set(filtered=1)
            daemon.start()
            verdict = judge_reply(case, daemon, attempt(daemon))
            self.end(daemon, verdict.complaints)
            if not daemon.get("injected"):
                return None
            if verdict.complaints:
                verdict.complaints.append(daemon.read_log())
            return verdict
        finally:
            daemon.close()

    def serve(self, case):
        kind = KINDS.index(case.kind)
        if self.daemon and (self.daemon.kind != kind or self.daemon.has_ended()):
            self.close()
        if not self.daemon:
            self.daemon = Traced(kind)
            self.daemon.start()
            self.calls.check(self.daemon.run())
        daemon = self.daemon
        daemon.wait_for_boxes()
        log_begin = len(daemon.read_log())
        self.arm(daemon, case)
        verdict = judge_reply(case, daemon, attempt(daemon))
        seconds = daemon.wait_for_boxes()
        self.longest = max(self.longest, seconds)
        if seconds > ORPHAN_SECONDS:
            verdict.complaints.append(f"the box outlived its verdict by {seconds:.1f} s")
        injected = daemon.get("injected")
        if not daemon.has_ended() and verdict.what != "success":
            daemon.arm(0, 0, 0)
            after = attempt(daemon)
            if not isinstance(after, Ended) and typed(after)[0] != "success":
                verdict.complaints.append(f"the next job is not served: {after}")
            elif isinstance(after, Ended):  # the daemon ends, and says why
                verdict = Verdict(verdict.what + ", daemon ended", verdict.complaints
                                  + judge_reply(case, daemon, after).complaints)
        if verdict.complaints:
            verdict.complaints.append(daemon.read_log()[log_begin:])
            self.close()
        elif daemon.has_ended():
            self.close(verdict.complaints)
        return verdict if injected or verdict.complaints else None

    def close(self, complaints=None):
        if self.daemon:
            try:
                self.end(self.daemon, [] if complaints is None else complaints)
            finally:
                self.daemon.close()
                self.daemon = None


class Sweep:
    """All cases, by several workers; .failures is what a test complains of."""

    def __init__(self, calls, cases, workers, say=print, verbose=False):
        self.calls, self.say = calls, say
        self.todo = queue.SimpleQueue()
        for case in cases:
            self.todo.put(case)
        self.lock = threading.Lock()
        self.failures = []
        self.statistics = collections.Counter()
        self.longest = 0.0
        self.workers = workers
        self.verbose = verbose

    def work(self):
        runner = Runner(self.calls)
        while True:
            try:
                case = self.todo.get_nowait()
            except queue.Empty:
                break
            try:
                verdict = runner.run(case)
            except Exception as e:  # of the harness: a daemon that hangs, for one
                verdict = Verdict("error", [repr(e)])
                runner.daemon, daemon = None, runner.daemon
                if daemon:
                    daemon.close()
            with self.lock:
                self.note(case, verdict)
        try:
            runner.close()
        finally:
            with self.lock:
                self.longest = max(self.longest, runner.longest)

    def note(self, case, verdict):
        what = verdict.what if verdict else "did not occur"
        self.statistics[case.phase, case.kind, what] += 1
        if self.verbose and verdict:
            self.say(f"{','.join(map(str, case))}: {verdict.what}")
        if verdict and verdict.complaints:
            self.failures.append((case, verdict))
            self.say(f"{','.join(map(str, case))}: {verdict.what}: " + "\n    ".join(verdict.complaints))

    def run(self):
        threads = [threading.Thread(target=self.work) for _ in range(self.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def report(self):
        for phase, kinds in PHASES.items():
            for kind in kinds:
                row = {w: n for (p, k, w), n in sorted(self.statistics.items()) if (p, k) == (phase, kind)}
                if row:
                    self.say(f"{phase} {kind}: {sum(row.values())} cases: "
                             + ", ".join(f"{n} {what}" for what, n in row.items()))
        self.say(f"{sum(self.statistics.values())} cases, {len(self.failures)} failed; nothing outlived its end "
                 f"by more than {self.longest:.2f} s")


def choose(calls, only, sample, seed):
    cases = list(calls.cases())
    if only:
        wanted = only.split(",")
        cases = [c for c in cases if [str(f) for f in c[:len(wanted)]] == wanted]
    if sample:
        cases = random.Random(seed).sample(cases, min(sample, len(cases)))
        cases.sort(key=lambda c: (c.phase, c.kind))
    return cases


def main():
    parser = argparse.ArgumentParser(prog="./dev faults")
    parser.add_argument("--full", action="store_true", help="all cases: hours")
    parser.add_argument("--sample", type=int, default=300, help="how many cases, drawn by the seed")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", help="PHASE,KIND[,CALL[,OCCURRENCE[,ERROR]]]: all cases of these")
    parser.add_argument("--verbose", action="store_true", help="what came of each case, too")
    arguments = parser.parse_args()
    calls = Calls()
    sample = None if arguments.full or arguments.only else arguments.sample
    cases = choose(calls, arguments.only, sample, arguments.seed)
    print(f"{len(cases)} cases" + (f", seed {arguments.seed}" if sample else ""), flush=True)
    begin = time.monotonic()
    sweep = Sweep(calls, cases, arguments.workers, lambda line: print(line, flush=True), arguments.verbose)
    sweep.run()
    sweep.report()
    print(f"{time.monotonic() - begin:.0f} s")
    return 1 if sweep.failures else 0


if __name__ == "__main__":
    sys.exit(main())
