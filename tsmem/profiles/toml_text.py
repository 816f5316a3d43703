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
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

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


def edited(text: str, paths: Iterable[KeyPath], wanted: Mapping[str, Any]) -> str:
    """Return the text after the keys at these paths got the values that the document `wanted` has for them, or went.

    A removed table takes the comments in it and directly above it along. If the text cannot be edited line by line, all
    comments and the notation of values are lost."""
    import tomli_w

    tables = _split(text)
    for path in paths:
        value = _at(wanted, path)
        if value is None:
            _remove_tables(tables, path)
        if not _rewrite(tables, path, wanted) and value is not None:
            _add(tables, path, value)
    new = "\n".join(line for table in tables for line in table.lines).lstrip("\n") + "\n"
    with suppress(tomllib.TOMLDecodeError):
        if _without_empty_tables(tomllib.loads(new)) == _without_empty_tables(wanted):
            return new
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


def _remove_tables(tables: list[_Table], path: KeyPath) -> None:
    """Remove a table and those below it. Comments behind their last keys stay."""
    for i in reversed(range(1, len(tables))):
        if tables[i].path[: len(path)] == path:
            removed = tables.pop(i)
            tables[i - 1].lines += removed.lines[removed.end() :]


def _rewrite(tables: list[_Table], path: KeyPath, wanted: Mapping[str, Any]) -> bool:
    """Write or remove the value in the line of a key, or of an inline table that holds it. Return False if there is no
    such line."""
    for table in tables:
        for i, line in enumerate(table.lines):
            if (match := _KEY.match(line)) is None:
                continue
            key = table.path + _names(match[2])
            if path[: len(key)] == key:
                value, end = _at(wanted, key), match.start(3) + len(match[3].rstrip())
                table.lines[i : i + 1] = [] if value is None else [match[1] + _literal(value) + line[end:]]
                return True
    return False


def _add(tables: list[_Table], path: KeyPath, value: object) -> None:
    """Write a key below the last one of its table, or into a new table below those of its profile."""
    line = f"{_key(path[-1])} = {_literal(value)}"
    for table in tables:
        if table.path == path[:-1]:
            table.lines[table.end() : table.end()] = [line] if table.lines else [line, ""]
            return
    profile = [i for i, table in enumerate(tables, 1) if table.path[:2] == path[:2]]
    header = f"[{'.'.join(map(_key, path[:-1]))}]"
    tables.insert(profile[-1] if profile else len(tables), _Table(path[:-1], ["", header, line]))


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


def _at(data: Any, path: KeyPath) -> Any:
    """Return the value at a path, or None."""
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
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
