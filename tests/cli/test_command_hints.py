"""Command lines in hints: they are for the profile of the run that prints them."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli

OTHER = "tsmem --profile other"


@pytest.fixture
def other(cli: Cli) -> Cli:
    cli.config('[profiles.other]\nbackend = "local"\npath = "other.db"\n')
    return cli


def test_the_hint_of_a_check_creates_the_tables_of_that_profile(other: Cli) -> None:
    outcome = other("-p", "other", "init-tables", "--check")

    assert 4 == outcome.code
    assert f"hint: {OTHER} init-tables creates what is missing" in outcome.err


def test_messages_that_stay_are_looked_for_in_that_profile(other: Cli) -> None:
    other.ok("-p", "other", "init-tables")
    other.ok("-p", "other", "session", "put", "ada", "s1")

    assert (
        f"{OTHER} doctor names what is left" in other.ok("-p", "other", "session", "purge", "--user=ada", "--yes").err
    )


def test_the_hint_of_a_missing_conversation_lists_the_sessions_of_that_profile(other: Cli) -> None:
    other.ok("-p", "other", "init-tables")

    assert f"hint: {OTHER} session list shows" in other("-p", "other", "show", "none").err
