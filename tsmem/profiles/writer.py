"""The one writer of the profile file: what it writes is valid as a whole, or the file stays as it was.

`replacing` puts the new text in the file's place. A symbolic link stays, and what it points to is written.

Comments, order, blank lines, \\r\\n line ends and a byte order mark stay where the change is a matter of lines. What is
lost: a changed value's own notation; with a table that is removed, the comments in it and directly above it; and, where
no edit of lines says what is wanted, all comments and the way values are written, because tomli_w then writes the file
anew.
"""

from __future__ import annotations

import copy
import os
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tsmem.disk import link_of_another
from tsmem.errors import ProfileError, Unavailable
from tsmem.nearest import did_you_mean
from tsmem.profiles import toml_text
from tsmem.profiles.choice import ENV, LOCAL, profiles_in, source
from tsmem.profiles.file import MAX_FILE_BYTES, ConfigFile, config_path, decode_text, parse_toml
from tsmem.profiles.model import REFERENCES
from tsmem.profiles.replacing import lock_profiles, replace
from tsmem.profiles.rules import (
    BACKEND_KEYS,
    COMMON_KEYS,
    NUMBER_KEYS,
    SECRET_KEYS,
    TABLE_KEYS,
    TABLES,
    build_profile,
)
from tsmem.waiting import GIVEN_UP_HINT, Notice, Waits, given_up


class _Edit(NamedTuple):
    """A change of one key: its path from the document's root, and its value, None to remove it."""

    path: tuple[str, ...]
    value: object

    def __repr__(self) -> str:
        return f"_Edit({'.'.join(self.path)!r})"


_KEYS = (*COMMON_KEYS, *BACKEND_KEYS["local"], *BACKEND_KEYS["tablestore"])
_TABLE_KEY = rf"tables\.({'|'.join(TABLES)})(\.({'|'.join(TABLE_KEYS)})|\.search_fields\.(?s:.+))?"

_Plan = Callable[[Mapping[str, Any]], list[_Edit]]
"""The changes to make, given what the file says."""
_Check = Callable[[ConfigFile, ConfigFile], None]
"""Raises ProfileError for what an edit makes wrong, given the file as it is and as it would be."""


def set_values(
    environ: Mapping[str, str],
    name: str,
    assignments: Sequence[tuple[str, str]],
    *,
    config: str | Path | None = None,
    notice: Notice | None = None,
) -> Path:
    """Set keys of a profile, which is created where it is not there; returns the file written.

    A key may be dotted, as in `tables.session.search_fields.topic`; an empty value removes the key, or the table of
    that name with all its keys. Raises ProfileError, nothing written, when the file would break a rule, or a secret
    is given itself instead of as env:NAME, file:PATH or cmd:COMMAND. An access key id is no secret."""
    if not assignments:
        raise ProfileError("nothing to set", hint=f"tsmem profile set {name} KEY=VALUE")
    if name == ENV:
        raise ProfileError("'env' is made of TABLESTORE_ENDPOINT and its kin; it cannot be set")
    edits = [_Edit(("profiles", name, *_path(key)), _parsed(key, text)) for key, text in assignments]

    def plan(data: Mapping[str, Any]) -> list[_Edit]:
        if all(edit.value is None for edit in edits):
            _require(environ, data, name)  # nothing can be removed from what is not there
        for edit in edits:
            if edit.value is None:
                _check_removable(data.get("profiles", {}).get(name, {}), edit.path[2:])
        return edits

    return _change(config_path(environ, config), plan, partial(_check_set, environ, name, edits), Waits(notice))


def _path(key: str) -> list[str]:
    """The parts of a dotted key. What follows `search_fields.` is one part, the name of a column."""
    table, search_fields, field = key.partition(".search_fields.")
    return [*table.split("."), "search_fields", field] if search_fields else key.split(".")


def _check_removable(profile: object, path: Sequence[str]) -> None:
    """Raises ProfileError for a key that is neither in the profile nor one that a profile may have: who mistyped what
    is to be removed should not think it gone."""
    level = profile
    for part in path:
        if not isinstance(level, dict) or part not in level:
            break
        level = level[part]
    else:
        return
    key = ".".join(path)
    if not any(re.fullmatch(form, key) for form in (*map(re.escape, _KEYS), _TABLE_KEY)):
        raise ProfileError(f"unknown key {key!r}{did_you_mean(key, _KEYS)}", hint=f"keys here: {', '.join(_KEYS)}")


def use_profile(
    environ: Mapping[str, str], name: str, *, config: str | Path | None = None, notice: Notice | None = None
) -> Path:
    """Make a profile the default one; returns the file written. Raises ProfileError when there is none of that name, or
    it cannot be used."""

    def check(_: ConfigFile, new: ConfigFile) -> None:
        if name != ENV and (problem := _problem(environ, new, name)) is not None:
            raise problem

    return _change(config_path(environ, config), lambda _: [_Edit(("default_profile",), name)], check, Waits(notice))


def delete_profile(
    environ: Mapping[str, str], name: str, *, config: str | Path | None = None, notice: Notice | None = None
) -> Path:
    """Remove a profile from the file; what it points to stays. Returns the file written.

    Raises ProfileError when the file holds no such profile, or it is the default, so that no command silently turns to
    another store."""

    def plan(data: Mapping[str, Any]) -> list[_Edit]:
        if name in (LOCAL, ENV) and name not in data.get("profiles", {}):
            raise ProfileError(f"profile {name!r} is built in; there is nothing to delete")
        if name not in data.get("profiles", {}):
            _require(environ, data, name)
        if data.get("default_profile") == name and name != LOCAL:
            raise ProfileError(
                f"profile {name!r} is the default", hint="make another one the default first, with tsmem profile use"
            )
        return [_Edit(("profiles", name), None)]

    return _change(config_path(environ, config), plan, lambda _old, _new: None, Waits(notice))


def _require(environ: Mapping[str, str], data: Mapping[str, Any], name: str) -> None:
    """Raise what is said of an unknown name, unless the file holds the profile, or it is built in."""
    if name not in data.get("profiles", {}):
        source(environ, None, data.get("profiles", {}), name)


def _parsed(key: str, text: str) -> object:
    """The value a text stands for. Raises ProfileError; never quotes a secret."""
    if not text:
        return None
    if key in SECRET_KEYS and not text.startswith(REFERENCES):
        raise ProfileError(
            f"{key!r} takes no secret itself, which would stay in the shell's history",
            hint=f"write {key}=env:NAME, {key}=file:PATH or {key}=cmd:COMMAND",
        )
    if key not in NUMBER_KEYS:
        return text
    try:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else float(text)
    except ValueError:  # it quotes the value, which may be a secret in a wrong place
        raise ProfileError(f"{key!r} must be a number") from None


def _change(path: Path, plan: _Plan, check: _Check, waits: Waits) -> Path:
    if (link := link_of_another(path)) is not None:
        raise ProfileError(f"{path}: the link {link} belongs to another user", hint="write to another file")
    target = Path(os.path.realpath(path))
    try:
        _changed(path, target, plan, check)  # what is refused leaves no lock file and no directory
        with lock_profiles(target, waits):
            old, text = _changed(path, target, plan, check)
            if text != old:
                replace(target, _encoded(text, target))
    except BlockingIOError as error:
        raise Unavailable(given_up(str(path)), hint=GIVEN_UP_HINT) from error
    except OSError as error:
        raise ProfileError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _changed(path: Path, target: Path, plan: _Plan, check: _Check) -> tuple[str, str]:
    """The text that is there, and the text that is wanted. Raises ProfileError when that would break a rule."""
    old = _old(path, target)
    edits = plan(old.data)
    text = _edited(old.text, old.data, edits)
    check(old, ConfigFile(path, text, parse_toml(path, text), _lines_left(old, edits)))
    return old.text, text


def _lines_left(old: ConfigFile, edits: list[_Edit]) -> dict[tuple[str, ...], int]:
    """Return the lines of what stays as it is. An error in new text names no line: the text is not in the file."""
    if any(edit.path[0] == "profiles" and edit.path[:2] not in old.lines for edit in edits):  # a new profile
        return {}
    gone = tuple(edit.path for edit in edits)
    return {path: line for path, line in old.lines.items() if not any(path[: len(of)] == of for of in gone)}


def _encoded(text: str, target: Path) -> bytes:
    """The bytes to write: with a byte order mark and \\r\\n where the file has them now."""
    old = target.read_bytes() if target.exists() else b""
    new = text.encode()
    if 0 < old.count(b"\n") == old.count(b"\r\n"):
        new = new.replace(b"\n", b"\r\n")
    return BOM_UTF8 + new if old.startswith(BOM_UTF8) else new


def _old(path: Path, target: Path) -> ConfigFile:
    """What is there now; nothing is an empty file. Raises ProfileError for what is no profile file."""
    if not target.exists():
        return ConfigFile(path, "", {})
    if not target.is_file():
        raise ProfileError(f"{path}: not a plain file")
    with target.open("rb") as stream:
        text = decode_text(path, stream.read(MAX_FILE_BYTES + 1))
    old = ConfigFile(path, text, parse_toml(path, text), toml_text.key_lines(text))
    profiles_in(old)  # raises where there is nowhere to put one
    return old


def _applied(old: Mapping[str, Any], edits: list[_Edit]) -> dict[str, Any]:
    data: dict[str, Any] = copy.deepcopy(dict(old))
    for path, value in edits:
        level = data
        for depth, part in enumerate(path[:-1], 1):
            level = level.get(part, {}) if value is None else level.setdefault(part, {})
            if not isinstance(level, dict):
                key = ".".join(path[2:depth])
                if not key:
                    hint = "delete it first, with tsmem profile delete"
                    raise ProfileError(f"profile {path[1]!r} must be a table", hint=hint)
                raise ProfileError(f"{key!r} holds a value, not further keys")
        if value is None:
            level.pop(path[-1], None)
        else:
            level[path[-1]] = value
    return data


def _edited(text: str, old: Mapping[str, Any], edits: list[_Edit]) -> str:
    """The text that says what is wanted: edited line by line where that does it, else written anew."""
    import tomllib

    import tomli_w

    wanted = _applied(old, edits)
    if text and not text.endswith("\n"):
        text += "\n"
    try:
        for i, (path, value) in enumerate(edits, 1):
            data = _applied(old, edits[:i])
            text = toml_text.without(text, path, data) if value is None else toml_text.with_value(text, path, data)
        if _said(tomllib.loads(text)) == _said(wanted):
            return text
    except (ValueError, KeyError, TypeError):
        pass  # the file is written in a way that lines cannot follow
    return tomli_w.dumps(wanted)


def _said(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says, whatever empty tables it has."""
    said = {key: _said(value) if isinstance(value, dict) else value for key, value in data.items()}
    return {key: value for key, value in said.items() if value != {}}


def _problem(environ: Mapping[str, str], file: ConfigFile, name: str) -> ProfileError | None:
    """Return what is wrong with a profile of the file, if something is."""
    try:
        build_profile(source(environ, file, profiles_in(file), name), "")
    except ProfileError as error:
        return error
    return None


def _check_set(environ: Mapping[str, str], name: str, edits: Sequence[_Edit], old: ConfigFile, new: ConfigFile) -> None:
    """Raise ProfileError for what the edits make wrong.

    What was wrong before, in other keys or in other profiles, does not keep anyone from repairing the file."""
    was_wrong = name in profiles_in(old) and _problem(environ, old, name) is not None
    while (error := _problem(environ, new, name)) is not None:
        if not was_wrong or error.key is None or any(_overlap(error.key, edit.path[2:]) for edit in edits):
            raise error
        if error.key == ():
            return  # a key was missing before, and still is
        rest = _applied(new.data, [_Edit(("profiles", name, *error.key), None)])
        new = new._replace(data=rest)  # to find what else is wrong


def _overlap(first: Sequence[str], second: Sequence[str]) -> bool:
    """True if one path leads to the other."""
    shared = min(len(first), len(second))
    return shared > 0 and tuple(first[:shared]) == tuple(second[:shared])
