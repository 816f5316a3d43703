"""Secrets, commands that could leak them, profiles that hold them in every possible way, and services that repeat
them."""

from __future__ import annotations

import base64
import json
import shlex
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, quote_plus

from tests.cli.conftest import Cli, messages, sessions
from tests.support.commands import declarations
from tests.support.server_in_process import serving
from tsmem.server.http.auth import AccessKey
from tsmem.server.wire import schema
from tsmem.store import Message, Session
from tsmem.store.documents import export_line

SECRETS = {
    "access_key_id": "LTAI5tQ9'K\"ey\\Id",
    "access_key_secret": "s3cr3t+/=%25&'\"\\x",
    "security_token": "CAIS-t0ken/+=='\"\\y",
}
"""Secrets with characters that repr, JSON, URLs and TOML each escape differently."""
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
    "help": ("profiles",),
    "profile list": (),
    "profile show": ("prod",),
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


def forms_of(secret: str) -> Iterator[str]:
    """Yield the forms in which a text can contain the secret."""
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield json.dumps(json.dumps(secret)[1:-1])[1:-1]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield base64.b64encode(secret.encode()).decode()


def leaked_secrets(text: str) -> list[str]:
    """Return the name and the form of each secret in a text."""
    return [f"{name}: {form}" for name, secret in SECRETS.items() for form in forms_of(secret) if form in text]


# Where a profile keeps its secrets


def store_secrets(cli: Cli, kind: str) -> tuple[dict[str, str], dict[str, str]]:
    """Store the secrets as this kind of value. Return the value of each in the profile file, and the environment to
    run with."""
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
    values = {"backend": "tablestore", "endpoint": endpoint, "instance": "test", **said}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    cli.config("[profiles.prod]\ntimeout = 0.5\n" + "\n".join(lines) + "\n")


# What the service answers


class _Echo(BaseHTTPRequestHandler):
    """A service whose errors repeat the request, and all secrets."""

    def do_POST(self) -> None:
        headers = "; ".join(f"{name}: {value}" for name, value in self.headers.items())
        known = " ".join(
            form for secret in SECRETS.values() for form in (secret, quote(secret, safe=""), json.dumps(secret))
        )
        text = f"denied {headers} {dict(self.headers)!r} {json.dumps(dict(self.headers))} {known}"
        self.send(403, schema.new_message("Error", code="OTSAuthFailed__", message=text).SerializeToString())

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Garbage(_Echo):
    """A service that replies with the headers of the request, which is not a TableStore reply."""

    def do_POST(self) -> None:
        self.send(200, str(self.headers).encode())


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
    """Yield the endpoint of a service that behaves in this way. "well" is the only correct one."""
    with ExitStack() as stack:
        if name in ("well", "another secret"):
            secret = SECRETS["access_key_secret"] if name == "well" else "another"
            credentials = AccessKey(SECRETS["access_key_id"], secret)
            yield stack.enter_context(serving(None, credentials=credentials)).endpoint
        elif name in ("echo", "garbage"):
            yield stack.enter_context(_answering(_Echo if name == "echo" else _Garbage))
        elif name == "away":
            yield "http://127.0.0.1:1"
        else:
            user, secret, token = SECRETS.values()
            yield f"https://{quote(user, safe='')}:{secret}@h/?t={token}"


def leaking_files(cli: Cli) -> list[str]:
    """Return the files that contain a secret, except those that exist to store it."""
    kept_in = {cli.folder / "config" / "tsmem" / "config.toml"}
    return [
        str(path)
        for path in sorted(cli.folder.rglob("*"))
        if path.is_file() and path not in kept_in and path.parent.name != "kept"
        if leaked_secrets(path.read_bytes().decode(errors="replace"))
    ]
