"""Causes the errors of the table, once each, and notes where in the package the error that was told was made."""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.cli.conftest import Outcome, PipeIn, command_of
from tests.cli.errors.case import CTRL_C, Case
from tests.cli.errors.stage import Stage, stage
from tsmem import errors
from tsmem.cli.endings import endings
from tsmem.cli.main import main
from tsmem.cli.streams import Streams
from tsmem.render.text import visible

PACKAGE = str(Path(errors.__file__).parent)
Place = tuple[str, int]
"""A module's path in the package, and a line."""


@dataclass(frozen=True)
class Walked:
    """What a case came to."""

    text: Outcome
    machine: Outcome | None
    """The same in the machine's format."""
    changed: tuple[str, ...]
    """Files that are not what they were."""
    places: frozenset[Place]
    """The lines that the told error was made on, and those that called them."""


@cache
def walked(case: Case) -> Walked:
    """Cause it."""
    machine = None
    with _made_errors() as made:
        with stage() as at:
            before = _prepared(at, case)
            text, said = _run(at, case, ())
            changed = _changed(at, before)
            if case.form is not None and not case.changes:
                machine, more = _run(at, case, ("-o", case.form))
                said += more
                changed += _changed(at, before)
        if case.form is not None and case.changes:
            with stage() as again:
                _prepared(again, case)
                machine, more = _run(again, case, ("-o", case.form))
                said += more
        places = frozenset(_told(made, said))
    return Walked(text, machine, changed, places)


def _prepared(at: Stage, case: Case) -> dict[str, str]:
    for step in case.given:
        step(at)
    return at.state()


def _run(at: Stage, case: Case, words: tuple[str, ...]) -> tuple[Outcome, str]:
    argv = shlex.split(at.filled(case.argv))
    out, err = io.BytesIO(), io.BytesIO()
    with open(case.stdout or os.devnull, "wb", buffering=0) as device:  # noqa: PTH123
        stdout = out if case.stdout is None else device
        code = main([*words, *argv], Streams(_Keyboard(case.stdin), stdout, err), at.cli.environ, at.cli.clock)
    assert (command := command_of(argv)) is None or code in endings(command), (command, code)
    said = err.getvalue().decode()
    shown = out.getvalue().decode()
    return Outcome(code, at.plain(shown).encode(), at.plain(said)), said + shown


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


Made = list[tuple[errors.TsmemError, list[Place]]]


@contextmanager
def _made_errors() -> Iterator[Made]:
    """Every error that is made meanwhile, with the lines of the package that led there. What a server in this process
    makes is its own."""
    made: Made = []
    real = errors.TsmemError.__init__

    def noting(self: errors.TsmemError, *args: Any, **more: Any) -> None:
        real(self, *args, **more)
        places = list(_places(sys._getframe(1)))
        modules = {module for module, _ in places}
        if "cli/main.py" in modules or not any(module.startswith("server/") for module in modules):
            made.append((self, places))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(errors.TsmemError, "__init__", noting)
        yield made


def _places(frame: FrameType | None) -> Iterator[Place]:
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(PACKAGE):
            yield name[len(PACKAGE) + 1 :], frame.f_lineno
        frame = frame.f_back


def _told(made: Made, said: str) -> Iterator[Place]:
    """The places of the errors whose sentences were said, and of those that they came from."""
    known = {id(error): places for error, places in made}
    waiting: list[Any] = [error for error, _ in made if any(words in said for words in _forms(error.message))]
    seen: set[int] = set()
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        yield from known.get(id(error), ())
        waiting += [error.__cause__, *(failure.error for failure in getattr(error, "failures", ()))]


def _forms(sentence: str) -> tuple[str, str]:
    """A sentence as people and as machines are told it."""
    return visible(sentence), json.dumps(sentence, ensure_ascii=False)


def told(outcome: Outcome) -> dict[str, Any]:
    """What was told of the error: an object, or `error: ` with its sentence and `hint: ` with the next step."""
    if objects := [line for line in outcome.err.splitlines() if line.startswith('{"error"')]:
        error: dict[str, Any] = json.loads(objects[-1])["error"]
        return error
    _, _, lines = f"\n{outcome.err}".partition("\nerror: ")
    sentence, _, hint = lines.rstrip("\n").partition("\nhint: ")
    return {"message": sentence.partition("\nfailed: ")[0], "hint": hint.partition("\n")[0] or None}
