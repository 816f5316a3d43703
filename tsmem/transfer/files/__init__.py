"""Files that the user names: exports, rejects, backups, and the small files of resume points.

`outputs.py` opens every file that a command is told to write, and decides which must not be written; `tsmem/disk.py`
makes the new file that then takes the place of another. `descriptors.py` knows names such as /dev/stdout, and reads and
writes descriptors that do not block. The errors of files stand here.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tsmem.errors import InvalidInput, StorageFailure, TsmemError

_DISK_FAILS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
_HINTS = {errno.ENOSPC: "free some space and try again", errno.ENOENT: "create the folder first"}


def cannot_read(name: str, error: Exception) -> InvalidInput:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InvalidInput(f"cannot read {name or 'a file without a name'}: {reason}")


def cannot_write(name: str, error: OSError) -> TsmemError:
    """Return StorageFailure if the disk fails, else InvalidInput."""
    kind = StorageFailure if error.errno in _DISK_FAILS else InvalidInput
    number = error.errno or 0
    reason = error.strerror or os.strerror(number)
    return kind(f"cannot write {name or 'a file without a name'}: {reason}", hint=_HINTS.get(number))


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Raise `cannot_write` for an OSError, except for a pipe whose reader went away: the command line handles that."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise cannot_write(name, error) from error
