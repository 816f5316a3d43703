"""`tsmem export` and `tsmem import`: memory as JSON lines, out and in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Annotated, BinaryIO, cast

import typer

from tsmem.cli import options as o
from tsmem.cli.call import Call, call_of, cannot_read, cannot_write
from tsmem.cli.counts import counted, counts
from tsmem.errors import InvalidInput
from tsmem.render.result import Document, Report
from tsmem.render.stream import chunks
from tsmem.store.openai import Rules
from tsmem.store.records import ImportFormat, Record, Source, read
from tsmem.store.transfer import OnConflict

File = Annotated[str, typer.Argument(metavar="[FILE]", help="A file; - or none is standard input or output.")]


def export(
    ctx: typer.Context, file: File = "-", user: o.UserOption = None, session: o.SessionOption = None
) -> Document | None:
    """Write sessions and messages as JSON lines: everything, one user's, or one session's.

    A file is written whole or not at all.
    Example: tsmem export memory.jsonl --user ada
    """
    call = call_of(ctx)
    _check_not_the_store(call, file)
    transfer = call.store.transfer
    lines = transfer.export(transfer.items(user_id=user, session_id=session), call.tally)
    if file == "-":
        return Document(chunks(_begun(lines)))
    _write_whole(file, lines)
    call.say(f"exported {counted(call.tally)} to {file}")
    return None


def import_(
    ctx: typer.Context,
    file: File = "-",
    format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="tsmem or openai.")] = "tsmem",  # noqa: A002
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="openai: whose sessions they are.")] = None,
    start_time: Annotated[
        str | None,
        typer.Option("--start-time", metavar="T", help="openai: the first message's time. [the file's own]"),
    ] = None,
    on_conflict: Annotated[
        str, typer.Option("--on-conflict", metavar="WHAT", help="What exists already: overwrite, skip or fail.")
    ] = "overwrite",
    dry_run: o.DryRun = False,
) -> Report:
    """Read sessions and messages from JSON lines and write them.

    A file is checked wholly before its first row is written; importing it twice changes nothing. A fresh embedded
    store gets its tables.
    Example: tsmem import chats.jsonl --format openai --user ada
    """
    call = call_of(ctx)
    if format not in ("tsmem", "openai"):
        raise InvalidInput(f"there is no import format '{format}'", hint="the formats are tsmem and openai")
    if on_conflict not in ("overwrite", "skip", "fail"):
        raise InvalidInput(f"--on-conflict is overwrite, skip or fail, not '{on_conflict}'")
    if format == "tsmem" and (user is not None or start_time is not None):
        raise InvalidInput("--user and --start-time are for --format openai; an export says both itself")
    conflict = cast(OnConflict, on_conflict)
    with _opened(call, file) as stream:
        source = Source(stream, cast(ImportFormat, format), _rules(call, stream, user, start_time, format))
        if dry_run:
            return counts(call.store.transfer.check(read(source), on_conflict=conflict))
        records = _checked(call, source, conflict)
        _furnish(call)
        call.store.transfer.load(records, on_conflict=conflict, tally=call.tally)
    return counts(call.tally)


def _furnish(call: Call) -> None:
    """A fresh embedded store gets its tables from the first import. In an instance that is paid for, or where only some
    of them are missing, that is for init-tables to do."""
    if call.profile.backend != "local":
        return
    tables = call.store.tables
    if all(step.state == "missing" for step in tables.plan().steps):
        tables.apply()
        call.say(f"created the tables in {call.profile.target}")


def _checked(call: Call, source: Source, on_conflict: OnConflict) -> Iterator[Record]:
    """The records, after a first look at all of them where the input can be read twice."""
    if source.stream.seekable():
        start = source.stream.tell()
        call.store.transfer.check(read(source), on_conflict=on_conflict)
        source.stream.seek(start)
    return read(source)


def _rules(call: Call, stream: BinaryIO, user: str | None, start_time: str | None, format: str) -> Rules | None:  # noqa: A002
    if format != "openai":
        return None
    time = call.point(start_time, "--start-time")
    if time is None:
        from_file = stream is not call.streams.stdin
        time = os.fstat(stream.fileno()).st_mtime_ns // 1000 if from_file else call.clock.now_us()
        since = "at the file's modification time" if from_file else "now"
        call.say(f"messages without a time of their own start {since}: --start-time {time}")
    return Rules(user, time)


@contextmanager
def _opened(call: Call, file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield call.streams.stdin
        return
    try:
        stream = open(file, "rb")  # noqa: PTH123, SIM115
    except (OSError, ValueError) as error:
        raise cannot_read(file, error) from error
    with stream:
        try:
            yield stream
        except OSError as error:
            raise cannot_read(file, error) from error


def _begun(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines, the header with the one behind it, so that an export that cannot begin leaves its output empty."""
    yield b"".join(islice(lines, 2))
    yield from lines


def _check_not_the_store(call: Call, file: str) -> None:
    store = call.profile.path
    if store is not None and file != "-":
        own = {os.path.realpath(f"{os.path.realpath(store)}{end}") for end in ("", "-wal", "-shm", ".lock")}
        if os.path.realpath(file) in own:
            raise InvalidInput(f"{file} is the store itself", hint="export to another file")


def _write_whole(file: str, lines: Iterator[bytes]) -> None:
    """Write a file beside its place and move it there when it is complete, so that nobody sees half of one."""
    if os.path.exists(file) and not os.path.isfile(file):  # noqa: PTH110, PTH113 - a device or pipe is written as it is
        _write_through(file, lines)
        return
    target = os.path.realpath(file)
    partial = f"{target}.{os.getpid()}.part"
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb", buffering=1 << 20) as stream:  # noqa: PTH123
                stream.writelines(lines)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, target)  # noqa: PTH105
        except BaseException:
            os.unlink(partial)  # noqa: PTH108
            raise
    except OSError as error:
        raise cannot_write(file, error) from error


def _write_through(file: str, lines: Iterator[bytes]) -> None:
    try:
        with open(file, "wb", buffering=1 << 20) as stream:  # noqa: PTH123
            stream.writelines(lines)
    except OSError as error:
        raise cannot_write(file, error) from error
