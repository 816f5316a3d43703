"""Import reads JSON in any layout, encoding and wrapping, in bounded memory."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, PipeIn
from tsmem.transfer.formats import ImportFormat
from tsmem.transfer.formats.conversations import Conversion
from tsmem.transfer.importing import ImportSource, read_records

START = ("--start-time", "1767225600000000")
CONVERSATIONS: list[dict[str, Any]] = [
    {"id": "a", "messages": [{"role": "user", "content": "tea 茶"}, {"role": "assistant", "content": "💬"}]},
    {"id": "b", "messages": []},
]
RECORDS: list[dict[str, Any]] = [
    {"user_id": "u", "session_id": "a", "update_time": 5, "metadata": {"n": 1.5}},
    {"session_id": "a", "message_id": "m", "create_time": 5, "role": "user", "content": "tea 茶 💬"},
]
FORMATS: dict[ImportFormat, tuple[list[dict[str, Any]], tuple[str, ...]]] = {
    "openai": (CONVERSATIONS, ("--format", "openai", "--user", "u", *START)),
    "tsmem": (RECORDS, ()),
}


def lines(values: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in values)


def pretty(values: object) -> bytes:
    return json.dumps(values, indent=2, ensure_ascii=False).encode()


def zipped(values: list[dict[str, Any]]) -> bytes:
    """Return a zip like the data export of a chat product: arrays in two files, and other files beside them."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", b'{"id": 1}')
        archive.writestr("conversations-001.json", pretty(values[1:]))
        archive.writestr("export/conversations-000.json", b"")
        archive.writestr("chat.html", b"<html>")
        archive.writestr("conversations-000.json", lines(values[:1]))
    return made.getvalue()


BOM = b"\xef\xbb\xbf"
WRAPPED: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "in.json": lines,
    "array.json": lambda values: json.dumps(values).encode(),
    "pretty.json": lambda values: b"\n".join(map(pretty, values)),
    "in.json.gz": lambda values: gzip.compress(lines(values)),
    "IN.JSON.GZ": lambda values: gzip.compress(BOM + pretty(values)),
    "no-name-of-it": lambda values: gzip.compress(lines(values).decode().encode("utf-16")),
    "members.gz": lambda values: b"".join(gzip.compress(lines([each])) for each in values) + b"\0" * 99,
    "not-compressed.gz": lines,
    "export.zip": zipped,
}


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("style", FORMATS)
def test_json_arrays_lines_gzip_and_zip_give_the_same_records(style: ImportFormat, name: str) -> None:
    values, _ = FORMATS[style]

    def read(stream: io.BytesIO) -> list[object]:
        conversion = Conversion("u", 1_767_225_600_000_000) if style == "openai" else None
        return [record.item for record in read_records(ImportSource(stream, style, conversion))]

    expected = read(io.BytesIO(lines(values)))
    assert len(expected) >= 2
    assert expected == read(io.BytesIO(WRAPPED[name](values)))
    if name != "export.zip":
        assert expected == read(PipeIn(WRAPPED[name](values)))


def test_an_error_inside_a_zip_names_the_file_and_the_line(ready: Cli) -> None:
    Path("a.zip").write_bytes(zipped([*CONVERSATIONS, {"id": "c"}]))
    outcome = ready("import", "a.zip", *FORMATS["openai"][1])
    assert outcome.code == 2
    assert "a.zip: line 6, element 1 of conversations-001.json: this conversation has" in outcome.err


def test_a_resumed_import_keeps_all_rejects_of_one_line(ready: Cli) -> None:
    Path("in.json").write_bytes(json.dumps([*CONVERSATIONS, {"id": "c"}, {"id": "d"}]).encode())
    outcome = ready("import", "in.json", *FORMATS["openai"][1], "--rejects", "bad")
    assert outcome.code == 7
    kept = [json.loads(line) for line in Path("bad").read_bytes().splitlines()]
    assert [each["line"] for each in kept] == ["1, element 2", "1, element 3"]
    assert [json.loads(each["text"]) for each in kept] == [{"id": "c"}, {"id": "d"}]


@pytest.mark.parametrize(
    ("data", "look"),
    [
        (b"# Chat\n\nhello", "Markdown"),
        (b"<!DOCTYPE html>\n<html>", "an HTML page"),
        (b"role,content\nuser,hi\n", "CSV"),
        (b'data: {"choices": []}\n', "server-sent events"),
        (b"hello there\n", "plain text"),
    ],
)
def test_an_input_that_is_not_json_is_refused(ready: Cli, data: bytes, look: str) -> None:
    outcome = ready("import", *FORMATS["openai"][1], stdin=data)
    assert outcome.code == 2
    assert f"hint: this looks like {look}" in outcome.err


CHILD = """
import gzip, io, resource, sys, zipfile, zlib
from tsmem.errors import InvalidInput
from tsmem.transfer.formats.conversations import Conversion
from tsmem.transfer.importing import ImportSource, read_records

def peak_mb():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) / 1024


def packed(part, count, first=b""):
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join([packer.compress(first), *(packer.compress(part) for _ in range(count)), packer.flush()])

def outcome(stream):
    try:
        return sum(1 for _ in read_records(ImportSource(stream, "openai", Conversion("u", 1))))
    except InvalidInput as error:
        return error.message

def zipped():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("conversations.json", "w") as member:
            member.write(b'[{"id": "')
            for _ in range(200):
                member.write(b"x" * 2**20)
    made.seek(0)
    return made

def array(count):
    said = b'{"role": "user", "content": "' + b"x" * 900 + b'"}'
    return io.BytesIO(b"[%s]" % b",".join(b'{"id": "%d", "messages": [%s]}' % (n, said) for n in range(count)))
"""


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured and limited by /proc")


def measured(script: str, limit_mb: int = 0) -> list[str]:
    """Run a script with a limit on additional memory, and return the lines that it prints."""
    guard = f"""
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + {limit_mb} * 2**20,) * 2)
"""
    code = CHILD + (guard if limit_mb else "") + script
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@needs_proc
def test_importing_a_long_array_takes_bounded_memory() -> None:
    script = "made = array(10_000); before = peak_mb(); print(outcome(made)); print(peak_mb() - before)"
    rows, growth_mb = measured(script)
    assert rows == "20000"
    assert float(growth_mb) < 10


@needs_proc
@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("""io.BytesIO(packed(b"x" * 2**20, 200, b'{"messages": "'))""", "line 1: this value is longer than 64 MB"),
        ("io.BytesIO(packed(bytes(2**20), 200))", "the input is binary data, not JSON"),
        pytest.param(
            """io.BytesIO(packed(b'{"a":1},' * 2**17, 100, b'[{"messages": ['))""",
            "line 1, element 0: this array or object holds more than 1,000,000 values",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "zipped()",
            "line 1, element 0 of conversations.json: this value is longer than 64 MB",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["a line", "zeros", "many small values", "an element in a zip"],
)
def test_a_decompression_bomb_is_refused_in_bounded_memory(made: str, message: str) -> None:
    assert measured(f"print(outcome({made}))", limit_mb=400) == [message]
