"""Cause the errors of the table, once each, and keep what was told of them."""

from __future__ import annotations

import io
import json
import os
import shlex
from dataclasses import dataclass
from typing import Any

from tests.cli.conftest import Outcome, PipeIn
from tests.cli.errors.case import CTRL_C, Case
from tests.cli.errors.stage import Stage, stage
from tests.support.commands import declared_by
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams


@dataclass(frozen=True)
class Walked:
    """What a case came to."""

    text: Outcome
    machine: Outcome | None
    """The same in the machine's format."""
    changed: tuple[str, ...]
    """Files that are not what they were."""


def walked(case: Case) -> Walked:
    """Cause it."""
    machine = None
    with stage() as at:
        before = _prepared(at, case)
        text = _run(at, case, ())
        changed = _changed(at, before)
        if case.form is not None and not case.changes:
            machine = _run(at, case, ("-o", case.form))
            changed += _changed(at, before)
    if case.form is not None and case.changes:
        with stage() as again:
            _prepared(again, case)
            machine = _run(again, case, ("-o", case.form))
    return Walked(text, machine, changed)


def _prepared(at: Stage, case: Case) -> dict[str, str]:
    for step in case.given:
        step(at)
    return at.state()


def _run(at: Stage, case: Case, words: tuple[str, ...]) -> Outcome:
    argv = shlex.split(at.filled(case.argv))
    out, err = io.BytesIO(), io.BytesIO()
    with open(case.stdout or os.devnull, "wb", buffering=0) as device:  # noqa: PTH123
        stdout = out if case.stdout is None else device
        code = main([*words, *argv], Streams(_Keyboard(case.stdin), stdout, err), at.cli.environ, at.cli.clock)
    assert (command := declared_by(argv)) is None or code in command.exit_codes, (argv, code)
    return Outcome(code, at.plain(out.getvalue().decode()).encode(), at.plain(err.getvalue().decode()))


class _Keyboard(PipeIn):
    """An input that can be read once, and at whose end somebody may press Ctrl-C."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content.removesuffix(CTRL_C))
        self._interrupts = content.endswith(CTRL_C)

    def read1(self, size: int | None = -1, /) -> bytes:
        """What there is. Raises KeyboardInterrupt."""
        chunk = super().read1(size)
        if not chunk and self._interrupts:
            raise KeyboardInterrupt
        return chunk


def _changed(at: Stage, before: dict[str, str]) -> tuple[str, ...]:
    after = at.state()
    return tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def told(outcome: Outcome) -> dict[str, Any]:
    """What was told of the error: an object, or `error: ` with its sentence and `hint: ` with the next step."""
    if objects := [line for line in outcome.err.splitlines() if line.startswith('{"error"')]:
        error: dict[str, Any] = json.loads(objects[-1])["error"]
        return error
    _, _, lines = f"\n{outcome.err}".partition("\nerror: ")
    sentence, _, hint = lines.rstrip("\n").partition("\nhint: ")
    return {"message": sentence.partition("\nfailed: ")[0], "hint": hint.partition("\n")[0] or None}
