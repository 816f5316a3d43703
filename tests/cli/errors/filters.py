"""Filters that cannot be read, where the parser's own tests do not say so."""

from __future__ import annotations

import shlex

from tests.cli.errors.case import Case
from tsmem.store.filters.syntax import ALLOWED as LANGUAGE

ALLOWED = f"allowed: {LANGUAGE}"


def _refused(cause: str, text: str, reason: str) -> Case:
    argv = f"session list --filter {shlex.quote(text)}"
    return Case(cause, argv, f"--filter: the filter cannot be used: {reason}", hint=ALLOWED)


# fmt: off
CASES = (
    Case("An empty filter.", "session list --filter ''", "--filter: the filter is empty", ALLOWED),
    Case("More characters than are read.", f"session list --filter {'x' * 20_000}",
        "--filter: the filter has 20,000 characters, and at most 10,000 are read"),
    _refused("A filter that ends too early.", "topic == ", "it ends too early, at column 9"),
    _refused("A text that does not end.", "topic == 'x", "unterminated string literal, at column 10"),
    _refused("Brackets that do not match.", "(topic == 'x'", "'(' was never closed, at column 1"),
    _refused("A filter of a depth that nobody writes.", "not " * 60 + "a == 1",
        "it is nested deeper than 50, at column 201"),
    _refused("More comparisons than are tested.", " or ".join(["a == 1"] * 201),
        "it has more than 200 comparisons, at column 2001"),
    _refused("Signs without end.", "-" * 9000 + "1 == a", "it is nested too deep, or is no text, at column 1"),
    _refused("A null byte.", "topic == '\x00'", "a null character is no text, at column 11"),
    _refused("Thousands of digits.", "score == " + "9" * 5000, "the number has thousands of digits, at column 1"),
    _refused("A comparison where a column stands.", "(a == b) in ['x']", "a column stands here, at column 2"),
    _refused("A line that goes on nowhere.", "topic == 'x'\\\n", "unexpected EOF while parsing, at column 14"),
)
# fmt: on
