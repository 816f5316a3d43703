"""How several parts of an answer look: facts, small tables and a plot, on a terminal, without Unicode and in a pipe."""

from __future__ import annotations

from datetime import UTC, date, timedelta

from tsmem.render import Options, render
from tsmem.render.result import Dashboard, Facts, Moment, Part, Plot, Report, Section, Size

FIRST = date(2026, 1, 1)


def shown(*parts: Part, **options: object) -> list[str]:
    """The lines of these parts as a table."""
    overview = Dashboard(Report({}), parts)
    return b"".join(render(overview, Options(timezone=UTC, **options))).decode().splitlines()  # type: ignore[arg-type]


def test_facts_are_read_by_a_person() -> None:
    """Numbers have their thousands apart, bytes a unit, times their age; nothing is a dash, and no text its quotes."""
    facts = Facts([("n", 12345), ("b", Size(5100)), ("t", Moment(0)), ("none", None), ("text", "")])

    assert [
        "n     12,345",
        "b     5.1 KB",
        "t     1970-01-01 00:00:00  (1 min ago)",
        "none  -",
        'text  ""',
    ] == shown(facts, width=80, now_us=60_000_000)


def test_in_a_pipe_times_are_whole() -> None:
    """ISO 8601 with microseconds, and no age."""
    assert ["t  1970-01-01T00:00:00.000001+00:00"] == shown(Facts([("t", Moment(1))]))


def test_parts_stand_apart() -> None:
    """An empty line between them, and a title above a small table."""
    lines = shown(Facts([("a", 1)]), Section("cells", ("key", "n"), [("k\x1b", 1)]))

    assert ["a  1", "", "cells", "key    n", "k\\x1b  1"] == lines


def test_a_plot_is_a_column_a_day() -> None:
    """As high as its count beside the highest; a day without any is empty, and one with few is seen."""
    days = [(FIRST, 80), (FIRST + timedelta(days=1), 1), (FIRST + timedelta(days=3), 40)]

    assert ["said: 2026-01-01 to 2026-01-04, 80 a day at most", "█▁ ▄"] == shown(Plot("said", days))
    assert "@. =" == shown(Plot("said", days), unicode=False)[-1]


def test_one_day_is_no_plot() -> None:
    """A single column says nothing: the count and the day do."""
    assert ["said: 5,109 on 2026-01-01, and on no other day"] == shown(Plot("said", [(FIRST, 5109)]), width=80)


def test_a_long_time_fits_the_width() -> None:
    """Days are put together, and how many is said; the counts of a column are added."""
    days = [(FIRST + timedelta(days=n), 1) for n in range(100)]

    *title, plot = shown(Plot("said", days), width=40)

    assert " ".join(title) == "said: 2026-01-01 to 2026-04-10, 3 days a column, 3 a column at most"
    assert ("█" * 33 + "▃") == plot


def test_all_of_time_is_a_line() -> None:
    """From the first day of the calendar to its last."""
    lines = shown(Plot("said", [(date.min, 1), (date.max, 2)]), width=80)

    assert 60 == len(lines[-1])
    assert ("▄", "█") == (lines[-1][0], lines[-1][-1])


def test_what_names_a_row_stands_above_it_where_room_is_short() -> None:
    """Whole, so that it can be copied; and where it is longer than a line, no part of it looks like another row."""
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
