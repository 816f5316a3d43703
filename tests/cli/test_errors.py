"""Every error that a user can cause is a row of a table, and each is caused here: what is said, in which exit code, in
words for people and for machines, and that nothing was done."""

from __future__ import annotations

import json

import pytest

from tests.cli.errors.case import Case
from tests.cli.errors.table import TABLE
from tests.cli.errors.walk import Walked, told, walked


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.cause.rstrip("."))
def test_an_error_is_told_as_the_table_says(case: Case) -> None:
    """To people and to machines; and it leaves everything as it was, unless the table says that it does not."""
    walk = walked(case)
    _told_to_people(case, walk)
    if case.form is not None:
        _told_to_machines(case, walk)
    if not case.changes:  # no row of any store and no file is another one than before, and none is left behind
        assert () == walk.changed


def _told_to_people(case: Case, walk: Walked) -> None:
    """The sentence, the hint and the exit code, to the letter; and stdout holds what it should, mostly nothing."""
    it = walk.text
    error = told(it)

    assert (case.exit, case.out) == (it.code, it.text)
    assert (case.sentence, case.hint) == (error["message"], error["hint"])
    assert case.code == error.get("code", case.code)
    assert "Traceback" not in it.err


def _told_to_machines(case: Case, walk: Walked) -> None:
    """With -o json: the same sentence, hint and exit code, under the error's name. Where a sentence points into a text,
    people were shown the place before it. What is on stdout is a whole document."""
    assert walk.machine is not None
    error = told(walk.machine)
    sentence, _, place = error["message"].partition("\n")

    assert ["code", "message", "hint", "request_id"] == list(error)[:4]
    assert (case.exit, case.code) == (walk.machine.code, error["code"])
    assert (case.sentence, case.hint) == (sentence, error["hint"])
    assert place in walk.text.err
    assert bool(case.out) == bool(walk.machine.out)
    if walk.machine.out:
        json.loads(walk.machine.out)


def test_causes_are_told_apart() -> None:
    """No two rows have the same cause, and each is one sentence."""
    causes = [case.cause for case in TABLE]

    assert len(set(causes)) == len(causes)
    assert [] == [cause for cause in causes if not cause.endswith(".") or not cause[0].isupper()]


def test_a_sentence_is_one_sentence() -> None:
    """No sentence repeats what Python or a parser says of its own types, and none has two lines."""
    odd = ("Traceback", "Errno", "object at 0x", "NoneType", "\n", "  ")

    assert [] == [case.sentence for case in TABLE if any(word in case.sentence for word in odd)]
