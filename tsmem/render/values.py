"""Values as people read them: times, ages, sizes, numbers, metadata. Everything returned is safe to show on one line,
unless newlines were asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from tsmem.render.text import visible
from tsmem.rows import Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NOT_TEXT = re.compile(r"(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|-|<.*|base64:.*)?\Z", re.DOTALL)
"""Text that would be taken for a value of another type, or for none."""
_WORD = re.compile(r"[^\s\",=]+\Z")


def local_time(time_us: int, timezone: tzinfo | None, digits: int = 6) -> str:
    """`YYYY-MM-DD HH:MM:SS` and so many digits (0, 3 or 6); a time that no calendar holds is its number."""
    moment = _moment(time_us, timezone)
    if moment is None:
        return str(time_us)
    text = moment.replace(tzinfo=None).isoformat(" ", "microseconds")
    return text[: 19 + digits + (digits > 0)]


def local_day(time_us: int, timezone: tzinfo | None) -> str | None:
    """`YYYY-MM-DD, Weekday`; None for a time that no calendar holds."""
    moment = _moment(time_us, timezone)
    return None if moment is None else f"{moment.date().isoformat()}, {_WEEKDAYS[moment.weekday()]}"


def iso_time(time_us: int, timezone: tzinfo | None) -> str:
    """ISO 8601 with microseconds and offset; a time that no calendar holds is its number."""
    moment = _moment(time_us, timezone)
    return str(time_us) if moment is None else moment.isoformat(timespec="microseconds")


def digits_needed(times_us: Iterable[int]) -> int:
    """How many digits of a second tell these times apart: 0, 3 or 6."""
    different = set(times_us)
    for digits, unit in ((0, _SECOND), (3, 1000)):
        if len({time // unit for time in different}) == len(different):
            return digits
    return 6


def duration(length_us: int) -> str:
    """A length of time in its two greatest units: `2 h 5 min`, `3 d`, `0 s`."""
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
    """How long ago a time was, or how far ahead it is, in its greatest unit."""
    length = " ".join(duration(abs(now_us - time_us)).split()[:2])
    return f"{length} ago" if time_us <= now_us else f"in {length}"


def size(length: int) -> str:
    """Return a number of bytes: `812 bytes`, `5.1 KB`, `2.0 MB`, `1.25 GB`."""
    if length < 1000:
        return f"{length} byte{'' if length == 1 else 's'}"
    if length < 1_000_000_000:
        return f"{length / 1000:.1f} KB" if length < 1_000_000 else f"{length / 1_000_000:.1f} MB"
    return f"{length / 1_000_000_000:.2f} GB"


def scalar(value: Value, *, whole: bool, word: bool = False) -> str:
    """A metadata value. Text that reads like a number, a boolean or nothing is quoted; so is text that is not one word,
    where `word` is asked for. Bytes are base64 when `whole`, else their size."""
    match value:
        case bool():
            return "true" if value else "false"
        case bytes():
            return f"base64:{_base64(value)}" if whole else f"<{size(len(value))}>"
        case str():
            if _NOT_TEXT.match(value) or (word and not _WORD.match(value)):
                return '"' + visible(value.replace('"', '\\"')) + '"'
            return visible(value)
        case _:
            return repr(value)


def pairs(metadata: Mapping[str, Value], *, limit: int | None, without: Collection[str] = ()) -> str:
    """Metadata on one line, as `key=value, ...`; with a limit, only as much as will fill that many characters."""
    parts: list[str] = []
    room = limit
    for key, value in metadata.items():
        if key in without:
            continue
        if room is not None and isinstance(value, str):
            value = value[: room + 1]
        parts.append(f"{_name(key)}={scalar(value, whole=limit is None, word=True)}")
        if room is not None and (room := room - len(parts[-1])) < 0:
            break
    return ", ".join(parts)


def _name(key: str) -> str:
    """A metadata key as it stands before its value, quoted where it could be taken for more than one word."""
    return visible(key) if _WORD.match(key) else scalar(key, whole=True, word=True)


def _base64(value: bytes) -> str:
    import binascii

    return binascii.b2a_base64(value, newline=False).decode()


def _moment(time_us: int, timezone: tzinfo | None) -> datetime | None:
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).astimezone(timezone)
    except (OverflowError, OSError, ValueError):
        return None
