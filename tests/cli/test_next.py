"""The next page of the last listing at the same terminal, and what `tsmem next` says if there is none."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Outcome, Processes, messages, sessions
from tests.support.privileges import OTHER_USER, needs_root
from tests.support.ptys import open_terminal, pieces
from tests.support.terminals import COLOUR
from tsmem.store import Message

DAY = 86_400_000_000
WEEK_S = 7 * 86_400
NO_LISTING = "error: there is no listing to continue at this terminal\n"


class AtTerminal:
    """Runs command lines at a terminal of 80 columns."""

    def __init__(self, cli: Cli, name: str = "pts-7.1234") -> None:
        self.cli = cli
        self.folder = cli.folder / "home" / ".local" / "state" / "tsmem" / "next"
        self.file = self.folder / f"{name}.json"
        self._name = name

    def __call__(self, line: str, **options: Any) -> Outcome:
        return self.cli(*line.split(), **{"width": 80, "talk": True, "terminal": self._name, **options})


@pytest.fixture
def at_terminal(ready: Cli) -> AtTerminal:
    ready.fill([*sessions(7), *messages(7, "s00000"), *messages(3, "s00001")])
    return AtTerminal(ready)


def ids(outcome: Outcome) -> list[str]:
    return [item.get("message_id") or item["session_id"] for item in outcome.json["items"]]


@pytest.mark.parametrize(
    "line",
    [
        "session list LIMIT", "session list --user ada LIMIT",
        "session recent LIMIT", "session recent --user ada LIMIT", "session search LIMIT", "message list LIMIT",
        "message list --session s00000 --order desc LIMIT", "message list --user ada LIMIT",
        "message search LIMIT -- said", "search said LIMIT",
    ],
)  # fmt: skip
def test_next_continues_a_listing_until_nothing_is_left(at_terminal: AtTerminal, line: str) -> None:
    shown = line.replace("LIMIT", "--limit 3")
    whole = ids(at_terminal.cli.ok(*line.replace("LIMIT", "--limit 0 -o json").split()))
    assert at_terminal(shown).err.endswith("; next page: tsmem next\n")
    pages = [at_terminal("next --limit 2 -o json") for _ in range(5)]

    assert whole[3:] == [each for page in pages for each in ids(page)]
    assert (0, f"nothing is left of the last listing, tsmem {shown}\n") == (pages[-1].code, pages[-1].err)


def test_a_terminal_is_told_the_number_of_items_and_never_a_token(at_terminal: AtTerminal) -> None:
    for line, said in (
        ("session list --limit 3", "3 sessions shown; next page: tsmem next\n"),
        ("next", "3 sessions shown; next page: tsmem next\n"),
        ("next", "1 session\n"),
        ("session search --limit 3", "3 of 7 sessions; next page: tsmem next\n"),
        ("message search said --limit 4", "4 of 10 messages; next page: tsmem next\n"),
        ("message search said --limit 4 --filter create_time>0", "4 messages shown; next page: tsmem next\n"),
        ("search said --limit 1 --no-pager", "1 of 10 messages; next page: tsmem next\n"),
    ):
        outcome = at_terminal(line)
        assert said == outcome.err
        assert "page-token" not in outcome.text


def test_a_pipe_and_json_have_the_token_and_leave_the_last_listing_alone(at_terminal: AtTerminal) -> None:
    at_terminal("session list --limit 3")
    for line, options in (
        ("message list --limit 2", {"width": None}),
        ("message list --limit 2 -o jsonl", {}),
        ("message list --limit 2 -o csv", {}),
    ):
        assert f"next page: tsmem {line} --page-token A" in at_terminal(line, **options).err
    assert at_terminal("message list --limit 2 -o json").json["next_page_token"].startswith("A")

    assert ["s00003", "s00004"] == ids(at_terminal("next --limit 2 -o json"))


def test_next_in_a_pipe_continues_too(at_terminal: AtTerminal) -> None:
    at_terminal("session list --limit 3")

    assert "next page: tsmem next\n" == at_terminal("next -o csv", width=None).err
    assert ["s00006"] == ids(at_terminal("next -o json", width=None))


def test_options_of_next_count_for_its_page_only(at_terminal: AtTerminal) -> None:
    at_terminal("message list --limit 2 --fields message_id,content -o table")

    assert "message_id,content\nm00002,said 2\n" == at_terminal("next -o csv --limit 1").text.replace("\r", "")
    assert [{"content": f"said {n}"} for n in (3, 4)] == at_terminal("-o jsonl --fields content next").lines
    assert ["m00005", "said", "5", "m00006", "said", "6"] == at_terminal("next").text.split()[-6:]
    assert "no field 'topic'" in at_terminal("next --fields topic").err
    assert "--limit must be 0" in at_terminal("next --limit=-1").err
    assert "1 message shown" in at_terminal("next --limit 1").err


def test_next_sends_the_requests_of_its_listing_only(at_terminal: AtTerminal) -> None:
    for line in ("session list --no-preview", "message list --session s00000"):
        at_terminal(f"{line} --limit 2")
        assert "1 request, " in at_terminal("next --cost").err


def test_a_listing_that_shows_everything_ends_the_one_before(at_terminal: AtTerminal) -> None:
    at_terminal("session list --limit 3")
    at_terminal("message list --session s00001")

    outcome = at_terminal("next")

    assert (0, "nothing is left of the last listing, tsmem message list --session s00001\n") == (
        outcome.code,
        outcome.err,
    )


def test_each_terminal_has_its_own_listing(at_terminal: AtTerminal) -> None:
    other = AtTerminal(at_terminal.cli, "pts-8.1234")
    at_terminal("session list --limit 3")
    other("message list --limit 2")

    assert ["s00003"] == ids(at_terminal("next --limit 1 -o json"))
    assert ["m00002"] == ids(other("next --limit 1 -o json"))


def test_without_a_listing_or_a_terminal_next_says_what_to_do(at_terminal: AtTerminal) -> None:
    for options, said in (
        ({}, f"{NO_LISTING}hint: run one first, such as tsmem session recent\n"),
        ({"environ": {"HOME": "", "XDG_STATE_HOME": "relative"}}, NO_LISTING),
        (
            {"terminal": None},
            "error: there is no listing to continue, because this is not a terminal\nhint: in a script, ",
        ),
    ):
        outcome = at_terminal("next", **options)
        assert 3 == outcome.code
        assert outcome.err.startswith(said)


def test_a_failed_next_can_be_repeated(at_terminal: AtTerminal) -> None:
    at_terminal("session list --limit 3")
    database = at_terminal.cli.database
    database.rename(database.with_name("elsewhere"))
    assert 3 == at_terminal("next").code
    database.with_name("elsewhere").rename(database)

    assert ["s00003"] == ids(at_terminal("next --limit 1 -o json"))


@pytest.mark.parametrize("line", ["message list --since yesterday", "message list --since 36h --until now"])
def test_words_and_ages_mean_the_same_on_the_next_day(at_terminal: AtTerminal, line: str) -> None:
    clock = at_terminal.cli.clock
    at_terminal.cli.fill(Message("now", f"now{n}", clock.time_us - 1_000_000 + n, "user") for n in range(4))
    at_terminal(f"{line} --limit 2")
    for n in (2, 3):
        clock.time_us += 2 * DAY
        assert [f"now{n}"] == ids(at_terminal("next --limit 1 -o json"))


def test_the_profile_of_the_listing_is_kept(at_terminal: AtTerminal) -> None:
    """Whatever the default profile and the current folder are later."""
    cli = at_terminal.cli
    cli.database.rename("copied.db")
    profiles = '[profiles.mine]\nbackend = "local"\npath = "copied.db"\n'
    config = cli.config(f'default_profile = "mine"\n{profiles}')
    config.rename("mine.toml")
    at_terminal("session list --limit 3 --config mine.toml")
    (cli.folder / "below").mkdir()
    os.chdir("below")
    Path("../mine.toml").write_text(f'default_profile = "other"\n{profiles}')

    assert ["s00003"] == ids(at_terminal("next --limit 1 -o json"))
    assert "no profile 'other'" in at_terminal("next -p other").err
    assert ["s00004"] == ids(at_terminal("next --limit 1 -o json"))


def test_a_listing_that_was_given_a_token_is_continued_as_well(at_terminal: AtTerminal) -> None:
    token = at_terminal("session list --limit 2 -o json").json["next_page_token"]
    at_terminal(f"session list --limit 2 --page-token {token}")

    assert ["s00004"] == ids(at_terminal("next --limit 1 -o json"))


def test_the_file_is_private_and_has_only_the_command_line_and_the_place(at_terminal: AtTerminal) -> None:
    at_terminal("session list --limit 3 --user ada")

    assert [0o700, 0o600] == [stat.S_IMODE(each.stat().st_mode) for each in (at_terminal.folder, at_terminal.file)]
    document = json.loads(at_terminal.file.read_bytes())
    assert document.pop("page_token").startswith("A")
    assert {
        "argv": ["session", "list", "--limit", "3", "--user", "ada"],
        "noun": "session",
        "config": None,
        "profile": "local",
        "parsed_at_us": at_terminal.cli.clock.time_us,
    } == document


def test_the_state_folder_can_be_elsewhere(at_terminal: AtTerminal) -> None:
    state = {"XDG_STATE_HOME": str(at_terminal.cli.folder / "state")}
    at_terminal("session list --limit 3", environ=state)

    assert ["s00003"] == ids(at_terminal("next --limit 1 -o json", environ=state))
    assert NO_LISTING in at_terminal("next").err


def test_files_of_terminals_without_a_listing_for_a_week_are_removed(at_terminal: AtTerminal) -> None:
    others = [AtTerminal(at_terminal.cli, f"pts-{n}.99") for n in range(2)]
    for other, margin_s in zip(others, (-100, 100), strict=True):
        other("session list --limit 3")
        time_s = other.file.stat().st_mtime - WEEK_S - margin_s
        os.utime(other.file, (time_s, time_s))
    at_terminal("session list --limit 3")

    assert [True, False] == [other.file.exists() for other in others]


def test_the_command_line_is_shown_if_the_file_cannot_be_written(at_terminal: AtTerminal) -> None:
    at_terminal.folder.parent.mkdir(parents=True)
    at_terminal.folder.write_text("not a folder")
    outcome = at_terminal("session list --limit 3")

    assert 0 == outcome.code
    assert outcome.err.startswith("3 sessions shown; next page: tsmem session list --limit 3 --page-token A")
    assert NO_LISTING in at_terminal("next").err


DAMAGED = ["", "{", "[]", "{}", '{"argv": "session list"}', "null", "\xff"]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_no_listing(at_terminal: AtTerminal, text: str) -> None:
    at_terminal("session list --limit 3")
    at_terminal.file.write_text(text, encoding="latin-1")

    assert NO_LISTING in at_terminal("next").err


@pytest.mark.parametrize(
    ("key", "value"),
    [("argv", [1]), ("noun", "table"), ("config", 1), ("profile", None), ("parsed_at_us", "1"), ("page_token", 1)],
)
def test_a_file_with_a_wrong_value_is_no_listing(at_terminal: AtTerminal, key: str, value: object) -> None:
    at_terminal("session list --limit 3")
    document = json.loads(at_terminal.file.read_bytes())
    at_terminal.file.write_text(json.dumps({**document, key: value}))

    assert NO_LISTING in at_terminal("next").err


@pytest.mark.parametrize(
    "argv",
    [
        ["session", "purge", "--everyone", "--yes"], ["session", "purge", "--everyone", "--yes", "--user"],
        ["drop-tables", "--yes"], ["drop-tables", "--yes", "--"], ["next"], ["no-such-command"],
    ],
)  # fmt: skip
def test_only_a_listing_is_run(at_terminal: AtTerminal, argv: list[str]) -> None:
    """The file could have been written by something else, or by a newer tsmem."""
    before = at_terminal.cli.export()
    at_terminal("session list --limit 3")
    document = json.loads(at_terminal.file.read_bytes())
    at_terminal.file.write_text(json.dumps({**document, "argv": argv}))

    assert 2 == at_terminal("next").code
    assert before == at_terminal.cli.export()


@needs_root
def test_a_file_of_another_user_is_no_listing(at_terminal: AtTerminal) -> None:
    at_terminal("session list --limit 3")
    os.chown(at_terminal.file, OTHER_USER, OTHER_USER)

    assert NO_LISTING in at_terminal("next").err


def test_a_command_line_that_cannot_be_pasted_is_not_shown(at_terminal: AtTerminal) -> None:
    at_terminal("session list --limit 3")
    at_terminal.cli("session", "list", "--user", "\x1b[31m", width=80, terminal="pts-7.1234")

    assert "nothing is left of the last listing\n" == at_terminal("next").err


def test_next_knows_a_real_terminal_and_its_login(process: Processes, ready: Cli) -> None:
    ready.fill(sessions(5))
    ours, theirs = open_terminal(80)
    script = "$TSMEM session list --limit 2; $TSMEM next -o jsonl --limit 1 | cut -c 1-40; setsid -w $TSMEM next"
    started = subprocess.Popen(
        ["sh", "-c", script],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**process.environ, "TSMEM": " ".join(process.argv())},
        cwd=process.folder,
    )
    os.close(theirs)
    try:
        sent = COLOUR.sub("", b"".join(pieces(ours)).decode().replace("\r\n", "\n"))
    finally:
        os.close(ours)
        started.wait(60)

    assert "2 sessions shown; next page: tsmem next\n" in sent
    assert '{"user_id": "ada", "session_id": "s00002'[:40] in sent
    assert NO_LISTING in sent


def test_counts_of_hits_by_session_cannot_be_continued(at_terminal: AtTerminal) -> None:
    at_terminal("session list --limit 2")
    at_terminal("search said --sessions --limit 1")

    assert at_terminal("next").err.startswith("nothing is left of the last listing, tsmem search said --sessions")
