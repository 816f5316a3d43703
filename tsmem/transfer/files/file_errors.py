"""Errors of files in plain sentences."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tsmem.errors import InvalidInput, StorageFailure, TsmemError

_DISK_FAILS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def cannot_read(name: str, error: Exception) -> InvalidInput:
    """What to say of a file that cannot be read."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InvalidInput(f"cannot read {name or 'a file without a name'}: {reason}")


def cannot_write(name: str, error: OSError) -> TsmemError:
    """What to say of a file that cannot be written: the name is wrong, or the disk fails."""
    kind = StorageFailure if error.errno in _DISK_FAILS else InvalidInput
    hints = {errno.ENOSPC: "free some space and try again", errno.ENOENT: "the folder must be there already"}
    reason = error.strerror or os.strerror(error.errno or 0)
    return kind(f"cannot write {name or 'a file without a name'}: {reason}", hint=hints.get(error.errno or 0))


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Tell an OSError in a plain sentence. A reader that went away is told as everywhere."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise cannot_write(name, error) from error
