"""`session put` and `message put` replace nothing silently."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tsmem.store import Message, Metadata, Session

TIME = 1_760_000_000_000_000
OLD = Session("ada", "s", 5, "about tea", Metadata({"topic": "travel", "vip": True, "n": 1}))
SAID = Message("s", "m", TIME, "user", "hello", None, Metadata({"lang": "en"}))
REPLACING = [
    (
        ("session", "put", "ada", "s", "-m", "vip:=true", "-m", "n:=1.0"),
        '3 values: search_content="about tea", n=1, topic=travel',
    ),
    (("message", "put", "s", "m", "--create-time", str(TIME), "--content", "hello"), "2 values: role=user, lang=en"),
]


@pytest.fixture
def filled(ready: Cli) -> Cli:
    ready.fill([OLD, SAID])
    return ready


@pytest.mark.parametrize(("argv", "dropped"), REPLACING, ids=["session", "message"])
def test_put_at_a_terminal_shows_what_it_would_drop_and_asks(filled: Cli, argv: tuple[str, ...], dropped: str) -> None:
    before = filled.export()
    for answer in (b"n\n", b""):
        outcome = filled.asked(*argv, answer=answer)
        assert (0, b"") == (outcome.code, outcome.out)
        assert f"exists; this drops {dropped}. Replace it? [y/N]" in outcome.err
        assert outcome.err.endswith("nothing was done\n")
        assert before == filled.export()

    outcome = filled.asked(*argv, answer=b"y\n")
    assert 0 == outcome.code
    assert outcome.out
    assert before != filled.export()


@pytest.mark.parametrize(("argv", "dropped"), REPLACING, ids=["session", "message"])
def test_put_does_not_ask_without_a_terminal_or_if_nothing_is_dropped(
    filled: Cli, argv: tuple[str, ...], dropped: str
) -> None:
    assert "" == filled.ok(*argv).err
    for again in (argv, (*argv, "--yes"), (*argv[:2], "bob", "other", "-m", "a=1")):
        outcome = filled.asked(*again)
        assert (0, "") == (outcome.code, outcome.err)
    filled.fill([OLD, SAID])
    assert (0, "") == ((yes := filled.asked(*argv, "-y")).code, yes.err)
    assert 4 == filled.asked(*argv, "--if-absent").code


def test_the_question_of_put_is_short_and_cannot_be_forged(ready: Cli) -> None:
    values = {f"k{n}": "x\n\x1b[2J" * 100 for n in range(50)}
    ready.fill([Session("ada", "s", 5, None, Metadata(values))])
    outcome = ready.asked("session", "put", "ada", "s")

    assert "this drops 50 values: k0=" in outcome.err
    assert len(outcome.err) < 1500
    assert "\x1b" not in outcome.err


def test_put_of_an_existing_message_id_needs_create_time_or_new(filled: Cli) -> None:
    put = ("message", "put", "s", "m", "--content", "z")
    filled.ok(*put, "--create-time", str(TIME))
    assert ["z"] == contents(filled)
    filled.ok(*put, "--new")
    assert ["z", "z"] == contents(filled)
    assert f"--create-time {TIME} or 17" in filled(*put).err
    filled.ok("message", "put", "other", "m", "--content", "z")


def contents(cli: Cli) -> list[str]:
    return [line["content"] for line in cli.ok("message", "list", "--session", "s", "-o", "jsonl").lines]
