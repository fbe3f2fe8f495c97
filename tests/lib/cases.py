"""Cases of a test program: one line each on stdout, as tests/run counts them.

    from cases import case, check, equal, Skip, done

    with case("the demo ends well"):
        equal(run(...).returncode, 0)

    @case("the file opens in tshark")        # runs at once, like the with form
    def _():
        raise Skip("tshark is not installed")

    done()                                    # exit status: 1 if a case failed
"""

import sys
import traceback

_failed = 0


class Skip(Exception):
    """Raised in a case that cannot run here; the text is the reason."""


def _line(text):
    sys.stdout.write(text.replace("\n", " | ").rstrip() + "\n")
    sys.stdout.flush()


def ok(name):
    _line(f"ok - {name}")


def not_ok(name, detail):
    global _failed
    _failed += 1
    _line(f"not ok - {name}: {detail}")


def skip(name, reason):
    _line(f"skip - {name}: {reason}")


class case:
    """A context manager that turns what its block raises into one line; as a decorator it runs the function."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            ok(self.name)
            return False
        if not issubclass(kind, Exception):
            return False  # KeyboardInterrupt and SystemExit go on
        if issubclass(kind, Skip):
            skip(self.name, error)
            return True
        not_ok(self.name, f"{kind.__name__}: {error}" if str(error) else kind.__name__)
        for text in traceback.format_exception(kind, error, trace):
            for line in text.rstrip().splitlines():
                print(f"#   {line}", flush=True)
        return True

    def __call__(self, function):
        with self:
            function()
        return function


def check(condition, detail="the condition does not hold"):
    """assert, but not switched off by python3 -O."""
    if not condition:
        raise AssertionError(detail() if callable(detail) else detail)


def equal(got, expected, what=""):
    if got != expected:
        raise AssertionError(f"{what + ': ' if what else ''}got {got!r}, expected {expected!r}")


def contains(text, part, what=""):
    if part not in text:
        raise AssertionError(f"{what + ': ' if what else ''}{part!r} is not in {text!r}")


def done():
    """End the program: 1 if a case failed."""
    sys.exit(1 if _failed else 0)
