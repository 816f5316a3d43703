"""Every command, wherever a profile keeps its secrets and whatever the service answers: no output and no file that is
written has one, in any of the forms that text takes on the way."""

from __future__ import annotations

import base64
import json
import os
import shlex
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.cli.conftest import Cli, Processes, messages, sessions
from tests.serving import serving
from tests.support.commands import declarations
from tsmem.server.http.auth import AccessKey
from tsmem.store import Message, Session
from tsmem.store.documents import export_line

SECRETS = {
    "access_key_id": "LTAI5tQ9'K\"ey\\Id",
    "access_key_secret": "s3cr3t+/=%25&'\"\\x",
    "security_token": "CAIS-t0ken/+=='\"\\y",
}
"""With characters that repr, JSON, a URL and TOML each write in another way."""
ITEMS: list[Session | Message] = [*sessions(1), *messages(1)]
ROW = b"".join(map(export_line, ITEMS))
COMMANDS: dict[str, tuple[str, ...]] = {
    "demo": (),
    "init-tables": (),
    "session put": ("ada", "s00001", "-m", "topic=tea"),
    "session get": ("ada", "s00001"),
    "session update": ("ada", "s00001", "-m", "topic=coffee"),
    "session list": (),
    "session recent": ("--user", "ada"),
    "session search": ("tea",),
    "message put": ("s00001", "m1", "--content", "said", "--create-time", "1760000000000000"),
    "message get": ("s00001", "m1"),
    "message update": ("s00001", "m1", "--content", "meant"),
    "message list": (),
    "message search": ("said",),
    "message tail": ("s00001",),
    "show": ("s00001", "--user", "ada"),
    "import": ("-",),
    "export": ("out.jsonl",),
    "copy": ("--from", "prod", "--to", "local"),
    "stats": (),
    "doctor": (),
    "message delete": ("s00001", "m1"),
    "message purge": ("--everything", "--yes"),
    "session delete": ("ada", "s00001"),
    "session purge": ("--everyone", "--yes"),
    "drop-tables": ("--yes",),
    "serve": ("--path", "served.db", "--host", "256.0.0.1", "--access-key-id", SECRETS["access_key_id"]),
    "completion": ("bash",),
    "help": ("profiles",),
    "profile list": (),
    "profile show": ("prod",),
    "profile path": (),
    "profile set": ("prod", "timeout=7"),
    "profile use": ("prod",),
    "profile delete": ("prod",),
}
COMMANDS |= {
    name: tuple(shlex.split(command.example)[1 + len(name.split()) :])
    for name, command in declarations().items()
    if name not in COMMANDS
}
FLAGS = ((), ("-o", "json"), ("--debug",), ("--debug", "-o", "jsonl"))
ANSWERS = [
    ("plain", "well"), ("plain", "echo"), ("plain", "url"), ("plain", "away"), ("plain", "another secret"),
    ("env", "echo"), ("env", "garbage"), ("file", "another secret"), ("file", "garbage"), ("cmd", "echo"),
]  # fmt: skip
"""Where a profile keeps its secrets, and what the service answers."""


def forms(secret: str) -> Iterator[str]:
    """The secret as text may have it."""
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield json.dumps(json.dumps(secret)[1:-1])[1:-1]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield base64.b64encode(secret.encode()).decode()


def leaks(text: str) -> list[str]:
    """Which secrets a text shows, in which form."""
    return [f"{name}: {form}" for name, secret in SECRETS.items() for form in forms(secret) if form in text]


# Where a profile keeps its secrets


def kept(cli: Cli, kind: str) -> tuple[dict[str, str], dict[str, str]]:
    """What the profile file says for each secret, and the environment that it takes."""
    environ = {"TSMEM_PROFILE": "prod"}
    if kind == "env":
        environ |= {name.upper(): secret for name, secret in SECRETS.items()}
    said = {}
    for name, secret in SECRETS.items():
        path = cli.folder / "kept" / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(secret + "\n")
        said[name] = {"plain": secret, "env": f"env:{name.upper()}", "file": f"file:{path}", "cmd": f"cmd:cat {path}"}[
            kind
        ]
    return said, environ


def configure(cli: Cli, endpoint: str, said: dict[str, str]) -> None:
    """Write the profile file."""
    values = {"backend": "tablestore", "endpoint": endpoint, "instance": "test", **said}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    cli.config("[profiles.prod]\ntimeout = 0.5\n" + "\n".join(lines) + "\n")


# What the service answers


class _Echo(BaseHTTPRequestHandler):
    """A service that repeats in its refusal what it was sent."""

    def do_POST(self) -> None:
        headers = "; ".join(f"{name}: {value}" for name, value in self.headers.items())
        known = " ".join(
            form for secret in SECRETS.values() for form in (secret, quote(secret, safe=""), json.dumps(secret))
        )
        text = f"denied {headers} {dict(self.headers)!r} {json.dumps(dict(self.headers))} {known}".encode()
        body = b"\x0a\x0fOTSAuthFailed__" + b"\x12" + _varint(len(text)) + text
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Garbage(_Echo):
    """A service that answers with what it was sent, as if that were a row."""

    def do_POST(self) -> None:
        body = str(self.headers).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


@contextmanager
def _answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def service(name: str) -> Iterator[str]:
    """An endpoint that behaves so."""
    with ExitStack() as stack:
        if name == "well":
            credentials = AccessKey(SECRETS["access_key_id"], SECRETS["access_key_secret"])
            yield stack.enter_context(serving(None, credentials=credentials)).endpoint
        elif name == "another secret":
            credentials = AccessKey(SECRETS["access_key_id"], "another")
            yield stack.enter_context(serving(None, credentials=credentials)).endpoint
        elif name == "echo":
            yield stack.enter_context(_answering(_Echo))
        elif name == "garbage":
            yield stack.enter_context(_answering(_Garbage))
        elif name == "away":
            yield "http://127.0.0.1:1"
        else:
            user, secret, token = SECRETS.values()
            yield f"https://{quote(user, safe='')}:{secret}@h/?t={token}"


def written(cli: Cli, sources: set[Path]) -> Iterator[tuple[Path, str]]:
    """All files that are there and are not where the secrets are kept, with what they hold."""
    for path in sorted(cli.folder.rglob("*")):
        if path.is_file() and path not in sources and path.parent.name != "kept":
            yield path, path.read_bytes().decode(errors="replace")


@pytest.mark.parametrize("every", [len(FLAGS), pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("kind", "answer"), ANSWERS)
def test_no_command_shows_or_writes_a_secret(cli: Cli, kind: str, answer: str, every: int) -> None:
    """Neither what is shown, nor what went wrong, nor its traceback, nor a file: wherever the secrets come from.

    The slow run has each command with all flags; else with one of them, another one for each answer."""
    said, environ = kept(cli, kind)
    environ = {**environ, "TSMEM_SERVE_SECRET": SECRETS["access_key_secret"]}
    config = cli.folder / "config" / "tsmem" / "config.toml"
    flags = FLAGS if kind != "cmd" else FLAGS[2:3]
    with service(answer) as endpoint:
        for place, (command, arguments) in enumerate(COMMANDS.items()):
            first = (place + ANSWERS.index((kind, answer))) % every
            for flag in flags[first % len(flags) :: every]:
                configure(cli, endpoint, said)
                outcome = cli(*flag, *command.split(), *arguments, stdin=ROW, environ=environ)
                assert [] == leaks(outcome.text + outcome.err), (command, flag)
                assert "this is a bug" not in outcome.err, (command, flag)
                if answer == "well" and not flag and command != "serve":
                    assert outcome.code in (0, 3, 4), (command, outcome.err)
        assert [] == [(str(path), found) for path, text in written(cli, {config}) if (found := leaks(text))]


def test_the_environments_profile_shows_and_writes_no_secret(cli: Cli) -> None:
    """The built-in profile `env`, whose values are all in the environment."""
    environ = {f"TABLESTORE_{name.upper()}": secret for name, secret in SECRETS.items()}
    environ |= {"TABLESTORE_INSTANCE_NAME": "test", "TSMEM_SERVE_SECRET": SECRETS["access_key_secret"]}
    with service("echo") as endpoint:
        for command, arguments in COMMANDS.items():
            outcome = cli(
                "--debug", *command.split(), *arguments, stdin=ROW, environ={**environ, "TABLESTORE_ENDPOINT": endpoint}
            )
            assert [] == leaks(outcome.text + outcome.err), command
        assert [] == [(str(path), found) for path, text in written(cli, set()) if (found := leaks(text))]


@pytest.mark.parametrize("secret", ["hunter2", "pa55"])
def test_a_short_secret_is_hidden_where_it_stands_alone(cli: Cli, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """A service that repeats it, or a traceback, shows it no more than a long one."""
    monkeypatch.setitem(SECRETS, "access_key_secret", secret)
    said, environ = kept(cli, "plain")
    with service("echo") as endpoint:
        configure(cli, endpoint, said)
        outcome = cli("--debug", "session", "list", environ=environ)
    assert outcome.code == 6
    assert secret not in outcome.text + outcome.err


def test_a_command_that_fails_shows_nothing_of_its_output(cli: Cli) -> None:
    """What cmd: wrote before it failed may be the secret."""
    said, environ = kept(cli, "file")
    script = cli.folder / "kept" / "script.sh"
    script.write_text(f"cat {cli.folder}/kept/access_key_secret; exit 3\n")
    configure(cli, "https://127.0.0.1:1", {**said, "access_key_secret": f"cmd:sh {script}"})
    for flag in FLAGS:
        outcome = cli(*flag, "session", "list", environ=environ)
        assert outcome.code == 2
        assert "failed with exit code 3" in outcome.err
        assert [] == leaks(outcome.text + outcome.err)


def test_completion_shows_no_secret(cli: Cli, process: Processes) -> None:
    """A shell is offered profiles by their names, and runs no cmd:."""
    said, environ = kept(cli, "plain")
    configure(cli, "https://127.0.0.1:1", {**said, "security_token": f"cmd:touch {cli.folder}/ran"})
    for line in ("tsmem -p ", "tsmem profile show ", "tsmem -p prod session get ", "tsmem profile set prod "):
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        outcome = process.run(environ={**environ, "_TSMEM_COMPLETE": "complete_bash", **words})
        assert (0, "", []) == (outcome.code, outcome.err, leaks(outcome.text))
    assert not (cli.folder / "ran").exists()


# Files


def test_what_is_written_is_private_under_a_loose_umask(cli: Cli) -> None:
    """Stores, logs, locks, profile files, exports, rejects and resume points are 0600, in folders that are 0700."""
    (cli.folder / "in.jsonl").write_bytes(ROW + b"{not json\n")
    (cli.folder / "home").mkdir(mode=0o700)
    for line in (
        "init-tables",
        "import in.jsonl --rejects home/rejects.jsonl",
        "export home/out.jsonl",
        "export home/out.jsonl.gz",
        "profile set a backend=local path=deep/er/a.db",
        "profile use a",
        "init-tables",
        "copy --from local --to a",
    ):
        before = os.umask(0)  # files are for everyone unless someone says otherwise
        try:
            outcome = cli(*line.split())
        finally:
            os.umask(before)
        assert outcome.code in (0, 7), outcome.err
    files = [path for name in ("home", "data", "config") for path in (cli.folder / name).rglob("*")]

    assert {"memory.db", "a.db", "config.toml", "rejects.jsonl", "out.jsonl", "out.jsonl.gz"} <= {
        path.name for path in files
    }
    wrong = [
        (str(path.relative_to(cli.folder)), oct(mode))
        for path in files
        if (mode := stat.S_IMODE(path.lstat().st_mode)) != (0o700 if path.is_dir() else 0o600)
    ]
    assert [] == wrong


@pytest.mark.parametrize("name", ["memory.db.lock", "memory.db.new"])
def test_a_planted_link_leads_nowhere(cli: Cli, name: str) -> None:
    """A link that someone left where the store's own files go makes and changes no file behind it."""
    folder = cli.database.parent
    folder.mkdir(parents=True)
    victim = cli.folder / "victim"
    (folder / name).symlink_to(victim)
    outcome = cli("init-tables")
    assert not victim.exists()
    assert (1 if name.endswith("lock") else 0, name.endswith("lock")) == (
        outcome.code,
        "is a symbolic link" in outcome.err,
    )
    victim.write_text("theirs")
    cli("init-tables")
    assert victim.read_text() == "theirs"
