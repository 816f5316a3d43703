"""Read the times of imported messages, and choose times for messages without one.

The rules keep a conversation in order, and give it the same times when it is imported again:

- Messages are stored in the order of their times in the input. Messages with the same time keep the order of the input,
  a microsecond apart.
- A message without a time gets the time of the message before it, plus a microsecond.
- A message that is in the store already keeps the stored time if the input gives it no time, or a time that an earlier
  import moved. The time is a part of its key, so another time would make a second message.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tsmem.limits import MAX_INTEGER, MIN_INTEGER

TIME_KEYS = ("create_time", "timestamp", "created_at")
_UNITS_PER_SECOND = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))
"""Numbers below the first of each pair are seconds, milliseconds, microseconds or nanoseconds since 1970."""
_DATE_DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f"}
MAX_MOVED_US = 1_000
"""Maximum distance between a message's time in the input and a stored time that an earlier import moved it to."""


class ReadTime(NamedTuple):
    time: int
    is_exact: bool = True
    """False if the value in the input has more than the time keeps, such as an offset. It is then kept as metadata."""
    has_zone: bool = True
    """False for a date without a zone, which is read as UTC."""


def take_time(rest: dict[str, object]) -> ReadTime | None:
    """Return the first usable time, and remove it from `rest` if it is exact."""
    for key in TIME_KEYS:
        if key in rest and (found := read_time(rest[key])) is not None:
            if found.is_exact:
                del rest[key]
            return found
    return None


def read_time(value: object) -> ReadTime | None:
    """Read a number (its size tells the unit), digits of a date, or ISO 8601. A number can be given as text."""
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}([T ].*)?", value, re.ASCII):
            return _from_iso(value)
        if not re.fullmatch(r"\d{1,20}", value, re.ASCII):
            return None
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    if isinstance(value, int) and (form := _DATE_DIGITS.get(len(str(value)))) and str(value)[:2] in ("19", "20"):
        try:
            return _from_iso(datetime.strptime(str(value), form).isoformat())  # noqa: DTZ007 - taken as UTC there
        except ValueError:
            pass
    for bound, unit in _UNITS_PER_SECOND:
        if value < bound:
            if isinstance(value, int):
                return ReadTime(value * 10**6 // unit, value * 10**6 % unit == 0)
            time = round(value * (10**6 / unit))
            return ReadTime(time, time / (10**6 / unit) == value)
    return None


def _from_iso(text: str) -> ReadTime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    has_zone = moment.tzinfo is not None
    is_utc = has_zone and moment.utcoffset() == timedelta(0)
    time = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    fraction = re.search(r"[.,](\d+)", text)
    return ReadTime(time, is_utc and (fraction is None or len(fraction[1].rstrip("0")) <= 6), has_zone)


def depends_on_others(given: Sequence[int | None]) -> bool:
    """Return True if a time is missing, is given twice, or has whole seconds. An import moves the second of two
    messages with the same time, and an earlier copy of the conversation may have had such a pair."""
    return len(set(given)) < len(given) or any(time is None or time % 10**6 == 0 for time in given)


def known_times(
    ids: Sequence[str], given: Sequence[int | None], found: Mapping[str, Sequence[int]]
) -> list[int | None]:
    """Return the time that the store has for each message of a conversation, or None. `found` has the stored times of
    each message id, sorted. A stored time goes to at most one message. Messages choose in this order:

    1. one to which an import would now give exactly this time
    2. one whose time an earlier import may have moved to this time
    3. one without a time"""
    unused = {message_id: list(times) for message_id, times in found.items()}
    known: list[int | None] = [None] * len(ids)
    fresh = settled_times(given, known, 0)
    timed = [(index, time) for index, time in enumerate(given) if time is not None]
    bounds = [(index, fresh[index], fresh[index]) for index, _ in timed]
    bounds += [(index, time, time + MAX_MOVED_US) for index, time in timed]
    bounds += [(index, MIN_INTEGER, MAX_INTEGER) for index, time in enumerate(given) if time is None]
    for index, first, last in bounds:
        times = unused.get(ids[index], [])
        at = bisect_left(times, first)
        if known[index] is None and at < len(times) and times[at] <= last:
            known[index] = times.pop(at)
    return known


def settled_times(given: Sequence[int | None], stored: Sequence[int | None], start: int) -> list[int]:
    """Return the time of each message of a conversation, from the times in the input (`given`) and in the store.
    If neither has a time, the times count up from `start`. If only the input has none, message n still gets at least
    `start` + n, unless a stored message follows it."""
    order = _filled(given, 0, 0)
    times = _filled([own if known is None else known for own, known in zip(given, stored, strict=True)], start, 1)
    if given.count(None) == len(given):
        for index in range(len(given) - 1, -1, -1):
            if stored[index] is not None:
                break
            times[index] = max(times[index], start + index)
    last = None
    for index in sorted(range(len(given)), key=order.__getitem__):
        if last is not None and stored[index] is None:
            times[index] = max(times[index], last + 1)
        last = times[index] if last is None else max(last, times[index])
    return times


def _filled(times: Sequence[int | None], start: int, step: int) -> list[int]:
    """Replace each None with the time before it. Before the first known time, each time is `step` less than the next
    one; if no time is known, they count up from `start`."""
    first = next((index for index, time in enumerate(times) if time is not None), None)
    if first is None:
        return [start + index * step for index in range(len(times))]
    last = times[first]
    assert last is not None
    filled = [last - (first - index) * step for index in range(first)]
    for time in times[first:]:
        last = last if time is None else time
        filled.append(last)
    return filled
