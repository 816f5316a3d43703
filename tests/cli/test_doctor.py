"""`tsmem doctor`: what it finds, what it mends and leaves, and how it ends."""

from __future__ import annotations

import io
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Outcome
from tests.support.clocks import ManualClock
from tests.support.cloud_profiles import profile
from tests.support.server_in_process import KEY, SECRET, environ, serving
from tests.support.terminals import COLOUR
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import NOT_SHOWN, repeated_command
from tsmem.cli.io.streams import Streams
from tsmem.clock import SystemClock
from tsmem.port import TableSchema
from tsmem.rows import ColumnType
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import Fault, Faults
from tsmem.store import Message, Metadata, Session
from tsmem.store.maintenance.statistics import NEAR_LIMIT_BYTES

NOW = ManualClock().now_us()


class AheadClock(SystemClock):
    """Ten minutes ahead of this machine's."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return super().now_us() + 600_000_000


def findings(outcome: Outcome, about: str) -> list[dict[str, Any]]:
    """Return the findings about one thing."""
    return [each for each in outcome.json["findings"] if each["about"] == about]


def test_a_store_in_order_is_said_to_be(ready: Cli) -> None:
    """Exit 0, nothing on stderr, and each thing that was looked at is ok."""
    outcome = ready.ok("doctor", "-o", "json")

    assert "" == outcome.err
    assert (0, 0) == (outcome.json["left"], outcome.json["mended"])
    assert [("profile", "ok"), ("credentials", "ok"), ("service", "ok"), ("tables", "ok"), ("rows", "ok")] == [
        (each["about"], each["severity"]) for each in outcome.json["findings"]
    ]


def test_missing_tables_are_found_and_made(cli: Cli) -> None:
    """Exit 4 and the command that makes them; --fix makes them, says so, and ends with 0."""
    found = cli("doctor", "-o", "json")
    assert 4 == found.code
    assert ["tsmem init-tables"] * 6 == [each["command"] for each in findings(found, "tables")]
    assert "Conflict" == found.error["code"]
    assert "tsmem doctor --fix" in found.error["hint"]

    mended = cli.ok("doctor", "--fix", "-o", "json").json
    assert (0, 6) == (mended["left"], mended["mended"])
    assert 0 == cli.ok("doctor", "-o", "json").json["left"]


def test_one_command_that_mends_many_is_shown_once(cli: Cli) -> None:
    """Below the last of them, for people; another command stands below its own finding."""
    lines = cli("doctor").text.splitlines()

    assert 1 == lines.count(" " * 9 + "tsmem init-tables")
    assert "message_search_index is missing" in lines[lines.index(" " * 9 + "tsmem init-tables") - 1]
    assert " " * 9 + "tsmem doctor" == lines[-1]


def test_fix_leaves_a_table_that_differs(cli: Cli) -> None:
    """A table with another option is named, also with --fix, and is as it was."""
    with cli.store() as store:
        store._client.create_table(TableSchema("session", store.layout.session.schema.key, max_versions=3))
    outcome = cli("doctor", "--fix", "-o", "json")

    assert 4 == outcome.code
    differs, refused, *_ = [each for each in findings(outcome, "tables") if not each["mended"]]
    assert "table session differs: max versions is 3, not 1" == differs["sentence"]
    assert refused["sentence"].startswith("secondary index session_secondary_index is missing: ")
    assert "tsmem init-tables --check" == differs["command"]


def test_a_table_of_another_key_is_named_and_nothing_is_created_on_it(cli: Cli) -> None:
    """It cannot be read as ours: that is said, with all that was found before; also with --fix."""
    with cli.store() as store:
        store._client.create_table(TableSchema("session", (("k", ColumnType.STRING),)))
        store._client.create_table(store.layout.message.schema)
    for argv in (("doctor",), ("doctor", "--fix")):
        outcome = cli(*argv, "-o", "json")
        assert (4, None) == (outcome.code, outcome.error["hint"]) or argv == ("doctor",)
        missing = [each for each in findings(outcome, "tables") if "session_" in each["sentence"]]
        assert {"tsmem init-tables --check"} == {each["command"] for each in missing}
        (rows,) = findings(outcome, "rows")
        assert ("error", True) == (rows["severity"], "table session has another key" in rows["sentence"])
    with cli.store() as store:
        assert [] == store._client.list_search_indexes("session")


def test_messages_of_a_deleted_session_are_never_called_fine(ready: Cli) -> None:
    """Messages of the last 15 minutes are a note, exit 0; older ones a warning, exit 4."""
    ready.ok("session", "put", "ada", "s")
    ready.ok("message", "put", "s", "--content", "hi")
    ready.ok("session", "delete", "ada", "s")

    recent = ready.ok("doctor", "-o", "json")
    ready.clock.sleep(3600)
    old = ready("doctor", "-o", "json")

    assert ["note"] == [each["severity"] for each in findings(recent, "orphans")]
    assert "no user has the session 's' of 1 message" in findings(recent, "orphans")[0]["sentence"]
    assert [] == findings(recent, "rows")
    assert (4, ["warning"]) == (old.code, [each["severity"] for each in findings(old, "orphans")])


def test_update_times_are_raised_and_nothing_else(ready: Cli) -> None:
    """--fix raises what lags behind to the last message's time; every other value and row is as it was."""
    behind = Session("ada", "a", 5, "text", Metadata({"topic": "x"}))
    rows: list[Session | Message] = [Message("a", "m", 7), Message("orphan", "m", 1), Message("t", "m", 8)]
    ready.fill([behind, Session("bob", "t"), *rows])
    before = ready.export()

    found = ready("doctor", "-o", "json")
    assert (4, before) == (found.code, ready.export())
    assert ["tsmem doctor --fix"] * 2 == [each["command"] for each in findings(found, "update_time")]

    outcome = ready("doctor", "--fix", "-o", "json")
    assert 4 == outcome.code  # the orphan
    assert [(True, None)] * 2 == [(each["mended"], each["command"]) for each in findings(outcome, "update_time")]
    with ready.store() as store:
        assert Session("ada", "a", 7, "text", Metadata({"topic": "x"})) == store.sessions.get("ada", "a")
        assert Session("bob", "t", 8) == store.sessions.get("bob", "t")
        assert rows == list(store.messages.iterate(None))
    assert len(before.splitlines()) == len(ready.export().splitlines())


def test_a_message_of_the_future_raises_nothing(ready: Cli) -> None:
    """A wrong clock's time is not spread: it is shown, and left."""
    ready.fill([Session("ada", "a", 5), Message("a", "m", NOW + 3_600_000_000)])
    outcome = ready("doctor", "--fix", "-o", "json")

    (finding,) = findings(outcome, "update_time")
    assert (4, False) == (outcome.code, finding["mended"])
    assert "tsmem message tail --last 1 a" == finding["command"]
    with ready.store() as store:
        assert 5 == store.sessions.get("ada", "a").update_time


def test_orphans_and_shared_ids_are_left_for_a_decision(ready: Cli) -> None:
    """Each with a command for a shell that works as it stands: one deletes when it is confirmed, one shows."""
    nasty = "it's -=[2J ~%\\é"
    ready.fill([Message(nasty, "m", 1), Message("-x", "m", 1), Session("ada", "s", 1), Session("bob", "s", 1)])
    outcome = ready("doctor", "--fix", "-o", "json")

    assert 4 == outcome.code
    orphans = [each["command"] for each in findings(outcome, "orphans")]
    assert "tsmem message purge '--session=-x'" == orphans[0]
    assert ["tsmem", "message", "purge", "--session", nasty] == bash_words(orphans[1])
    for command in orphans:
        ready.ok(*bash_words(command)[1:], "--yes")
    (shared,) = findings(outcome, "shared session")
    assert ["ada", "bob"] == [
        line["user_id"] for line in ready.ok(*shlex.split(shared["command"])[1:], "-o", "jsonl").lines
    ]
    assert {"shared session"} == {
        each["about"] for each in ready("doctor", "-o", "json").json["findings"] if each["severity"] != "ok"
    }


def bash_words(command: str) -> list[str]:
    """The words that bash reads."""
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    return done.stdout.decode().split("\0")[:-1]


def test_cells_near_the_limit_are_a_note(ready: Cli) -> None:
    """Nothing is wrong yet: exit 0, and the command that shows the row."""
    big = "x" * NEAR_LIMIT_BYTES
    ready.fill([Session("-u", "s", 1, big), Message("s", "m", 1, "user", big)])
    outcome = ready.ok("doctor", "-o", "json")

    notes = findings(outcome, "size")
    assert ["note", "note"] == [each["severity"] for each in notes]
    for note in notes:
        assert NEAR_LIMIT_BYTES < len(ready.ok(*shlex.split(note["command"])[1:]).out)


def test_twenty_findings_of_a_kind_are_named_and_the_rest_counted(ready: Cli) -> None:
    """Twenty of a kind are named, then how many more there are; --fix mends them all."""
    items: list[Session | Message] = [Session("u", f"s{n:02d}", 1) for n in range(30)]
    ready.fill([*items, *[Message(f"s{n:02d}", "m", 2) for n in range(30)]])

    found = findings(ready("doctor", "-o", "json"), "update_time")
    assert 21 == len(found)
    assert "10 more, the last: the session 's29'" in found[-1]["sentence"]

    ready.ok("doctor", "--fix")
    assert [] == findings(ready.ok("doctor", "-o", "json"), "update_time")


def test_suggested_commands_name_the_profile_that_was_chosen(ready: Cli) -> None:
    ready.config('[profiles."my own"]\nbackend = "local"\npath = "own.db"\n')
    outcome = ready("doctor", "--profile", "my own", "-o", "json")

    assert "tsmem --profile 'my own' init-tables" == findings(outcome, "tables")[0]["command"]


def test_a_profile_that_cannot_be_used_is_a_finding(cli: Cli) -> None:
    """Exit 2, as everywhere, and the sentence that every command says."""
    outcome = cli("doctor", "--profile", "nobody", "-o", "json")

    assert 2 == outcome.code
    assert [("profile", "error")] == [(each["about"], each["severity"]) for each in outcome.json["findings"]]
    assert outcome.error["message"] in outcome.json["findings"][0]["sentence"]


def test_a_file_that_others_read_is_a_finding(cli: Cli, tmp_path: Path) -> None:
    """A secret stands plainly in it: the command makes it private."""
    with serving(tmp_path / "served.db", credentials=AccessKey(KEY, SECRET)) as served:
        path = cli.config(cloud(served.endpoint))
        path.chmod(0o644)
        outcome = cli("doctor", "--fix", "-o", "json")

    assert SECRET not in outcome.text + outcome.err
    assert ["ok", "warning"] == [each["severity"] for each in findings(outcome, "profile")]
    assert f"chmod 600 {path}" == findings(outcome, "profile")[1]["command"]


def cloud(endpoint: str, secret: str = SECRET) -> str:
    """A profile file whose default is a TableStore instance."""
    return profile(endpoint, secret=secret, more='timeout = 5\nsecurity_token = "env:NO_SUCH_TOKEN"\n')


def test_over_the_wire_it_looks_at_everything(cli: Cli, tmp_path: Path) -> None:
    """Credentials are present and not shown, the clocks agree, and the number of requests is what is documented."""
    with serving(tmp_path / "served.db", credentials=AccessKey(KEY, SECRET)) as served:
        cli.config(cloud(served.endpoint))
        cli.ok("init-tables")
        cli.fill([Session("ada", "a", 5), Message("a", "m", 7), Session("bob", "b", 9)])
        served.log.clear()
        outcome = cli("doctor", "-o", "json")
        asked = sorted(served.actions())
        mended = cli("doctor", "--fix", "-o", "json")

    assert ["DescribeSearchIndex"] * 2 + ["DescribeTable"] * 2 + ["GetRange"] * 2 == asked
    assert 4 == outcome.code
    assert SECRET not in outcome.text + outcome.err
    (credentials,) = findings(outcome, "credentials")
    assert "access_key_secret (set, hidden)" in credentials["sentence"]
    assert "security_token (not set)" in credentials["sentence"]
    assert ["ok"] == [each["severity"] for each in findings(outcome, "clock")]
    assert (0, 0, 1) == (mended.code, mended.json["left"], mended.json["mended"])


def test_a_clock_that_differs_is_found(ready: Cli) -> None:
    """Ten minutes are a warning, with which of the two is behind."""
    with serving(ready.database, clock=AheadClock()) as served:
        outcome = ready("-p", "env", "doctor", "-o", "json", environ=environ(served.endpoint))

    (clock,) = findings(outcome, "clock")
    assert (4, "warning") == (outcome.code, clock["severity"])
    assert "this machine's is" in clock["sentence"]
    assert "behind the service's" in clock["sentence"]


def test_a_clock_by_which_the_service_refuses_is_found(ready: Cli) -> None:
    """The refusal tells the time, too: exit 5, and how far the clocks are apart."""
    with serving(ready.database, clock=ManualClock(1_000_000_000_000_000)) as served:
        outcome = ready("-p", "env", "doctor", "-o", "json", environ=environ(served.endpoint))

    assert 5 == outcome.code
    (clock,) = findings(outcome, "clock")
    assert "ahead of the service's" in clock["sentence"]
    assert ["error"] == [each["severity"] for each in findings(outcome, "service")]


class Policy(Faults):
    """Some actions are not permitted."""

    def __init__(self, *denied: str) -> None:
        super().__init__()
        self.denied = denied

    def strike(self, action: str) -> Fault | None:
        why = ("OTSNoPermissionAccess", "You have no permission to access the requested resource.")
        return Fault("throttle", False, why, 1.0) if action in self.denied else None


@pytest.mark.parametrize(
    ("denied", "missing", "refused", "orphans"),
    [
        (("DescribeSearchIndex",), 0, "service", 1),
        (("CreateSearchIndex",), 1, "tables", 1),
        (("GetRange",), 1, "rows", 0),
    ],
)
def test_a_missing_permission_hides_only_what_it_refuses(
    ready: Cli, denied: tuple[str, ...], missing: int, refused: str, orphans: int
) -> None:
    """A key that lacks one permission may have others: what is found with those is said too, and the exit code is 5."""
    ready.fill([Message("s", "m", 1)])
    with ready.store() as store:
        store._client.delete_search_index("message", "message_search_index")
    with serving(ready.database, faults=Policy(*denied)) as served:
        outcome = ready("-p", "env", "doctor", "--fix", "-o", "json", environ=environ(served.endpoint))

    assert (5, "Denied") == (outcome.code, outcome.error["code"])
    assert missing == sum("is missing" in each["sentence"] or each["mended"] for each in outcome.json["findings"])
    assert any("no permission" in each["sentence"] for each in findings(outcome, refused))
    assert orphans == len(findings(outcome, "orphans"))


def test_a_secret_that_cannot_be_had_is_found(cli: Cli) -> None:
    """Exit 2, and which variable it is that is not set."""
    cli.config(cloud("http://127.0.0.1:1", secret="env:NO_SUCH_SECRET"))
    outcome = cli("doctor", "-o", "json")

    assert 2 == outcome.code
    (credentials,) = findings(outcome, "credentials")
    assert "environment variable NO_SUCH_SECRET is not set" in credentials["sentence"]
    assert [] == findings(outcome, "service")


def test_a_service_that_cannot_be_reached_is_found(cli: Cli) -> None:
    """Exit 6, after the report, which is whole."""
    with serving(None) as served:
        endpoint = served.endpoint
    outcome = cli("-p", "env", "doctor", environ={**environ(endpoint), "HOME": str(cli.folder)})
    assert 6 == outcome.code
    assert "refuses connections" in outcome.text
    assert "refuses connections" in outcome.err


@pytest.mark.parametrize("width", [20, 80])
def test_on_a_terminal_every_line_fits_and_no_id_forges_one(ready: Cli, width: int) -> None:
    """Whatever ids hold: nothing but a severity stands at the left edge."""
    ready.fill([Message("a\nerror    forged\x1b]0;x\x07" + "y" * 300, "m", 1), Message("\u202e" * 50, "m", 1)])
    lines = ready("doctor", width=width).text.splitlines()

    plain = [COLOUR.sub("", line) for line in lines]
    assert all(line.isprintable() for line in plain)
    assert all(len(line) <= width for line in plain)
    assert {"ok", "warning", ""} == {line[:9].strip() for line in plain}


def test_a_long_command_is_broken_between_its_words(ready: Cli) -> None:
    """A shell that is given the lines reads the same words."""
    ready.fill([Message(f"word {'x' * 40}", "m", 1)])
    lines = ready("doctor", "--no-color", width=60).text.splitlines()

    start = next(n for n, line in enumerate(lines) if line.strip().startswith("tsmem"))
    assert ["tsmem", "message", "purge", "--session", f"word {'x' * 40}"] == bash_words("\n".join(lines[start:]))


def test_a_command_with_a_word_longer_than_a_line_is_not_shown(ready: Cli) -> None:
    """Broken within the word it would be another command: here one that makes a file."""
    ready.fill([Message("x" * 60 + "'; touch X #", "m", 1)])
    shown = " ".join(ready("doctor", "--no-color", width=60).text.split())

    assert "touch" not in shown.rpartition("this deletes them")[2]
    assert "(the command is too long for this terminal: -o json shows it)" in shown


def test_a_command_with_a_control_character_is_not_shown(ready: Cli) -> None:
    ready.fill([Message("a\nb", "m", 1)])
    (finding,) = findings(ready("doctor", "-o", "json"), "orphans")

    assert finding["command"] is None
    assert finding["sentence"].endswith(NOT_SHOWN)
    assert NOT_SHOWN in ready("doctor").text


@pytest.mark.parametrize(
    ("file", "command"), [("[profiles.x\n", "path"), ('[profiles.x]\nbackend = "locl"\n', "list"), ("", "list")]
)
def test_a_profile_that_cannot_be_read_has_a_command_that_can_be_run(cli: Cli, file: str, command: str) -> None:
    """`profile path` if the file is no TOML, `profile list` if a profile is wrong or missing."""
    cli.config(file)
    (finding,) = findings(cli("doctor", "--profile", "x", "-o", "json"), "profile")

    assert f"tsmem --profile x profile {command}" == finding["command"]
    assert 0 == cli(*bash_words(finding["command"])[1:]).code


def test_progress_says_what_was_looked_at(ready: Cli) -> None:
    ready.fill([Session("u", "s", 1)])

    assert "looked at 1 session" in ready.ok("doctor", "--progress").err


def test_arguments_that_look_like_options_are_none(ready: Cli) -> None:
    """They stand behind --, and an option's value behind =."""
    call = Context(Streams(io.BytesIO(), io.BytesIO(), io.BytesIO()), {}, ManualClock())

    assert ("tsmem", "session", "get", "'--filter=-1'", "--", "-u", "s") == repeated_command(
        call, "session", "get", arguments=("-u", "s"), filter="-1"
    )
