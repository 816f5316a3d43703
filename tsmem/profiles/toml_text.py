"""Find the line of each key in a TOML text, and edit single keys while the rest of the text stays as it is.

Our libraries cannot do this: tomllib does not keep positions, and tomli_w writes a whole document without its comments.

Both functions expect a text that tomllib can parse. They work line by line and know the two kinds of lines that
`profile set` writes: `[table]` headers, and `key = value` pairs that end on the same line. They skip all other lines.
`edit_text` therefore parses its result. If that is not the wanted document, tomli_w writes the whole document instead.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

KeyPath = tuple[str, ...]

_STRING = r"""(?:"(?:\\.|[^"\\])*"|'[^']*')"""
_KEY = rf"(?:{_STRING}|[A-Za-z0-9_-]+)"
_DOTTED_KEY = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_DOTTED_KEY})\s*\]")
_PAIR = re.compile(rf"(\s*({_DOTTED_KEY})\s*=\s*)((?:{_STRING}|[^\"'#])*)(?:#.*)?$")
_COMMENT_OR_BLANK = re.compile(r"\s*(?:#.*)?$")


class _Table(NamedTuple):
    """The lines of a table: the comments directly above its header, the header, and what follows up to the next table.
    The first table of a text has no header."""

    path: KeyPath
    lines: list[str]

    def end(self) -> int:
        """Return the index after the last line that is neither blank nor a comment."""
        return max((i for i, line in enumerate(self.lines, 1) if not _COMMENT_OR_BLANK.match(line)), default=0)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the number of the first line of each key and table."""
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            path = table = _parse_key(header[1])
        elif pair := _PAIR.match(line):
            path = table + _parse_key(pair[2])
        else:
            continue
        for depth in range(1, len(path) + 1):
            lines.setdefault(path[:depth], number)
    return lines


def edit_text(text: str, paths: Iterable[KeyPath], wanted: Mapping[str, Any]) -> str:
    """Return a text that parses to the document `wanted`, which differs from that of `text` only at `paths`.

    A path without a value in `wanted` is removed. With a table go the comments directly above it and between its keys.
    All other lines stay, unless tomli_w has to write the whole document."""
    tables = _split(text)
    for path in paths:
        value = _value_at(wanted, path)
        if value is None:
            _remove_tables(tables, path)
        if not _edit_line(tables, path, wanted) and value is not None:
            _add(tables, path, value)
    new = "\n".join(line for table in tables for line in table.lines).lstrip("\n") + "\n"
    with suppress(tomllib.TOMLDecodeError):
        if _without_empty_tables(tomllib.loads(new)) == _without_empty_tables(wanted):
            return new
    return _dump(wanted)


def _split(text: str) -> list[_Table]:
    """Return the tables of a text. A blank line above the comments of a table belongs to it, too."""
    tables = [_Table((), [])]
    for line in text.removesuffix("\n").split("\n"):
        previous = tables[-1].lines
        header = _HEADER.match(line)
        if header is None:
            previous.append(line)
            continue
        start = len(previous)
        while start and previous[start - 1].lstrip().startswith("#"):
            start -= 1
        if start and not previous[start - 1].strip():
            start -= 1
        tables.append(_Table(_parse_key(header[1]), [*previous[start:], line]))
        del previous[start:]
    return tables


def _remove_tables(tables: list[_Table], path: KeyPath) -> None:
    """Remove a table and its subtables. Comments after their last keys stay, at the end of the table before."""
    for i in reversed(range(1, len(tables))):
        if tables[i].path[: len(path)] == path:
            removed = tables.pop(i)
            tables[i - 1].lines.extend(removed.lines[removed.end() :])


def _edit_line(tables: list[_Table], path: KeyPath, wanted: Mapping[str, Any]) -> bool:
    """Change or delete the line that sets the key, or an inline table around it. Return False if no line does."""
    for table in tables:
        for i, line in enumerate(table.lines):
            if (pair := _PAIR.match(line)) is None:
                continue
            key = table.path + _parse_key(pair[2])
            if path[: len(key)] == key:
                value, end = _value_at(wanted, key), pair.start(3) + len(pair[3].rstrip())
                table.lines[i : i + 1] = [] if value is None else [pair[1] + _toml_value(value) + line[end:]]
                return True
    return False


def _add(tables: list[_Table], path: KeyPath, value: object) -> None:
    """Add a key after the last key of its table. A new table is added after the last table of its profile."""
    line = f"{_toml_key(path[-1])} = {_toml_value(value)}"
    for table in tables:
        if table.path == path[:-1]:
            table.lines[table.end() : table.end()] = [line] if table.lines else [line, ""]
            return
    profile = [i for i, table in enumerate(tables, 1) if table.path[:2] == path[:2]]
    header = f"[{'.'.join(map(_toml_key, path[:-1]))}]"
    tables.insert(profile[-1] if profile else len(tables), _Table(path[:-1], ["", header, line]))


def _parse_key(dotted: str) -> KeyPath:
    """Return the parts of a dotted key. Return () for any other text, such as a line of a multi-line string."""
    parts: list[str] = []
    level: object = None
    with suppress(ValueError):
        level = tomllib.loads(f"[{dotted}]")
    while isinstance(level, dict) and level:
        part, level = next(iter(level.items()))
        parts.append(part)
    return tuple(parts)


def _without_empty_tables(data: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: _without_empty_tables(value) if isinstance(value, dict) else value for key, value in data.items()}
    return {key: value for key, value in found.items() if value != {}}


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def _dump(document: Mapping[str, Any]) -> str:
    import tomli_w  # here, because commands that only read a profile do not need it

    return tomli_w.dumps(document)


def _toml_value(value: object) -> str:
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_toml_key(key)} = {_toml_value(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return _dump({"k": value}).removeprefix("k = ").rstrip("\n")


def _toml_key(name: str) -> str:
    return _dump({name: 0}).removesuffix(" = 0\n")
