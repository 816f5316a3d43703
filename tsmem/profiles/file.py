"""Read the profile file: where it is, who else can change it, and its content with the line of each key.

Whatever the bytes are, the result is a `ConfigFile` or a ProfileError that names the place.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tsmem.disk import is_read_only, way_to
from tsmem.errors import ProfileError
from tsmem.profiles.model import NoHome, home

MAX_FILE_BYTES = 64 * 1024
"""Far above what people write, and low enough that a wrong file is refused at once."""
MAX_LINE_CHARS = 4 * 1024
"""tomllib takes quadratic time for a key of thousands of parts."""


def config_path(environ: Mapping[str, str], flag: str | Path | None = None) -> Path:
    """Return the path of the profile file: the flag's, else TSMEM_CONFIG's, else tsmem/config.toml in XDG_CONFIG_HOME
    or ~/.config. Raises NoHome if the home directory is needed and unknown."""
    named = _named(environ, flag)
    return xdg(environ, "XDG_CONFIG_HOME", ".config") / "tsmem" / "config.toml" if named is None else named


def xdg(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """Return a base directory. A relative one is ignored. Raises NoHome.

    Source: XDG Base Directory Specification 0.8."""
    text = environ.get(variable, "")
    return Path(text) if text.startswith("/") else home(environ) / default


def _named(environ: Mapping[str, str], flag: str | Path | None) -> Path | None:
    if flag is not None and not str(flag):
        raise ProfileError("--config is empty")
    name = environ.get("TSMEM_CONFIG") if flag is None else flag
    return Path(name) if name else None


class ConfigFile(NamedTuple):
    path: Path
    text: str
    """The text with \\n line ends, without a byte order mark."""
    data: Mapping[str, object]
    lines: Mapping[tuple[str, ...], int] = {}
    """The line on which each key and table first stands; empty for a text that is not on the disk yet."""
    distrust: str | None = None
    readable_by_others: bool = False

    def __repr__(self) -> str:
        return f"ConfigFile({str(self.path)!r})"

    def is_default(self, environ: Mapping[str, str]) -> bool:
        with suppress(NoHome):
            return self.path == config_path(environ)
        return False

    def line(self, key: tuple[str, ...]) -> int | None:
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines[key] if key else None

    def place(self, key: tuple[str, ...]) -> str:
        line = self.line(key)
        return str(self.path) if line is None else f"{self.path}:{line}"

    def origin(self, key: tuple[str, ...]) -> str:
        """Return `config.toml line 12` of a key, for people who look at a profile."""
        line = self.line(key)
        return self.path.name if line is None else f"{self.path.name} line {line}"


def read_profiles(environ: Mapping[str, str], flag: str | Path | None = None) -> ConfigFile:
    """Return the profile file, empty if no file was named and the default one does not exist.

    Raises ProfileError: named and not found, unreadable, too large, not UTF-8, not TOML."""
    try:
        path = config_path(environ, flag)
    except NoHome:
        return ConfigFile(Path(), "", {})
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            raw = stream.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        if _named(environ, flag) is None:
            return ConfigFile(path, "", {})
        raise ProfileError(f"{path}: {error.strerror}", hint="tsmem profile set creates it") from error
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path}: {getattr(error, 'strerror', error)}") from error
    text = decode_text(path, raw)
    data = parse_toml(path, text)
    from tsmem.profiles.toml_text import key_lines  # it loads tomllib, which is not needed without a file

    return ConfigFile(path, text, data, key_lines(text), distrust(path, status), bool(status.st_mode & 0o044))


def decode_text(path: Path, raw: bytes) -> str:
    if len(raw) > MAX_FILE_BYTES:
        raise ProfileError(f"{path}: larger than {MAX_FILE_BYTES // 1024} KiB, too large for a profile file")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line, column = raw.count(b"\n", 0, error.start) + 1, error.start - raw.rfind(b"\n", 0, error.start)
        raise ProfileError(f"{path}:{line}:{column}: not UTF-8 text") from None  # the error carries the bytes
    for number, line_text in enumerate(text.split("\n"), 1):
        if len(line_text) > MAX_LINE_CHARS:
            raise ProfileError(f"{path}:{number}: a line of more than {MAX_LINE_CHARS} characters")
    return text


def parse_toml(path: Path, text: str) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError:
        problem = "nested too deeply"
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
    except ValueError:  # of int()
        problem = "a number of thousands of digits"
    found = re.search(r" \(at line (\d+), column (\d+)\)$", problem)
    place = f"{path}:{found[1]}:{found[2]}" if found else path
    raise ProfileError(f"{place}: {problem[: found.start()] if found else problem}")


def distrust(path: Path, status: os.stat_result) -> str | None:
    """Return how someone other than the user and root can change what the file says; None if nobody can.

    The file, every folder on the way to it and every link there must belong to root or the user, and neither group nor
    others may write it. In a folder with the sticky bit nobody can replace another user's file. On a file system that
    is mounted read-only nothing can be written."""
    for step, found in way_to(path):
        if found is None:
            return f"{step} cannot be examined"
        is_folder, is_link = stat.S_ISDIR(found.st_mode), stat.S_ISLNK(found.st_mode)
        if not is_folder and not is_link:
            found = status
        if is_read_only(step, found):
            continue
        if found.st_uid not in (0, os.geteuid()):
            return f"{'the link ' if is_link else ''}{step} belongs to another user"
        if not is_link and found.st_mode & 0o022 and not (is_folder and found.st_mode & stat.S_ISVTX):
            return f"{step} can be written by others (mode {stat.S_IMODE(found.st_mode):o})"
    return None
