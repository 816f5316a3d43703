"""The command line on a TableStore profile: the same commands and output, through the real SDK and our server."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, Processes
from tests.support.cloud_profiles import INSTANCE, profile
from tests.support.listening import listening, never_reply
from tests.support.server_in_process import KEY, SECRET, Served, serving
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import Faults, parse_fault


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    credentials = AccessKey(KEY, SECRET)
    with serving(tmp_path / "served.db", credentials=credentials, instance=INSTANCE) as served:
        yield served


@pytest.fixture
def cloud(cli: Cli, served: Served) -> Cli:
    """The command line on a TableStore profile with V4 signatures."""
    cli.config(profile(served.endpoint, more='region = "cn-hangzhou"\nsecurity_token = "sts-token-of-a-test"\n'))
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


def test_every_command_prints_the_same_over_the_wire_as_locally(cloud: Cli, tmp_path: Path) -> None:
    local = Cli(tmp_path)
    for line in MAIN_JOB:
        argv = shlex.split(line)
        ours, theirs = local("-p", "local", *argv), cloud("-p", "cloud", *argv)
        assert (line, ours.code, _plain(ours)) == (line, theirs.code, _plain(theirs))


def _plain(outcome: Outcome) -> str:
    """Return the output without names of targets, page tokens (which depend on the target) and request ids."""
    names = r"\S+memory\.db|agent-memory @ \S+|\(profile \w+\)|(--profile|-p) \w+|[0-9a-f-]{36}"
    tokens = r'(?<=--page-token )[\w-]+|(?<="next_page_token": ")[\w-]+'
    said = re.sub(f"{names}|{tokens}", "*", outcome.text + outcome.err)
    return re.sub(r" +", " ", re.sub(r"[─━┄]+", "-", said))


def test_a_process_ends_within_the_timeout_of_its_profile(cli: Cli, process: Processes) -> None:
    with listening(never_reply) as endpoint:
        cli.config(profile(endpoint, more="timeout = 0.5\n"))
        outcome = process.run("export")  # fails the test after a minute

    assert (6, b"") == (outcome.code, outcome.out)
    assert 1 == outcome.err.count("error: ")
    assert "did not answer in time" in outcome.err


def test_init_tables_wait_names_what_it_waits_for_once_and_times_out(cli: Cli, tmp_path: Path) -> None:
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
    assert cli.clock.now_us() - started_us < 20_000_000


@pytest.mark.parametrize(("name", "scanned"), [("cloud", "at least 1 row scanned"), ("local", " 3 rows scanned")])
def test_stats_say_at_least_if_the_rows_scanned_are_not_known(cloud: Cli, name: str, scanned: str) -> None:
    """The service does not say how many rows a filter looked at; the local file does."""
    cloud.ok("-p", name, "init-tables")
    for n in range(3):
        cloud.ok("-p", name, "message", "put", "s", f"m{n}", "--create-time", str(n), "-m", f"n:={n}")
    pattern = r"cost: 1 request, 1 read and 0 write capacity units, 3 rows scanned, 3 returned, \d+\.\d+ s"

    assert re.search(pattern, cloud.ok("-p", name, "--cost", "message", "list").err)
    filtered = cloud.ok("-p", name, "--cost", "message", "list", "--filter", "n == 1").err
    assert f"{scanned}, 1 returned" in filtered


def test_each_request_is_logged_without_secrets(cloud: Cli) -> None:
    cloud.ok("init-tables")
    outcome = cloud.ok("--debug", "session", "put", "u", "s")

    assert re.search(r"debug: PutRow session, 1 row, [\d.]+ ms, request [0-9a-f-]{36}", outcome.err)
    assert not re.search(rf"{KEY}|{SECRET}|x-ots-signature", outcome.err)
