"""Times of imported messages: read those that the input gives, and make those that it does not, so that a conversation
keeps its order and importing it again gives the same times.

Messages are stored in the order of the times that the input gives. Those of one time keep the order of the input, a
microsecond apart. One without a time follows the message before it. A message whose time was made, or moved, keeps the
one that the store has already, because the time is a part of its key.
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
"""Numbers below these are seconds, milliseconds, microseconds and nanoseconds since 1970."""
_DATE_DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f"}
"""Numbers of digits that are dates. As numbers they would be times of the 1970s, or of the year 2611."""
MAX_MOVED_US = 1_000
"""The longest way that a message is taken to have been moved behind its own time by an earlier import."""
_DATE = r"\d{4}-\d{2}-\d{2}([T ].*)?"


class ReadTime(NamedTuple):
    time: int
    exact: bool = True
    """True if the value says no more than the time, so that nothing is lost when it is dropped."""
    has_zone: bool = True
    """False for a date and time without a zone, which is taken as UTC."""


def take_time(rest: dict[str, object]) -> ReadTime | None:
    """Return the first usable time, and remove it from `rest` if it is exact."""
    for key in TIME_KEYS:
        if key in rest and (found := read_time(rest[key])) is not None:
            if found.exact:
                del rest[key]
            return found
    return None


def read_time(value: object) -> ReadTime | None:
    """Read a number by its size, also as text, an ISO 8601 text, or digits of a date. Return None for anything else."""
    if isinstance(value, str):
        if re.fullmatch(_DATE, value, re.ASCII):
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
    """Return True if the time of a message may depend on the other messages of its conversation, now or in an earlier
    copy: it has no time, the time of another, or one of whole seconds, which another may have had."""
    return len(set(given)) < len(given) or any(time is None or time % 10**6 == 0 for time in given)


def known_times(
    ids: Sequence[str], given: Sequence[int | None], found: Mapping[str, Sequence[int]]
) -> list[int | None]:
    """Return the time that the store has for each message of a conversation. `found` has all times of each id, sorted.

    A message with a time gets that time, or one that it may have been moved to. The others then get, in turn, what is
    left of their id."""
    left = {message_id: list(times) for message_id, times in found.items()}
    known: list[int | None] = [None] * len(ids)
    again = settled_times(given, known, 0)
    timed = [(index, time) for index, time in enumerate(given) if time is not None]
    bounds = [(index, again[index], again[index]) for index, _ in timed]
    bounds += [(index, time, time + MAX_MOVED_US) for index, time in timed]
    bounds += [(index, MIN_INTEGER, MAX_INTEGER) for index, time in enumerate(given) if time is None]
    for index, first, last in bounds:
        times = left.get(ids[index], [])
        at = bisect_left(times, first)
        if known[index] is None and at < len(times) and times[at] <= last:
            known[index] = times.pop(at)
    return known


def settled_times(given: Sequence[int | None], stored: Sequence[int | None], start: int) -> list[int]:
    """Return the time of each message of a conversation, from those that the input gives and those that the store has
    (`known_times`).

    Where neither has any, they count up from `start`. If the input gives none, so do messages that were added behind
    those of the store."""
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
    """Give each message without a time that of the message before it. Those before the first time count down from it by
    `step`; where there is no time at all, they count up from `start`."""
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
