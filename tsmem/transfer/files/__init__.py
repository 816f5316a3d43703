"""The files that a user names: exports and rejects.

`export`, `import --rejects` and `export_file` open their output with `outputs.py`, which refuses forbidden files and
replaces a file only with a complete one. `descriptors.py` handles names of open descriptors, such as /dev/stdout, and
waits for descriptors that do not block. The functions below turn an OSError into an error for the user.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tsmem.errors import InvalidInput, StorageFailure, TsmemError

_DISK_FAILS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
_NO_NAME = "the file name is empty"
_HINTS = {errno.ENOSPC: "free some space and try again", errno.ENOENT: "create the folder first"}


def cannot_read(name: str, error: Exception) -> InvalidInput:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InvalidInput(f"cannot read {name}: {reason}" if name else _NO_NAME)


def cannot_write(name: str, error: OSError) -> TsmemError:
    """Return StorageFailure if the disk fails, else InvalidInput."""
    kind = StorageFailure if error.errno in _DISK_FAILS else InvalidInput
    number = error.errno or 0
    reason = error.strerror or os.strerror(number)
    if not name:
        return InvalidInput(_NO_NAME)
    return kind(f"cannot write {name}: {reason}", hint=_HINTS.get(number))


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn an OSError into the error of `cannot_write`. BrokenPipeError passes, because the command line handles it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise cannot_write(name, error) from error
