"""Find the line of each key of a TOML text, and edit single keys so that the rest of the text stays as it is.

`file.py` calls `key_lines` on every profile file that is read, and `writer.py` calls `edited`. No library here does
either: tomllib keeps no positions and cannot write, and tomli_w writes a whole document, without its comments.

Both functions expect text that tomllib has read without an error. They know only `[table]` headers and one-line `key =
value` pairs, as `profile set` writes them, and skip all other lines. `edited` parses its result; if that differs from
what was wanted, it has tomli_w write the whole document.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

KeyPath = tuple[str, ...]
"""The keys that lead from the root of the document to a value."""

_STRING = r"""(?:"(?:\\.|[^"\\])*"|'[^']*')"""
_NAME = rf"(?:{_STRING}|[A-Za-z0-9_-]+)"
_NAMES = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_NAMES})\s*\]")
_KEY = re.compile(rf"(\s*({_NAMES})\s*=\s*)((?:{_STRING}|[^\"'#])*)(?:#.*)?$")
_COMMENT_OR_BLANK = re.compile(r"\s*(?:#.*)?$")
_MAX_DEPTH = 6
"""The greatest depth of a key of a profile."""


class _Table:
    """The lines of one table, starting with the comments directly above its header. The first one has no header."""

    def __init__(self, path: KeyPath, lines: list[str]) -> None:
        self.path = path
        self.lines = lines

    def end(self) -> int:
        """Return the index after the last line that is neither blank nor a comment."""
        return max((i for i, line in enumerate(self.lines, 1) if not _COMMENT_OR_BLANK.match(line)), default=0)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the number of the line where each key and table first appears, if this module knows its notation."""
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
    """Return the text with each key of `paths` set to its value in `wanted`, or removed if `wanted` has none.

    Removing a table also removes the comments directly above it and those inside it up to its last key. If editing line
    by line fails, the whole document is written anew, without comments."""
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
    """Remove a table and its subtables. Comments after their last keys are kept."""
    for i in reversed(range(1, len(tables))):
        if tables[i].path[: len(path)] == path:
            removed = tables.pop(i)
            tables[i - 1].lines += removed.lines[removed.end() :]


def _rewrite(tables: list[_Table], path: KeyPath, wanted: Mapping[str, Any]) -> bool:
    """Replace the value on the line that sets this key, or the inline table with it; delete the line if the value is
    gone. Return False if there is no such line."""
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
    """Add a key after the last key of its table, or in a new table after the last table of its profile."""
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
    with suppress(ValueError):  # a line inside a multi-line string can look like a key or a header
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
