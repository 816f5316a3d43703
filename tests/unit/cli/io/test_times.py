"""Times on the command line are read exactly, accepted with a warning, or refused."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.cli.io.times import parse_time
from tsmem.clock import Age, Time
from tsmem.errors import InvalidInput

NOW = 1_760_000_000_000_000
SetZone = Callable[[str], None]


def parse(text: str, *, end: bool = False) -> Time:
    """Parse a time that gives no warning."""
    value, warning = parse_time(text, now_us=NOW, end_of_day=end)
    assert warning is None
    return value


def us(*parts: int) -> int:
    """Return the microseconds of a UTC time."""
    return (datetime(*parts, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)  # type: ignore[misc,arg-type]


@pytest.fixture(autouse=True)
def set_zone() -> Iterator[SetZone]:
    """A function that sets the local time zone, which is UTC at first."""
    with pytest.MonkeyPatch.context() as patch:

        def set_to(name: str) -> None:
            patch.setenv("TZ", name)
            time.tzset()

        set_to("UTC")
        yield set_to
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 1760000000000000\n", NOW),
        ("0001760000000000000", NOW),
        (str(2**63 - 1), 2**63 - 1),
        ("2025-10-09T08:53:20z", NOW),
        ("2025-10-09 08:53:20", NOW),
        ("2025-10-09T10:53:20+0200", NOW),
        ("2025-10-09T03:53:20-05", NOW),
        ("2025-10-09T08:53:20.1", NOW + 100_000),
        ("2025-10-09T08:53:20,123456000Z", NOW + 123_456),
        ("2025-10-09T08:53Z", NOW - 20_000_000),
        ("20251009T085320.1", NOW + 100_000),
        ("20251009T0853", NOW - 20_000_000),
        ("2024-02-29", us(2024, 2, 29)),
        ("9999-12-31T23:59:59.999999-01:00", us(9999, 12, 31, 23, 59, 59, 999_999) + 3_600_000_000),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T00:00:00+00:01", -60_000_000),
    ],
)
def test_iso_times_and_microseconds_are_exact(text: str, expected: int) -> None:
    assert expected == parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("15min", 900),
        ("2h", 7200),
        ("7d", 604_800),
        ("4w", 2_419_200),
        ("0s", 0),
        ("1d12h", 129_600),
        ("1h90min", 9000),
        ("1w2d3h4m5s", 604_800 + 2 * 86_400 + 3 * 3600 + 4 * 60 + 5),
        ("now", 0),
        (" NOW\n", 0),
    ],
)
def test_ages_stay_ages(text: str, seconds: int) -> None:
    assert Age(seconds * 1_000_000) == parse(text)


THURSDAY = us(2025, 10, 9)


@pytest.mark.parametrize(
    ("word", "day"),
    [
        ("today", 9),
        ("Yesterday", 8),
        ("thursday", 9),
        ("WEDNESDAY", 8),
        ("tuesday", 7),
        ("monday", 6),
        ("sunday", 5),
        ("saturday", 4),
        ("friday", 3),
    ],
)
def test_a_word_for_a_day_is_the_latest_such_day_that_has_begun(word: str, day: int) -> None:
    """All through a Thursday, thursday is today and friday is six days ago."""
    date = f"2025-10-{day:02d}"
    for now_us in (THURSDAY, NOW, us(2025, 10, 10) - 1):
        for end in (False, True):
            assert (parse(date, end=end), None) == parse_time(word, now_us=now_us, end_of_day=end)


@pytest.mark.parametrize(
    ("zone", "now", "today"),
    [
        ("Asia/Shanghai", (2025, 10, 8, 16), "2025-10-09"),
        ("America/New_York", (2025, 10, 9, 3, 59), "2025-10-08"),
        ("Europe/Berlin", (2025, 10, 26, 22, 59), "2025-10-26"),
        ("America/Havana", (2025, 3, 9, 12), "2025-03-09"),
    ],
    ids=["ahead of UTC", "behind UTC", "25 hours", "without midnight"],
)
def test_a_word_for_a_day_is_a_day_of_local_time(
    set_zone: SetZone, zone: str, now: tuple[int, ...], today: str
) -> None:
    set_zone(zone)
    for end in (False, True):
        assert (parse(today, end=end), None) == parse_time("today", now_us=us(*now), end_of_day=end)


def test_yesterday_is_the_day_before_on_the_first_day_of_a_year_and_after_a_long_day(set_zone: SetZone) -> None:
    set_zone("Europe/Berlin")
    for now, yesterday in (((2026, 1, 1, 0, 30), "2025-12-31"), ((2025, 10, 27, 0, 30), "2025-10-26")):
        value, _ = parse_time("yesterday", now_us=us(*now))
        assert parse(yesterday) == value


@pytest.mark.parametrize(
    ("text", "word"), [("yesteday", "yesterday"), ("Tod", "today"), ("mon", "monday"), ("wendesday", "wednesday")]
)
def test_a_word_that_is_nearly_a_time_is_refused_with_the_nearest(text: str, word: str) -> None:
    with pytest.raises(InvalidInput, match=f"'{text}' is not a valid time; did you mean '{word}'"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("5", "seconds"),
        ("-86400", "seconds"),
        ("1760000000", "seconds"),
        ("1760000000000", "milliseconds"),
        ("1760000000000000000", "nanoseconds"),
    ],
)
def test_a_number_that_looks_like_another_unit_gives_a_warning(text: str, unit: str) -> None:
    value, warning = parse_time(text, now_us=NOW)
    assert int(text) == value
    assert f"looks like {unit}" in str(warning)


REFUSED = {
    "not a valid time": (
        "",
        "1.5",
        "١٢٣",
        "２０２５-10-09",
        "７d",
        "7D",
        "1h ago",
        "tomorrow",
        "2025-10-09T08:53:20 Z",
        "2025-10-09\x00",
    ),
    "not a valid age: write each unit once, the largest first": ("12h1d", "1h1h", "1min2m", "3s4w"),
    "date or time that exists": ("2025-10-09T24:00:01Z", "20251309T085320"),
    "not a valid offset": ("2025-10-09T08:53:20+01:60", "2025-10-09T08:53:20+24:00"),
    "minutes cannot have a fraction": ("20251009T0853.5Z",),
    "out of range": (f"-{2**63}", "9" * 100_000 + "w", "15250284w3d4h55s"),
}


@pytest.mark.parametrize(("text", "reason"), [(text, reason) for reason, texts in REFUSED.items() for text in texts])
def test_a_text_that_is_not_a_time_is_refused_with_a_hint(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        parse(text)
    assert "ISO 8601" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2025", "2025-01-01"),
        ("202510", "2025-10-01"),
        ("2025100912", "2025-10-09T12:00:00"),
        ("202510091230", "2025-10-09T12:30:00"),
        ("20251009123015", "2025-10-09T12:30:15"),
        ("20251009123015678", "2025-10-09T12:30:15.678000"),
    ],
)
def test_digits_that_could_be_a_date_are_refused_with_both_spellings(text: str, date: str) -> None:
    with pytest.raises(InvalidInput, match=f"{text} could be a date or microseconds") as caught:
        parse(text)
    hint = re.fullmatch("write (.+) for the date, (.+) for the microseconds", str(caught.value.hint))
    assert hint is not None
    assert date == hint[1]
    assert int(text) == parse(hint[2])


@pytest.mark.parametrize("text", ["20251309", "202510092460", "1800", "18001009", "0020251009", "2034100912000012"])
def test_digits_that_cannot_be_a_date_are_microseconds(text: str) -> None:
    value, _ = parse_time(text, now_us=NOW)
    assert int(text) == value


@pytest.mark.parametrize(
    ("zone", "day", "first", "after"),
    [
        ("Europe/Berlin", "2025-03-30", (2025, 3, 29, 23), (2025, 3, 30, 22)),
        ("Europe/Berlin", "2025-10-26", (2025, 10, 25, 22), (2025, 10, 26, 23)),
        ("America/Havana", "2025-03-09", (2025, 3, 9, 5), (2025, 3, 10, 4)),
        ("America/Sao_Paulo", "2018-02-17", (2018, 2, 17, 2), (2018, 2, 18, 3)),
    ],
    ids=["23 hours", "25 hours", "without midnight", "last hour twice"],
)
def test_a_date_covers_the_whole_local_day(
    set_zone: SetZone, zone: str, day: str, first: tuple[int, ...], after: tuple[int, ...]
) -> None:
    set_zone(zone)
    assert us(*first) == parse(day)
    assert us(*after) - 1 == parse(day, end=True)


def test_the_end_of_the_last_day_of_year_9999_is_a_time(set_zone: SetZone) -> None:
    set_zone("America/New_York")
    assert us(9999, 12, 31, 23, 59, 59, 999_999) + 5 * 3600 * 10**6 == parse("9999-12-31", end=True)


def test_a_skipped_local_time_moves_an_hour_and_a_repeated_one_is_the_first(set_zone: SetZone) -> None:
    set_zone("Europe/Berlin")
    assert us(2025, 3, 30, 1, 30) == parse("2025-03-30T02:30:00")
    assert us(2025, 10, 26, 0, 30) == parse("2025-10-26T02:30:00")


FIRST, LAST = datetime(1971, 1, 1), datetime(9999, 12, 30)  # noqa: DTZ001


@settings(max_examples=30)
@given(st.datetimes(FIRST, LAST), st.integers(-1439, 1439))
def test_isoformat_of_any_aware_time_is_read_exactly(wall: datetime, minutes: int) -> None:
    aware = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) == parse(aware.isoformat())


@settings(max_examples=40)
@given(st.text(max_size=40) | st.from_regex(r"\A[0-9T:+Z.-]{1,40}\Z"))
def test_any_text_is_read_as_a_time_or_an_age_or_refused(text: str) -> None:
    try:
        value, _ = parse_time(text, now_us=NOW)
    except InvalidInput:
        return
    assert -(2**63) <= (value.microseconds if isinstance(value, Age) else value) < 2**63
