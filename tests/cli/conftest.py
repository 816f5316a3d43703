"""Runs the command line for tests: in the test's own process with injected streams, or as a process in a clean
environment.

Each test gets a folder of its own for the store, the profile file and its work. No environment variable of the machine
reaches it. `Cli` also fails a test if a run ends with an exit code that the command's help does not list.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pytest

import tsmem
from tests.support.clocks import ManualClock
from tests.support.commands import declared_by, name_of
from tests.support.ptys import STDERR_STYLES
from tests.support.schemas import check_output
from tests.support.waiting import wait_until
from tsmem.adapters import redaction
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams
from tsmem.clock import Clock
from tsmem.profiles import model as profile_model
from tsmem.store import MemoryStore, Message, Session
from tsmem.store.documents import export_line

DEADLINE_S = 60
ROOT = Path(__file__).parents[2]
"""The folder from which the package is imported."""


class PipeIn(io.BytesIO):
    """An input that can be read only once, like a pipe."""

    def seekable(self) -> bool:
        return False


@dataclass(frozen=True)
class Outcome:
    """The exit code and the output of one run."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The error object in the last line of stderr, as `-o json` writes it."""
        line = self.err.splitlines()[-1]
        error: dict[str, Any] = json.loads(line)["error"]
        return error

    @property
    def token(self) -> str:
        """The page token in the hint for the next page on stderr."""
        return self.err.rpartition("--page-token ")[2].strip()


def environment(folder: Path) -> dict[str, str]:
    """Return a clean environment whose paths all lie in the folder."""
    return {
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
    }


class Cli:
    """Runs command lines in this process. The current folder is its `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = environment(folder)
        self.clock = ManualClock()

    def __call__(
        self,
        *argv: str,
        stdin: bytes | io.IOBase = b"",
        width: int | None = None,
        talk: bool = False,
        typed: bool = False,
        terminal: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> Outcome:
        """Run `tsmem ARGV`. If `stdin` is bytes, it is a pipe that holds them.

        stdout is a terminal of `width` cells if a width is given. stderr is a terminal with `talk`, stdin with `typed`.
        `terminal` is the name by which `tsmem next` knows it. The outcome leaves out the styles of stderr.
        """
        out, err = io.BytesIO(), io.BytesIO()
        source: Any = PipeIn(stdin) if isinstance(stdin, bytes) else stdin
        streams = Streams(source, out, err, typed, width is not None, talk, width or 80, terminal=terminal)
        code = main(argv, streams, {**self.environ, **(environ or {})}, clock or self.clock)
        command = declared_by(argv)
        if command is not None:
            assert code in command.exit_codes, (argv, code, err.getvalue())
            check_output(name_of(argv), argv, out.getvalue())
        said = err.getvalue()
        return Outcome(code, out.getvalue(), (STDERR_STYLES.sub(b"", said) if talk else said).decode())

    def asked(self, *argv: str, answer: bytes = b"") -> Outcome:
        """Run `tsmem ARGV` at a terminal where somebody types this answer. stdout is a pipe."""
        return self(*argv, stdin=io.BytesIO(answer), typed=True, talk=True)

    def ok(self, *argv: str, **options: Any) -> Outcome:
        """Run a command line that must succeed."""
        outcome = self(*argv, **options)
        assert outcome.code == 0, outcome
        return outcome

    def store(self) -> MemoryStore:
        """Open the store of these command lines through the library."""
        return tsmem.open_store(environ=self.environ, clock=self.clock)

    def fill(self, items: Iterable[Session | Message]) -> None:
        self.ok("import", stdin=export_lines(items))

    def use(self, store: bytes) -> None:
        """Use these bytes as the store's file."""
        self.database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.database.touch(0o600)
        self.database.write_bytes(store)

    def wait_for_messages(self, count: int) -> None:
        """Wait until another process has written `count` messages of the session "s00000"."""
        with self.store() as store:
            wait_until(lambda: sum(1 for _ in store.messages.iterate("s00000")) >= count)

    def export(self) -> bytes:
        return self.ok("export").out

    def config(self, text: str) -> Path:
        path = self.folder / "config" / "tsmem" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    @property
    def database(self) -> Path:
        return self.folder / "data" / "tsmem" / "memory.db"


class Started(subprocess.Popen[bytes]):
    """A running process; its streams are pipes by default."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def feed(self, data: bytes) -> None:
        self.stdin.write(data)
        self.stdin.flush()

    def stopped(self, number: int = signal.SIGINT) -> Outcome:
        """Send a signal, read the output, and wait for the end."""
        self.send_signal(number)
        return self.ended()

    def ended(self, data: bytes | None = None) -> Outcome:
        """Write the rest of the input, read the output, and wait for the end."""
        out, err = self.communicate(data, timeout=DEADLINE_S)
        return Outcome(self.returncode, out or b"", (err or b"").decode())


class Processes:
    """Runs command lines as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            **environment(folder),
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        self._started: list[Started] = []

    @staticmethod
    def argv(*argv: str, warnings: str = "error") -> list[str]:
        """Return the words that start a command line. `warnings` is the interpreter's option -W."""
        return [sys.executable, "-W", warnings, "-m", "tsmem", *argv]

    def run(
        self,
        *argv: str,
        input: bytes | None = b"",  # noqa: A002 - subprocess's own word
        environ: Mapping[str, str] | None = None,
        stdout: int | Any = subprocess.PIPE,
        before: Callable[[], object] | None = None,
    ) -> Outcome:
        """Run a process to its end. `before` is called in the new process before tsmem starts."""
        done = subprocess.run(
            self.argv(*argv),
            input=input,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**self.environ, **(environ or {})},
            cwd=self.folder,
            preexec_fn=before,
            timeout=60,
            check=False,
        )
        return Outcome(done.returncode, done.stdout or b"", done.stderr.decode())

    def shell(self, script: str, *before: str, **environ: str) -> Outcome:
        """Run a shell script in which `$TSMEM` starts the command line. `before` are words to put in front of it."""
        done = subprocess.run(
            [*before, "sh", "-c", script],
            env={**self.environ, "TSMEM": " ".join(self.argv()), **environ},
            cwd=self.folder,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr.decode())

    def start(self, *argv: str, warnings: str = "error", before: Sequence[str] = (), **options: Any) -> Started:
        """Start a process. `before` are words to put in front of its command line, such as `nohup`."""
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        words = [*before, *self.argv(*argv, warnings=warnings)]
        process = Started(words, cwd=self.folder, **{"env": self.environ, **pipes, **options})
        self._started.append(process)
        return process

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                with suppress(BrokenPipeError, AttributeError):  # None if the test replaced the pipe
                    stream.close()


@pytest.fixture(autouse=True)
def _no_known_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the secrets that earlier tests made known."""
    monkeypatch.setattr(redaction, "_known", deque(maxlen=redaction._known.maxlen))
    monkeypatch.setattr(profile_model, "_known", deque(maxlen=profile_model._known.maxlen))


@pytest.fixture(autouse=True)
def _neutral_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use UTC as local time and ignore the width of the real terminal."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    return Cli(tmp_path)


def store_file(items: Iterable[Session | Message]) -> bytes:
    """Return the bytes of a store's file with these items. Copying them is faster than creating a new store."""
    with TemporaryDirectory(prefix="tsmem-") as name:
        cli = Cli(Path(name))
        cli.ok("init-tables")
        cli.fill(items)
        with closing(sqlite3.connect(cli.database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return cli.database.read_bytes()


@cache
def empty_store() -> bytes:
    """Return the bytes of a store's file with empty tables."""
    return store_file(())


@pytest.fixture
def ready(cli: Cli) -> Cli:
    """The command line on a store with empty tables."""
    cli.use(empty_store())
    return cli


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path)
    yield processes
    processes.end()


Offered = Callable[[str], list[str]]


@pytest.fixture
def offered(cli: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Offered:
    """A function that returns what completion offers bash for the last word of a line."""

    def offered(line: str) -> list[str]:
        return completed(cli, monkeypatch, capfd, **asked_by_bash(line))

    return offered


def asked_by_bash(line: str) -> dict[str, str]:
    """Return the variables that bash sets to complete the last word of a line."""
    return {"_TSMEM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}


def completed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], **variables: str
) -> list[str]:
    """Run completion in this process and return the lines for the shell."""
    with monkeypatch.context() as patch, Path(os.devnull).open() as stdin:
        patch.setattr("sys.stdin", stdin)
        for name, value in {**cli.environ, **variables}.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as end:
            main([])
    out, err = capfd.readouterr()
    assert (end.value.code, err) == (0, "")
    return [line for line in out.splitlines() if line]


def export_lines(items: Iterable[Session | Message]) -> bytes:
    """Return the items as lines of an export."""
    return b"".join(map(export_line, items))


def sessions(count: int, user: str = "ada") -> list[Session]:
    return [Session(user, f"s{n:05d}", 1_767_000_000_000_000 + n * 1_000_000) for n in range(count)]


def messages(count: int, session: str = "s00000", content: str = "said") -> list[Message]:
    return [
        Message(session, f"m{n:05d}", 1_767_000_000_000_000 + n * 1_000_000, "user", f"{content} {n}")
        for n in range(count)
    ]
