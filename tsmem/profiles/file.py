"""Find and read the profile file, with the line of each key, and check whether other users could change it."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tsmem.disk import is_read_only, steps_to
from tsmem.errors import ProfileError
from tsmem.profiles.model import NoHome, home

MAX_FILE_BYTES = 64 * 1024
MAX_LINE_CHARS = 4 * 1024
"""tomllib takes quadratic time for a key with thousands of parts."""


def config_path(environ: Mapping[str, str], flag: str | Path | None = None) -> Path:
    """Return the path of the profile file: the value of --config (`flag`), else of TSMEM_CONFIG, else
    tsmem/config.toml in XDG_CONFIG_HOME or ~/.config. Raises NoHome."""
    named = _named_path(environ, flag)
    return xdg_folder(environ, "XDG_CONFIG_HOME", ".config") / "tsmem" / "config.toml" if named is None else named


def xdg_folder(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """Return a folder of the XDG Base Directory Specification. Raises NoHome."""
    text = environ.get(variable, "")
    return Path(text) if text.startswith("/") else home(environ) / default


def _named_path(environ: Mapping[str, str], flag: str | Path | None) -> Path | None:
    if flag is not None and not str(flag):
        raise ProfileError("--config is empty")
    name = environ.get("TSMEM_CONFIG") if flag is None else flag
    return Path(name) if name else None


class ConfigFile(NamedTuple):
    """The content of a profile file. Its methods take a key as a tuple: `("profiles", "work", "timeout")`."""

    path: Path
    data: Mapping[str, object]
    raw: bytes = b""
    lines: Mapping[tuple[str, ...], int] = {}
    """The line number of each key and table. Empty for new content that was not written to the file yet."""
    distrust_reason: str | None = None
    """The way in which another user could change the file; None if nobody can."""
    is_readable_by_others: bool = False

    def __repr__(self) -> str:
        return f"ConfigFile({str(self.path)!r})"  # without the content, which can include secrets

    def is_default(self, environ: Mapping[str, str]) -> bool:
        with suppress(NoHome):
            return self.path == config_path(environ)
        return False

    def line(self, key: tuple[str, ...]) -> int | None:
        """Return the line of a key, or else of the innermost table around it that has a line."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines[key] if key else None

    def place(self, key: tuple[str, ...]) -> str:
        """Return the place of a key for an error: `/home/ada/config.toml:12`."""
        line = self.line(key)
        return str(self.path) if line is None else f"{self.path}:{line}"

    def origin(self, key: tuple[str, ...]) -> str:
        """Return the place of a key for `profile show`: `config.toml line 12`."""
        line = self.line(key)
        return self.path.name if line is None else f"{self.path.name} line {line}"


def read_profiles(environ: Mapping[str, str], flag: str | Path | None = None) -> ConfigFile:
    """Return the profile file. If it is the default one, and does not exist or the home directory is unknown, the
    result is empty. Raises ProfileError."""
    try:
        path = config_path(environ, flag)
        return read_file(path)
    except NoHome:
        return ConfigFile(Path(), {})
    except (FileNotFoundError, NotADirectoryError) as error:
        if _named_path(environ, flag) is None:
            return ConfigFile(path, {})
        hint = "tsmem profile set creates it" if isinstance(error, FileNotFoundError) else None
        raise ProfileError(f"{path}: {error.strerror}", hint=hint) from error


def read_file(path: Path) -> ConfigFile:
    """Read a profile file. Raises FileNotFoundError and NotADirectoryError if there is none; ProfileError if it cannot
    be read, is too large, or is not TOML in UTF-8."""
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            raw = stream.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path}: {getattr(error, 'strerror', error)}") from error
    text = decode_text(path, raw)
    data = parse_toml(path, text)
    from tsmem.profiles.toml_text import key_lines  # imports tomllib, which is slow and not needed without a file

    is_readable_by_others = bool(status.st_mode & 0o044)
    return ConfigFile(path, data, raw, key_lines(text), distrust_reason(path, status), is_readable_by_others)


def decode_text(path: Path, raw: bytes) -> str:
    if len(raw) > MAX_FILE_BYTES:
        raise ProfileError(f"{path}: the profile file is larger than {MAX_FILE_BYTES // 1024} KiB")
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        text = raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line, column = raw.count(b"\n", 0, error.start) + 1, error.start - raw.rfind(b"\n", 0, error.start)
        # The UnicodeDecodeError contains the bytes.
        raise ProfileError(f"{path}:{line}:{column}: not UTF-8 text") from None
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
    except ValueError:  # from int(), for a number that is too long
        problem = "a number of thousands of digits"
    found = re.search(r" \(at line (\d+), column (\d+)\)$", problem)
    place = f"{path}:{found[1]}:{found[2]}" if found else path
    raise ProfileError(f"{place}: {problem[: found.start()] if found else problem}")


def distrust_reason(path: Path, status: os.stat_result) -> str | None:
    """Return how anyone but root and the user could change or replace the file; None if nobody can.

    This looks at the file, and at each folder and link on the path to it. In a folder with the sticky bit, nobody can
    replace another user's files."""
    for step, found in steps_to(path):
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
            return f"other users can write {step} (mode {stat.S_IMODE(found.st_mode):o})"
    return None
