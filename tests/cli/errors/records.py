# ruff: noqa: E501 - sentences stand as they are told
"""Lines of an import that are not records."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import file


def _line(cause: str, content: str | bytes, reason: str, hint: str | None = None) -> Case:
    return Case(cause, "import in.jsonl", f"in.jsonl: {reason}", hint, given=(file("in.jsonl", content),))


# fmt: off
CASES = (
    _line("A line that is not JSON.", '{"user_id": "u", "session_id": "s"}\nnonsense\n',
        "line 2: not valid JSON: Expecting value at column 1"),
    _line("A line that is cut off.", '{"user_id": "u", "session_id": "s"}\n{"user_id": "u", "sess',
        "line 2: not valid JSON: Unterminated string starting at column 18; the input ends in this line; it may be cut short"),
    _line("The same key twice.", '{"user_id": "u", "user_id": "v", "session_id": "s"}\n',
        'line 1: not usable JSON: the key "user_id" is given twice'),
    _line("A line with a number that is too large for a float.", '{"user_id": "u", "session_id": "s", "metadata": {"a": 1e999}}\n',
        "line 1: not usable JSON: the number 1e999 is too large"),
    _line("A line that is not an object.", "5\n", "line 1: this is not a JSON object"),
    _line("A record of an unknown kind.", '{"a": 1}\n',
        "line 1: neither a session (no user_id) nor a message (no message_id)"),
    _line("An unknown value of kind.", '{"kind": "user", "user_id": "u"}\n',
        'line 1: kind is \'user\'; only "session" and "message" are known'),
    _line("A missing key.", '{"user_id": "u"}\n', "line 1: session_id is missing; every session has one"),
    _line("An empty id.", '{"user_id": "u", "session_id": ""}\n', "line 1: the session id is empty"),
    _line("An unknown field of a record.", '{"user_id": "u", "session_id": "s", "topic": "x"}\n',
        "line 1: 'topic' is not a field of a session; fields: user_id, session_id, update_time, search_content, metadata",
        hint="put everything else under metadata"),
    _line("A time that is text.", '{"user_id": "u", "session_id": "s", "update_time": "2025-01-01"}\n',
        "line 1: update_time is text; it must be an integer, in microseconds since 1970 UTC"),
    _line("A time of more than 64 bits.", '{"user_id": "u", "session_id": "s", "update_time": 9223372036854775808}\n',
        "line 1: update_time does not fit in a signed 64-bit integer"),
    _line("Metadata that is not an object.", '{"user_id": "u", "session_id": "s", "metadata": []}\n',
        "line 1: metadata is a list; it must be an object"),
    _line("An invalid metadata key.", '{"user_id": "u", "session_id": "s", "metadata": {"#b": 1}}\n',
        "line 1: '#b' cannot be a metadata key",
        hint="a key must be 1 to 255 bytes of UTF-8 without a null character, and must not begin with #"),
    _line("A metadata value that is null.", '{"user_id": "u", "session_id": "s", "metadata": {"a": null}}\n',
        "line 1: metadata.a is null; only text, numbers, booleans and bytes can be stored"),
    _line("A metadata value that is an object.", '{"user_id": "u", "session_id": "s", "metadata": {"a": {"b": 1}}}\n',
        "line 1: metadata.a is an object; only text, numbers, booleans and bytes can be stored",
        hint='bytes are written {"$bytes": "<base64>"}'),
    _line("A metadata value of more than 64 bits.",
        '{"user_id": "u", "session_id": "s", "metadata": {"a": 9223372036854775808}}\n',
        "line 1: metadata.a does not fit in a signed 64-bit integer"),
    _line("Bytes that are not base64.", '{"user_id": "u", "session_id": "s", "metadata": {"a": {"$bytes": "!"}}}\n',
        "line 1: metadata.a is not valid base64"),
    _line("A text with a lone surrogate.", '{"user_id": "\\ud800", "session_id": "s"}\n',
        "line 1: user_id holds a lone surrogate at character 0, which is not valid Unicode"),
    _line("A metadata key that is a field.", '{"user_id": "u", "session_id": "s", "metadata": {"update_time": 5}}\n',
        "line 1: 'update_time' is a field of a session, so metadata cannot use the name",
        hint="reserved: search_content, session_id, update_time, user_id"),
    _line("An export that was cut short.", '{"kind": "tsmem", "version": 1}\n{"user_id": "u", "session_id": "s"}\n',
        "line 2: the file ends in the middle of an export: it was cut short",
        hint="export again; or, to import the rows that are in this file, remove the first line of the export"),
    _line("An export inside an export.", '{"kind": "tsmem", "version": 1}\n{"kind": "tsmem", "version": 1}\n',
        "line 2: an export begins here, before the one above has ended: the earlier export was cut short"),
    _line("An export of another version.", '{"kind": "tsmem", "version": 2}\n',
        "line 1: this export has format version 2; this tsmem reads version 1"),
    _line("The end of an export without its header.", '{"kind": "end", "sessions": 0, "messages": 0}\n',
        "line 1: an export ends here, but its beginning is missing"),
    _line("An export that lacks rows.",
        '{"kind": "tsmem", "version": 1}\n{"user_id": "u", "session_id": "s"}\n{"kind": "end", "sessions": 2, "messages": 0}\n',
        "line 3: the export says it holds 2 sessions and 0 messages, but 1 session and 0 messages were read"),
)
# fmt: on
