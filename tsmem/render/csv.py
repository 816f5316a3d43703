"""CSV, by RFC 4180: fixed columns, a header always, metadata as one cell of JSON, one record a row.

A null and an empty text are both an empty cell. A text that a spreadsheet would run as a formula has an apostrophe
before it. Otherwise cells in a pipe are as they were stored and rows end in CRLF, as the RFC wants; on a terminal they
are made safe to show and end in a newline.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

from tsmem.render.documents import documents, join_lines
from tsmem.render.result import Data, Listing, Options, Report, noun_of
from tsmem.render.text import visible
from tsmem.store.documents import FIELDS, dumps

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - spreadsheets take the wide signs too
"""The beginning of a cell that a spreadsheet may run (https://owasp.org/www-community/attacks/CSV_Injection), after any
apostrophes of its own: taking one away gives every cell back."""
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def csv_chunks(result: Data, options: Options) -> Iterator[bytes]:
    """Return the result as CSV, streamed. A listing that fails before its first row writes no header either."""
    at_once = options.terminal or (isinstance(result, Listing) and result.endless)
    return join_lines(_lines(result, options), at_once=at_once)


def _lines(result: Data, options: Options) -> Iterator[bytes]:
    returning = cast(Any, SimpleNamespace(write=str))  # a file whose write returns the text
    writer = csv.writer(returning, lineterminator="\n" if options.terminal else "\r\n")

    def line(cells: Iterable[str]) -> bytes:
        text: str = writer.writerow([visible(cell) for cell in cells] if options.terminal else cells)
        return text.encode("utf-8" if options.unicode else "ascii", "backslashreplace")

    columns: Sequence[str]
    if isinstance(result, Report):
        columns = result.columns or list(result.document)
    else:
        columns = options.fields or FIELDS[noun_of(result)]
    header = line(columns)
    for document in documents(result, options.fields):
        yield header + line(map(_cell, document.values()))
        header = b""
    if header:
        yield header


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else dumps(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
