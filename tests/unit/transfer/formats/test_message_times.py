"""Times of imported messages: they keep the order of the input, and importing it again gives the same times."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from tsmem.transfer.formats.message_times import ReadTime, known_times, read_time, settled_times

START = 1_000
times = st.integers(-3, 30)
some = settings(max_examples=40)
conversations = st.lists(st.none() | times, max_size=8)


def times_of_new(given: list[int | None], start: int = START) -> list[int]:
    """Return the times of a conversation that is not in the store."""
    return settled_times(given, [None] * len(given), start)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([None, None], [START, START + 1]),
        ([7, 7, 7], [7, 8, 9]),
        ([7, None, 9], [7, 8, 9]),
        ([7, None, None, 8], [7, 8, 9, 10]),
        ([None, None, 7], [5, 6, 7]),
        ([9, 5, 9], [9, 5, 10]),
        ([9, None, 5, None], [9, 10, 5, 6]),
        ([0, 0], [0, 1]),
    ],
)
def test_missing_and_equal_times_follow_the_previous_message(given: list[int | None], expected: list[int]) -> None:
    """They follow a microsecond apart. Times that go backwards are kept."""
    assert times_of_new(given) == expected


@some
@drawn(conversations, st.integers(-10, 2_000))
def test_importing_a_conversation_again_gives_the_same_times(given: list[int | None], later: int) -> None:
    before = times_of_new(given)
    stored = [time if own is None else None for own, time in zip(given, before, strict=True)]
    assert settled_times(given, stored, later) == before


@some
@drawn(st.lists(st.tuples(st.sampled_from("ab"), st.none() | times), max_size=8, unique=True))
def test_times_of_repeated_ids_are_told_apart(messages: list[tuple[str, int | None]]) -> None:
    ids, given = [each[0] for each in messages], [each[1] for each in messages]
    before = times_of_new(given)
    of_ids = [*zip(ids, before, strict=True)]
    found = {each: sorted(time for own, time in of_ids if own == each) for each in ids}
    if len({*of_ids}) == len(of_ids):
        assert settled_times(given, known_times(ids, given, found), START + 500) == before


WITHOUT_ZONE = (
    "2026-01-01T00:00:00", "2026-01-01", 20260101, "20260101000000", 202601010000, "20260101000000000",
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-01T00:00:00Z", ReadTime(1_767_225_600_000_000)),
        ("2026-01-01T00:00:00+00:00", ReadTime(1_767_225_600_000_000)),
        ("2026-01-01T08:00:00+08:00", ReadTime(1_767_225_600_000_000, is_exact=False)),
        *((value, ReadTime(1_767_225_600_000_000, is_exact=False, has_zone=False)) for value in WITHOUT_ZONE),
        (20261301, ReadTime(20_261_301_000_000)),
        (1_767_225_600, ReadTime(1_767_225_600_000_000)),
        (-1, None),
        (True, None),
        ("soon", None),
    ],
)
def test_a_time_with_an_offset_or_without_a_zone_is_not_exact(value: object, expected: ReadTime | None) -> None:
    """Such a time is also kept as metadata."""
    assert read_time(value) == expected
