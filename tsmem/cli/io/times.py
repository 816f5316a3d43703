"""Parse the times of the command line, as people and scripts write them. What is not exactly one time is refused."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from tsmem.clock import Age, Time
from tsmem.errors import InvalidInput
from tsmem.limits import MAX_INTEGER
from tsmem.words import did_you_mean

FORMS = (
    "microseconds since 1970 (1760000000000000), ISO 8601 (2025-10-09, 2025-10-09T08:53:20Z), "
    "an age (90s, 30min, 2h, 1d12h, 4w) or a word (now, today, yesterday, monday)"
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORDS = ("now", "today", "yesterday", *WEEKDAYS)

_UNIT_US = {"s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86_400 * 10**6, "w": 7 * 86_400 * 10**6}
_OTHER_UNITS = (
    (1, 10**11, "seconds", "append 000000"),
    (10**11 + 1, 10**14, "milliseconds", "append 000"),
    (10**17 + 1, MAX_INTEGER - 1, "nanoseconds", "drop the last 3 digits"),
)
"""The first and last integer that look like another unit, the unit, and how to correct it. Integers up to the year 5138
in their unit look like it. The largest integer is not taken for nanoseconds, because it means the end of time."""
_DATE_DIGITS = {
    4: "%Y",
    6: "%Y%m",
    8: "%Y%m%d",
    10: "%Y%m%d%H",
    12: "%Y%m%d%H%M",
    14: "%Y%m%d%H%M%S",
    17: "%Y%m%d%H%M%S%f",
}
"""Formats of dates without hyphens, by their number of digits. 16 is missing on purpose: such numbers are microseconds
of the years 2033 to 2036."""
_AGE = re.compile("((?P<w>[0-9]+)w)?((?P<d>[0-9]+)d)?((?P<h>[0-9]+)h)?((?P<m>[0-9]+)m(in)?)?((?P<s>[0-9]+)s)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})[Tt ](?P<clock>[0-9]{2}:[0-9]{2}(:[0-9]{2})?|[0-9]{4}([0-9]{2})?)"
    r"([.,](?P<fraction>[0-9]+))?(?P<zone>[Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?"
)


def parse_time(text: str, *, now_us: int, end_of_day: bool = False) -> tuple[Time, str | None]:
    """Return a time in microseconds since 1970, or an age, and a warning if the user may have meant something else.

    A date alone means the first microsecond of the day, or the last with `end_of_day`, and so does a word for a day. A
    weekday is the latest such day that has begun. `now` is an age of 0, so that each page of a listing has the same
    request. A time without a zone is local time; if the clock shows it twice, the first is meant. Times before 1970 are
    negative, because messages of other programs can have them.

    Raises InvalidInput for any other text, and for a time that does not fit in 64 bits of microseconds."""
    text = text.strip()
    if re.fullmatch(r"-?[0-9]+", text):
        _refuse_date(text)
        value = _fitting(text.removeprefix("-"), 1, f"time {text[:40]}")
        return (-value if text.startswith("-") else value), _unit_warning(text, value, now_us)
    if text and (age := _AGE.fullmatch(text)):
        return _age(age), None
    word = text.lower()
    if word == "now":
        return Age(0), None
    try:
        if word in WORDS:
            return _day(_named_day(word, now_us), end_of_day), None
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return _day(datetime.fromisoformat(text), end_of_day), None
        if match := _DATE_TIME.fullmatch(text):
            return _moment(match), None
    except (ValueError, OverflowError) as error:  # from datetime: month 13, or a day past the year 9999
        raise _refused(f"{text!r} is not a date or time that exists") from error
    if re.fullmatch(r"([0-9]+(w|d|h|min|m|s))+", text):
        raise _refused(f"{text!r} is not a valid age: write each unit once, the largest first")
    raise _refused(f"{text!r} is not a valid time{did_you_mean(text, WORDS)}")


def _unit_warning(text: str, value: int, now_us: int) -> str | None:
    for first, last, unit, correction in _OTHER_UNITS:
        if first <= value <= last:
            taken = f"{text} looks like {unit} and is taken as microseconds (now is {now_us})"
            return f"{taken}; {correction} for {unit}"
    return None


def _refuse_date(digits: str) -> None:
    form = _DATE_DIGITS.get(len(digits))
    if form is None or digits[:2] not in ("19", "20"):
        return
    try:
        date_time = datetime.strptime(digits, form)  # noqa: DTZ007 - only shown
    except ValueError:
        return
    shown = date_time.date().isoformat() if len(digits) <= 8 else date_time.isoformat()
    exact = (_EPOCH + int(digits) * _MICROSECOND).replace(tzinfo=None).isoformat()
    raise InvalidInput(
        f"{digits} could be a date or microseconds since 1970",
        hint=f"write {shown} for the date, {exact}Z for the microseconds",
    )


def _fitting(digits: str, unit_us: int, what: str) -> int:
    """Return a number of units as microseconds. The digits are counted first, because int() takes quadratic time."""
    significant = digits.lstrip("0") or "0"
    if len(significant) > 19 or int(significant) * unit_us > MAX_INTEGER:
        raise _refused(f"the {what} is out of range")
    return int(significant) * unit_us


def _age(match: re.Match[str]) -> Age:
    what = f"age {match[0][:40]}"
    parts = [_fitting(digits, _UNIT_US[unit], what) for unit, digits in match.groupdict().items() if digits is not None]
    return Age(_fitting(str(sum(parts)), 1, what))


def _named_day(word: str, now_us: int) -> datetime:
    """Return the local midnight at which a day of `WORDS` begins."""
    today = datetime.combine(date.fromtimestamp(now_us // 1_000_000), time.min)  # noqa: DTZ012 - the local day
    if word in WEEKDAYS:
        return today - timedelta(days=(today.weekday() - WEEKDAYS.index(word)) % 7)
    return today - timedelta(days=int(word == "yesterday"))


def _day(midnight: datetime, end_of_day: bool) -> int:
    if not end_of_day:
        return _microseconds(midnight)
    # fold=1 is the second of two last hours, when clocks are set back at midnight. The last date does not allow it.
    fold = 0 if midnight.date() == date.max else 1
    return _microseconds(datetime.combine(midnight, time.max.replace(fold=fold)))


def _moment(match: re.Match[str]) -> int:
    fraction = (match["fraction"] or "").rstrip("0")
    if len(fraction) > 6:
        raise _refused("at most 6 digits may follow the point: times are kept in microseconds")
    if fraction and len(match["clock"].replace(":", "")) < 6:
        raise _refused("minutes cannot have a fraction (write half a minute as 00:00:30, not as 00:00.5)")
    zone = match["zone"] or ""
    if not re.fullmatch(r"Z?|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?", zone.upper()):
        raise _refused(f"{zone} is not a valid offset from UTC")
    moment = datetime.fromisoformat(f"{match['date']}T{match['clock']}{zone.upper()}")
    return _microseconds(moment + int(fraction.ljust(6, "0")) * _MICROSECOND)


def _microseconds(moment: datetime) -> int:
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond


def _refused(reason: str) -> InvalidInput:
    return InvalidInput(reason, hint=f"write {FORMS}; see tsmem help times")
