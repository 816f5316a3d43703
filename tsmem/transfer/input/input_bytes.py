"""Open the input of an import, and unpack gzip and zip. An input that cannot hold JSON is refused by what it is.

Nothing is unpacked in one piece, so a small file that unpacks to a huge one takes no more memory than any other.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple

from tsmem.disk import is_store
from tsmem.errors import InvalidInput
from tsmem.transfer.files import cannot_read

if TYPE_CHECKING:
    from zipfile import ZipInfo

CHUNK_BYTES = 2**16
"""Larger chunks cost page faults: 0.5 s of 2.5 s on 120 MB."""
_SNIFFED_BYTES = 512
_MEMBER = re.compile(r"(?:.*/)?conversations[^/]*\.json")
"""The files that are read from a zip. The exports of ChatGPT and claude.ai have them."""


class Input(NamedTuple):
    name: str
    raw: BinaryIO
    is_file: bool = False
    """False for standard input."""


@contextmanager
def open_input(name: str) -> Iterator[Input]:
    """Open a file. Raises InvalidInput. In the `with` block, an error about a line gets the file's name in front."""
    try:
        raw = open(name, "rb")  # noqa: PTH123, SIM115
    except (OSError, ValueError) as error:
        raise cannot_read(name, error) from error
    with raw:
        try:
            yield Input(name, raw, is_file=True)
        except InvalidInput as error:
            if error.message.startswith("line "):
                error.message = f"{name}: {error.message}"
            raise


_UNPACK = "unpack it first, and import what is in it"
_COPY = "create a profile for it, then run: tsmem copy --from NEW_PROFILE --to PROFILE"
_EXPORT = "convert the conversations to JSON first"
_KINDS = (
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"%PDF-", "a PDF", _EXPORT),
    (b"\x00\x00\x00\x00", "binary data", _EXPORT),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it first, with zstd -d"),
    (b"BZh", "compressed with bzip2", "unpack it first, with bunzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it first, with unxz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
)
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_KINDS = (("xl/", "an Excel workbook"), ("word/", "a Word document"), ("ppt/", "a PowerPoint presentation"))
_TEXT_KINDS = (
    (r"<!doctype html|<html", "an HTML page"),
    (r"(data|event|id|retry): ?", "server-sent events"),
    (r"(---|#|>|\*\*|[-*] )", "Markdown or YAML"),
    (r"[^,]+(,[^,]+)+$|[^;]+(;[^;]+)+$|[^\t]+(\t[^\t]+)+$", "CSV"),
)


def unpacked_texts(stream: BinaryIO, name: str) -> Iterator[tuple[str | None, Iterator[bytes]]]:
    """Yield the chunks of each text of an input: one text, or several with their file names in a zip."""
    first, chunks = _sniffed(_read(stream, name))
    if first.startswith(_ZIP):
        yield from _zipped(stream, name)
        return
    if first.startswith(_GZIP):
        first, chunks = _sniffed(_gunzipped(chunks, name))
    _refuse_binary(first, name)
    yield None, chunks


def text_advice(line: str) -> str:
    text = line.strip().lower()
    kind = next((kind for pattern, kind in _TEXT_KINDS if re.match(pattern, text)), "plain text")
    return f"this looks like {kind}; import reads JSON and JSON lines"


def _read(stream: IO[bytes], name: str) -> Iterator[bytes]:
    read = getattr(stream, "read1", stream.read)  # read1 does not wait until a pipe has filled the chunk
    try:
        while chunk := read(CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise cannot_read(name, error) from error


def _sniffed(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes of an input, and an iterator over all of it."""
    first = b""
    while len(first) < _SNIFFED_BYTES and (chunk := next(chunks, b"")):
        first += chunk
    return first[:_SNIFFED_BYTES], chain((first,), chunks)


def _refuse_binary(first: bytes, name: str) -> None:
    if is_store(first):
        raise InvalidInput(f"{name} is a tsmem store, not an export", hint=_COPY)
    if first.startswith((_GZIP, *_ZIP)):
        raise InvalidInput(f"{name} is compressed twice", hint=_UNPACK)
    for signature, kind, advice in _KINDS:
        if first.startswith(signature):
            raise InvalidInput(f"{name} is {kind}, not JSON", hint=advice)


def _gunzipped(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of gzip, which can have several members, and zeros after them."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for chunk in chunks:
        data = chunk
        while data:
            if unpacker.eof:
                data = data.lstrip(b"\x00")
                if not data:
                    break
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                unpacked = unpacker.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise InvalidInput(f"cannot read {name}: the compressed file is damaged") from error
            data = unpacker.unconsumed_tail or unpacker.unused_data
            if unpacked:
                yield unpacked
    if not unpacker.eof:
        raise InvalidInput(f"cannot read {name}: the compressed file was cut short")


def _zipped(stream: BinaryIO, name: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    from zipfile import BadZipFile, ZipFile

    @contextmanager
    def explained() -> Iterator[None]:
        try:
            yield
        except (BadZipFile, zlib.error, EOFError) as error:
            raise InvalidInput(f"cannot read {name}: the zip is damaged") from error
        except OSError as error:
            raise cannot_read(name, error) from error

    def unzipped(member: ZipInfo) -> Iterator[bytes]:
        with explained(), archive.open(member) as unpacked:
            yield from _read(unpacked, name)

    if not stream.seekable():
        raise InvalidInput(f"{name} is a zip, which cannot be read from a pipe", hint="import the file by its name")
    with explained():
        archive = ZipFile(stream)
    for member in _conversation_files(archive.infolist(), name):
        first, chunks = _sniffed(unzipped(member))
        _refuse_binary(first, f"{member.filename} in {name}")
        yield member.filename, chunks


def _conversation_files(members: list[ZipInfo], name: str) -> list[ZipInfo]:
    names = [member.filename for member in members]
    for start, kind in _ZIP_KINDS:
        if any(each.startswith(start) for each in names):
            raise InvalidInput(f"{name} is {kind}, not JSON", hint=_EXPORT)
    found = sorted((each for each in members if _MEMBER.fullmatch(each.filename)), key=lambda each: each.filename)
    if not found:
        some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        raise InvalidInput(f"{name} is a zip without conversations*.json; it holds {some or 'nothing'}", hint=_UNPACK)
    if any(each.flag_bits & 1 for each in found):
        raise InvalidInput(f"{name} is a zip with a password", hint=_UNPACK)
    if any(each.compress_type not in (0, 8) for each in found):  # Python does not unpack bzip2 and LZMA in chunks
        raise InvalidInput(f"{name} uses a compression method that import does not support", hint=_UNPACK)
    return found
