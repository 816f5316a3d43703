"""Symbolic links on the path to a file, and who could change them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_MAX_STEPS = 400
"""Folders and links on one path; the system itself follows 40 links."""


def link_of_another(path: Path) -> Path | None:
    """Return a link on the path to a file that another user could change, if there is one."""
    for step, found in way_to(path):
        if found is None or not stat.S_ISLNK(found.st_mode) or found.st_uid in (0, os.geteuid()):
            continue
        if not is_read_only(step, found):
            return step
    return None


def is_read_only(step: Path, found: os.stat_result) -> bool:
    """True if a file, folder or link is on a file system that is mounted read-only."""
    try:
        return bool(os.statvfs(step.parent if stat.S_ISLNK(found.st_mode) else step).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def way_to(path: Path) -> Iterator[tuple[Path, os.stat_result | None]]:
    """Yield each folder and link on the path to a file, then the file. A step that cannot be read comes with None and
    is the last."""
    at, rest = Path("/"), [*reversed(path.absolute().parts[1:])]
    for _ in range(_MAX_STEPS):
        try:
            found = at.lstat()
            target = Path(at.readlink()) if stat.S_ISLNK(found.st_mode) else None
        except OSError:
            yield at, None
            return
        yield at, found
        if target is not None:
            rest += reversed(target.parts[target.is_absolute() :])
            at = Path("/") if target.is_absolute() else at.parent
        if not rest:
            return
        part = rest.pop()
        at = at.parent if part == ".." else at / part
    yield at, None
