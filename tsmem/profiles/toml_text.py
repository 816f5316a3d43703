"""Find the line of each key of a TOML text, and edit single keys so that the rest of the text stays as it is.

`file.py` calls `key_lines` on every profile file that is read, and `writer.py` calls `edited`. The standard library has
neither: tomllib keeps no positions and writes nothing, and tomli_w writes a whole document, without its comments.

tomllib has read the text before, so this module looks for lines only. It cannot edit every way to write TOML: `edited`
reads its result again, and if that does not say what was wanted, tomli_w writes the document anew.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

KeyPath = tuple[str, ...]
"""Keys from the root of the document."""

_PART = r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"\s*({_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*=[ \t]*")
_HEADER = re.compile(rf"\s*\[\[?[ \t]*({_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*\]")
_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:'{0,2})|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[\[\]{}]|\n''',
    re.DOTALL,
)
_DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}
_MAX_DEPTH = 6
"""No key of a profile lies deeper."""


class Edit(NamedTuple):
    """A change of one key: its path, and its value, None to remove it."""

    path: KeyPath
    value: object

    def __repr__(self) -> str:  # the value may be a secret
        return f"Edit({'.'.join(self.path)!r})"


Kind = Literal["table", "key", "other"]
"""The header of a table, a key with its value, or a comment or blank line."""


class Statement(NamedTuple):
    """Whole lines that belong together."""

    kind: Kind
    path: KeyPath
    """The table of a header, the full path of a key, else the table that it stands in."""
    table: KeyPath
    """The table that it stands in; the own one of a header."""
    line: int
    text: str


def statements(text: str) -> list[Statement]:
    """Split a text into statements, in order; together they are the text, with a line end at the end.

    Raises ValueError for a text that is not TOML."""
    found: list[Statement] = []
    table: KeyPath = ()
    start, line, depth = 0, 1, 0
    if text and not text.endswith("\n"):
        text += "\n"
    for token in _TOKEN.finditer(text):
        depth += _DEPTH.get(token.group(), 0)
        if token.group() != "\n" or depth:
            continue
        lines = text[start : token.end()]
        kind: Kind = "other"
        path = table
        if match := _HEADER.match(lines):
            kind, path = "table", _parts(match[1])
            table = path
        elif match := _KEY.match(lines):
            kind, path = "key", table + _parts(match[1])
        found.append(Statement(kind, path, table, line, lines))
        line += lines.count("\n")
        start = token.end()
    return found


def _parts(dotted: str) -> KeyPath:
    if re.fullmatch(r"[A-Za-z0-9_.-]+", dotted):
        return tuple(dotted.split("."))
    parts: list[str] = []
    level: object = tomllib.loads(f"[{dotted}]")
    while isinstance(level, dict) and level:
        part, level = next(iter(level.items()))
        parts.append(part)
    return tuple(parts)


def key_lines(text: str) -> dict[KeyPath, int]:
    found: dict[KeyPath, int] = {}
    for statement in statements(text):
        if statement.kind != "other":
            for depth in range(1, min(len(statement.path), _MAX_DEPTH) + 1):
                found.setdefault(statement.path[:depth], statement.line)
    return found


def edited(text: str, edits: Sequence[Edit], wanted: Mapping[str, Any]) -> str:
    """Return the text after edits; `wanted` is the document after all of them.

    A removed table takes the comments in it and directly above it along. If the text cannot be edited line by line, all
    comments and the notation of values are lost."""
    import tomli_w

    try:
        new = text
        for path, value in edits:
            parts = statements(new)
            lines = [part.text for part in parts]
            if value is None:
                _remove(parts, lines, path, wanted)
            else:
                _set(parts, lines, path, wanted)
            new = "".join(lines)
        if _without_empty_tables(tomllib.loads(new)) == _without_empty_tables(wanted):
            return new
    except (ValueError, KeyError, TypeError):
        pass
    return tomli_w.dumps(wanted)


def _without_empty_tables(data: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: _without_empty_tables(value) if isinstance(value, dict) else value for key, value in data.items()}
    return {key: value for key, value in found.items() if value != {}}


def _set(parts: list[Statement], lines: list[str], path: KeyPath, data: Mapping[str, Any]) -> None:
    """Write the value that the document `data` has at `path`."""
    for i, part in enumerate(parts):
        if part.kind == "key" and path[: len(part.path)] == part.path:  # the key, or an inline table that holds it
            lines[i] = _with_literal(part, data)
            return
    # A new key goes below the last one of its table; else into a new table below the profile's last line.
    line = f"{_key(path[-1])} = {_literal(_at(data, path))}\n"
    keyed = [(i, part) for i, part in enumerate(parts) if part.kind != "other"]
    near = [(i, part) for i, part in keyed if part.path[:2] == path[:2]]
    in_table = [(i, part) for i, part in keyed if (part.path if part.kind == "table" else part.path[:-1]) == path[:-1]]
    dotted = [(i, part) for i, part in near if part.kind == "key" and len(part.table) < min(len(path), 2)]
    if beside := in_table or dotted:  # `dotted`: the keys of a profile that is written like `prod.timeout = 5`
        i, part = beside[-1]
        indent = part.text[: len(part.text) - len(part.text.lstrip())] if part.kind == "key" else ""
        prefix = "".join(f"{_key(name)}." for name in path[len(part.table) : -1])
        lines.insert(i + 1, indent + prefix + line)
    elif len(path) == 1:  # a key of the document itself stands above all tables
        first_header = next((i for i, part in enumerate(parts) if part.kind == "table"), len(parts))
        lines.insert(_block_start(parts, first_header), f"{line}\n")
    else:
        i = near[-1][0] + 1 if near else len(lines)
        blank = "\n" if "".join(lines[:i]).strip() else ""
        lines.insert(i, f"{blank}[{'.'.join(map(_key, path[:-1]))}]\n{line}")


def _remove(parts: list[Statement], lines: list[str], path: KeyPath, data: Mapping[str, Any]) -> None:
    """Remove the key or table at `path`; `data` is the document that remains. Comments behind the last key of a table
    stay."""
    before_key = False
    for i, part in reversed([*enumerate(parts)]):
        removed = part.path[: len(path)] == path
        if part.kind == "other":
            if removed and before_key:
                lines[i] = ""
            continue
        before_key = removed and part.kind == "key"
        if removed:
            start = _block_start(parts, i, blank=True) if part.kind == "table" else i
            lines[start : i + 1] = [""] * (i + 1 - start)
        elif part.kind == "key" and path[: len(part.path)] == part.path:  # an inline table that holds it
            lines[i] = _with_literal(part, data)


def _block_start(parts: list[Statement], index: int, *, blank: bool = False) -> int:
    """Return where the comments directly above a header begin; with `blank`, or the blank line above them."""
    while index and parts[index - 1].kind == "other" and parts[index - 1].text.strip():
        index -= 1
    return index - 1 if blank and index and parts[index - 1].kind == "other" else index


def _with_literal(part: Statement, data: Mapping[str, Any]) -> str:
    """Return a `key = value  # comment` with the value that the document has."""
    match = _KEY.match(part.text)
    assert match is not None
    end = len(part.text)
    for token in _TOKEN.finditer(part.text, match.end()):
        if token.group().startswith("#"):
            end = token.start()
    old = part.text[match.end() : end].rstrip()
    return part.text[: match.end()] + _literal(_at(data, part.path)) + part.text[match.end() + len(old) :]


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
