"""Servers for the cases: one that serves the store of the stage, and others with replies of their own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.errors.case import Given
from tests.cli.errors.stage import Stage, copied
from tests.support.cloud_profiles import INSTANCE, profile
from tests.support.listening import Handler, listening
from tests.support.lying import Lie, lying_server
from tests.support.server_in_process import KEY, SECRET, serving
from tsmem.clock import SystemClock
from tsmem.engine import Engine
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import Faults, parse_fault
from tsmem.server.wire import schema


class Ahead(SystemClock):
    """A clock that is an hour ahead."""

    def now_us(self) -> int:
        return super().now_us() + 3_600_000_000


def cloud(stage: Stage, endpoint: str, *, key: str = KEY, secret: str = SECRET, more: str = "") -> None:
    """Make a TableStore endpoint the default profile."""
    stage.names["HOST"] = endpoint.partition("//")[2]
    stage.cli.config(profile(endpoint, key=key, secret=secret, more=f"{more or 'timeout = 5'}\n"))


def served(*faults: str, more: str = "", key: str = KEY, secret: str = SECRET, **settings: Any) -> Given:
    """Serve the store of the stage as the default profile."""

    def make(stage: Stage) -> None:
        path = stage.folder / "served.db"
        copied(path)
        kinds = Faults([parse_fault(text) for text in faults])
        usual = {"credentials": AccessKey(KEY, SECRET), "instance": INSTANCE, "faults": kinds}
        server = stage.stack.enter_context(serving(path, **{**usual, **settings}))
        cloud(stage, server.endpoint, key=key, secret=secret, more=more)

    return make


def lied(lie: Lie, more: str = "") -> Given:
    """Serve the store of the stage as the default profile, with lies in the replies."""

    def make(stage: Stage) -> None:
        path = stage.folder / "served.db"
        copied(path)
        liar = stage.stack.enter_context(lying_server(path))
        liar.tell(lie)
        cloud(stage, liar.endpoint, secret="tsmem", more=more)

    return make


def deleted(what: Callable[[Engine], object]) -> Given:
    """Delete something in the local store."""
    return lambda stage: _changed(stage.database, what)


def _changed(path: Path, what: Callable[[Engine], object]) -> None:
    with closing(Engine(path, SystemClock())) as engine:
        what(engine)


def indexes(engine: Engine) -> None:
    engine.definitions.delete_index("session", "session_secondary_index")
    engine.definitions.delete_index("message", "message_secondary_index")


def search_indexes(engine: Engine) -> None:
    engine.definitions.delete_search_index("session", "session_search_index")
    engine.definitions.delete_search_index("message", "message_search_index")


def without_fields(engine: Engine, *fields: tuple[str, FieldType]) -> None:
    """Replace the search index of messages by another library's, without times and texts."""
    engine.definitions.delete_search_index("message", "message_search_index")
    fields = (("session_id", FieldType("KEYWORD")), *fields)
    engine.definitions.create_search_index(SearchIndexSchema("message", "message_search_index", fields))


def without_texts(engine: Engine) -> None:
    """Replace the search index of messages by another library's, without texts."""
    without_fields(engine, ("create_time", FieldType("LONG")))


def at(endpoint: str) -> Given:
    """Have the default profile name this endpoint."""
    return lambda stage: cloud(stage, endpoint)


def no_names(stage: Stage) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    patch = stage.stack.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(socket, "getaddrinfo", unknown)


def nobody(stage: Stage) -> None:
    """Have the default profile name a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        cloud(stage, f"http://127.0.0.1:{listener.getsockname()[1]}")


def taken(stage: Stage) -> None:
    listener = stage.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    stage.names["PORT"] = str(listener.getsockname()[1])


def answering(handler: Handler, scheme: str = "http", more: str = "") -> Given:
    """Have the default profile name a server that handles every connection with this function."""

    def make(stage: Stage) -> None:
        endpoint = stage.stack.enter_context(listening(handler))
        cloud(stage, endpoint.replace("http", scheme), more=more)

    return make


def saying(answer: bytes) -> Handler:
    """Answer every request with these bytes and close the connection."""
    head, line, rest = answer.partition(b"\r\n")
    whole = head + line + b"connection: close\r\n" + rest if head.startswith(b"HTTP") else answer
    return lambda stream, _: stream.sendall(whole)


def refusing(status: int, code: str, message: str) -> Handler:
    """Answer every request with an error of the service."""

    def handler(stream: socket.socket, _: object) -> None:
        error = schema.new_message("Error")
        error.code, error.message = code, message
        body = error.SerializeToString()
        head = f"HTTP/1.1 {status} X\r\nx-ots-requestid: 0005-request\r\nconnection: close\r\n"
        stream.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    return handler
