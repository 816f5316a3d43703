"""What no command writes over, however it is named: see `outputs.py`, which alone asks."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tsmem.disk import HEADER_BYTES, SUFFIXES, is_store, store_beside
from tsmem.errors import InvalidInput
from tsmem.links import link_of_another


class OutputCheck:
    """What may not be written, and why."""

    def __init__(self, protected: Iterable[tuple[str, str]], name: str, source: BinaryIO | None) -> None:
        """`protected` are paths that must not be written, with what they are; `source` is the input of the same
        command."""
        self._name = name
        self._protected = dict(protected)
        self._source: os.stat_result | None = None
        with suppress(OSError, ValueError):  # an input without a descriptor
            self._source = None if source is None else os.fstat(source.fileno())

    def _refuse(self, what: str, hint: str = "write to another file") -> InvalidInput:
        return InvalidInput(f"{self._name} is {what}", hint=hint)

    def links(self) -> None:
        """Raise InvalidInput for a name that leads over another user's link: it could lead to any file."""
        if (link := link_of_another(Path(self._name))) is not None:
            what = f"{link} is" if link != Path(self._name).absolute() else f"{self._name} is"
            raise InvalidInput(f"{what} a link that belongs to another user", hint="write to another file")

    def path(self, path: str) -> None:
        """Raise InvalidInput for the path of something precious, also where nothing is yet."""
        if (what := self._protected.get(path)) is not None:
            raise self._refuse(what)
        if path.endswith(SUFFIXES) and (store := store_beside(path)) is not None:
            raise self._refuse(f"a file of the store {store}")

    def status(self, found: os.stat_result, *, own: bool = False) -> None:
        """Raise InvalidInput for what belongs to somebody else, or is something precious under another name."""
        for path, what in self._protected.items():
            with suppress(OSError):
                if os.path.samestat(found, os.stat(path)):  # noqa: PTH116
                    raise self._refuse(what)
        same = self._source is not None and os.path.samestat(found, self._source)
        if same and not stat.S_ISCHR(found.st_mode) and not stat.S_ISSOCK(found.st_mode):  # those go both ways
            raise self._refuse("what is imported", hint="rejects go into a file of their own")
        if not own and found.st_uid not in (0, os.geteuid()):
            raise InvalidInput(f"{self._name} belongs to another user", hint="write to another file")

    def descriptor(self, descriptor: int, *, own: bool = True) -> None:
        """Check what a descriptor is open on, and what stands in it; one's own was open before."""
        found = os.fstat(descriptor)
        self.status(found, own=own)
        if stat.S_ISREG(found.st_mode) and is_store(_header(descriptor)):
            raise self._refuse("a tsmem store")


def _header(descriptor: int) -> bytes:
    """The first bytes of a file, also of one that is open for writing only. Empty where they cannot be read."""
    with suppress(OSError):
        return os.pread(descriptor, HEADER_BYTES, 0)
    with suppress(OSError), open(f"/dev/fd/{descriptor}", "rb") as stream:  # noqa: PTH123
        return stream.read(HEADER_BYTES)
    return b""
