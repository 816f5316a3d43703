"""Profiles as frozen values, and secrets that do not show themselves.

A `Secret` keeps what the file says, and fetches its value when a connection is made. No repr, str, format or error of
it carries the value; only `reveal` and `find` return it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from tsmem.errors import ProfileError
from tsmem.rows import MESSAGE_NAMES, SESSION_NAMES, TableNames

Backend = Literal["local", "tablestore"]
REFERENCES = ("env:", "file:", "cmd:")
COMMAND_TIMEOUT_S = 30.0
MAX_SECRET_BYTES = 64 * 1024
_OWN_SECRETS = frozenset(("TABLESTORE_ACCESS_KEY_SECRET", "TABLESTORE_SECURITY_TOKEN", "TSMEM_SERVE_SECRET"))
"""Variables that hold secrets of the profile `env` and of `serve`. A command that fetches another secret gets all other
variables, because only its author knows what it needs (PATH, HOME, a password manager's session)."""


class Secret:
    """A secret as the profile writes it: `env:NAME`, `file:PATH`, `cmd:COMMAND`, or plainly."""

    __slots__ = ("_distrust", "_environ", "_folder", "_text", "_what")

    def __init__(self, text: str, *, what: str, environ: Mapping[str, str], folder: Path, distrust: str | None) -> None:
        """`what` names it in errors; a relative PATH starts at `folder`; `distrust` says why no command may be run."""
        self._text = text
        self._what = what
        self._environ = environ
        self._folder = folder
        self._distrust = distrust
        _known.append(self)

    @property
    def is_reference(self) -> bool:
        return self._text.startswith(REFERENCES)

    @property
    def shown(self) -> str:
        return self._text if self.is_reference else "(set, hidden)"

    @property
    def at_hand(self) -> str | None:
        """The value if nothing has to be fetched: it is plain, or in a variable."""
        return self._environ.get(self._text.removeprefix("env:")) if self.is_reference else self._text

    def __repr__(self) -> str:
        return f"Secret({self.shown})"

    __str__ = __repr__

    def reveal(self) -> str:
        """Return the value, fetched anew each time.

        Raises ProfileError if it cannot be had: variable not set, file unreadable, command failed or took more than
        30 s, or a `cmd:` in a file that others can write."""
        if (value := self.find()) is None:
            variable = self._text.removeprefix("env:")
            hint = f"in bash or zsh: read -rs {variable} && export {variable} (keeps the value out of the history)"
            raise self._error(f"environment variable {variable} is not set", hint)
        return value

    def find(self) -> str | None:
        """Return the value, or None for an environment variable that is not set or empty. Raises as `reveal`."""
        kind, _, rest = self._text.partition(":")
        if not self.is_reference:
            raw = self._text.encode()
        elif kind == "file":
            path = expand(rest, self._environ, self._folder)
            try:
                with path.open("rb") as stream:
                    raw = stream.read(MAX_SECRET_BYTES + 1)
            except OSError as error:
                raise self._error(f"cannot read {path}: {error.strerror}") from error
        elif kind == "cmd":
            raw = self._from_command(rest)
        else:
            raw = self._environ.get(rest, "").encode(errors="surrogateescape")
            if not raw:
                return None
        if len(raw) > MAX_SECRET_BYTES:
            raise self._error(f"is longer than {MAX_SECRET_BYTES} bytes")
        text = raw.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")  # an error would carry the bytes
        if not text:
            raise self._error("is empty")
        if "\N{REPLACEMENT CHARACTER}" in text or not text.isprintable():
            raise self._error("is not one line of printable text")
        return text

    def _from_command(self, command: str) -> bytes:
        """Return what the command writes to its standard output. Its standard error is ours, so that it can ask or
        explain. subprocess.run has a timeout too, but keeps output without end."""
        import os
        import select
        import shlex
        import subprocess
        import time

        if self._distrust is not None:
            raise self._error(f"cmd: secrets run only if you alone can write the profile file: {self._distrust}")
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise self._error(f"cmd: cannot be split into words: {error}") from error
        if not words or not words[0]:
            raise self._error("cmd: has no command")
        ends_s = time.monotonic() + COMMAND_TIMEOUT_S
        environ = {name: value for name, value in self._environ.items() if name not in _OWN_SECRETS}
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own command, from a file only the user can write
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environ, cwd=self._folder
            )
        except (OSError, ValueError) as error:
            raise self._error(f"cannot run {words[0]!r}: {getattr(error, 'strerror', error)}") from error
        assert process.stdout is not None
        output, ready = b"", select.poll()
        ready.register(process.stdout)
        try:
            while len(output) <= MAX_SECRET_BYTES:
                if not ready.poll(max(0.0, ends_s - time.monotonic()) * 1000):
                    raise subprocess.TimeoutExpired(words, COMMAND_TIMEOUT_S)
                if not (piece := os.read(process.stdout.fileno(), MAX_SECRET_BYTES)):
                    process.wait(max(0.0, ends_s - time.monotonic()))
                    break
                output += piece
        except subprocess.TimeoutExpired:
            raise self._error(f"{words[0]!r} took more than {COMMAND_TIMEOUT_S:g} s") from None
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        if process.returncode and len(output) <= MAX_SECRET_BYTES:
            raise self._error(f"{words[0]!r} failed with exit code {process.returncode}")
        return output

    def _error(self, text: str, hint: str | None = None) -> ProfileError:
        return ProfileError(f"{self._what}: {text}", hint=hint)


_known: deque[Secret] = deque(maxlen=256)  # a process may read profiles without end


def known_secrets() -> list[str]:
    """Return the secrets of all profiles that were read, as far as they are at hand, to take them out of tracebacks."""
    return [text for secret in _known if (text := secret.at_hand)]


def expand(name: str, environ: Mapping[str, str], folder: Path) -> Path:
    """Return a path with its `~` resolved; a relative one starts at `folder`. Raises ProfileError for no home."""
    import os

    if name == "~" or name.startswith("~/"):
        return home(environ) / name[2:].lstrip("/")
    path = os.path.expanduser(name)  # noqa: PTH111 - for ~user alone, which asks no environment
    if path.startswith("~"):
        raise ProfileError(f"{name!r}: the home directory of this user is not known")
    return folder / path


class NoHome(ProfileError):
    """The user has no home directory, like a user id that only a container knows."""


def home(environ: Mapping[str, str]) -> Path:
    """Return the home directory: HOME's, else the user database's. Raises NoHome if neither knows it."""
    if (text := environ.get("HOME", "")).startswith("/"):
        return Path(text)
    import os
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as error:
        raise NoHome(
            f"no home directory is known: HOME is not set, and the system has no user {os.getuid()}",
            hint="set HOME, or XDG_DATA_HOME for the store of the profile 'local' and XDG_CONFIG_HOME for profiles",
        ) from error


class Credentials(NamedTuple):
    """The secrets of a connection, revealed. Keep them no longer than it takes to connect."""

    access_key_id: str
    access_key_secret: str
    security_token: str | None

    def __repr__(self) -> str:
        return "Credentials(hidden)"


class ProfileTables(NamedTuple):
    session: TableNames = SESSION_NAMES
    message: TableNames = MESSAGE_NAMES


class Profile(NamedTuple):
    name: str
    backend: Backend
    path: Path | None = None
    """File of a local store, absolute. The fields from `endpoint` to `ca_folders` belong to TableStore."""
    endpoint: str | None = None
    instance: str | None = None
    region: str | None = None
    """If set, requests carry V4 signatures."""
    access_key_id: Secret | None = None
    access_key_secret: Secret | None = None
    security_token: Secret | None = None
    ca_file: Path | None = None
    """Certificates of the authorities to trust, instead of the public ones."""
    ca_folders: str | None = None
    """Folders of more such certificates, joined by colons, as in SSL_CERT_DIR; None if the profile names a
    `ca_file`."""
    timeout_s: float = 30.0
    """Seconds to wait for one answer, retries included."""
    output: str | None = None
    tables: ProfileTables = ProfileTables()
    origins: Mapping[str, str] = MappingProxyType({})
    """Origins of the values that are not defaults, by dotted key; `name` says how the profile was chosen."""
    warnings: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return str(self.path) if self.backend == "local" else f"{self.instance} @ {self.endpoint}"

    def credentials(self) -> Credentials:
        """Return the secrets of a tablestore profile, revealed.

        Raises ProfileError, also for a local profile."""
        if self.access_key_id is None or self.access_key_secret is None:
            raise ProfileError(f"profile '{self.name}' has no access keys")
        token = None if self.security_token is None else self.security_token.find()
        return Credentials(self.access_key_id.reveal(), self.access_key_secret.reveal(), token)
