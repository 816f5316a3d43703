"""Where in a TOML text each key stands, and edits of one key that leave the rest of the text as it was.

The text has been read by tomllib before it comes here; this module finds lines, never meaning. Its edits need not be
right for every text: the writer reads what comes out, and takes it only when it says what was wanted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

Path = tuple[str, ...]
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


class Kind(Enum):
    """What a statement is."""

    HEADER = "[table]"
    KEY = "key = value"
    OTHER = "comment or blank line"


class Statement(NamedTuple):
    """A run of whole lines that belong together."""

    kind: Kind
    path: Path
    """Of a header its table, of a key its full path, else the table it stands in."""
    table: Path
    """The table it stands in; of a header its own."""
    start: int
    end: int
    """Exclusive; after the line's end."""
    line: int
    """Of its start, from 1."""
    text: str


def statements(text: str) -> list[Statement]:
    """The text cut into statements, in order; the last line ends like the others, there or not. Raises ValueError for a
    text that is not TOML."""
    found: list[Statement] = []
    table: Path = ()
    start, line, depth = 0, 1, 0
    if not text.endswith("\n"):
        text += "\n"
    for token in _TOKEN.finditer(text):
        mark = token.group()
        depth += _DEPTH.get(mark, 0)
        if mark != "\n" or depth:
            continue
        statement = _statement(text[start : token.end()], table, start, line)
        if statement.kind is Kind.HEADER:
            table = statement.path
        found.append(statement)
        line += statement.text.count("\n")
        start = token.end()
    return found


def _statement(text: str, table: Path, start: int, line: int) -> Statement:
    kind, path = Kind.OTHER, table
    if match := _HEADER.match(text):
        kind, path = Kind.HEADER, _parts(match[1])
        table = path
    elif match := _KEY.match(text):
        kind, path = Kind.KEY, table + _parts(match[1])
    return Statement(kind, path, table, start, start + len(text), line, text)


def _parts(dotted: str) -> Path:
    if re.fullmatch(r"[A-Za-z0-9_.-]+", dotted):
        return tuple(dotted.split("."))
    parts: list[str] = []
    level: object = tomllib.loads(f"[{dotted}]")
    while isinstance(level, dict) and level:
        part, level = next(iter(level.items()))
        parts.append(part)
    return tuple(parts)


def key_lines(text: str) -> dict[Path, int]:
    """The line on which each key and table first appears."""
    found: dict[Path, int] = {}
    for statement in statements(text):
        if statement.kind is not Kind.OTHER:
            for depth in range(1, min(len(statement.path), _MAX_DEPTH) + 1):
                found.setdefault(statement.path[:depth], statement.line)
    return found


def with_value(text: str, path: Path, data: Mapping[str, object]) -> str:
    """The text with the key at `path` saying what `data`, the whole document, has there."""
    parts = statements(text)
    for part in parts:
        if part.kind is Kind.KEY and path[: len(part.path)] == part.path:  # itself, or an inline table round it
            return _splice(text, part.start, part.end, _with_literal(part.text, _literal(_at(data, part.path))))
    literal = _literal(_at(data, path))
    section = [p for p in parts if p.kind is not Kind.OTHER and _in_section(p, path[:-1])]
    near = [p for p in parts if p.kind is not Kind.OTHER and p.path[:2] == path[:2]]
    dotted = [p for p in near if p.kind is Kind.KEY and len(p.table) < min(len(path), 2)]
    if beside := section or dotted:  # its table, or a profile that is written in keys like `prod.timeout`
        return _splice(text, beside[-1].end, beside[-1].end, _line(beside[-1], path, literal))
    line = f"{_key(path[-1])} = {literal}\n"
    if len(path) == 1:
        start = _block_start(parts, next((i for i, p in enumerate(parts) if p.kind is Kind.HEADER), len(parts)))
        return _splice(text, start, start, line + "\n")
    header = ".".join(map(_key, path[:-1]))
    end = near[-1].end if near else len(text)
    return _splice(text, end, end, f"\n[{header}]\n{line}" if text[:end].strip() else f"[{header}]\n{line}")


def _line(beside: Statement, path: Path, literal: str) -> str:
    """A key's line to stand below a statement, indented as that is."""
    indent = beside.text[: len(beside.text) - len(beside.text.lstrip())] if beside.kind is Kind.KEY else ""
    return f"{indent}{'.'.join(map(_key, path[len(beside.table) :]))} = {literal}\n"


def without(text: str, path: Path, data: Mapping[str, object]) -> str:
    """The text without what stands at `path`; `data` is what remains. With a table go the comments in it and those
    directly above it; what follows its last key stays."""
    parts = statements(text)
    inside = False
    for i, part in reversed(list(enumerate(parts))):
        gone = part.path[: len(path)] == path
        if part.kind is Kind.OTHER:
            if gone and inside:
                text = _splice(text, part.start, part.end, "")
            continue
        inside = gone and part.kind is Kind.KEY
        if gone:
            start = _block_start(parts, i, blank=True) if part.kind is Kind.HEADER else part.start
            text = _splice(text, start, part.end, "")
        elif part.kind is Kind.KEY and path[: len(part.path)] == part.path:  # an inline table round it
            text = _splice(text, part.start, part.end, _with_literal(part.text, _literal(_at(data, part.path))))
    return text


def _in_section(part: Statement, table: Path) -> bool:
    """Whether a statement is the header of this very table, or a plain key in it."""
    return part.path == table if part.kind is Kind.HEADER else part.path[:-1] == table


def _block_start(parts: list[Statement], index: int, *, blank: bool = False) -> int:
    """Where a header begins, with the comment lines directly above it, and with the blank line above those."""
    while index and parts[index - 1].kind is Kind.OTHER and parts[index - 1].text.strip():
        index -= 1
    if blank and index and parts[index - 1].kind is Kind.OTHER:
        index -= 1
    return parts[index].start if index < len(parts) else 0


def _splice(text: str, start: int, end: int, new: str) -> str:
    if new and start and text[start - 1] != "\n":
        new = "\n" + new
    return text[:start] + new + text[end:]


def _with_literal(statement: str, literal: str) -> str:
    """A `key = value  # comment` with another value."""
    match = _KEY.match(statement)
    assert match is not None
    end = len(statement)
    for token in _TOKEN.finditer(statement, match.end()):
        if token.group().startswith("#"):
            end = token.start()
    value = statement[match.end() : end].rstrip()
    return statement[: match.end()] + literal + statement[match.end() + len(value) :]


def _at(data: Mapping[str, object], path: Path) -> object:
    level: object = data
    for part in path:
        level = level[part]  # type: ignore[index]
    return level


def _literal(value: object) -> str:
    import tomli_w

    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_literal(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return tomli_w.dumps({"k": value}).removeprefix("k = ").rstrip("\n")


def _key(name: str) -> str:
    import tomli_w

    return tomli_w.dumps({name: 0}).removesuffix(" = 0\n")
