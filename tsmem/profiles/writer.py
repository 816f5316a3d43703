"""Change the profile file: what is written is valid as a whole, or the file stays as it was.

`profile set`, `use` and `delete` call this module. It makes edits of single keys, which `toml_text.py` applies to the
text and `replacing.py` puts in the file's place. Comments, order, blank lines, \\r\\n line ends and a byte order mark
stay, as far as `toml_text.edited` can keep them. A symbolic link stays, and the file behind it is written.
"""

from __future__ import annotations

import copy
import os
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tsmem.disk import link_of_another
from tsmem.errors import ProfileError
from tsmem.nearest import did_you_mean
from tsmem.profiles.choice import ENV, LOCAL, profiles_in, written_profile
from tsmem.profiles.file import MAX_FILE_BYTES, ConfigFile, config_path, decode_text, parse_toml
from tsmem.profiles.model import REFERENCES
from tsmem.profiles.replacing import lock_profiles, replace
from tsmem.profiles.rules import BACKEND_KEYS, COMMON_KEYS, NUMBER_KEYS, SECRET_KEYS, build_profile
from tsmem.profiles.toml_text import KeyPath, edited, key_lines
from tsmem.waiting import Notice, Waits, held_too_long

_KEYS = (*COMMON_KEYS, *BACKEND_KEYS["local"], *BACKEND_KEYS["tablestore"])

_Edits = dict[KeyPath, object]
"""New values by path; None removes the key or table."""


def set_values(
    environ: Mapping[str, str],
    name: str,
    assignments: Sequence[tuple[str, str]],
    *,
    config: str | Path | None = None,
    notice: Notice | None = None,
) -> Path:
    """Set keys of a profile, create it if it is new, and return the path of the file.

    A key may be dotted, as in `tables.session.search_fields.topic`. An empty value removes the key, or the table of
    that name with all its keys. Raises ProfileError, with nothing written, if the file would break a rule, or if a
    value is a secret and not env:NAME, file:PATH or cmd:COMMAND. An access key id is no secret."""
    if not assignments:
        raise ProfileError("nothing to set", hint=f"tsmem profile set {name} KEY=VALUE")
    if name == ENV:
        raise ProfileError("'env' is the profile of the TABLESTORE_ variables; it cannot be set")
    edits: _Edits = {}
    for key, text in assignments:
        table, search_fields, field = key.partition(".search_fields.")
        path = [*table.split("."), "search_fields", field] if search_fields else key.split(".")
        edits["profiles", name, *path] = _parsed(key, text)

    def plan(old: ConfigFile) -> _Edits:
        profile = profiles_in(old).get(name, {})
        if name not in profiles_in(old) and all(value is None for value in edits.values()):
            written_profile(environ, old, name)  # raises: nothing can be removed from a profile that does not exist
        for path in edits:  # whoever mistypes the key of a secret must neither find it written nor think it gone
            key = path[2]
            if key not in _KEYS and not (isinstance(profile, dict) and key in profile):
                hint = f"valid keys: {', '.join(_KEYS)}"
                raise ProfileError(f"unknown key {key!r}{did_you_mean(key, _KEYS)}", hint=hint)
        return edits

    return _change(environ, config_path(environ, config), notice, plan, name)


def _parsed(key: str, text: str) -> object:
    """Return the value of a text. Raises ProfileError, which never quotes a secret."""
    if not text:
        return None
    if key in SECRET_KEYS and not text.startswith(REFERENCES):
        raise ProfileError(
            f"{key!r} takes no plain secret on the command line (it would stay in the shell's history)",
            hint=f"write {key}=env:NAME, {key}=file:PATH or {key}=cmd:COMMAND",
        )
    if key not in NUMBER_KEYS:
        return text
    try:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else float(text)
    except ValueError:  # it quotes the value, which may be a secret in a wrong place
        raise ProfileError(f"{key!r} must be a number") from None


def use_profile(
    environ: Mapping[str, str], name: str, *, config: str | Path | None = None, notice: Notice | None = None
) -> Path:
    """Make a profile the default one; return the path of the file. Raises ProfileError if it is unknown or invalid."""
    edits: _Edits = {("default_profile",): name}
    return _change(environ, config_path(environ, config), notice, lambda _: edits, None if name == ENV else name)


def delete_profile(
    environ: Mapping[str, str], name: str, *, config: str | Path | None = None, notice: Notice | None = None
) -> Path:
    """Remove a profile from the file; the store that it points to stays. Return the path of the file.

    Raises ProfileError if the file has no such profile, or it is the default, so that no command silently turns to
    another store."""

    def plan(old: ConfigFile) -> _Edits:
        if name not in profiles_in(old):
            if name in (LOCAL, ENV):
                raise ProfileError(f"profile {name!r} is built in; there is nothing to delete")
            written_profile(environ, old, name)  # raises
        if old.data.get("default_profile") == name and name != LOCAL:
            raise ProfileError(
                f"profile {name!r} is the default", hint="choose another default first, with tsmem profile use"
            )
        return {("profiles", name): None}

    return _change(environ, config_path(environ, config), notice, plan)


def _change(
    environ: Mapping[str, str],
    path: Path,
    notice: Notice | None,
    plan: Callable[[ConfigFile], _Edits],
    checked: str | None = None,
) -> Path:
    """Make the edits, if the profile `checked` keeps the rules then. One that is edited and broke a rule before may do
    so still, so that it can be repaired step by step."""

    def changed() -> bytes | None:
        """Return the new content of the file; None if it stays the same."""
        raw, old = _read(path, target)
        edits = plan(old)
        wanted = _applied(old.data, edits)
        text = edited(old.text, edits, wanted)
        is_edited = checked is not None and any(key[:2] == ("profiles", checked) for key in edits)
        new = ConfigFile(path, text, wanted, {} if is_edited else old.lines)  # an edited profile has no lines yet
        if checked is not None and (error := _problem(environ, new, checked)) is not None:
            was_wrong = checked in profiles_in(old) and _problem(environ, old, checked) is not None
            if not (was_wrong and is_edited):
                raise error
        if text == old.text:
            return None
        if 0 < raw.count(b"\n") == raw.count(b"\r\n"):
            text = text.replace("\n", "\r\n")
        return (BOM_UTF8 if raw.startswith(BOM_UTF8) else b"") + text.encode()

    if (link := link_of_another(path)) is not None:
        raise ProfileError(f"{path}: the link {link} belongs to another user", hint="write to another file")
    target = Path(os.path.realpath(path))
    try:
        changed()  # before the lock, so that a refusal leaves no lock file and no folder
        with lock_profiles(target, Waits(notice)):
            if (content := changed()) is not None:
                replace(target, content)
    except BlockingIOError as error:
        raise held_too_long(str(path)) from error
    except OSError as error:
        raise ProfileError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _read(path: Path, target: Path) -> tuple[bytes, ConfigFile]:
    raw, old = b"", ConfigFile(path, "", {})
    if target.exists():
        if not target.is_file():
            raise ProfileError(f"{path}: not a plain file")
        with target.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
        text = decode_text(path, raw)
        old = ConfigFile(path, text, parse_toml(path, text), key_lines(text))
    profiles_in(old)
    return raw, old


def _problem(environ: Mapping[str, str], file: ConfigFile, name: str) -> ProfileError | None:
    try:
        build_profile(written_profile(environ, file, name), "")
    except ProfileError as error:
        return error
    return None


def _applied(old: Mapping[str, Any], edits: _Edits) -> dict[str, Any]:
    """Return the document after edits. Raises ProfileError for a key below one that holds a value."""
    data: dict[str, Any] = copy.deepcopy(dict(old))
    for path, value in edits.items():
        level = data
        for depth, part in enumerate(path[:-1], 1):
            level = level.get(part, {}) if value is None else level.setdefault(part, {})
            if not isinstance(level, dict):
                if depth == 2:
                    hint = "delete it first, with tsmem profile delete"
                    raise ProfileError(f"profile {path[1]!r} must be a table", hint=hint)
                raise ProfileError(f"{'.'.join(path[2:depth])!r} is a value and has no keys")
        if value is None:
            level.pop(path[-1], None)
        else:
            level[path[-1]] = value
    return data
