"""The files that a user names: exports and rejects.

`outputs.py` opens them. It refuses forbidden files, and replaces a file only with a complete one. `descriptors.py`
handles names of open descriptors, such as /dev/stdout. The functions below turn an OSError into an error for the user.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tsmem.errors import InvalidInput, StorageFailure, TsmemError

_DISK_FAILS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
_NO_NAME = "the file name is empty"
_HINTS = {errno.ENOSPC: "free some space and try again", errno.ENOENT: "create the folder first"}


def cannot_read(name: str, error: Exception) -> InvalidInput:
    return InvalidInput(f"cannot read {name}: {_reason(error)}" if name else _NO_NAME)


def cannot_write(name: str, error: OSError) -> TsmemError:
    if not name:
        return InvalidInput(_NO_NAME)
    kind = StorageFailure if error.errno in _DISK_FAILS else InvalidInput
    return kind(f"cannot write {name}: {_reason(error)}", hint=_HINTS.get(error.errno or 0))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn an OSError into the error of `cannot_write`. BrokenPipeError passes, because the command line handles it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise cannot_write(name, error) from error
