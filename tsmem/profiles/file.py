"""The profile file: where it is, who else can write it, and what it says with the line of each key.

One reader: whatever the bytes are, they become a `ConfigFile` or a ProfileError that names the place.
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
    """Where the profile file is: the flag's, else TSMEM_CONFIG, else tsmem/config.toml under XDG_CONFIG_HOME or
    ~/.config. Raises NoHome when the home directory is needed and not known."""
    if (named := _named(environ, flag)) is not None:
        return named
    return xdg(environ, "XDG_CONFIG_HOME", ".config") / "tsmem" / "config.toml"


def xdg(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """A base directory. A relative one is ignored. Raises NoHome. Source: XDG Base Directory Specification 0.8."""
    text = environ.get(variable, "")
    return Path(text) if text.startswith("/") else home(environ) / default


def _named(environ: Mapping[str, str], flag: str | Path | None) -> Path | None:
    """The file that was asked for by name, if one was."""
    if flag is not None:
        if not str(flag):
            raise ProfileError("--config names no file")
        return Path(flag)
    return Path(environ["TSMEM_CONFIG"]) if environ.get("TSMEM_CONFIG") else None


class ConfigFile(NamedTuple):
    """A profile file as it was read."""

    path: Path
    text: str
    """With \\n line ends, without a byte order mark."""
    data: Mapping[str, object]
    lines: Mapping[tuple[str, ...], int] = {}
    """Where each key and table first stands; empty for a text that is not on disk yet."""
    distrust: str | None = None
    """How someone else can change the file, if so."""
    readable_by_others: bool = False

    def __repr__(self) -> str:
        return f"ConfigFile({str(self.path)!r})"

    def is_default(self, environ: Mapping[str, str]) -> bool:
        """True if commands read this file without --config."""
        with suppress(NoHome):
            return self.path == config_path(environ)
        return False

    def place(self, key: tuple[str, ...]) -> str:
        """`path:line` of a key, or of the nearest table round it."""
        while key and key not in self.lines:
            key = key[:-1]
        return f"{self.path}:{self.lines[key]}" if key else str(self.path)

    def origin(self, key: tuple[str, ...]) -> str:
        """The same for people who look at a profile: `config.toml line 12`."""
        while key and key not in self.lines:
            key = key[:-1]
        return f"{self.path.name} line {self.lines[key]}" if key else self.path.name


def read_profiles(environ: Mapping[str, str], flag: str | Path | None = None) -> ConfigFile | None:
    """The profile file, or None where there is none and none was asked for by name.

    Raises ProfileError: not found though named, unreadable, too large, not UTF-8, not TOML."""
    try:
        path = config_path(environ, flag)
    except NoHome:  # so there is no file
        return None
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            raw = stream.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        if _named(environ, flag) is None:
            return None
        raise ProfileError(f"{path}: {error.strerror}", hint="tsmem profile set creates it") from error
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path}: {getattr(error, 'strerror', error)}") from error
    text = decode_text(path, raw)
    data = parse_toml(path, text)
    from tsmem.profiles.toml_text import key_lines

    return ConfigFile(path, text, data, key_lines(text), distrust(path, status), bool(status.st_mode & 0o044))


def decode_text(path: Path, raw: bytes) -> str:
    """The file's text. Raises ProfileError with line and column for what is not UTF-8."""
    if len(raw) > MAX_FILE_BYTES:
        raise ProfileError(f"{path}: larger than {MAX_FILE_BYTES // 1024} KiB, so it is no profile file")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        place = (raw.count(b"\n", 0, error.start) + 1, error.start - raw.rfind(b"\n", 0, error.start))
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > MAX_LINE_CHARS:
                raise ProfileError(f"{path}:{number}: a line of more than {MAX_LINE_CHARS} characters")
        return text
    raise ProfileError(f"{path}:{place[0]}:{place[1]}: not UTF-8 text")


def parse_toml(path: Path, text: str) -> dict[str, object]:
    """What the text says. Raises ProfileError with line and column for what is not TOML."""
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError:
        problem = "nested too deeply"
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
    except ValueError:  # of int()
        problem = "a number of thousands of digits"
    if found := re.search(r" \(at line (\d+), column (\d+)\)$", problem):
        raise ProfileError(f"{path}:{found[1]}:{found[2]}: {problem[: found.start()]}")
    if problem.endswith(end := " (at end of document)"):
        last = text.removesuffix("\n").split("\n")
        raise ProfileError(f"{path}:{len(last)}:{len(last[-1]) + 1}: {problem.removesuffix(end)}")
    raise ProfileError(f"{path}: {problem}")


def distrust(path: Path, status: os.stat_result) -> str | None:
    """Return how someone else than the user and root can change what the file says, if so.

    The file, every folder on the way to it and every link there must belong to root or the user, and group and others
    may not write it. A folder with the sticky bit lets nobody replace another's file. What is on a file system that is
    mounted read-only cannot be written at all."""
    for step, found in way_to(path):
        if found is None:
            return f"{step} cannot be looked at"
        if not stat.S_ISDIR(found.st_mode) and not stat.S_ISLNK(found.st_mode):
            found = status
        if is_read_only(step, found):
            continue
        if found.st_uid not in (0, os.geteuid()):
            what = "the link " if stat.S_ISLNK(found.st_mode) else ""
            return f"{what}{step} belongs to another user"
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & 0o022 and not _is_sticky(found):
            return f"{step} can be written by others (mode {stat.S_IMODE(found.st_mode):o})"
    return None


def _is_sticky(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_ISVTX)
