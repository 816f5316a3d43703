"""Cause the errors of the table and record the outcome."""

from __future__ import annotations

import io
import json
import os
import shlex
from typing import Any, NamedTuple

from tests.cli.conftest import Outcome, PipeIn
from tests.cli.errors.case import CTRL_C, Case
from tests.cli.errors.stage import Stage, stage
from tests.support.commands import declared_by
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams


class Walked(NamedTuple):
    """The outcome of a case, and the files that it changed."""

    outcome: Outcome
    changed: list[str]


def walked(case: Case, *options: str) -> Walked:
    """Cause the error of a case on a stage of its own."""
    with stage() as at:
        for step in case.given:
            step(at)
        before = at.state()
        outcome = _run(at, case, options)
        after = at.state()
    return Walked(outcome, sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def _run(at: Stage, case: Case, options: tuple[str, ...]) -> Outcome:
    argv = shlex.split(at.filled(case.argv))
    out, err = io.BytesIO(), io.BytesIO()
    with open(case.stdout or os.devnull, "wb", buffering=0) as device:  # noqa: PTH123
        stdout = out if case.stdout is None else device
        code = main([*options, *argv], Streams(_Keyboard(case.stdin), stdout, err), at.cli.environ, at.cli.clock)
    assert (command := declared_by(argv)) is None or code in command.exit_codes, (argv, code)
    return Outcome(code, at.plain(out.getvalue().decode()).encode(), at.plain(err.getvalue().decode()))


class _Keyboard(PipeIn):
    """An input that can be read once. Ctrl-C may be pressed at its end."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content.removesuffix(CTRL_C))
        self._interrupts = content.endswith(CTRL_C)

    def read1(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes. At the end, raise KeyboardInterrupt if Ctrl-C is pressed there."""
        chunk = super().read1(size)
        if not chunk and self._interrupts:
            raise KeyboardInterrupt
        return chunk


def told(outcome: Outcome) -> dict[str, Any]:
    """Return the reported error: the JSON object, or the lines `error: ...` and `hint: ...`."""
    if objects := [line for line in outcome.err.splitlines() if line.startswith('{"error"')]:
        error: dict[str, Any] = json.loads(objects[-1])["error"]
        return error
    _, _, lines = f"\n{outcome.err}".partition("\nerror: ")
    sentence, _, hint = lines.rstrip("\n").partition("\nhint: ")
    return {"message": sentence.partition("\nfailed: ")[0], "hint": hint.partition("\n")[0] or None}
