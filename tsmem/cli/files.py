"""Files and standard streams that bulk commands read and write: whole or not at all, `.gz` by name, plain sentences.

Memory is private: what is made is readable by its owner alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, cast

from tsmem.cli.call import cannot_read, cannot_write
from tsmem.errors import InvalidInput

if TYPE_CHECKING:
    from tsmem.cli.call import Call
    from tsmem.store.records import Record

_BUFFER_BYTES = 1 << 20


class Input:
    """What is read, and how far that is."""

    def __init__(self, name: str, raw: BinaryIO, stream: BinaryIO) -> None:
        self.name = name
        self.raw = raw
        """What the bytes come from, compressed or not."""
        self.stream = stream
        """What is read: raw itself, or what comes out of it."""

    def records(self, records: Iterator[Record]) -> Iterator[Record]:
        """Records that are read from it. Raises InvalidInput where it cannot be read."""
        from gzip import BadGzipFile
        from zlib import error as broken

        try:
            yield from records
        except EOFError as error:
            raise InvalidInput(f"cannot read {self.name}: the compressed file was cut short") from error
        except (BadGzipFile, broken) as error:
            raise InvalidInput(f"cannot read {self.name}: the compressed file is damaged, or is none") from error
        except OSError as error:
            raise cannot_read(self.name, error) from error


@contextmanager
def opened(call: Call, name: str) -> Iterator[Input]:
    """A file to read, or standard input for `-`. Raises InvalidInput."""
    if name == "-":
        if call.streams.stdin_is_terminal:
            call.say("reading what is typed here; Ctrl-D ends it")
        yield Input("standard input", call.streams.stdin, call.streams.stdin)
        return
    try:
        raw = open(name, "rb")  # noqa: PTH123, SIM115
    except (OSError, ValueError) as error:
        raise cannot_read(name, error) from error
    with raw, _naming(name):
        if not name.endswith(".gz"):
            yield Input(name, raw, raw)
            return
        import gzip

        with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
            yield Input(name, raw, cast(BinaryIO, stream))


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Around the reading of a file: what is wrong in a line is wrong in a line of that file."""
    try:
        yield
    except InvalidInput as error:
        if error.message.startswith("line "):
            error.message = f"{name}: {error.message}"
        raise


def check_not_the_store(call: Call, name: str) -> None:
    """Raises InvalidInput for an output that is the embedded store's own file."""
    store = call.profile.path
    if store is not None and name != "-":
        own = {os.path.realpath(f"{os.path.realpath(store)}{end}") for end in ("", "-wal", "-shm", ".lock")}
        if os.path.realpath(name) in own:
            raise InvalidInput(f"{name} is the store itself", hint="write to another file")


def check_link(name: str) -> None:
    """Raises InvalidInput for an output that is a link of another user's: where it leads is not for them to say."""
    with suppress(OSError, ValueError):
        found = os.lstat(name)
        if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
            raise InvalidInput(f"{name} is a link that belongs to another user", hint="write to another file")


def make_private(folder: str) -> None:
    """Make a folder and those round it that are missing, for the user alone. Raises OSError."""
    if not os.path.isdir(folder):  # noqa: PTH112
        make_private(os.path.dirname(folder))  # noqa: PTH120
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)  # noqa: PTH102


def write_whole(name: str, lines: Iterator[bytes]) -> None:
    """Write a file beside its place and move it there when it is complete, so that nobody sees half of one."""
    if os.path.exists(name) and not os.path.isfile(name):  # noqa: PTH110, PTH113 - a device or pipe is written as it is
        _write_through(name, lines)
        return
    check_link(name)
    target = os.path.realpath(name)
    partial = f"{target}.{os.urandom(4).hex()}.part"  # no number of a process: containers use the same ones again
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb", buffering=_BUFFER_BYTES) as stream:  # noqa: PTH123
                _write(stream, name, lines)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, target)  # noqa: PTH105
        except BaseException:
            os.unlink(partial)  # noqa: PTH108
            raise
    except OSError as error:
        raise cannot_write(name, error) from error


def _write(stream: BinaryIO, name: str, lines: Iterator[bytes]) -> None:
    if not name.endswith(".gz"):
        stream.writelines(lines)
        return
    import gzip

    # Level 6 is 5 times as fast as the 9 that gzip takes by itself, for files that are hardly larger. No name and no
    # time in it: the same rows make the same file.
    with gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6, mtime=0) as packed:
        packed.writelines(lines)


def _write_through(name: str, lines: Iterator[bytes]) -> None:
    try:
        with open(name, "wb", buffering=_BUFFER_BYTES) as stream:  # noqa: PTH123
            _write(stream, name, lines)
    except OSError as error:
        raise cannot_write(name, error) from error
