"""Runs tests of the standard library's `unittest` in a guest, and tells of each when it begins and how it ended: unittests.py DONE NAME...

What DONE names was run by an interpreter before this one, which did not come to its end. The lines go to a file, since tests write wherever they like."""

import sys
import traceback
import unittest

TOLD = "/told"
BRIEF = 400


def tell(what: str, test: str, why: str = "") -> None:
    with open(TOLD, "a", encoding="utf-8", errors="backslashreplace") as told:
        told.write(f"{what}\t{test}\t{' '.join(why.split())[:BRIEF]}\n")


class Telling(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.ended = None
        tell("begun", test.id())

    def end(self, what, test, why=""):
        # A test with parts that failed is one that failed.
        if self.ended != "failed":
            self.ended = what
            self.why = why

    def stopTest(self, test):
        super().stopTest(test)
        tell(self.ended or "passed", test.id(), self.why if self.ended else "")

    def addSuccess(self, test):
        self.end("passed", test)

    def addFailure(self, test, error):
        self.end("failed", test, brief(error))

    def addError(self, test, error):
        if hasattr(self, "ended") and not isinstance(test, unittest.suite._ErrorHolder):
            self.end("failed", test, brief(error))
        else:
            tell("failed", test.id(), brief(error))

    def addSkip(self, test, reason):
        if isinstance(test, unittest.suite._ErrorHolder):
            tell("skipped", test.id(), reason)
        else:
            self.end("skipped", test, reason)

    def addExpectedFailure(self, test, error):
        self.end("passed", test)

    def addUnexpectedSuccess(self, test):
        self.end("failed", test, "it was expected to fail")

    def addSubTest(self, test, part, error):
        if error is not None:
            self.end("failed", test, f"{part._subDescription()}: {brief(error)}")


def brief(error) -> str:
    kind, value, trace = error
    last = traceback.extract_tb(trace)[-1:]
    where = "".join(f" at {frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in last)
    return f"{kind.__name__}: {value}{where}"


def each(suite):
    left = [suite]
    while left:
        one = left.pop(0)
        if isinstance(one, unittest.TestSuite):
            left[:0] = list(one)
        else:
            yield one


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        done = set(file.read().split())
    found = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[2:])
    # As `python -m test` has it: what takes long or much is left out.
    from test import support

    support.use_resources = []
    unittest.TestSuite(test for test in each(found) if test.id() not in done).run(Telling())
    tell("all", "")


main()
