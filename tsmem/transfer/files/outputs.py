"""Open every file that a command is told to write: the outputs of `export` and `import --rejects`.

A name may lead to a descriptor that is open already (`/dev/stdout`, `/dev/fd/3`), which is duplicated and not opened
again, so that what a shell opened with `>>` is appended to; to a device or a pipe; or to a file. Links are followed,
unless another user made them. `ForbiddenFiles` are refused before anything is done. A file is written whole or not at
all (`write_whole`), or appended to (`to_append`). A new one can be read by its owner alone.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

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
from tsmem.transfer.files import explained
from tsmem.transfer.files.descriptors import WaitingFile, duplicate, is_descriptor, own_descriptor, without_links

if TYPE_CHECKING:
    from tsmem.transfer.caller import Caller

_BUFFER_BYTES = 1 << 20
_ACL = "system.posix_acl_access"
_WRITE = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Output:
    """A place to write to, found and checked."""

    def __init__(self, caller: Caller, name: str, source: BinaryIO | None = None) -> None:
        """`source` is the input of the same command. Raises InvalidInput and StorageFailure."""
        self.name = name
        self.is_file = False
        """True unless it is a device, a pipe or a descriptor that was open already."""
        self._caller = caller
        self._forbidden = ForbiddenFiles(caller.protected_files(), source)
        self._folder = self._descriptor = -1
        self._path = self._base = ""
        self._is_new = False
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
        """Remove a file that was made to append to, and is empty."""
        if self._is_new:
            self._is_new = False
            with suppress(OSError):
                found = os.fstat(self._descriptor)
                if found.st_size == 0 and os.path.samestat(found, self._stat()):
                    os.unlink(self._base, dir_fd=self._folder)
        for descriptor in (self._descriptor, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._folder = -1

    def _open(self) -> None:
        if (link := link_of_another(Path(self.name))) is not None:  # it could lead to any file
            name = link if link != Path(self.name).absolute() else self.name
            raise _refusal(f"{name} is a link that belongs to another user")
        last = without_links(self.name)
        if (number := own_descriptor(last)) is not None:
            self._descriptor = duplicate(number)
            self._forbidden.check_descriptor(self.name, self._descriptor)
        elif is_descriptor(last):  # of another process: the main one of a container, for example
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
        self._forbidden.check_status(self.name, found)  # opening another user's pipe would wait for them
        self.is_file = stat.S_ISREG(found.st_mode)
        flags = _APPEND | os.O_NONBLOCK if self.is_file else _WRITE | os.O_NOFOLLOW
        self._descriptor = os.open(self._base, flags, dir_fd=self._folder)
        self._forbidden.check_descriptor(self.name, self._descriptor, was_open=False)
        if self.is_file != stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise OSError(errno.EAGAIN, "it was replaced by something else")

    def _stat(self) -> os.stat_result:
        return os.stat(self._base, dir_fd=self._folder, follow_symlinks=False)

    def to_append(self) -> int:
        """Return a descriptor to read, and to write behind what is there. Raises OSError."""
        if self._descriptor < 0:
            self._is_new = True
            self._descriptor = os.open(self._base, _APPEND | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._folder)
        return self._descriptor

    def sync_name(self) -> None:
        sync_folder(os.path.dirname(self._path))  # noqa: PTH120

    def write_whole(self, lines: Iterator[bytes]) -> None:
        """Write all lines. A file is new, takes the place of the old one once it is complete and on the disk, and gets
        its owner, group and mode. Other hard links of the old one keep their content."""
        with explained(self.name):
            if self.is_file:
                self._caller.whole_file = self.name
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
        self._caller.whole_file = None  # from here on the file may be the new one
        try:
            os.replace(partial, self._base, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            if error.errno != errno.EBUSY or self._descriptor < 0:
                self._caller.whole_file = self.name
                raise
            self._copy_over(partial)

    def _copy_over(self, partial: str) -> None:
        """Write a file's content in place: a mount point cannot be replaced. Where that fails or is stopped, the
        content stays in a file beside it, and the error names that one."""
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
        """Give a new file the owner, group, mode and access control list of the one that it replaces."""
        if self._descriptor < 0:
            return
        old, made = os.fstat(self._descriptor), os.fstat(new)
        mode = stat.S_IMODE(old.st_mode)
        if old.st_uid != made.st_uid and not _succeeds(lambda: os.fchown(new, old.st_uid, -1)):
            self._caller.say(f"warning: {self.name}: its owner could not be kept; it belongs to you now")
        if old.st_gid != made.st_gid and not _succeeds(lambda: os.fchown(new, -1, old.st_gid)):
            mode &= ~stat.S_IRWXG  # the rights of its group are not for another one
            self._caller.say(f"warning: {self.name}: its group could not be kept, so the new one has no rights")
        elif (acl := _acl(self._descriptor)) is not None:  # then the mode's group bits are not those of the group
            if _succeeds(lambda: os.setxattr(new, _ACL, acl)):
                return
            mode &= ~stat.S_IRWXG
            self._caller.say(f"warning: {self.name}: its access control list could not be kept; only you can read it")
        os.fchmod(new, mode)


class ForbiddenFiles:
    """The files that a command must not write. Each check raises InvalidInput for one of them.

    - A tsmem store, a file that belongs to one, the profile file, and the input of the same command. They are known by
      their content, their path, and their device and inode.
    - What belongs to neither root nor this user, because its owner could read what is written. This is checked on the
      descriptor that is written to. What was open when the command started may belong to anybody."""

    def __init__(self, protected: Iterable[tuple[str, str]], source: BinaryIO | None = None) -> None:
        """`protected` are paths, each with a description; `source` is the input of the same command."""
        self._protected = dict(protected)
        self._source: os.stat_result | None = None
        with suppress(OSError, ValueError):  # an input without a descriptor
            self._source = None if source is None else os.fstat(source.fileno())

    def check_path(self, name: str, path: str) -> None:
        """Refuse the path of a protected file, also where no file is yet."""
        if (what := self._protected.get(path)) is not None:
            raise _refusal(f"{name} is {what}")
        if path.endswith(SUFFIXES) and (store := store_beside(path)) is not None:
            raise _refusal(f"{name} is a file of the store {store}")

    def check_status(self, name: str, found: os.stat_result, *, was_open: bool = False) -> None:
        """Refuse a protected file under another name, the input, and what belongs to another user."""
        for path, what in self._protected.items():
            with suppress(OSError):
                if os.path.samestat(found, os.stat(path)):  # noqa: PTH116
                    raise _refusal(f"{name} is {what}")
        same = self._source is not None and os.path.samestat(found, self._source)
        if same and not stat.S_ISCHR(found.st_mode) and not stat.S_ISSOCK(found.st_mode):  # those go both ways
            raise _refusal(f"{name} is the file that is imported", hint="choose another file for the rejects")
        if not was_open and found.st_uid not in (0, os.geteuid()):
            raise _refusal(f"{name} belongs to another user")

    def check_descriptor(self, name: str, descriptor: int, *, was_open: bool = True) -> None:
        """Check the file that a descriptor is open on, and refuse a store, known by its content."""
        found = os.fstat(descriptor)
        self.check_status(name, found, was_open=was_open)
        if stat.S_ISREG(found.st_mode) and is_store(_header(descriptor)):
            raise _refusal(f"{name} is a tsmem store")


def _refusal(message: str, hint: str = "write to another file") -> InvalidInput:
    return InvalidInput(message, hint=hint)


def _header(descriptor: int) -> bytes:
    """Return the first bytes of a file, also of one that is open for writing only; none where they cannot be read."""
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

    # Level 6 is 5 times as fast as the 9 that gzip takes by itself, for files that are hardly larger. No name and no
    # time in it: the same rows make the same file.
    with gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6, mtime=0) as packed:
        packed.writelines(lines)


def _acl(descriptor: int) -> bytes | None:
    """Return the access control list of a file; None where it has none beside its mode."""
    with suppress(OSError):
        return os.getxattr(descriptor, _ACL) if sys.platform == "linux" else None
    return None


def _succeeds(act: Callable[[], None]) -> bool:
    try:
        act()
    except OSError:
        return False
    return True
