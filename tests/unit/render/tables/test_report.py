"""Reports: facts, small tables and plots, on a terminal, in ASCII and in a pipe."""

from __future__ import annotations

from datetime import UTC, date, timedelta

from tsmem.render import Options, render
from tsmem.render.result import Facts, Moment, Part, Plot, Report, Section, Size

FIRST = date(2026, 1, 1)


def shown(*parts: Part, **options: object) -> list[str]:
    """Return the lines of these parts as a table."""
    overview = Report({}, parts=parts)
    return b"".join(render(overview, Options(timezone=UTC, **options))).decode().splitlines()  # type: ignore[arg-type]


def test_facts_show_thousands_separators_units_and_ages() -> None:
    facts = Facts([("n", 12345), ("b", Size(5100)), ("t", Moment(0)), ("none", None), ("text", "")])

    assert [
        "n     12,345",
        "b     5.1 KB",
        "t     1970-01-01 00:00:00  (1 min ago)",
        "none  -",
        'text  ""',
    ] == shown(facts, width=80, now_us=60_000_000)


def test_a_plot_has_one_column_for_each_day() -> None:
    days = [(FIRST, 80), (FIRST + timedelta(days=1), 1), (FIRST + timedelta(days=3), 40)]

    assert ["said: 2026-01-01 to 2026-01-04, 80 a day at most", "█▁ ▄"] == shown(Plot("said", days))
    assert "@. =" == shown(Plot("said", days), unicode=False)[-1]


def test_a_plot_of_a_single_day_is_a_sentence() -> None:
    assert ["said: 5,109 on 2026-01-01, and on no other day"] == shown(Plot("said", [(FIRST, 5109)]), width=80)


def test_days_of_a_plot_are_merged_to_fit_the_width() -> None:
    days = [(FIRST + timedelta(days=n), 1) for n in range(100)]

    *title, plot = shown(Plot("said", days), width=40)

    assert " ".join(title) == "said: 2026-01-01 to 2026-04-10, 3 days a column, 3 a column at most"
    assert ("█" * 33 + "▃") == plot


def test_a_plot_of_all_of_time_fits_the_width() -> None:
    lines = shown(Plot("said", [(date.min, 1), (date.max, 2)]), width=80)

    assert 60 == len(lines[-1])
    assert ("▄", "█") == (lines[-1][0], lines[-1][-1])


def test_the_key_of_a_row_stands_above_it_on_a_narrow_terminal() -> None:
    """It is whole, so that it can be copied. If it is longer than a line, no part of it looks like another row."""
    section = Section("cells", ("key", "column", "bytes"), [("k" * 36, "content", Size(5100)), ("x" * 50, "c", 1)])

    assert ("k" * 36 + " " * 16 + "content  5.1 KB") in shown(section, width=70)
    assert [
        "cells",
        "key",
        "    column   bytes",
        "    ───────────────",
        "k" * 36,
        "    content  5.1 KB",
        "x" * 36,
        "    " + "x" * 14,
        "    c        1",
    ] == shown(section, width=40)
