"""Values as people read them: times, ages, sizes, numbers, metadata. Everything returned is safe to show on one line,
unless newlines were asked for."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from tsmem.plurals import quantity
from tsmem.render.text import visible
from tsmem.rows import Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_NOT_TEXT = re.compile(r"(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|-|<.*|base64:.*)?\Z", re.DOTALL)
"""Text that reads like a value of another type, or like none."""
_WORD = re.compile(r"[^\s\",=]+\Z")


def local_time(time_us: int, timezone: tzinfo | None, digits: int = 6) -> str:
    """Return `YYYY-MM-DD HH:MM:SS` and so many digits (0, 3 or 6); a time outside the calendar is its number."""
    moment = _moment(time_us, timezone)
    if moment is None:
        return str(time_us)
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")[: 19 + digits + (digits > 0)]


def local_day(time_us: int, timezone: tzinfo | None) -> str | None:
    moment = _moment(time_us, timezone)
    return None if moment is None else f"{moment.date().isoformat()}, {moment:%A}"


def iso_time(time_us: int, timezone: tzinfo | None) -> str:
    """Return ISO 8601 with microseconds and offset, or the number as `local_time` does."""
    moment = _moment(time_us, timezone)
    return str(time_us) if moment is None else moment.isoformat(timespec="microseconds")


def digits_needed(times_us: Iterable[int]) -> int:
    """Return the number of digits of a second that tell these times apart: 0, 3 or 6."""
    different = set(times_us)
    for digits, unit in ((0, _SECOND), (3, 1000)):
        if len({time // unit for time in different}) == len(different):
            return digits
    return 6


def duration(length_us: int) -> str:
    """Return a length of time in its two greatest units: `2 h 5 min`, `3 d`, `0 s`."""
    seconds = length_us // _SECOND
    parts: list[str] = []
    for unit, unit_s in _UNITS:
        if (count := seconds // unit_s) or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
        seconds %= unit_s
    return " ".join(parts[:2])


def elapsed(seconds: float) -> str:
    """Return the time that something took: tenths of a second below a minute."""
    return f"{seconds:.1f} s" if seconds < 60 else duration(round(seconds) * _SECOND)


def age(time_us: int, now_us: int) -> str:
    """Return how long ago a time was, or how far ahead it is, in its greatest unit."""
    count, unit, *_ = duration(abs(now_us - time_us)).split()
    return f"{count} {unit} ago" if time_us <= now_us else f"in {count} {unit}"


def size(length: int) -> str:
    """Return a number of bytes: `812 bytes`, `5.1 KB`, `2.0 MB`, `1.25 GB`."""
    if length < 1000:
        return quantity(length, "byte")
    if length < 1_000_000:
        return f"{length / 1000:.1f} KB"
    return f"{length / 1_000_000:.1f} MB" if length < 1_000_000_000 else f"{length / 1_000_000_000:.2f} GB"


def scalar(value: Value, *, whole: bool, word: bool = False) -> str:
    """Return a metadata value. Text that reads like a number, a boolean or nothing is quoted; with `word`, so is text
    of more than one word. Bytes are base64 when `whole`, else their size."""
    match value:
        case bool():
            return "true" if value else "false"
        case bytes():
            return f"base64:{b2a_base64(value, newline=False).decode()}" if whole else f"<{size(len(value))}>"
        case str():
            if _NOT_TEXT.match(value) or (word and not _WORD.match(value)):
                return '"' + visible(value.replace('"', '\\"')) + '"'
            return visible(value)
        case _:
            return repr(value)


def pairs(metadata: Mapping[str, Value], *, limit: int | None, without: Collection[str] = ()) -> str:
    """Return metadata on one line, as `key=value, ...`; with a limit, only enough to fill that many characters."""
    parts: list[str] = []
    room = limit
    for key, value in metadata.items():
        if key in without:
            continue
        if room is not None and isinstance(value, str):
            value = value[: room + 1]
        name = visible(key) if _WORD.match(key) else scalar(key, whole=True, word=True)
        parts.append(f"{name}={scalar(value, whole=limit is None, word=True)}")
        if room is not None and (room := room - len(parts[-1])) < 0:
            break
    return ", ".join(parts)


def _moment(time_us: int, timezone: tzinfo | None) -> datetime | None:
    """Return None for a time outside the calendar."""
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).astimezone(timezone)
    except (OverflowError, OSError, ValueError):
        return None
