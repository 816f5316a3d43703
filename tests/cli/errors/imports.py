# ruff: noqa: E501 - sentences stand as they are told
"""Imports that cannot start or that fail midway."""

from __future__ import annotations

import gzip

from tests.cli.errors.case import Case
from tests.cli.errors.given import file, pipe, rows

THE_FORMAT = (
    'import reads tsmem exports and, with --format openai, conversations such as {"messages": [{"role": "user", '
    '"content": "hi"}]}; convert the file to one of these'
)

ONE_ROW = (file("in.jsonl", '{"user_id": "u", "session_id": "s"}\n'),)
JOIN = "put the messages of a conversation into one list: jq -s . FILE | tsmem import --format openai --user USER"
PLAIN = "import in.json"
OPENAI = "import in.json --format openai --user ada --start-time 1767225600000000"


def _line(cause: str, content: str, reason: str, hint: str | None = None) -> Case:
    return Case(cause, "import in.jsonl", f"in.jsonl: {reason}", hint, given=(file("in.jsonl", content),))


def _conversation(cause: str, content: str, reason: str, hint: str | None = None, argv: str = OPENAI) -> Case:
    return Case(cause, argv, f"in.json: {reason}", hint, given=(file("in.json", content),))


# fmt: off
CASES = (
    Case("An import of a missing file.", "import none.jsonl",
        "cannot read none.jsonl: No such file or directory"),
    Case("An import of a file with an empty name.", "import ''", "the file name is empty"),
    Case("An unknown import format.", "import in.jsonl --format xml",
        "there is no import format 'xml'", "the formats are tsmem and openai"),
    Case("An unknown value of --on-conflict.", "import in.jsonl --on-conflict merge",
        "Invalid value for '--on-conflict': 'merge' is not one of 'overwrite', 'skip', 'fail'.", "tsmem import --help"),
    Case("--user for an export, which has its own users.", "import in.jsonl --user ada",
        "--user and --start-time are for --format openai; a tsmem export already contains users and times"),
    Case("--resume of standard input.", "import - --resume",
        "standard input can be read only once, so the import cannot be resumed", "import a file"),
    Case("--resume with --on-conflict fail.", "import in.jsonl --resume --on-conflict fail",
        "--resume cannot be combined with --on-conflict fail: rows that the stopped import wrote would count as conflicts",
        "--on-conflict skip keeps existing rows", given=ONE_ROW),
    Case("--resume of a named pipe.", "import pipe --resume",
        "'pipe' can be read only once, so the import cannot be resumed", given=(pipe("pipe"),)),
    Case("An import with --on-conflict fail of a row that exists.", "import in.jsonl --on-conflict fail",
        "row ada/s1 already exists", "--on-conflict skip keeps existing rows; --on-conflict overwrite replaces them",
        code="AlreadyExists", given=(file("in.jsonl", '{"user_id": "ada", "session_id": "s1"}\n'),)),
    Case("An invalid line of a pipe after rows that were written.", "import",
        "line 2: not valid JSON: Expecting value at column 1", stdin=b'{"user_id": "u", "session_id": "s"}\nnonsense\n'),
    Case("An invalid line of a pipe after thousands of rows that were written.", "import",
        "line 3001: not valid JSON: Expecting value at column 1; 2,000 rows were written, and no others", code="PartialFailure",
        stdin=rows(3000) + b"nonsense\n", changes=True),
    Case("A conflict after rows that were written.", "import --on-conflict fail",
        "row ada/s1 already exists; 3,000 rows were written", code="PartialFailure",
        stdin=rows(3000) + b'{"user_id": "ada", "session_id": "s1"}\n', changes=True),
    Case("A dry run with a line that would be rejected.", "import in.jsonl --rejects bad.jsonl --dry-run",
        "1 of 2 lines could not be read", code="PartialFailure",
        given=(file("in.jsonl", '{"user_id": "u", "session_id": "s"}\nnonsense\n'),)),
    Case("Rejects that would overwrite the input.", "import in.jsonl --rejects in.jsonl",
        "--rejects is the input file itself, in.jsonl", "choose another file for the rejects", given=ONE_ROW),
    _line("A rejected line of another format.",
        '{"kind": "rejected", "format": "openai", "line": 1, "reason": "", "text": "{}"}\n',
        "line 1: this line was kept by an import with --format openai; give that format again"),
    _line("A rejected line without a text.", '{"kind": "rejected", "format": "tsmem", "line": 1, "reason": ""}\n',
        "line 1: this record of a rejects file has no copy of the rejected line"),
    _line("A rejected line whose bytes are not base64.",
        '{"kind": "rejected", "format": "tsmem", "line": 1, "reason": "", "text": {"$bytes": "!"}}\n',
        "line 1: this record of a rejects file has no copy of the rejected line: its base64 is not valid"),
    Case("A file named .gz that is neither compressed nor JSON.", "import in.jsonl.gz",
        "in.jsonl.gz: line 1: not valid JSON: Expecting value at column 1",
        "this looks like plain text; import reads JSON and JSON lines", given=(file("in.jsonl.gz", "x"),)),
    Case("A compressed file that is damaged.", "import in.jsonl.gz",
        "cannot read in.jsonl.gz: the compressed file is damaged",
        given=(file("in.jsonl.gz", gzip.compress(b"x" * 9)[:10] + b"\xff" * 20),)),
    _conversation("An object with its messages under another key.",
        '{"id": "a", "log": [{"role": "user", "content": "x"}]}\n',
        "line 1: this conversation has no list 'messages'; its keys are id, log",
        THE_FORMAT),
    _conversation("A text where a conversation should be.", '"tea"\n',
        "line 1: this is not a conversation, which is an object with a list 'messages'", THE_FORMAT),
    _conversation("A conversation file with one message per line.", '{"role": "user", "content": "tea"}\n',
        "line 1: this is one message; a conversation has a list 'messages'", JOIN),
    _conversation("A tsmem export with --format openai.",
        '{"kind": "tsmem", "version": 1}\n{"kind": "end", "sessions": 0, "messages": 0}\n',
        "line 1: this looks like a tsmem export", "leave out --format openai, --user and --start-time"),
    _conversation("A record of a tsmem export with --format openai.",
        '{"kind": "session", "user_id": "u", "session_id": "s"}\n',
        "line 1: this looks like a tsmem export", "leave out --format openai, --user and --start-time"),
    _conversation("Conversations without --format openai.", '{"messages": [{"role": "user", "content": "tea"}]}\n',
        "line 1: this looks like conversations in the OpenAI format", "add --format openai --user USER", PLAIN),
    _conversation("One message per line, without --format openai.", '{"role": "user", "content": "tea"}\n',
        "line 1: this is one message in the OpenAI format", JOIN, PLAIN),
    _conversation("A conversation without a user.", '{"messages": []}\n', "line 1: the conversation has no user_id",
        "say whose sessions these are: --user USER", OPENAI.replace("--user ada ", "")),
    _conversation("A message that is not an object.", '{"messages": [5]}\n', "line 1: message 0 is not an object", THE_FORMAT),
    _conversation("Two conversations with the same session id.", '{"id": "a", "messages": []}\n{"id": "a", "messages": []}\n',
        "line 2: the session id 'a' was used by an earlier conversation",
        "merge conversations that have the same id, or give them different ids"),
    _conversation("Two messages with the same key.",
        '{"messages": [{"role": "x", "id": "a", "created_at": 5}, {"role": "x", "id": "a", "created_at": 5}]}\n',
        "line 1: messages 0 and 1 have the same id and the same time"),
    _conversation("An array that is cut off.", '[{"role": "user",\n',
        "line 1, element 0: not valid JSON: Expecting property name enclosed in double quotes at column 18; the input ends in this line; it may be cut short"),
    _line("A rejected line whose bytes are not UTF-8.",
        '{"kind": "rejected", "format": "tsmem", "line": 1, "reason": "", "text": {"$bytes": "/w=="}}\n',
        "line 1: not valid UTF-8 at byte 1"),
    Case("Ctrl-C while a pipe is read.", "import",
        "interrupted; nothing was done", code="Interrupted", stdin=b'{"user_id": "u", "session_id": "s"}\n^C',
        changes=True),
    Case("A folder as the rejects file.", "import in.jsonl --rejects .", "cannot write .: Is a directory", given=ONE_ROW),
    Case("A result that a full disk cannot take, of a row that was written.", "session put u s",
        "cannot write standard output: No space left on device; the change to the store was made",
        code="StorageFailure", stdout="/dev/full", changes=True),
    Case("A listing that a full disk cannot take.", "session list",
        "cannot write standard output: No space left on device", "free some space and try again", code="StorageFailure",
        stdout="/dev/full"),
)
# fmt: on
