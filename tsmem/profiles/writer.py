"""Change the profile file: set keys of a profile, choose the default profile, or delete a profile.

Each public function plans edits of single keys and checks them. `_change` applies them to the text of the file, so that
comments, order, line ends and a byte order mark stay. It replaces the file durably, while a lock keeps other writers
out. A file that cannot be replaced, because a container mounts it by itself, is overwritten instead.
"""

from __future__ import annotations

import copy
import errno
import os
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tsmem.disk import link_of_another, make_private_folder, replace_file, sync_folder
from tsmem.errors import ProfileError
from tsmem.profiles.choice import ENV, LOCAL, RESERVED, profiles_in, written_profile
from tsmem.profiles.file import ConfigFile, config_path, decode_text, read_file
from tsmem.profiles.model import REFERENCES
from tsmem.profiles.rules import PROFILE_KEYS, SECRET_KEYS, build_profile
from tsmem.profiles.toml_text import KeyPath, edit_text
from tsmem.waiting import Notice, Waits, held_too_long
from tsmem.words import did_you_mean

_Edits = dict[KeyPath, object]
"""New values by the path of their key. None removes the key or table."""

_NOT_REPLACEABLE = (errno.EBUSY, errno.EXDEV, errno.EROFS)
"""Errors of replacing a file that is mounted by itself. EROFS means that the folder around it is read-only."""


def set_values(
    environ: Mapping[str, str],
    name: str,
    assignments: Sequence[tuple[str, str]],
    *,
    config: str | Path | None = None,
    notice: Notice | None = None,
) -> Path:
    """Set keys of a profile and return the path of the file. A new name makes a new profile.

    A key can be dotted, as in `tables.session.search_fields.topic`. An empty value removes the key, or the table of
    that name with all its keys. Raises ProfileError if a secret is given as it is instead of as env:NAME, file:PATH or
    cmd:COMMAND, or if a valid or new profile would break a rule."""
    if name == ENV:
        raise ProfileError(f"{RESERVED}; it cannot be set")
    edits: _Edits = {}
    for key, text in assignments:
        table, search_fields, field = key.partition(".search_fields.")
        path = [*table.split("."), "search_fields", field] if search_fields else key.split(".")
        edits["profiles", name, *path] = _parse_value(key, text)

    def plan(old: ConfigFile) -> _Edits:
        profiles = profiles_in(old)
        profile = profiles.get(name, {})
        if name not in profiles and all(value is None for value in edits.values()):
            written_profile(environ, old, name)  # raises: there is no profile to remove keys from
        for _, _, key, *_ in edits:
            # An unknown key could be the mistyped key of a secret, and a user who removes it would think it gone.
            if key not in PROFILE_KEYS and not (isinstance(profile, dict) and key in profile):
                hint = f"valid keys: {', '.join(PROFILE_KEYS)}"
                raise ProfileError(f"unknown key {key!r}{did_you_mean(key, PROFILE_KEYS)}", hint=hint)
        _check_result(environ, old, name, edits)
        return edits

    return _change(config_path(environ, config), notice, plan)


def _parse_value(key: str, text: str) -> object:
    """Return the value that a text stands for. A ProfileError does not quote the text, because it can be a secret."""
    if not text:
        return None
    if key in SECRET_KEYS and not text.startswith(REFERENCES):
        raise ProfileError(
            f"do not give {key!r} as plain text on the command line (it is kept in the shell's history)",
            hint=f"write {key}=env:NAME, {key}=file:PATH or {key}=cmd:COMMAND",
        )
    if key != "timeout":
        return text
    try:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else float(text)
    except ValueError:
        raise ProfileError(f"{key!r} must be a number") from None  # the ValueError quotes the text


def _check_result(environ: Mapping[str, str], old: ConfigFile, name: str, edits: _Edits) -> None:
    """Raise ProfileError if the profile breaks a rule after the edits. One that broke a rule before can be repaired in
    several steps."""
    error = _find_error(environ, ConfigFile(old.path, _apply(old.data, edits)), name)
    was_invalid = name in profiles_in(old) and _find_error(environ, old, name) is not None
    if error is not None and not was_invalid:
        raise error


def _find_error(environ: Mapping[str, str], file: ConfigFile, name: str) -> ProfileError | None:
    try:
        build_profile(written_profile(environ, file, name), "")
    except ProfileError as error:
        return error
    return None


def use_profile(
    environ: Mapping[str, str], name: str, *, config: str | Path | None = None, notice: Notice | None = None
) -> Path:
    """Make a profile the default; return the path of the file. Raises ProfileError if it is unknown or invalid."""

    def plan(old: ConfigFile) -> _Edits:
        if name != ENV:
            build_profile(written_profile(environ, old, name), "")
        return {("default_profile",): name}

    return _change(config_path(environ, config), notice, plan)


def delete_profile(
    environ: Mapping[str, str], name: str, *, config: str | Path | None = None, notice: Notice | None = None
) -> Path:
    """Delete a profile from the file, and return the path of the file. The profile's store is not touched.

    Raises ProfileError if the file has no such profile, or if it is the default one: otherwise commands would silently
    use another store. `local` can be deleted, because it is built in too."""

    def plan(old: ConfigFile) -> _Edits:
        if name not in profiles_in(old):
            if name in (LOCAL, ENV):
                raise ProfileError(f"profile {name!r} is built in; there is nothing to delete")
            written_profile(environ, old, name)  # raises: there is no such profile
        if old.data.get("default_profile") == name and name != LOCAL:
            raise ProfileError(
                f"profile {name!r} is the default", hint="choose another default first, with tsmem profile use"
            )
        return {("profiles", name): None}

    return _change(config_path(environ, config), notice, plan)


def _change(path: Path, notice: Notice | None, plan: Callable[[ConfigFile], _Edits]) -> Path:
    def new_content() -> bytes | None:
        old = _read(path)
        edits = plan(old)
        old_text = decode_text(path, old.raw)
        text = edit_text(old_text, edits, _apply(old.data, edits))
        if text == old_text:
            return None
        if 0 < old.raw.count(b"\n") == old.raw.count(b"\r\n"):
            text = text.replace("\n", "\r\n")
        return (BOM_UTF8 if old.raw.startswith(BOM_UTF8) else b"") + text.encode()

    if (link := link_of_another(path)) is not None:
        raise ProfileError(f"{path}: the link {link} belongs to another user", hint="write to another file")
    target = Path(os.path.realpath(path))  # a symbolic link stays, and the file that it leads to is replaced
    try:
        new_content()  # before the lock is made, so that a refused edit leaves neither a lock file nor a folder
        with _locked(target, notice):
            if (content := new_content()) is not None:
                _replace(target, content)
    except BlockingIOError as error:
        raise held_too_long(str(path)) from error
    except OSError as error:
        raise ProfileError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _read(path: Path) -> ConfigFile:
    if path.exists() and not path.is_file():
        raise ProfileError(f"'{path}' is not a plain file")
    try:
        return read_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return ConfigFile(path, {})


def _apply(data: Mapping[str, Any], edits: _Edits) -> dict[str, Any]:
    edited: dict[str, Any] = copy.deepcopy(dict(data))
    for path, value in edits.items():
        level = edited
        for depth, part in enumerate(path[:-1], 1):
            level = level.get(part, {}) if value is None else level.setdefault(part, {})
            if not isinstance(level, dict):
                if depth == 2:
                    hint = "delete it first, with tsmem profile delete"
                    raise ProfileError(f"{path[1]!r} is a plain value, not a profile", hint=hint)
                raise ProfileError(
                    f"{'.'.join(path[2:depth])!r} is a plain value, so {'.'.join(path[2:])!r} cannot be set"
                )
        if value is None:
            level.pop(path[-1], None)
        else:
            level[path[-1]] = value
    return edited


@contextmanager
def _locked(target: Path, notice: Notice | None) -> Iterator[None]:
    """Hold a lock on the profile file. The lock file is not removed: another process could hold a lock on the removed
    file while a third one locks a new one. Raises BlockingIOError if another process holds the lock for too long."""
    above = next(folder for folder in target.parents if folder.exists())
    if not above.is_dir():
        raise NotADirectoryError(20, f"{above} is not a folder")
    make_private_folder(str(target.parent))
    descriptor = _open_lock_file(target)
    try:
        Waits(notice).lock(descriptor, str(target))
        yield
    finally:
        os.close(descriptor)


def _open_lock_file(target: Path) -> int:
    """Return a descriptor to lock: of a lock file, or of the profile file itself if its folder is mounted read-only."""
    lock = target.with_name(f"{target.name}.lock")
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(lock, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        if lock.is_symlink():  # perhaps another user's, to some other file
            raise OSError(errno.ELOOP, f"{lock} is a symbolic link") from None
        return os.open(lock, flags, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS or not target.exists():
            raise
        return os.open(target, os.O_RDWR | os.O_CLOEXEC)
    try:
        _keep_owner(descriptor, target)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _replace(target: Path, content: bytes) -> None:
    try:
        replace_file(str(target), content, lambda descriptor: _keep_owner(descriptor, target))
    except OSError as error:
        if error.errno not in _NOT_REPLACEABLE or not target.exists():
            raise
        _overwrite(target, content)
    sync_folder(str(target.parent))


def _overwrite(target: Path, content: bytes) -> None:
    with target.open("r+b", buffering=0) as stream:
        old, descriptor = stream.read(), stream.fileno()
        with suppress(PermissionError):  # only its owner can change its mode
            os.fchmod(descriptor, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, len(content))
            _write_at_start(descriptor, content)
        except BaseException:
            try:
                _write_at_start(descriptor, old)
            except OSError as error:
                raise OSError(error.errno, f"{error.strerror}; the file is damaged") from error
            raise


def _write_at_start(descriptor: int, content: bytes) -> None:
    os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)


def _keep_owner(descriptor: int, target: Path) -> None:
    """Give a new file the owner of the profile file, so that root can edit the profiles of another user."""
    if target.exists():
        if not os.access(target, os.W_OK):
            raise PermissionError(13, "the file is read-only")
        found = target.stat()
        if found.st_uid != os.geteuid():
            os.fchown(descriptor, found.st_uid, found.st_gid)
