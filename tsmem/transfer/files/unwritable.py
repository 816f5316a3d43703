"""What no command may write, by whatever name: stores, the profile file, the input, files of other users.

`outputs.py` checks each output here, and `export` its standard output.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tsmem.disk import HEADER_BYTES, SUFFIXES, is_store, link_of_another, store_beside
from tsmem.errors import InvalidInput


class OutputCheck:
    """The checks of one output. Each raises InvalidInput for what must not be written."""

    def __init__(self, protected: Iterable[tuple[str, str]], name: str, source: BinaryIO | None) -> None:
        """`protected` are paths that must not be written, each with a description; `source` is the input of the same
        command."""
        self._name = name
        self._protected = dict(protected)
        self._source: os.stat_result | None = None
        with suppress(OSError, ValueError):  # an input without a descriptor
            self._source = None if source is None else os.fstat(source.fileno())

    def check_links(self) -> None:
        """Refuse a name that leads over another user's link: it could lead to any file."""
        if (link := link_of_another(Path(self._name))) is not None:
            what = f"{link} is" if link != Path(self._name).absolute() else f"{self._name} is"
            raise InvalidInput(f"{what} a link that belongs to another user", hint="write to another file")

    def check_path(self, path: str) -> None:
        """Refuse the path of a protected file, also where no file is yet."""
        if (what := self._protected.get(path)) is not None:
            raise self._refusal(f"is {what}")
        if path.endswith(SUFFIXES) and (store := store_beside(path)) is not None:
            raise self._refusal(f"is a file of the store {store}")

    def check_status(self, found: os.stat_result, *, was_open: bool = False) -> None:
        """Refuse a protected file under another name, the input, and what belongs to another user. What was open when
        the command started may belong to anybody."""
        for path, what in self._protected.items():
            with suppress(OSError):
                if os.path.samestat(found, os.stat(path)):  # noqa: PTH116
                    raise self._refusal(f"is {what}")
        same = self._source is not None and os.path.samestat(found, self._source)
        if same and not stat.S_ISCHR(found.st_mode) and not stat.S_ISSOCK(found.st_mode):  # those go both ways
            raise self._refusal("is what is imported", hint="rejects go into a file of their own")
        if not was_open and found.st_uid not in (0, os.geteuid()):
            raise self._refusal("belongs to another user")

    def check_descriptor(self, descriptor: int, *, was_open: bool = True) -> None:
        """Check the file that a descriptor is open on, and refuse a store, known by its content."""
        found = os.fstat(descriptor)
        self.check_status(found, was_open=was_open)
        if stat.S_ISREG(found.st_mode) and is_store(_header(descriptor)):
            raise self._refusal("is a tsmem store")

    def _refusal(self, what: str, hint: str = "write to another file") -> InvalidInput:
        return InvalidInput(f"{self._name} {what}", hint=hint)


def _header(descriptor: int) -> bytes:
    """Return the first bytes of a file, also of one that is open for writing only; none where they cannot be read."""
    with suppress(OSError):
        return os.pread(descriptor, HEADER_BYTES, 0)
    with suppress(OSError), open(f"/dev/fd/{descriptor}", "rb") as stream:  # noqa: PTH123
        return stream.read(HEADER_BYTES)
    return b""
