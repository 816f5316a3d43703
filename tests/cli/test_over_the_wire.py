"""The command line on a TableStore profile: the same commands, the same output, over the real SDK and our server."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, Processes
from tests.support.cloud_profiles import INSTANCE, profile
from tests.support.server_in_process import KEY, SECRET, Served, sdk_client, serving
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import Faults, parse_fault


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server with a key and an instance."""
    credentials = AccessKey(KEY, SECRET)
    with serving(tmp_path / "served.db", credentials=credentials, instance=INSTANCE) as served:
        yield served


@pytest.fixture
def cloud(cli: Cli, served: Served) -> Cli:
    """The command line on that profile."""
    cli.config(profile(served.endpoint))
    return cli


MAIN_JOB = [
    "init-tables",
    "init-tables --check",
    "session put ada trip-7 -m topic=travel -m score:=0.5 -m vip:=true --update-time 1767225600000000",
    "session put ada trip-8 --update-time 1767225600000001 --search-content tea",
    "session put ada trip-8 --if-absent",
    "message put trip-7 m1 --role user --content 你好 --create-time 1 -m n:=9223372036854775807",
    "message put trip-7 m2 --role tool --create-time 2 -m empty=",
    "message put trip-7 m3 --content '' --create-time 3",
    "session get ada trip-7",
    "session get ada none",
    "session update ada trip-7 -m topic=refund --unset score --update-time 1767225600000009",
    "session update ada none -m a=b",
    "session list -o json",
    "session list --user ada",
    "session recent --user ada --limit 1",
    "message list --session trip-7 -o jsonl",
    "message list --limit 2 -o json",
    "message list --order desc --session trip-7 --role user -o csv",
    "message get trip-7 m2 -o json",
    "message update trip-7 m2 --content found",
    "message delete trip-7 m3",
    "message delete trip-7 m3",
    "show trip-7 --user ada",
    "export",
    "session delete ada trip-7 --with-messages",
    "session purge --everyone --yes",
    "message purge --everything --yes",
    "session list",
    "drop-tables --yes",
    "session list",
]


def test_every_command_says_what_it_says_on_the_embedded_store(cloud: Cli, tmp_path: Path) -> None:
    """The main job, command by command: output, exit code and talk are the same, but for the target's name."""
    local = Cli(tmp_path)
    for line in MAIN_JOB:
        argv = shlex.split(line)
        ours, theirs = local("-p", "local", *argv), cloud("-p", "cloud", *argv)
        assert (line, ours.code, _plain(ours)) == (line, theirs.code, _plain(theirs))


def _plain(outcome: Outcome) -> str:
    """What was said, without names of targets, page tokens (which belong to a target) and request ids."""
    said = outcome.text + outcome.err
    for pattern in (
        r"\S+memory\.db",
        r"agent-memory @ \S+",
        r"\(profile \w+\)",
        r"(--profile|-p) \w+",
        r"eyJ[\w-]+",
        r"[0-9a-f-]{36}",
    ):
        said = re.sub(pattern, "*", said)
    return re.sub(r" +", " ", re.sub(r"[─━┄]+", "-", said))


def test_with_a_region_requests_carry_v4_signatures(cli: Cli, served: Served) -> None:
    cli.config(profile(served.endpoint, more='region = "cn-hangzhou"\nsecurity_token = "sts-token-of-a-test"\n'))
    cli.ok("init-tables")
    cli.ok("session", "put", "u", "s")

    assert ["s"] == [item["session_id"] for item in cli.ok("session", "list", "-o", "json").json["items"]]


COMMANDS = [
    ("session", "put", "u", "s"),
    ("session", "recent", "--user", "u"),
    ("session", "search", "tea"),
    ("session", "delete", "u", "s", "--with-messages"),
    ("message", "put", "s", "m", "--content", "x", "--touch", "u"),
    ("message", "get", "s", "m"),
    ("message", "purge", "--everything", "--yes"),
    ("show", "s", "--user", "u"),
    ("export",),
    ("import", "-"),
]
RECORD = b'{"kind": "message", "session_id": "s", "message_id": "m", "create_time": 1}\n'


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_a_missing_table_is_named_with_what_makes_it(cloud: Cli, argv: tuple[str, ...]) -> None:
    outcome = cloud(*argv, stdin=RECORD)

    assert 3 == outcome.code
    assert re.search(r"hint: create what is missing in agent-memory @ \S+ with: tsmem init-tables", outcome.err)


def dead_endpoint() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("argv", [*COMMANDS, ("init-tables",), ("drop-tables", "--yes")], ids=" ".join)
def test_a_server_that_is_gone_is_one_sentence(cli: Cli, argv: tuple[str, ...]) -> None:
    """Exit 6 for every command, nothing on stdout, one sentence that says how long was tried."""
    cli.config(profile(dead_endpoint()))
    outcome = cli(*argv, stdin=RECORD)

    assert (6, b"") == (outcome.code, outcome.out), outcome.err
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert 1 == len(errors)
    assert "refuses connections" in errors[0]
    assert "Traceback" not in outcome.err


class SilentServer:
    """Takes connections and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()


def test_a_process_ends_within_its_timeout(cli: Cli, process: Processes) -> None:
    silent = SilentServer()
    cli.config(profile(silent.endpoint, more="timeout = 0.5\n"))
    outcome = process.run("export")  # which waits a minute
    silent.close()

    assert (6, b"") == (outcome.code, outcome.out)
    assert 1 == outcome.err.count("error: ")
    assert "did not answer in time" in outcome.err


def test_what_differs_of_tables_that_another_program_made_is_named(cli: Cli, served: Served) -> None:
    """As the SDK describes it: options of a table, of an index, and of the fields of a search index."""
    client = sdk_client(served.endpoint, secret=SECRET, instance=INSTANCE)
    import tablestore as ots  # after sdk_client, which silences the warnings of its import

    unit = ots.ReservedThroughput(ots.CapacityUnit(0, 0))
    message = ots.TableMeta("message", [("session_id", "STRING"), ("create_time", "INTEGER"), ("message_id", "STRING")])
    index = ots.SecondaryIndexMeta(
        "message_secondary_index", ["session_id", "create_time"], [], ots.SecondaryIndexType.LOCAL_INDEX
    )
    client.create_table(message, ots.TableOptions(-1, 1, 1000), unit, [index])
    fields = [
        ots.FieldSchema("role", ots.FieldType.TEXT),
        ots.FieldSchema("session_id", ots.FieldType.KEYWORD, index=False, store=True),
        ots.FieldSchema("message_id", ots.FieldType.KEYWORD, index=True, is_array=True),
        ots.FieldSchema("create_time", ots.FieldType.LONG, index=True, enable_sort_and_agg=False),
    ]
    client.create_search_index("message", "message_search_index", ots.SearchIndexMeta(fields))
    cli.config(profile(served.endpoint))
    before = len(served.log)

    outcome = cli("init-tables", "--check", "-o", "json")

    assert 4 == outcome.code
    steps = {step["name"]: (step["state"], step["differences"]) for step in outcome.json["steps"]}
    assert ("missing", []) == steps["session"]
    assert ["cell versions may be 1000 s from now, not 86400"] == steps["message"][1]
    assert ["the key is"] == [text[:10] for text in steps["message_secondary_index"][1]]
    assert {
        "field role is TEXT single_word, not KEYWORD",
        "field content is not indexed",
        "field session_id is kept and not indexed (index is false)",
        "field message_id holds lists of values (is_array is true)",
        "field create_time cannot be sorted by (enable_sort_and_agg is false)",
    } <= set(steps["message_search_index"][1])
    assert {"DescribeTable", "DescribeSearchIndex"} == set(served.actions()[before:])


def test_waiting_says_once_for_what_and_ends_when_its_time_is_over(cli: Cli, tmp_path: Path) -> None:
    """Tables that refuse every read are waited for as long as --wait says, whatever the profile's timeout is: exit 6,
    and what is not ready is said once while it is waited for."""
    faults = Faults([parse_fault("throttle:1:GetRange")])
    with serving(tmp_path / "busy.db", faults=faults) as busy:
        cli.config(profile(busy.endpoint, secret="tsmem", more="timeout = 60\n"))
        started_us = cli.clock.now_us()
        outcome = cli("init-tables", "--wait", "4")

    assert 6 == outcome.code
    everything = (
        "table session, secondary index session_secondary_index, search index session_search_index, table message"
    )
    assert 1 == outcome.err.count(f"waiting for {everything}")
    assert "not ready after 4 s: table session, secondary index session_secondary_index, table message" in outcome.err
    assert cli.clock.now_us() - started_us < 20_000_000


def test_what_a_command_cost_is_said(cloud: Cli) -> None:
    """--stats counts requests, units, rows and seconds, on both backends alike."""
    cloud.ok("init-tables")
    cloud.ok("session", "put", "u", "s")
    pattern = r"stats: 1 request, 1 read and 0 write capacity units, 1 row scanned, 1 returned, \d+\.\d+ s"

    assert re.search(pattern, cloud.ok("--stats", "session", "list").err)
    cloud.ok("-p", "local", "init-tables")
    cloud.ok("-p", "local", "session", "put", "u", "s")
    assert re.search(pattern, cloud.ok("-p", "local", "--stats", "session", "list").err)


def test_rows_behind_a_filter_are_counted_as_far_as_they_are_known(cloud: Cli) -> None:
    """The service does not say how many rows a filter looked at: --stats says at least how many there were, and of the
    local file it says how many."""
    for profile_name, scanned in (("cloud", "at least 1 row scanned"), ("local", " 3 rows scanned")):
        cloud.ok("-p", profile_name, "init-tables")
        for n in range(3):
            cloud.ok("-p", profile_name, "message", "put", "s", f"m{n}", "--create-time", str(n), "-m", f"n:={n}")
        said = cloud.ok("-p", profile_name, "--stats", "message", "list", "--filter", "n == 1").err

        assert f"{scanned}, 1 returned" in said
        assert "at least" not in cloud.ok("-p", profile_name, "--stats", "message", "list").err


def test_each_request_is_logged_without_secrets(cloud: Cli) -> None:
    """--debug says operation, table, rows, milliseconds and request id, and neither key nor signature."""
    cloud.ok("init-tables")
    outcome = cloud.ok("--debug", "session", "put", "u", "s")

    assert re.search(r"debug: PutRow session, 1 row, [\d.]+ ms, request [0-9a-f-]{36}", outcome.err)
    assert not re.search(rf"{KEY}|{SECRET}|x-ots-signature", outcome.err)
