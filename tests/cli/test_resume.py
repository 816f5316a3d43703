"""`import --resume`: an import that was killed ends with the same rows as an undisturbed one. If it cannot continue, it
starts over or says why not.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, Processes, Started, export_lines, messages, sessions
from tests.support.cloud_profiles import profile
from tests.support.faults import Fault, FaultyClient, RefusingClient, every_client
from tests.support.server_in_process import KEY, SECRET, Served, serving
from tests.support.waiting import wait_until
from tsmem.errors import StorageFailure, Throttled, TsmemError
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import Faults, parse_fault
from tsmem.store import Message, Metadata, Session
from tsmem.store.documents import export_line

KILLS = 8
ROWS = 2_000
FAULTS = ("throttle:0.02", "unavailable:0.02", "timeout:0.02", "drop:0.02", "partial:0.02")
"""One of ten requests fails, or some of its rows."""


def items(count: int) -> list[Session | Message]:
    """Return rows of all types. Some keys come twice, and the last one counts."""
    found: list[Session | Message] = [*sessions(count // 20)]
    for n in range(count - len(found)):
        metadata = Metadata({"n": n, "f": -0.0, "b": b"\0\xff", "t": n % 2 == 0})
        found.append(Message(f"s{n % 50:05d}", f"m{n:06d}", n, "user", f"said {n} 退", None, metadata))
    return [*found, *(Message("s00000", "m000000", 0, "user", f"last {n}") for n in range(3))]


def written(path: str, rows: list[Session | Message]) -> None:
    said = sum(isinstance(row, Message) for row in rows)
    with Path(path).open("wb") as stream:
        stream.write(b'{"kind": "tsmem", "version": 1}\n')
        stream.writelines(map(export_line, rows))
        stream.write(b'{"kind": "end", "sessions": %d, "messages": %d}\n' % (len(rows) - said, said))


def points(cli: Cli) -> list[int]:
    folder = cli.folder / "home" / ".local" / "state" / "tsmem" / "imports"
    with suppress(FileNotFoundError):  # an import that ends removes its resume point
        return [json.loads(path.read_bytes())["settled"] for path in folder.glob("*.json")]
    return []


def until(condition: Callable[[], bool], process: Started) -> None:
    wait_until(lambda: condition() or process.poll() is not None)


@contextmanager
def cloud(cli: Cli, *specs: str) -> Iterator[Served]:
    """Run a server with faults, whose tables were created before the faults, and configure its profile."""
    path = cli.folder / "served.db"
    cli.config(f'[profiles.local]\npath = "{path}"\n')
    cli.ok("init-tables")
    faults = Faults([parse_fault(spec) for spec in specs], seed=5)
    with serving(path, credentials=AccessKey(KEY, SECRET), faults=faults) as served:
        cli.config(profile(served.endpoint, more=""))
        yield served


@pytest.mark.slow
def test_an_import_killed_repeatedly_under_faults_resumes_to_the_same_rows(cli: Cli, process: Processes) -> None:
    """Each run is killed at a random moment: after a number of further rows, or of further writes of the resume point.
    Most runs are killed before they end; more follow if too few of them had something to resume."""
    rows = items(ROWS)
    written("in", rows)
    other = Cli(cli.folder / "other")
    other.ok("import", str(cli.folder / "in"))
    draw = random.Random(12)
    kills = went_on = 0
    with cloud(cli, *FAULTS) as served:

        def there() -> int:
            return sum(entry.rows for entry in list(served.log) if entry.action == "BatchWriteRow")

        for turn in range(4 * KILLS):
            if turn >= KILLS and went_on > KILLS // 4:
                break
            before = points(cli)
            started = process.start("import", "in", *(["--resume"] if turn else []))
            goal = min(len(rows), there() + draw.randrange(1, 2 * len(rows) // KILLS))
            if draw.random() < 0.5:
                until(lambda goal=goal: there() >= goal, started)  # type: ignore[misc]
            else:
                until(lambda before=before: points(cli) not in ([], before), started)  # type: ignore[misc]
            ended = started.stopped(signal.SIGKILL)
            kills += ended.code == -signal.SIGKILL
            went_on += "continuing after" in ended.err
        ended = process.run("import", "in", "--resume")
        assert ended.code == 0, ended
        struck = {entry.fault for entry in served.log}
        export = cli.export()

    assert kills > turn // 2
    assert went_on > KILLS // 4
    assert struck & {"throttle", "unavailable", "timeout", "drop"}
    assert export == other.export()
    assert points(cli) == []


# With and without a usable resume point


@pytest.fixture
def stopped(ready: Cli) -> Cli:
    """The command line after an import of 300 rows that a full disk ended after 200."""
    stop(ready, 200, 300)
    return ready


def stop(cli: Cli, done: int, rows: int, name: str = "in") -> None:
    """Import rows into a store whose disk is full after some batches of 200."""
    data = export_lines(messages(rows))
    Path(name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    failure = Fault("write_rows", StorageFailure("the disk is full"), call=done // 200 + 1)
    with every_client(lambda client: FaultyClient(client, failure)):
        outcome = cli("import", name)
    assert outcome.code == 1
    assert outcome.err.startswith(f"error: the disk is full ({done} rows had been done before)\n")
    assert outcome.err.endswith("hint: run the command with --resume to continue where this one stopped\n")
    assert points(cli) == [done]


def resumed(cli: Cli, *argv: str) -> Outcome:
    return cli("import", "in", "--resume", "-o", "json", *argv)


@pytest.mark.parametrize("argv", [(), ("--on-conflict", "skip"), ("--rejects", "bad")])
def test_resume_skips_the_settled_rows(stopped: Cli, argv: tuple[str, ...]) -> None:
    outcome = resumed(stopped, *argv)
    assert (outcome.code, outcome.json["messages"], outcome.json["skipped"]) == (0, 100, 0)
    assert outcome.err == "continuing after 200 records\n"
    assert stopped.export().count(b"\n") == 302
    assert points(stopped) == []


def test_a_dry_run_keeps_the_resume_point(stopped: Cli) -> None:
    assert resumed(stopped, "--dry-run").json["messages"] == 300
    assert resumed(stopped).json["messages"] == 100


@pytest.mark.parametrize("line", ["drop-tables --yes", "message delete s00000 m00199", "message delete s00000 m00003"])
def test_resume_starts_over_if_the_target_lost_rows(stopped: Cli, line: str) -> None:
    """Continuing would leave a gap."""
    stopped.ok(*line.split())
    outcome = resumed(stopped)
    assert (outcome.code, outcome.json["messages"]) == (0, 300)
    assert "rows of the stopped import are gone: starting from the beginning\n" in outcome.err
    assert stopped.export().count(b"\n") == 302


def test_resume_on_tablestore_checks_a_sample_of_the_settled_rows(cli: Cli) -> None:
    """Checking all of them would take more requests than writing them again."""
    with cloud(cli):
        stop(cli, 600, 700)
        outcome = resumed(cli)

    assert (outcome.code, outcome.json["messages"]) == (0, 100)
    assert outcome.err == "continuing after 600 records; looked for 101 rows of them, all there\n"


def test_resume_retries_rows_that_were_refused(cli: Cli) -> None:
    Path("in").write_bytes(export_lines(messages(500)))
    refused: dict[str, TsmemError] = {name: Throttled("busy") for name in ("m00101", "m00303")}
    with cloud(cli):
        with every_client(lambda client: RefusingClient(client, refused)):
            assert cli("import", "in").code == 7
        assert (0, 399) == ((outcome := resumed(cli)).code, outcome.json["messages"])
        assert cli.export().count(b"\n") == 502


def test_resume_into_other_tables_of_a_store_starts_over(stopped: Cli) -> None:
    """Rows with the same keys there were not written by the stopped import."""
    names = 'tables.message = { name = "other", index = "other_index", search_index = "other_search" }\n'
    stopped.config(f'[profiles.other]\nbackend = "local"\npath = "{stopped.database}"\n{names}')
    old = export_lines(messages(300, content="old"))
    stopped.ok("-p", "other", "import", "-", stdin=old)
    assert resumed(stopped, "-p", "other").json["messages"] == 300


def test_resume_without_a_resume_point_starts_over(ready: Cli) -> None:
    Path("in").write_bytes(export_lines(messages(3)))
    for _ in range(2):
        outcome = resumed(ready)
        assert (outcome.code, outcome.json["messages"]) == (0, 3)
        assert outcome.err == "nothing to resume: starting from the beginning\n"


@pytest.mark.parametrize("noted", [b"", b'{"settled": "x"}', b'{"settled": -5}', b"\xff", b'{"settled": 5000}'])
def test_resume_from_an_impossible_resume_point_skips_nothing(stopped: Cli, noted: bytes) -> None:
    (path,) = (stopped.folder / "home" / ".local" / "state" / "tsmem" / "imports").glob("*.json")
    path.write_bytes(noted)
    assert resumed(stopped).code == 0
    assert stopped.export().count(b"\n") == 302


@pytest.mark.parametrize(("count", "content"), [(250, "said"), (300, "told"), (300, "said")])
def test_resume_of_a_changed_input_starts_over(stopped: Cli, count: int, content: str) -> None:
    Path("in").write_bytes(export_lines(messages(count, content=content)))
    os.utime("in", (1, 1))
    outcome = resumed(stopped)
    assert (outcome.code, outcome.json["messages"]) == (0, count)
    assert outcome.err == "nothing to resume: starting from the beginning\n"


def test_resume_of_a_gzip_input_works(ready: Cli) -> None:
    stop(ready, 200, 300, "in.gz")
    assert ready("import", "in.gz", "--resume", "-o", "json").json["messages"] == 100
    assert ready.export().count(b"\n") == 302
