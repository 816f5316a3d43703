"""Format times, ages, sizes and metadata values for people. Every returned string is safe to show on one line."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from tsmem.render.text import visible
from tsmem.rows import Value
from tsmem.words import quantity

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US_PER_SECOND = 1_000_000
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_NEEDS_QUOTES = re.compile(r"(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|-|<.*|base64:.*)?\Z", re.DOTALL)
"""Text that reads like a number, a boolean, bytes or a missing value."""
_WORD = re.compile(r"[^\s\",=]+\Z")


def local_time(time_us: int, timezone: tzinfo | None, *, whole_seconds: bool = False) -> str:
    """Return `YYYY-MM-DD HH:MM:SS.ffffff`, or without the fraction for `whole_seconds`. A time that the calendar cannot
    express is returned as its number."""
    moment = _moment(time_us, timezone)
    if moment is None:
        return str(time_us)
    return moment.replace(tzinfo=None).isoformat(" ", "seconds" if whole_seconds else "microseconds")


def local_day(time_us: int, timezone: tzinfo | None) -> str | None:
    """Return `YYYY-MM-DD, Weekday`, or None for a time that the calendar cannot express."""
    moment = _moment(time_us, timezone)
    return None if moment is None else f"{moment.date().isoformat()}, {moment:%A}"


def iso_time(time_us: int, timezone: tzinfo | None) -> str:
    """Return the time in ISO 8601 with microseconds and offset, or as its number if the calendar cannot express it."""
    moment = _moment(time_us, timezone)
    return str(time_us) if moment is None else moment.isoformat(timespec="microseconds")


def duration(length_us: int) -> str:
    """Return a length of time in its two largest units: `2 h 5 min`, `3 d`, `0 s`."""
    seconds = length_us // _US_PER_SECOND
    parts: list[str] = []
    for unit, unit_s in _UNITS:
        if (count := seconds // unit_s) or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
        seconds %= unit_s
    return " ".join(parts[:2])


def elapsed(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 59.95 else duration(round(seconds) * _US_PER_SECOND)


def age(time_us: int, now_us: int) -> str:
    """Return how long ago a time was, or how far ahead it is, in its largest unit: `2 h ago`, `in 3 d`."""
    count, unit, *_ = duration(abs(now_us - time_us)).split()
    return f"{count} {unit} ago" if time_us <= now_us else f"in {count} {unit}"


def size(length: int) -> str:
    """Return a number of bytes: `812 bytes`, `5.1 KB`, `2.0 MB`, `1.25 GB`. What rounds to 1000.0 KB is 1.0 MB."""
    if length < 1000:
        return quantity(length, "byte")
    if length < 999_950:
        return f"{length / 1000:.1f} KB"
    return f"{length / 1_000_000:.1f} MB" if length < 999_950_000 else f"{length / 1_000_000_000:.2f} GB"


def metadata_value(value: Value, *, full_bytes: bool, quote_spaces: bool = False) -> str:
    """Return a metadata value. Text that reads like a value of another type is put in quotes, and with `quote_spaces`
    also text that is not a single word. Bytes are shown in base64 if `full_bytes`, else as their size."""
    match value:
        case bool():
            return "true" if value else "false"
        case bytes():
            return f"base64:{b2a_base64(value, newline=False).decode()}" if full_bytes else f"<{size(len(value))}>"
        case str():
            if _NEEDS_QUOTES.match(value) or (quote_spaces and not _WORD.match(value)):
                return '"' + visible(value.replace('"', '\\"')) + '"'
            return visible(value)
        case _:
            return repr(value)


def metadata_pairs(metadata: Mapping[str, Value], *, limit: int | None, excluded_keys: Collection[str] = ()) -> str:
    """Return metadata on one line as `key=value, ...`. With a limit, stop once it has that many characters, and show
    bytes as their size."""
    parts: list[str] = []
    room = limit
    for key, value in metadata.items():
        if key in excluded_keys:
            continue
        if room is not None and isinstance(value, str):
            value = value[: room + 1]
        name = visible(key) if _WORD.match(key) else metadata_value(key, full_bytes=True, quote_spaces=True)
        parts.append(f"{name}={metadata_value(value, full_bytes=limit is None, quote_spaces=True)}")
        if room is not None and (room := room - len(parts[-1])) < 0:
            break
    return ", ".join(parts)


def _moment(time_us: int, timezone: tzinfo | None) -> datetime | None:
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).astimezone(timezone)
    except (OverflowError, OSError, ValueError):
        return None
