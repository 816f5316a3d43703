"""CSV: cells, quotes and formulas. tests/cli/golden has whole results."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.support.rendering import rendered_text
from tsmem.render import Options
from tsmem.render.result import Listing
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

CSV = Options(format="csv")


def test_csv_keeps_quotes_newlines_and_metadata() -> None:
    message = Message("s", "m", 1, "user", 'said "A1",\nthen left', None, Metadata({"vip": True, "n": 5}))
    header, row = csv.reader(io.StringIO(rendered_text(Listing("message", [message]), CSV), newline=""))

    assert header == ["session_id", "message_id", "create_time", "role", "content", "search_content", "metadata"]
    assert row[:-1] == ["s", "m", "1", "user", message.content, ""]
    assert json.loads(row[-1]) == {"vip": True, "n": 5}


FORMULAS = (
    '=HYPERLINK("http://x")', "+1 (555) 1", "- a point", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "-5+1",
)  # fmt: skip
HARMLESS = ("-5", "+1.5e-3", "'quoted'", "a=1")


@pytest.mark.parametrize("text_", [*FORMULAS, *HARMLESS])
def test_a_csv_cell_that_reads_as_a_formula_is_quoted(text_: str) -> None:
    session = Session(text_, text_, None, text_, Metadata({"note": text_}))
    fields = ("user_id", "session_id", "search_content", "metadata.note")
    written = rendered_text(session, CSV._replace(fields=fields))

    cell = f"'{text_}" if text_ in FORMULAS else text_
    assert [cell] * 4 == list(csv.reader(io.StringIO(written, newline="")))[1]
