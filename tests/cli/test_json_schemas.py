"""`tsmem help json`: a schema for every output. `Cli` checks the JSON of every command line in the tests against it."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import Cli
from tests.support.commands import declarations
from tests.support.schemas import SCHEMAS, TEXT, check_document

WITHOUT_OUTPUT = {
    "demo", "session update", "session delete", "message update", "message delete", "profile set", "profile use",
    "profile delete", "serve",
}  # fmt: skip
"""Commands that write nothing but messages on stderr."""


def test_every_command_has_a_schema_for_each_format_of_its_output() -> None:
    commands = {name.partition(" --")[0] for name in SCHEMAS["outputs"]}
    assert commands == declarations().keys() - WITHOUT_OUTPUT - TEXT
    for outputs in SCHEMAS["outputs"].values():
        assert outputs.keys() == {"json", "jsonl"}
        assert {*outputs.values()} <= SCHEMAS["$defs"].keys()


def test_the_schemas_are_valid_and_refuse_what_they_do_not_name() -> None:
    Draft202012Validator.check_schema(SCHEMAS)
    session = {"user_id": "u", "session_id": "s", "update_time": None, "search_content": None, "metadata": {"n": 1}}
    check_document("session", json.dumps(session))
    for wrong in ({**session, "more": 1}, {**session, "metadata": {"n": None}}, {"user_id": "u"}):
        with pytest.raises(AssertionError):
            check_document("session", json.dumps(wrong))


def test_errors_match_their_schema(ready: Cli) -> None:
    outcome = ready("session", "get", "ada", "none", "-o", "json")
    check_document("error", outcome.err)


def test_help_json_prints_all_schemas_or_one_that_stands_alone(cli: Cli) -> None:
    assert SCHEMAS == cli.ok("help", "json").json
    one = cli.ok("help", "json", "--schema", "session-list").json
    assert one["$defs"].keys() == {"session-list", "session", "metadata", "value", "error-object"}
    validator = Draft202012Validator(one)
    assert validator.is_valid({"items": [], "next_page_token": None})
    assert not validator.is_valid({"items": [{}], "next_page_token": None})


def test_an_unknown_schema_is_refused_with_the_nearest_name(cli: Cli) -> None:
    outcome = cli("help", "json", "--schema", "sesion")
    assert (outcome.code, outcome.err.split("\n")[0]) == (
        2,
        "error: there is no JSON schema 'sesion'; did you mean 'session'?",
    )
    assert cli("help", "times", "--schema", "session").err.startswith("error: --schema goes with the topic json\n")
