"""Cause each error of the table in `errors/`: the message, the hint and the exit code match exactly, and nothing was
changed.
"""

from __future__ import annotations

import json

import pytest

from tests.cli.errors.case import Case
from tests.cli.errors.table import TABLE
from tests.cli.errors.walk import told, walked

_ONE_OF_EACH_KIND = {(case.code, case.hint is None): case for case in reversed(TABLE) if case.form}.values()
IN_BOTH_FORMS = [case for case in TABLE if case.out or case in _ONE_OF_EACH_KIND]
"""One error of each kind, and all errors with text on stdout: enough to compare both formats."""


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.cause.rstrip("."))
def test_each_error_of_the_table_has_its_message_hint_and_exit_code(case: Case) -> None:
    outcome, changed = walked(case, *(("-o", case.form) if case.form else ()))
    error = told(outcome)

    assert case.exit == outcome.code
    assert (case.sentence, case.hint) == (error["message"].partition("\n")[0], error["hint"])
    if case.form:
        assert ["code", "message", "hint", "request_id"] == list(error)[:4]
        assert case.code == error["code"]
    assert bool(case.out) == bool(outcome.out)
    if outcome.out:
        json.loads(outcome.out)
    if not case.changes:
        assert [] == changed


@pytest.mark.parametrize("case", IN_BOTH_FORMS, ids=lambda case: case.cause.rstrip("."))
def test_errors_say_the_same_as_text_and_as_json(case: Case) -> None:
    outcome, _ = walked(case)

    assert (case.exit, case.out) == (outcome.code, outcome.text)
    assert {"message": case.sentence, "hint": case.hint} == told(outcome)
    assert "Traceback" not in outcome.err


def test_an_error_message_is_one_sentence() -> None:
    odd = ("Traceback", "Errno", "object at 0x", "NoneType", "\n", "  ")

    assert [] == [case.sentence for case in TABLE if any(word in case.sentence for word in odd)]
