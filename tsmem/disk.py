"""Files and folders: recognise a store's file, replace a file safely, sync folders, and check the links on a path."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

APPLICATION_ID = 0x74736D6D
"""The application id in the header of a store's file: "tsmm"."""
HEADER_BYTES = 100
"""Length of a SQLite header. Source: sqlite.org/fileformat2.html, section 1.3."""
SUFFIXES = ("-wal", "-shm", "-journal", ".lock", ".new")
"""Suffixes of the files beside a store's file."""

ENTER_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""Flags to open a folder that the user may enter, even if they may not read it."""

_PARTIAL = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_STEPS = 400
"""Maximum number of folders and links on one path. The system itself follows at most 40 links."""


def is_store(header: bytes) -> bool:
    return header.startswith(b"SQLite format 3\0") and header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def store_beside(path: str) -> str | None:
    """Return the path of the store that a file belongs to by its name, such as `memory.db-wal`, or None."""
    for suffix in SUFFIXES:
        store = path.removesuffix(suffix)
        if store != path and os.path.isfile(store):  # noqa: PTH113
            with suppress(OSError), open(store, "rb") as stream:  # noqa: PTH123
                if is_store(stream.read(HEADER_BYTES)):
                    return store
    return None


def sqlite_uri(path: str, parameters: str) -> str:
    """Return the path as a URI for SQLite. urllib.parse would quote it too, but takes 6 ms to load."""
    quoted = os.path.realpath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file://{quoted}?{parameters}"


def replace_file(path: str, content: bytes, on_new: Callable[[int], None] = lambda descriptor: None) -> None:
    """Write a file completely, or leave it as it was. The new file has mode 0600. `on_new` gets its descriptor, and can
    change its owner or mode before it replaces the old one. The folder is not synced. Raises OSError."""
    folder = os.open(os.path.dirname(path), ENTER_FOLDER)  # noqa: PTH120
    base = os.path.basename(path)  # noqa: PTH119
    try:
        with replacing(
            folder, base, lambda name: os.replace(name, base, src_dir_fd=folder, dst_dir_fd=folder)
        ) as stream:
            on_new(stream.fileno())
            stream.write(content)
    finally:
        os.close(folder)


@contextmanager
def replacing(folder: int, base: str, put_in_place: Callable[[str], None]) -> Iterator[BinaryIO]:
    """Open a new file in a folder, given by its descriptor. After the block, sync the file to the disk and pass its
    name to `put_in_place`, which replaces the file `base` with it. If anything fails, remove it. Raises OSError."""
    name, descriptor = _open_partial(folder, base)
    try:
        with open(descriptor, "wb", buffering=1 << 20) as stream:  # noqa: PTH123
            yield stream
            stream.flush()
            os.fsync(descriptor)
            put_in_place(name)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        raise


def _open_partial(folder: int, base: str) -> tuple[str, int]:
    """Return the name and descriptor of an empty file that only this process writes to.

    The name is derived from the target's, so that the next process reuses the file that a killed one left. The file is
    locked. If it cannot be locked or reused, the name is random."""
    import fcntl
    from hashlib import sha256

    name = f"tsmem-{sha256(os.fsencode(base)).hexdigest()[:16]}.part"
    with suppress(OSError):
        descriptor = os.open(name, _PARTIAL, 0o600, dir_fd=folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(descriptor)
            is_ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink == 1
            # Another process may have renamed the file between the two calls.
            if is_ours and os.path.samestat(found, os.stat(name, dir_fd=folder, follow_symlinks=False)):
                os.fchmod(descriptor, 0o600)
                os.ftruncate(descriptor, 0)
                return name, descriptor
        except BlockingIOError:
            pass
        except BaseException:
            os.close(descriptor)
            os.unlink(name, dir_fd=folder)
            raise
        os.close(descriptor)
    name = f"tsmem-{os.urandom(8).hex()}.part"  # not the process id, which can be the same in several containers
    try:
        return name, os.open(name, _PARTIAL | os.O_EXCL, 0o600, dir_fd=folder)
    except PermissionError as error:
        raise PermissionError(error.errno, "its folder cannot be written") from error


def make_private_folder(folder: str) -> None:
    """Create a folder, given by an absolute path, and its missing parents. Sync their names to the disk."""
    if not os.path.isdir(folder):  # noqa: PTH112
        above = os.path.dirname(folder)  # noqa: PTH120
        make_private_folder(above)
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)  # noqa: PTH102
        sync_folder(above)


def sync_folder(folder: str) -> None:
    """Sync the names in a folder to the disk. Does nothing if the user cannot read the folder, or if a network file
    system cannot sync folders. Raises OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def link_of_another(path: Path) -> Path | None:
    """Return the first link on the path to a file that another user could change, or None."""
    for step, found in steps_to(path):
        if found is None or not stat.S_ISLNK(found.st_mode) or found.st_uid in (0, os.geteuid()):
            continue
        if not is_read_only(step, found):
            return step
    return None


def is_read_only(step: Path, found: os.stat_result) -> bool:
    try:
        return bool(os.statvfs(step.parent if stat.S_ISLNK(found.st_mode) else step).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def steps_to(path: Path) -> Iterator[tuple[Path, os.stat_result | None]]:
    """Yield each folder and link on the path to a file, and then the file, each with its status. The last step has None
    for its status if it cannot be read."""
    at, rest = Path("/"), [*reversed(path.absolute().parts[1:])]
    for _ in range(_MAX_STEPS):
        try:
            found = at.lstat()
            target = Path(at.readlink()) if stat.S_ISLNK(found.st_mode) else None
        except OSError:
            yield at, None
            return
        yield at, found
        if target is not None:
            rest += reversed(target.parts[target.is_absolute() :])
            at = Path("/") if target.is_absolute() else at.parent
        if not rest:
            return
        part = rest.pop()
        at = at.parent if part == ".." else at / part
    yield at, None
