# ruff: noqa: E501 - sentences stand as they are told
"""Inputs that are not JSON, or too large."""

from __future__ import annotations

import gzip
import io
import sqlite3
import zipfile
from contextlib import closing

from tests.cli.errors.case import Case
from tests.cli.errors.given import file, patched

UNPACK = "unpack it first, and import what is in it"
EXPORT = "convert the conversations to JSON first"
SMALLER = "write it as several smaller values"


def zipped(*names: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Write a zip of files with one array each."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name in names:
            archive.writestr(name, b"[1, 2, 3]" * 100)
    return made.getvalue()


def damaged_zip() -> bytes:
    """Write a zip that holds a long file with a wrong checksum."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b'{"user_id": "u", "session_id": "s"}\n' * 10_000)
    data = bytearray(made.getvalue())
    checksum = data.index(b"PK\x01\x02") + 16  # in the central directory, which readers use
    data[checksum] ^= 1
    return bytes(data)


def database(application: int = 0) -> bytes:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"PRAGMA application_id = {application}")
        connection.execute("CREATE TABLE t (a)")
        return connection.serialize()


# fmt: off
CASES = (
    Case("A PDF.", "import chats.pdf",
        "chats.pdf is a PDF, not JSON", EXPORT, given=(file("chats.pdf", b"%PDF-1.7\n"),)),
    Case("A file that is compressed in a way that import cannot read.", "import chats.zst",
        "chats.zst is compressed with zstd, not JSON", "unpack it first, with zstd -d",
        given=(file("chats.zst", b"\x28\xb5\x2f\xfd0000"),)),
    Case("An SQLite database.", "import a.db",
        "a.db is an SQLite database, not JSON", EXPORT, given=(file("a.db", database()),)),
    Case("A store file of tsmem.", "import a.db",
        "a.db is a tsmem store, not an export",
        "create a profile for it, then run: tsmem copy --from NEW_PROFILE --to PROFILE",
        given=(file("a.db", database(0x74736D6D)),)),
    Case("A file that is compressed twice.", "import a.gz",
        "a.gz is compressed twice", UNPACK, given=(file("a.gz", gzip.compress(gzip.compress(b"{}"))),)),
    Case("A zip of other files.", "import a.zip",
        "a.zip is a zip without conversations*.json; it holds chats.jsonl, b.json, c, ...", UNPACK,
        given=(file("a.zip", zipped("chats.jsonl", "b.json", "c", "d")),)),
    Case("An Excel workbook.", "import a.xlsx",
        "a.xlsx is an Excel workbook, not JSON", EXPORT,
        given=(file("a.xlsx", zipped("[Content_Types].xml", "xl/workbook.xml")),)),
    Case("A zip in a pipe.", "import",
        "standard input is a zip, which cannot be read from a pipe", "import the file by its name",
        stdin=zipped("conversations.json")),
    Case("A zip that was cut short.", "import a.zip",
        "cannot read a.zip: the zip is damaged", given=(file("a.zip", zipped("conversations.json")[:-9]),)),
    Case("A zip that is damaged after its first chunk.", "import a.zip",
        "cannot read a.zip: the zip is damaged", given=(file("a.zip", damaged_zip()),)),
    Case("A zip with a password.", "import a.zip",
        "a.zip is a zip with a password", UNPACK,
        given=(file("a.zip", zipped("conversations.json").replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")),)),
    Case("A zip with a compression that cannot be unpacked in chunks.", "import a.zip",
        "a.zip uses a compression method that import does not support", UNPACK,
        given=(file("a.zip", zipped("conversations.json", method=zipfile.ZIP_BZIP2)),)),
    Case("Text in UTF-16 that was cut off.", "import a.jsonl",
        "a.jsonl: line 1: this line or a later one is not valid UTF-16",
        given=(file("a.jsonl", '{"user_id": "u", "session_id": "s"}'.encode("utf-16")[:-1]),)),
    Case("A JSON value that is too large.", "import in.json",
        "in.json: line 1: this value is longer than 2 MB", SMALLER,
        given=(patched("tsmem.transfer.input.json_values.MAX_VALUE_BYTES", 2 * 2**20), file("in.json", '{"user_id": "' + "x" * (2 * 2**20)))),
    Case("A JSON value with too many elements.", "import in.json",
        "in.json: line 1, element 0: this array or object holds more than 1,000,000 values", SMALLER,
        given=(file("in.json", '[{"a": [' + "0," * 3_000_000),)),
    Case("A long text that is not JSON.", "import in.json",
        "in.json: line 1: a text or number longer than 1 MB outside any object cannot be read",
        given=(file("in.json", '"' + "x" * (2 * 2**20 + 2)),)),
    Case("A conversation that is too large.", "import in.json --format openai --user ada",
        "in.json: line 1: this array of messages counts as one conversation, and has more than 2 MB or 1,000,000 values",
        given=(patched("tsmem.transfer.formats.conversations.MAX_VALUE_BYTES", 2 * 2**20), file("in.json", '[{"role": "user", "content": "' + "x" * 2**20 + '"}, {"role": "user", "content": "' + "x" * 2**20 + '"}]'))),
    Case("Content without end.", "message put s --content-file /dev/zero",
        "/dev/zero is too large; a column holds at most 2,097,152 bytes"),
)
# fmt: on
