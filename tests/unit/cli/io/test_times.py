"""Times on the command line: exact, or refused, or taken with a warning."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.cli.io.times import parse_time
from tsmem.clock import Age, Time
from tsmem.errors import InvalidInput

NOW = 1_760_000_000_000_000
BERLIN = ZoneInfo("Europe/Berlin")


def parse(text: str, tz: tzinfo | None = UTC, *, end: bool = False) -> Time:
    """A time that comes without a warning."""
    value, warning = parse_time(text, now_us=NOW, tz=tz, end_of_day=end)
    assert warning is None
    return value


def us(*parts: int, tz: tzinfo = UTC) -> int:
    """Microseconds of a wall clock's time."""
    return (datetime(*parts, tzinfo=tz) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)  # type: ignore[misc,arg-type]


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The system's zone is New York's."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1760000000000000", NOW),
        (" 1760000000000000\n", NOW),
        ("0001760000000000000", NOW),
        (str(2**63 - 1), 2**63 - 1),
        ("2025-10-09T08:53:20Z", NOW),
        ("2025-10-09T08:53:20z", NOW),
        ("2025-10-09 08:53:20", NOW),
        ("2025-10-09T10:53:20+02:00", NOW),
        ("2025-10-09T10:53:20+0200", NOW),
        ("2025-10-09T03:53:20-05", NOW),
        ("2025-10-09T08:53:20.000001Z", NOW + 1),
        ("2025-10-09T08:53:20.1", NOW + 100_000),
        ("2025-10-09T08:53:20,123456000Z", NOW + 123_456),
        ("2025-10-09T08:53Z", NOW - 20_000_000),
        ("20251009T085320Z", NOW),
        ("20251009T105320+0200", NOW),
        ("20251009T085320.1", NOW + 100_000),
        ("20251009T0853", NOW - 20_000_000),
        ("2025-10-09", us(2025, 10, 9)),
        ("2024-02-29", us(2024, 2, 29)),
        ("9999-12-31T23:59:59.999999Z", us(9999, 12, 31, 23, 59, 59, 999_999)),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T00:00:00+00:01", -60_000_000),
    ],
)
def test_iso_times_and_microseconds_are_exact(text: str, expected: int) -> None:
    assert expected == parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800), ("4w", 2_419_200), ("0s", 0)]
)
def test_ages_stay_ages(text: str, seconds: int) -> None:
    assert Age(seconds * 1_000_000) == parse(text)


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
    value, warning = parse_time(text, now_us=NOW, tz=UTC)
    assert int(text) == value
    assert warning is not None
    assert f"looks like {unit}" in warning


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no time"),
        ("+5", "no time"),
        ("1.5", "no time"),
        ("١٢٣", "no time"),
        ("２０２５-10-09", "no time"),
        ("７d", "no time"),
        ("7D", "no time"),
        ("1h30m", "no time"),
        ("2025-02-29", "calendar"),
        ("2025-10-09T24:00:01Z", "clock"),
        ("2025-10-09T08:53:60Z", "clock"),
        ("2025-10-09T08", "no time"),
        ("2025-10-09T08:53:20+24:00", "no offset"),
        ("2025-10-09T08:53:20+01:60", "no offset"),
        ("20251009T0853.5Z", "seconds before"),
        ("20251009T08", "no time"),
        ("20251309T085320", "calendar"),
        ("2025-10-09T08:53:20 Z", "no time"),
        (f"-{2**63}", "64 bits"),
        ("9" * 100_000 + "w", "64 bits"),
        ("10000-01-01", "no time"),
        ("2025-10-09\x00", "no time"),
    ],
)
def test_a_text_that_is_no_time_is_refused_with_a_hint(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        parse(text)
    assert "ISO 8601" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2025", "2025-01-01"),
        ("202510", "2025-10-01"),
        ("20251009", "2025-10-09"),
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


@pytest.mark.parametrize(
    "text", ["20251309", "20250230", "202510092460", "1800", "18001009", "0020251009", "2034100912000012"]
)
def test_digits_that_cannot_be_a_date_are_microseconds(text: str) -> None:
    value, _ = parse_time(text, now_us=NOW, tz=UTC)
    assert int(text) == value


@pytest.mark.parametrize(
    ("day", "hours"), [("2025-10-09", 24), ("2025-03-30", 23), ("2025-10-26", 25)], ids=["plain", "spring", "autumn"]
)
def test_a_day_lasts_23_24_or_25_hours(day: str, hours: int) -> None:
    """A date alone begins at local midnight, and with end_of_day is the day's last microsecond."""
    first, last = parse(day, BERLIN), parse(day, BERLIN, end=True)
    assert isinstance(first, int)
    assert first + hours * 3600 * 10**6 - 1 == last


def test_a_day_without_midnight_begins_at_the_clock_change() -> None:
    havana = ZoneInfo("America/Havana")
    first = us(2025, 3, 9, 5)
    assert first == parse("2025-03-09", havana)
    assert first - 1 == parse("2025-03-08", havana, end=True)


def test_the_last_day_of_year_9999_ends_in_every_zone() -> None:
    last = us(9999, 12, 31, 23, 59, 59, 999_999)
    assert last == parse("9999-12-31", end=True)
    assert last + 5 * 3600 * 10**6 == parse("9999-12-31", timezone(timedelta(hours=-5)), end=True)


def test_end_of_day_changes_only_dates_without_time() -> None:
    assert us(2025, 10, 9, 0, 0) == parse("2025-10-09T00:00:00Z", end=True)


@pytest.mark.parametrize(
    ("text", "expected", "reason"),
    [
        ("2025-03-30T02:30:00", (2025, 3, 30, 1, 30), "does not exist"),
        ("2025-10-26T02:30:00", (2025, 10, 26, 0, 30), "comes twice"),
    ],
)
def test_a_skipped_or_repeated_local_time_gives_a_warning(text: str, expected: tuple[int, ...], reason: str) -> None:
    value, warning = parse_time(text, now_us=NOW, tz=BERLIN)
    assert us(*expected) == value
    assert reason in str(warning)


@pytest.mark.usefixtures("in_new_york")
def test_without_a_zone_local_time_is_the_systems() -> None:
    assert us(2025, 7, 1, 16) == parse("2025-07-01T12:00:00", None)
    assert us(2025, 3, 10, 4) - 1 == parse("2025-03-09", None, end=True)
    assert (us(2025, 3, 9, 7, 30), True) == _warned("2025-03-09T02:30:00")
    assert (us(2025, 11, 2, 5, 30), True) == _warned("2025-11-02T01:30:00")


def _warned(text: str) -> tuple[Time, bool]:
    value, warning = parse_time(text, now_us=NOW, tz=None)
    return value, warning is not None


FIRST, LAST = (
    datetime(1971, 1, 1, tzinfo=UTC).replace(tzinfo=None),
    datetime(9999, 12, 30, tzinfo=UTC).replace(tzinfo=None),
)


@settings(max_examples=30)
@given(st.datetimes(FIRST, LAST), st.integers(-1439, 1439))
def test_isoformat_of_any_aware_time_is_read_exactly(wall: datetime, minutes: int) -> None:
    aware = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) == parse(aware.isoformat())


@settings(max_examples=40)
@given(st.text(max_size=40) | st.from_regex(r"\A[0-9T:+Z.-]{1,40}\Z"))
def test_any_text_is_a_time_an_age_or_refused(text: str) -> None:
    try:
        value, _ = parse_time(text, now_us=NOW, tz=BERLIN)
    except InvalidInput:
        return
    assert -(2**63) <= (value.microseconds if isinstance(value, Age) else value) < 2**63
