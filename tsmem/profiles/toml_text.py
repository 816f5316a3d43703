"""Find the line of each key of a TOML text, and edit single keys so that the rest of the text stays as it is.

`file.py` calls `key_lines` on every profile file that is read, and `writer.py` calls `edited`. The standard library has
neither: tomllib keeps no positions and writes nothing, and tomli_w writes a whole document, without its comments.

tomllib has read the text before. This module knows `[tables]` and `key = value` lines, as `profile set` writes them,
and passes over all else. `edited` reads its result again: if that does not say what was wanted, tomli_w writes the
document anew.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

KeyPath = tuple[str, ...]
"""Keys from the root of the document."""

_STRING = r"""(?:"(?:\\.|[^"\\])*"|'[^']*')"""
_NAME = rf"(?:{_STRING}|[A-Za-z0-9_-]+)"
_NAMES = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_NAMES})\s*\]")
_KEY = re.compile(rf"(\s*({_NAMES})\s*=\s*)((?:{_STRING}|[^\"'#])*)(?:#.*)?$")
_COMMENT_OR_BLANK = re.compile(r"\s*(?:#.*)?$")
_MAX_DEPTH = 6
"""No key of a profile lies deeper."""


class Edit(NamedTuple):
    """A change of one key: its path, and its value, None to remove it."""

    path: KeyPath
    value: object

    def __repr__(self) -> str:  # the value may be a secret
        return f"Edit({'.'.join(self.path)!r})"


class _Table:
    """The lines of one table, from the comments right above its header on, or those above the first header."""

    def __init__(self, path: KeyPath, lines: list[str]) -> None:
        self.path = path
        self.lines = lines

    def end(self) -> int:
        """Return the index behind the last line that is no comment."""
        return max((i for i, line in enumerate(self.lines, 1) if not _COMMENT_OR_BLANK.match(line)), default=0)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line on which each key and table first stands, as far as this module knows the notation."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            path = table = _names(header[1])
        elif key := _KEY.match(line):
            path = table + _names(key[2])
        else:
            continue
        for depth in range(1, min(len(path), _MAX_DEPTH) + 1):
            found.setdefault(path[:depth], number)
    return found


def edited(text: str, edits: Sequence[Edit], wanted: Mapping[str, Any]) -> str:
    """Return the text after edits; `wanted` is the document after all of them.

    A removed table takes the comments in it and directly above it along. If the text cannot be edited line by line, all
    comments and the notation of values are lost."""
    import tomli_w

    tables = _split(text)
    try:
        for path, value in edits:
            if value is None:
                _remove(tables, path, wanted)
            else:
                _set(tables, path, wanted)
        new = "\n".join(line for table in tables for line in table.lines).lstrip("\n") + "\n"
        if _without_empty_tables(tomllib.loads(new)) == _without_empty_tables(wanted):
            return new
    except (ValueError, KeyError, TypeError):
        pass
    return tomli_w.dumps(wanted)


def _split(text: str) -> list[_Table]:
    tables = [_Table((), [])]
    for line in text.removesuffix("\n").split("\n"):
        above = tables[-1].lines
        header = _HEADER.match(line)
        if header is None:
            above.append(line)
            continue
        start = len(above)
        while start and above[start - 1].lstrip().startswith("#"):
            start -= 1
        if start and not above[start - 1].strip():
            start -= 1
        tables.append(_Table(_names(header[1]), [*above[start:], line]))
        del above[start:]
    return tables


def _set(tables: list[_Table], path: KeyPath, data: Mapping[str, Any]) -> None:
    """Write the value that the document `data` has at `path`."""
    if _rewrite(tables, path, data):
        return
    line = f"{_key(path[-1])} = {_literal(_at(data, path))}"
    for table in tables:
        if table.path == path[:-1]:
            table.lines.insert(table.end(), line)
            return
    profile = [i for i, table in enumerate(tables) if table.path[:2] == path[:2]]
    header = f"[{'.'.join(map(_key, path[:-1]))}]"
    tables.insert(profile[-1] + 1 if profile else len(tables), _Table(path[:-1], ["", header, line]))


def _remove(tables: list[_Table], path: KeyPath, data: Mapping[str, Any]) -> None:
    """Remove the key or table at `path`; `data` is the document that remains. Comments behind the last key of a table
    stay."""
    for i in reversed(range(1, len(tables))):
        if tables[i].path[: len(path)] == path:
            removed = tables.pop(i)
            tables[i - 1].lines += removed.lines[removed.end() :]
    _rewrite(tables, path, data, remove=True)


def _rewrite(tables: list[_Table], path: KeyPath, data: Mapping[str, Any], *, remove: bool = False) -> bool:
    """Write or remove the value in the line of the key at `path`, or of an inline table that holds it. Return False if
    there is no such line."""
    for table in tables:
        for i, line in enumerate(table.lines):
            if (match := _KEY.match(line)) is None:
                continue
            key = table.path + _names(match[2])
            if remove and key == path:
                del table.lines[i]
                return True
            if path[: len(key)] == key:
                end = match.start(3) + len(match[3].rstrip())
                table.lines[i] = match[1] + _literal(_at(data, key)) + line[end:]
                return True
    return False


def _names(dotted: str) -> KeyPath:
    names: list[str] = []
    level: object = None
    with suppress(ValueError):  # within a text of several lines there may be anything
        level = tomllib.loads(f"[{dotted}]")
    while isinstance(level, dict) and level:
        name, level = next(iter(level.items()))
        names.append(name)
    return tuple(names)


def _without_empty_tables(data: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: _without_empty_tables(value) if isinstance(value, dict) else value for key, value in data.items()}
    return {key: value for key, value in found.items() if value != {}}


def _at(data: Mapping[str, Any], path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _literal(value: object) -> str:
    import tomli_w

    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_literal(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return tomli_w.dumps({"k": value}).removeprefix("k = ").rstrip("\n")


def _key(name: str) -> str:
    import tomli_w

    return tomli_w.dumps({name: 0}).removesuffix(" = 0\n")
