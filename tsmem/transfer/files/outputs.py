"""Open output files: an export calls `Output.write_whole`, a file of rejects `Output.open_to_append`.

The name of an output can stand for

- an open descriptor (`/dev/stdout`, `/dev/fd/3`): it is duplicated, because opening it again would overwrite a file
  that the shell opened with `>>`;
- a device or a pipe: it is opened and written to;
- a file: `write_whole` replaces it only once the new content is complete. Only its owner can read a new file.

`ForbiddenFiles` refuses those that must not be written to. Links are followed unless another user owns them.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from tsmem.disk import (
    ENTER_FOLDER,
    HEADER_BYTES,
    SUFFIXES,
    is_store,
    link_of_another,
    replacing,
    store_beside,
    sync_folder,
)
from tsmem.errors import InvalidInput
from tsmem.store.bulk.result import BulkResult
from tsmem.transfer.files import explained
from tsmem.transfer.files.descriptors import WaitingFile, duplicate, is_descriptor, own_descriptor, resolve_links

if TYPE_CHECKING:
    from tsmem.store import MemoryStore

_BUFFER_BYTES = 1 << 20
_ACL = "system.posix_acl_access"
_WRITE = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Caller(Protocol):
    """What an export or import needs from its caller: the command line's `Context`, or a `LibraryCaller`."""

    next_step: str | None
    """A hint for the user, shown if the export or import fails or is stopped."""
    unfinished_output: str | None
    """Name of the output file, while stopping the export would leave the old file unchanged."""

    @property
    def result(self) -> BulkResult: ...
    @property
    def store(self) -> MemoryStore: ...
    @property
    def resume_folder(self) -> Path | None: ...
    def say(self, text: str, /) -> None: ...
    def protected_files(self) -> Iterable[tuple[str, str]]:
        """Return the paths of files that must not be written to, each with a description for the error."""
        ...


@dataclass
class LibraryCaller:
    store: MemoryStore
    say: Callable[[str], None]
    resume_folder: Path | None = None
    result: BulkResult = field(default_factory=BulkResult)
    next_step: str | None = None
    unfinished_output: str | None = None

    def protected_files(self) -> Iterable[tuple[str, str]]:
        return ()  # `ForbiddenFiles` recognises the files of a store without being told


class Output:
    def __init__(self, caller: Caller, name: str, source: BinaryIO | None = None) -> None:
        """`source` is the input of the same command, which is refused. Raises InvalidInput and StorageFailure."""
        self.name = name
        self.is_file = False
        """False for a device, a pipe, and a descriptor that was open before."""
        self._caller = caller
        self._forbidden = ForbiddenFiles(caller.protected_files(), source)
        self._folder = self._descriptor = -1
        """The open descriptors of the file's folder and of the output, or -1."""
        self._path = self._base = ""
        self._was_created = False
        try:
            with explained(name):
                self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the output, and remove a file that `open_to_append` created if it is still empty."""
        if self._was_created:
            self._was_created = False
            with suppress(OSError):
                found = os.fstat(self._descriptor)
                if found.st_size == 0 and os.path.samestat(found, self._stat()):
                    os.unlink(self._base, dir_fd=self._folder)
        for descriptor in (self._descriptor, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._folder = -1

    def _open(self) -> None:
        if (link := link_of_another(Path(self.name))) is not None:  # its owner could make it lead to any file
            name = link if link != Path(self.name).absolute() else self.name
            raise _refusal(f"{name} is a link that belongs to another user")
        path = resolve_links(self.name)
        if (number := own_descriptor(path)) is not None:
            self._descriptor = duplicate(number)
            self._forbidden.check_descriptor(self.name, self._descriptor)
        elif is_descriptor(path):  # of another process, such as the main process of a container
            self._descriptor = os.open(self.name, _WRITE)
            self._forbidden.check_descriptor(self.name, self._descriptor, was_open=False)
        else:
            self._open_path()

    def _open_path(self) -> None:
        if os.path.basename(self.name) in ("", ".", ".."):  # noqa: PTH119
            reason = errno.EISDIR if self.name else errno.ENOENT
            raise OSError(reason, os.strerror(reason))
        self._path = os.path.realpath(self.name)
        self._forbidden.check_path(self.name, self._path)
        self._base = os.path.basename(self._path)  # noqa: PTH119
        self._folder = os.open(os.path.dirname(self._path), ENTER_FOLDER)  # noqa: PTH120
        try:
            found = self._stat()
        except FileNotFoundError:
            self.is_file = True
            return
        self._forbidden.check_status(self.name, found)  # first: opening another user's pipe would wait for a reader
        self.is_file = stat.S_ISREG(found.st_mode)
        flags = _APPEND | os.O_NONBLOCK if self.is_file else _WRITE | os.O_NOFOLLOW
        self._descriptor = os.open(self._base, flags, dir_fd=self._folder)
        self._forbidden.check_descriptor(self.name, self._descriptor, was_open=False)
        if self.is_file != stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise OSError(errno.EAGAIN, "it was replaced by something else")

    def _stat(self) -> os.stat_result:
        return os.stat(self._base, dir_fd=self._folder, follow_symlinks=False)

    def open_to_append(self) -> int:
        """Return a descriptor that appends to the output, and can read it if it is a file. Raises OSError."""
        if self._descriptor < 0:
            self._was_created = True
            self._descriptor = os.open(self._base, _APPEND | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._folder)
        return self._descriptor

    def sync_name(self) -> None:
        sync_folder(os.path.dirname(self._path))  # noqa: PTH120

    def write_whole(self, lines: Iterator[bytes]) -> None:
        """Write all lines. A file is replaced once the new one is complete and on the disk; other hard links to the old
        one keep the old content. Raises InvalidInput and StorageFailure."""
        with explained(self.name):
            if self.is_file:
                self._caller.unfinished_output = self.name
                with replacing(self._folder, self._base, self._put_in_place) as stream:
                    _write(stream, self.name, lines)
                    self._keep_access(stream.fileno())
                self.sync_name()
                return
            raw = WaitingFile(self._descriptor, "wb", closefd=False)
            with BufferedWriter(raw, _BUFFER_BYTES) as stream:
                _write(stream, self.name, lines)
            if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                os.fsync(self._descriptor)

    def _put_in_place(self, partial: str) -> None:
        self._caller.unfinished_output = None  # from now on, the name may lead to the new file
        try:
            os.replace(partial, self._base, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            if error.errno != errno.EBUSY or self._descriptor < 0:
                self._caller.unfinished_output = self.name
                raise
            self._copy_over_mount(partial)

    def _copy_over_mount(self, partial: str) -> None:
        """Write the new content into the old file, which is a mount point and cannot be replaced. If that fails or is
        stopped, the new content is kept in a file beside it, and the hint names that file."""
        kept = partial.replace(".part", ".whole")
        os.rename(partial, kept, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        where = os.path.join(os.path.dirname(self.name), kept)  # noqa: PTH118, PTH120
        self._caller.next_step = f"{self.name} is only half written: its whole content is in {where}"
        with (
            open(os.open(kept, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder), "rb") as source,  # noqa: PTH123
            open(self._descriptor, "wb", closefd=False) as target,
        ):
            os.ftruncate(self._descriptor, 0)
            shutil.copyfileobj(source, target, _BUFFER_BYTES)
            target.flush()
            os.fsync(self._descriptor)
        self._caller.next_step = None
        os.unlink(kept, dir_fd=self._folder)

    def _keep_access(self, new: int) -> None:
        if self._descriptor < 0:
            return
        old, made = os.fstat(self._descriptor), os.fstat(new)
        mode = stat.S_IMODE(old.st_mode)
        if old.st_uid != made.st_uid and not _succeeds(lambda: os.fchown(new, old.st_uid, -1)):
            self._caller.say(f"warning: {self.name}: its owner could not be kept; it belongs to you now")
        if old.st_gid != made.st_gid and not _succeeds(lambda: os.fchown(new, -1, old.st_gid)):
            mode &= ~stat.S_IRWXG  # the new file's group must not get the rights of the old group
            self._caller.say(f"warning: {self.name}: its group could not be kept, so the new one has no rights")
        elif (acl := _acl(self._descriptor)) is not None:  # the mode's group bits are then the list's mask
            if _succeeds(lambda: os.setxattr(new, _ACL, acl)):
                return
            mode &= ~stat.S_IRWXG
            self._caller.say(f"warning: {self.name}: its access control list could not be kept; only you can read it")
        os.fchmod(new, mode)


class ForbiddenFiles:
    """Refuses, with InvalidInput, files that a command must not write to:

    - a tsmem store, another file of a store, the profile file, and the input of the same command (`source`);
    - a file that belongs to neither root nor this user, because its owner could read what is written. A descriptor
      that the user opened before the command started can lead to such a file.

    `check_path` goes by the name, `check_status` by device and inode, `check_descriptor` also by the content."""

    def __init__(self, protected: Iterable[tuple[str, str]], source: BinaryIO | None = None) -> None:
        self._protected = dict(protected)
        self._source: os.stat_result | None = None
        with suppress(OSError, ValueError):  # the input has no descriptor
            self._source = None if source is None else os.fstat(source.fileno())

    def check_path(self, name: str, path: str) -> None:
        if (what := self._protected.get(path)) is not None:
            raise _refusal(f"{name} is {what}")
        if path.endswith(SUFFIXES) and (store := store_beside(path)) is not None:
            raise _refusal(f"{name} is a file of the store {store}")

    def check_status(self, name: str, found: os.stat_result, *, was_open: bool = False) -> None:
        for path, what in self._protected.items():
            with suppress(OSError):
                if os.path.samestat(found, os.stat(path)):  # noqa: PTH116
                    raise _refusal(f"{name} is {what}")
        goes_both_ways = stat.S_ISCHR(found.st_mode) or stat.S_ISSOCK(found.st_mode)  # a terminal or a socket
        if self._source is not None and os.path.samestat(found, self._source) and not goes_both_ways:
            raise _refusal(f"--rejects is the input file itself, {name}", hint="choose another file for the rejects")
        if not was_open and found.st_uid not in (0, os.geteuid()):
            raise _refusal(f"{name} belongs to another user")

    def check_descriptor(self, name: str, descriptor: int, *, was_open: bool = True) -> None:
        found = os.fstat(descriptor)
        self.check_status(name, found, was_open=was_open)
        if stat.S_ISREG(found.st_mode) and is_store(_header(descriptor)):
            raise _refusal(f"{name} is a tsmem store")


def _refusal(message: str, hint: str = "write to another file") -> InvalidInput:
    return InvalidInput(message, hint=hint)


def _header(descriptor: int) -> bytes:
    """Return the first bytes of a file, even if the descriptor can only write; b"" if they cannot be read."""
    with suppress(OSError):
        return os.pread(descriptor, HEADER_BYTES, 0)
    with suppress(OSError), open(f"/dev/fd/{descriptor}", "rb") as stream:  # noqa: PTH123
        return stream.read(HEADER_BYTES)
    return b""


def is_compressed(name: str) -> bool:
    return name.lower().endswith(".gz")


def _write(stream: BinaryIO, name: str, lines: Iterator[bytes]) -> None:
    if not is_compressed(name):
        stream.writelines(lines)
        return
    import gzip

    # Level 6 is 5 times as fast as gzip's default of 9, and the files are hardly larger. Without a name and a time, the
    # same rows always make the same file.
    with gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6, mtime=0) as packed:
        packed.writelines(lines)


def _acl(descriptor: int) -> bytes | None:
    with suppress(OSError):
        return os.getxattr(descriptor, _ACL) if sys.platform == "linux" else None
    return None


def _succeeds(act: Callable[[], None]) -> bool:
    try:
        act()
    except OSError:
        return False
    return True
