"""`tsmem doctor`: its findings, its fixes and its exit codes."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Outcome
from tests.support.clocks import ManualClock
from tests.support.cloud_profiles import profile
from tests.support.server_in_process import KEY, SECRET, Policy, environ, serving
from tests.support.terminals import COLOUR
from tsmem.cli.app.shell_words import NOT_SHOWN
from tsmem.clock import SystemClock
from tsmem.port import TableSchema
from tsmem.rows import ColumnType
from tsmem.server.http.auth import AccessKey
from tsmem.store import Message, Metadata, Session
from tsmem.store.maintenance.statistics import NEAR_LIMIT_BYTES

NOW = ManualClock().now_us()


def findings(outcome: Outcome, about: str) -> list[dict[str, Any]]:
    return [each for each in outcome.json["findings"] if each["about"] == about]


def severities(outcome: Outcome, about: str) -> list[str]:
    return [each["severity"] for each in findings(outcome, about)]


def examined(cli: Cli, *options: str) -> Outcome:
    return cli("doctor", "-o", "json", *options)


def test_doctor_reports_ok_for_a_healthy_store(ready: Cli) -> None:
    outcome = ready.ok("doctor", "-o", "json")

    assert ("", 0, 0) == (outcome.err, outcome.json["left"], outcome.json["mended"])
    assert ["profile", "credentials", "service", "tables", "rows"] == [
        each["about"] for each in outcome.json["findings"]
    ]
    assert {"ok"} == {each["severity"] for each in outcome.json["findings"]}


def test_doctor_finds_missing_tables_and_fix_creates_them(cli: Cli) -> None:
    found = examined(cli)
    assert (4, ["tsmem init-tables"] * 6) == (found.code, [each["command"] for each in findings(found, "tables")])

    mended = cli.ok("doctor", "--fix", "-o", "json").json
    assert (0, 6) == (mended["left"], mended["mended"])
    assert 0 == cli.ok("doctor", "-o", "json").json["left"]


def test_fix_does_not_change_a_table_that_differs(cli: Cli) -> None:
    with cli.store() as store:
        store._client.create_table(TableSchema("session", store.layout.session.schema.key, max_versions=3))
    outcome = examined(cli, "--fix")

    assert 4 == outcome.code
    differs, refused, *_ = [each for each in findings(outcome, "tables") if not each["mended"]]
    assert "table session differs: max versions is 3, not 1" == differs["sentence"]
    assert refused["sentence"].startswith("secondary index session_secondary_index is missing: ")
    assert "tsmem init-tables --check" == differs["command"]


def test_fix_creates_nothing_on_a_table_whose_key_differs(cli: Cli) -> None:
    with cli.store() as store:
        store._client.create_table(TableSchema("session", (("k", ColumnType.STRING),)))
        store._client.create_table(store.layout.message.schema)
    outcome = examined(cli, "--fix")
    assert (4, None) == (outcome.code, outcome.error["hint"])
    missing = [each for each in findings(outcome, "tables") if "session_" in each["sentence"]]
    assert {"tsmem init-tables --check"} == {each["command"] for each in missing}
    (rows,) = findings(outcome, "rows")
    assert ("error", True) == (rows["severity"], "the primary key of table session differs" in rows["sentence"])
    with cli.store() as store:
        assert [] == store._client.list_search_indexes("session")


def test_recent_orphan_messages_are_a_note_and_old_ones_a_warning(ready: Cli) -> None:
    ready.ok("message", "put", "s", "--content", "hi")
    recent = ready.ok("doctor", "-o", "json")
    ready.clock.sleep(3600)
    old = examined(ready)

    assert "session 's' has 1 message but no user" in findings(recent, "orphans")[0]["sentence"]
    assert (["note"], []) == (severities(recent, "orphans"), findings(recent, "rows"))
    assert (4, ["warning"]) == (old.code, severities(old, "orphans"))


def test_fix_raises_update_times_and_changes_no_other_row(ready: Cli) -> None:
    behind = Session("ada", "a", 5, "text", Metadata({"topic": "x"}))
    rows: list[Session | Message] = [Message("a", "m", 7), Message("orphan", "m", 1), Message("t", "m", 8)]
    ready.fill([behind, Session("bob", "t"), *rows])
    before = ready.export()

    found = examined(ready)
    assert (4, before) == (found.code, ready.export())
    assert ["tsmem doctor --fix"] * 2 == [each["command"] for each in findings(found, "update_time")]

    outcome = examined(ready, "--fix")
    assert 4 == outcome.code  # the orphan is left
    assert [(True, None)] * 2 == [(each["mended"], each["command"]) for each in findings(outcome, "update_time")]
    with ready.store() as store:
        assert Session("ada", "a", 7, "text", Metadata({"topic": "x"})) == store.sessions.get("ada", "a")
        assert Session("bob", "t", 8) == store.sessions.get("bob", "t")
        assert rows == list(store.messages.iterate(None))
    assert len(before.splitlines()) == len(ready.export().splitlines())


def test_fix_does_not_raise_update_times_to_a_time_in_the_future(ready: Cli) -> None:
    """The time of a wrong clock must not spread."""
    ready.fill([Session("ada", "a", 5), Message("a", "m", NOW + 3_600_000_000)])
    outcome = examined(ready, "--fix")

    (finding,) = findings(outcome, "update_time")
    assert (4, False) == (outcome.code, finding["mended"])
    assert "tsmem message tail a --last 1" == finding["command"]
    with ready.store() as store:
        assert 5 == store.sessions.get("ada", "a").update_time


def test_fix_leaves_orphans_and_shared_ids_to_the_user(ready: Cli) -> None:
    nasty = "it's -=[2J ~%\\é"
    ready.fill([Message(nasty, "m", 1), Message("-x", "m", 1), Session("ada", "s", 1), Session("bob", "s", 1)])
    outcome = examined(ready, "--fix")

    assert 4 == outcome.code
    orphans = [each["command"] for each in findings(outcome, "orphans")]
    assert "tsmem message purge '--session=-x'" == orphans[0]
    assert ["tsmem", "message", "purge", "--session", nasty] == bash_words(orphans[1])
    for command in orphans:
        ready.ok(*bash_words(command)[1:], "--yes")
    (shared,) = findings(outcome, "shared session")
    shown = ready.ok(*shlex.split(shared["command"])[1:], "-o", "jsonl").lines
    assert ["ada", "bob"] == [line["user_id"] for line in shown]
    left = [each["about"] for each in examined(ready).json["findings"] if each["severity"] != "ok"]
    assert ["shared session"] == left


def bash_words(command: str) -> list[str]:
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    return done.stdout.decode().split("\0")[:-1]


def test_cells_near_the_limit_are_a_note(ready: Cli) -> None:
    big = "x" * NEAR_LIMIT_BYTES
    ready.fill([Session("-u", "s", 1, big), Message("s", "m", 1, "user", big)])
    outcome = ready.ok("doctor", "-o", "json")

    assert ["note", "note"] == severities(outcome, "size")
    for note in findings(outcome, "size"):
        assert NEAR_LIMIT_BYTES < len(ready.ok(*shlex.split(note["command"])[1:]).out)


def test_twenty_findings_of_a_kind_are_named_and_the_rest_counted(ready: Cli) -> None:
    items: list[Session | Message] = [Session("u", f"s{n:02d}", 1) for n in range(30)]
    ready.fill([*items, *[Message(f"s{n:02d}", "m", 2) for n in range(30)]])

    found = findings(examined(ready), "update_time")
    assert 21 == len(found)
    assert "10 more, the last: the session 's29'" in found[-1]["sentence"]

    ready.ok("doctor", "--fix")
    assert [] == findings(ready.ok("doctor", "-o", "json"), "update_time")


def test_warnings_beyond_the_named_findings_count_although_notes_surround_them(ready: Cli) -> None:
    now_us = ready.clock.now_us()
    times = [*[now_us] * 20, 1, now_us]  # doctor names twenty
    ready.fill([Message(f"s{number:02d}", "m", time_us) for number, time_us in enumerate(times)])

    assert 4 == examined(ready).code


def test_doctor_warns_of_a_profile_file_that_others_can_read(cli: Cli) -> None:
    path = cli.config(cloud("http://127.0.0.1:1"))
    path.chmod(0o644)
    outcome = examined(cli, "--fix")

    assert SECRET not in outcome.text + outcome.err
    assert ["ok", "warning"] == severities(outcome, "profile")
    assert f"chmod 600 {path}" == findings(outcome, "profile")[1]["command"]


def cloud(endpoint: str, secret: str = SECRET) -> str:
    return profile(endpoint, secret=secret, more='timeout = 5\nsecurity_token = "env:NO_SUCH_TOKEN"\n')


def test_doctor_checks_everything_over_the_wire(cli: Cli, tmp_path: Path) -> None:
    with serving(tmp_path / "served.db", credentials=AccessKey(KEY, SECRET)) as served:
        cli.config(cloud(served.endpoint))
        cli.ok("init-tables")
        cli.fill([Session("ada", "a", 5), Message("a", "m", 7), Session("bob", "b", 9)])
        served.log.clear()
        outcome = examined(cli)
        asked = sorted(served.actions())
        mended = examined(cli, "--fix")

    assert ["DescribeSearchIndex"] * 2 + ["DescribeTable"] * 2 + ["GetRange"] * 2 == asked
    assert 4 == outcome.code
    assert SECRET not in outcome.text + outcome.err
    (credentials,) = findings(outcome, "credentials")
    assert "access_key_secret (set, hidden)" in credentials["sentence"]
    assert "security_token (not set)" in credentials["sentence"]
    assert ["ok"] == severities(outcome, "clock")
    assert (0, 0, 1) == (mended.code, mended.json["left"], mended.json["mended"])


@pytest.mark.parametrize(
    ("ahead_s", "code", "service", "said"),
    [(600, 4, "ok", "behind the service's"), (-86_400, 5, "error", "ahead of the service's")],
    ids=["service answers", "service refuses the request"],
)
def test_doctor_reports_the_difference_between_clocks(
    ready: Cli, ahead_s: int, code: int, service: str, said: str
) -> None:
    clock = ManualClock(SystemClock().now_us() + ahead_s * 1_000_000)
    with serving(ready.database, clock=clock) as served:
        outcome = ready("-p", "env", "doctor", "-o", "json", environ=environ(served.endpoint))

    (finding,) = findings(outcome, "clock")
    assert (code, [service]) == (outcome.code, severities(outcome, "service"))
    assert "this machine's clock is" in finding["sentence"]
    assert said in finding["sentence"]


@pytest.mark.parametrize(
    ("denied", "missing", "refused", "orphans"),
    [
        (("DescribeSearchIndex",), 0, "service", 1),
        (("CreateSearchIndex",), 1, "tables", 1),
        (("GetRange",), 1, "rows", 0),
    ],
)
def test_doctor_goes_on_after_a_missing_permission(
    ready: Cli, denied: tuple[str, ...], missing: int, refused: str, orphans: int
) -> None:
    """A key without one permission may have others. Their findings are reported, and the exit code is 5."""
    ready.fill([Message("s", "m", 1)])
    with ready.store() as store:
        store._client.delete_search_index("message", "message_search_index")
    with serving(ready.database, faults=Policy(*denied)) as served:
        outcome = ready("-p", "env", "doctor", "--fix", "-o", "json", environ=environ(served.endpoint))

    assert (5, "Denied") == (outcome.code, outcome.error["code"])
    assert missing == sum("is missing" in each["sentence"] or each["mended"] for each in outcome.json["findings"])
    assert any("no permission" in each["sentence"] for each in findings(outcome, refused))
    assert orphans == len(findings(outcome, "orphans"))


def test_doctor_reports_a_secret_that_cannot_be_read(cli: Cli) -> None:
    cli.config(cloud("http://127.0.0.1:1", secret="env:NO_SUCH_SECRET"))
    outcome = examined(cli)

    assert 2 == outcome.code
    (credentials,) = findings(outcome, "credentials")
    assert "environment variable NO_SUCH_SECRET is not set" in credentials["sentence"]
    assert [] == findings(outcome, "service")


def test_doctor_reports_a_service_that_cannot_be_reached(cli: Cli) -> None:
    with serving(None) as served:
        endpoint = served.endpoint
    outcome = cli("-p", "env", "doctor", environ={**environ(endpoint), "HOME": str(cli.folder)})
    assert 6 == outcome.code
    assert "refuses connections" in outcome.text
    assert "refuses connections" in outcome.err


@pytest.mark.parametrize("width", [20, 80])
def test_findings_fit_the_terminal_and_ids_cannot_forge_lines(ready: Cli, width: int) -> None:
    ready.fill([Message("a\nerror    forged\x1b]0;x\x07" + "y" * 300, "m", 1), Message("\u202e" * 50, "m", 1)])
    lines = ready("doctor", width=width).text.splitlines()

    plain = [COLOUR.sub("", line) for line in lines]
    assert all(line.isprintable() for line in plain)
    assert all(len(line) <= width for line in plain)
    assert {"ok", "warning", ""} == {line[:9].strip() for line in plain}


def test_a_long_command_is_broken_between_its_words(ready: Cli) -> None:
    ready.fill([Message(f"word {'x' * 40}", "m", 1)])
    lines = ready("doctor", "--color", "never", width=60).text.splitlines()

    start = next(n for n, line in enumerate(lines) if line.strip().startswith("tsmem"))
    assert ["tsmem", "message", "purge", "--session", f"word {'x' * 40}"] == bash_words("\n".join(lines[start:]))


def test_a_command_with_a_word_longer_than_a_line_is_not_shown(ready: Cli) -> None:
    """Broken within the word it would be another command: here one that creates a file."""
    ready.fill([Message("x" * 60 + "'; touch X #", "m", 1)])
    shown = " ".join(ready("doctor", "--color", "never", width=60).text.split())

    assert "touch" not in shown.rpartition("the command deletes them")[2]
    assert "(the command is too long for this terminal: -o json shows it)" in shown


def test_a_command_with_a_control_character_is_not_shown(ready: Cli) -> None:
    ready.fill([Message("a\nb", "m", 1)])
    (finding,) = findings(examined(ready), "orphans")

    assert finding["command"] is None
    assert finding["sentence"].endswith(NOT_SHOWN)
    assert NOT_SHOWN in ready("doctor").text


@pytest.mark.parametrize("file", ["[profiles.x\n", '[profiles.x]\nbackend = "locl"\n', ""])
def test_doctor_suggests_a_working_command_for_an_unreadable_profile(cli: Cli, file: str) -> None:
    cli.config(file)
    outcome = examined(cli, "--profile", "x")
    (finding,) = findings(outcome, "profile")

    assert (2, "error") == (outcome.code, finding["severity"])
    assert outcome.error["message"] in finding["sentence"]
    assert "tsmem --profile x profile path" == finding["command"]
    assert 0 == cli(*bash_words(finding["command"])[1:]).code


def test_doctor_progress_counts_the_rows_it_read(ready: Cli) -> None:
    ready.fill([Session("u", "s", 1)])

    assert "looked at 1 session" in ready.ok("doctor", "--progress").err
