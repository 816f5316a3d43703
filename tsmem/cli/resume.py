"""How far an import of a file has come, kept in a small file of its own, so that `import --resume` can go on there.

The point is that of records which are settled: all before it are written, or kept as rejects. It is written while the
import runs, now and then, and removed when it has ended well. It belongs to one input (its path, size and modification
time), read in one way, and to one target; of anything else there is no point. A stale one is only earlier than it could
be, and rows that are written twice are as they were.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from tsmem.cli.outputs import replace_private
from tsmem.disk import make_private_folder
from tsmem.limits import MAX_ROWS_PER_READ
from tsmem.profiles.file import xdg
from tsmem.profiles.model import NoHome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tsmem.cli.call import Call
    from tsmem.store.model import Message, Session
    from tsmem.store.records import Record

EVERY_S = 0.25
"""Seconds between two notes of the point."""


class ResumePoint:
    """The point of one import."""

    def __init__(self, call: Call, stream: BinaryIO, name: str, how: tuple[object, ...]) -> None:
        """`how` is all that decides which rows the input becomes."""
        status = os.fstat(stream.fileno())
        layout = call.store.layout
        tables = (layout.session.ref.name, layout.message.ref.name)
        identity = [os.path.realpath(name), status.st_size, status.st_mtime_ns, call.profile.target, *tables, *how]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        folder = _folder(call)
        self._path = None if folder is None else folder / f"{digest}.json"
        self._clock = call.clock
        self._due_s = call.clock.monotonic_s() + EVERY_S
        self._noted: int | None = None

    @property
    def is_kept(self) -> bool:
        """Whether there is a place to keep it."""
        return self._path is not None

    def read(self) -> int:
        """How many records are settled; 0 where nothing is known."""
        if self._path is None:
            return 0
        try:
            settled = json.loads(self._path.read_bytes())["settled"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return settled if type(settled) is int and settled > 0 else 0

    def note(self, settled: int, *, now: bool = False) -> bool:
        """So many records are settled; whether there is a point to go on from. That it cannot be noted is no reason to
        fail: an import can begin anew."""
        if self._path is None or settled == self._noted or not (now or self._clock.monotonic_s() >= self._due_s):
            return bool(self._noted)
        self._due_s = self._clock.monotonic_s() + EVERY_S
        with suppress(OSError):
            make_private_folder(str(self._path.parent))
            replace_private(str(self._path), json.dumps({"settled": settled}).encode())
            self._noted = settled
        return bool(self._noted)

    def clear(self) -> None:
        """The import has ended well."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def _folder(call: Call) -> Path | None:
    """Where points are kept; None without a home directory, where none can be kept."""
    try:
        return xdg(call.environ, "XDG_STATE_HOME", ".local/state") / "tsmem" / "imports"
    except NoHome:
        return None


class Sample:
    """A few of the records before a point: when one of their rows is gone, the target is not what it was, and going on
    there would leave a gap."""

    def __init__(self, settled: int, is_kept: Callable[[Record], bool] = lambda record: False) -> None:
        """`is_kept` says of a record that it was refused, so that its row need not be there."""
        self._settled = settled
        self._stride = max(1, settled // (MAX_ROWS_PER_READ - 1))
        self._is_kept = is_kept
        self.items: list[Session | Message] = []
        self.passed = 0
        """Records that were seen."""

    def of(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records, sampled as they pass."""
        for place, record in enumerate(records):
            chosen = place < self._settled and (place % self._stride == 0 or place == self._settled - 1)
            if chosen and not self._is_kept(record):
                self.items.append(record.item)
            self.passed += 1
            yield record
