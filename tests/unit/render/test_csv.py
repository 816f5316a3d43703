"""Formulas in CSV. tests/cli/golden has whole results."""

from __future__ import annotations

import csv
import io

import pytest

from tests.support.rendering import rendered_text
from tsmem.render import Options
from tsmem.store.metadata import Metadata
from tsmem.store.model import Session

CSV = Options(format="csv")


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
