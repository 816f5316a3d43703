"""TableStore's limits, and the functions that check them.

The store and the TableStore adapter check before they send a request, and the engine checks what any client sends.
Source: "General limits" of TableStore's product overview. Errors that the service has too carry its own texts, because
the SDKs' test suites expect them. Checks that return an int return the size of what they checked, in bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from tsmem.errors import LimitExceeded, invalid
from tsmem.rows import Delete, Key, Update, Value, Write

MAX_KEY_BYTES = 1024  # of one string or binary primary key column
MAX_VALUE_BYTES = 2 * 1024 * 1024  # of one string or binary attribute column
MAX_ROW_BYTES = 4 * 1024 * 1024  # of one row in a write
MAX_BATCH_BYTES = 4 * 1024 * 1024  # of all rows in one write_rows
MAX_COLUMNS_PER_WRITE = 1024  # in the write of one row
MAX_ROWS_PER_WRITE = 200  # in one write_rows
MAX_ROWS_PER_READ = 100  # in one get_rows
MAX_ROWS_PER_PAGE = 5000  # scanned by one get_range
MAX_BYTES_PER_PAGE = 4 * 1024 * 1024  # scanned by one get_range
MAX_PREFIX_BYTES = 1000  # of the text of a search for a prefix
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

MAX_NAME_BYTES = 255
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}\Z")
COLUMN_NAME_RULE = f"must be 1 to {MAX_NAME_BYTES} bytes of UTF-8 without a null character, and must not begin with #"


def _limit(message: str, code: str = "OTSParameterInvalid", hint: str | None = None) -> LimitExceeded:
    return LimitExceeded(message, service_code=code, hint=hint)


def is_name(text: str) -> bool:
    """True if text can name a table, an index or a key column."""
    return _NAME.match(text) is not None


def check_name(kind: str, name: str) -> None:
    if not is_name(name):
        raise invalid(f"Invalid {kind} name: '{name}'.")


def is_column_name(text: str) -> bool:
    """True if text can name an attribute column or a field of a search index. The documentation allows only letters,
    digits and _, but the Java SDK's testValidColumnName, which runs against the service, uses other characters. For the
    Python SDK's C parser, a name ends at a null character (native_plainbuffer.c, PyUnicode_FromString)."""
    if _NAME.match(text) is not None:
        return True
    try:
        return 0 < name_bytes(text) <= MAX_NAME_BYTES and text[0] != "#" and "\0" not in text
    except UnicodeEncodeError:
        return False


def check_column_name(name: str, kind: str = "column") -> int:
    if not is_column_name(name):
        raise invalid(f"Invalid {kind} name: '{name}'.")
    return name_bytes(name)


def name_bytes(name: str) -> int:
    return len(name) if name.isascii() else len(name.encode())


def text_bytes(text: str, what: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise invalid(
            f"{what} holds a lone surrogate at character {error.start}, which is not valid Unicode"
        ) from error


def value_bytes(name: str, value: object) -> int:
    kind = type(value)
    if kind is str:
        if value.isascii():  # type: ignore[attr-defined] # fast path, because this runs for every value
            return len(value)  # type: ignore[arg-type]
        return text_bytes(value, f"column '{name}'")  # type: ignore[arg-type]
    if kind is bytes:
        return len(value)  # type: ignore[arg-type]
    if kind is bool:
        return 1
    if kind is int:
        if not MIN_INTEGER <= value <= MAX_INTEGER:  # type: ignore[operator]
            raise invalid(f"The integer in column '{name}' does not fit in a signed 64-bit integer.")
        return 8
    if kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type]
            raise invalid(f"NaN/Infinity can't be set to double value: column '{name}'.")
        return 8
    raise invalid(
        f"column '{name}' cannot hold a value of type {kind.__name__}: only text, 64-bit integers, finite numbers, "
        "booleans and bytes"
    )


def check_key(names: Sequence[str], key: Key) -> int:
    """Check a primary key, whose values have the right number and types. The size includes the names of its columns."""
    size = 0
    for name, value in zip(names, key, strict=True):
        length = value_bytes(name, value)
        if length > MAX_KEY_BYTES:
            raise _limit(
                f"The length of primary key column: '{name}' exceeds the MaxLength:{MAX_KEY_BYTES} "
                f"with CurrentLength:{length}.",
                hint=f"each id can be at most {MAX_KEY_BYTES:,} bytes long in UTF-8",
            )
        size += (len(name) if name.isascii() else name_bytes(name)) + length
    return size


def check_columns(columns: Mapping[str, Value]) -> int:
    size = 0
    for name, value in columns.items():
        name_length = len(name) if _NAME.match(name) is not None else check_column_name(name)
        length = value_bytes(name, value)
        if length > MAX_VALUE_BYTES:
            raise _limit(
                f"The length of attribute column: '{name}' exceeds the MaxLength:{MAX_VALUE_BYTES} "
                f"with CurrentLength:{length}.",
                hint="a value can be at most 2 MB: split it, or store it elsewhere",
            )
        size += name_length + length
    return size


def check_write(write: Write) -> int:
    size = check_key(write.table.key, write.key)
    if isinstance(write, Delete):
        return size
    count = len(write.columns)
    size += check_columns(write.columns)
    if isinstance(write, Update):
        count += len(write.delete)
        size += sum(map(check_column_name, write.delete))
    check_row_limits(count, size)
    return size


def check_row_limits(column_count: int, size: int) -> None:
    if column_count > MAX_COLUMNS_PER_WRITE:
        raise _limit(
            f"The number of attribute columns exceeds the limit, limit count: {MAX_COLUMNS_PER_WRITE}, "
            f"column count: {column_count}.",
            "OTSOutOfColumnCountLimit",
            hint=f"one write can hold at most {MAX_COLUMNS_PER_WRITE:,} columns: write the rest with an update",
        )
    if size > MAX_ROW_BYTES:
        raise _limit(
            f"The total data size of the row exceeds the limit, limit size: {MAX_ROW_BYTES}, data size: {size}.",
            "OTSOutOfRowSizeLimit",
            hint="one write can hold at most 4 MB: write the rest with an update",
        )


def check_batch(writes: Sequence[Write], sizes: Sequence[int], most: int = MAX_ROWS_PER_WRITE) -> None:
    if not writes:
        raise invalid("No row is specified in BatchWriteRow.")
    check_row_count(len(writes), most)
    if (total := sum(sizes)) > MAX_BATCH_BYTES:
        raise _limit(
            "The total data size of BatchWriteRow request exceeds the limit, "
            f"limit size: {MAX_BATCH_BYTES}, data size: {total}."
        )


def check_read(keys: Sequence[Key]) -> None:
    if not keys:
        raise invalid("No row specified in the request of BatchGetRow.")
    check_row_count(len(keys), MAX_ROWS_PER_READ)


def check_row_count(count: int, most: int) -> None:
    if count > most:
        raise _limit(f"Rows count exceeds the upper limit: {most}.")


def capacity_units(size: int) -> int:
    return max(1, -(-size // 4096))
