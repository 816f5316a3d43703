"""The values of a profile: `Profile`, and `Secret` for those values of it that must not be printed.

A Secret is made of the text in the profile: `env:NAME`, `file:PATH`, `cmd:COMMAND`, or the value itself. The value is
fetched when a connection is made. Neither `repr` nor `str` nor an error message contains it.
"""

from __future__ import annotations

import os
import time
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
"""Variables that a `cmd:` command does not get. It may need any other, such as the session of a password manager."""


class Secret:
    __slots__ = ("_distrust_reason", "_environ", "_folder", "_name", "_text")

    def __init__(
        self, text: str, *, name: str, environ: Mapping[str, str], folder: Path, distrust_reason: str | None
    ) -> None:
        """`name` names the secret in errors. A relative PATH starts at `folder`. A `distrust_reason` forbids `cmd:`."""
        self._text = text
        self._name = name
        self._environ = environ
        self._folder = folder
        self._distrust_reason = distrust_reason
        _known.append(self)

    @property
    def is_reference(self) -> bool:
        return self._text.startswith(REFERENCES)

    @property
    def shown(self) -> str:
        return self._text if self.is_reference else "(set, hidden)"

    @property
    def value_at_hand(self) -> str | None:
        """The value if it is in the profile itself or in an environment variable; None otherwise."""
        return self._environ.get(self._text.removeprefix("env:")) if self.is_reference else self._text

    def __repr__(self) -> str:
        return f"Secret({self.shown})"

    def reveal(self) -> str:
        """Fetch and return the value. Raises ProfileError."""
        if (value := self.find()) is None:
            variable = self._text.removeprefix("env:")
            hint = f"in bash or zsh: read -rs {variable} && export {variable} (keeps the value out of the history)"
            raise self._error(f"environment variable {variable} is not set", hint)
        return value

    def find(self) -> str | None:
        """Do the same as `reveal`, but return None for an environment variable that is empty or not set."""
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
        # errors="replace": a UnicodeDecodeError would show the value.
        text = raw.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")
        if not text:
            raise self._error("is empty")
        if "\N{REPLACEMENT CHARACTER}" in text or not text.isprintable():
            raise self._error("is not one line of printable text")
        return text

    def _from_command(self, command: str) -> bytes:
        """Return the command's output. The command writes to our standard error, so that it can prompt or explain.
        It is not read by `subprocess.run`, which has no limit on its size."""
        import select
        import shlex
        import subprocess

        if (reason := self._distrust_reason) is not None:
            raise self._error(f"{reason}, so the command after 'cmd:' was not run")
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise self._error(f"the command after 'cmd:' cannot be split into words: {error}") from error
        if not words or not words[0]:
            raise self._error("there is no command after 'cmd:'")
        deadline_s = time.monotonic() + COMMAND_TIMEOUT_S
        environ = {name: value for name, value in self._environ.items() if name not in _OWN_SECRETS}
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own command, from a file only the user can write
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environ, cwd=self._folder
            )
        except (OSError, ValueError) as error:
            raise self._error(f"cannot run {words[0]!r}: {getattr(error, 'strerror', error)}") from error
        assert process.stdout is not None
        output, poller = b"", select.poll()
        poller.register(process.stdout)
        try:
            while len(output) <= MAX_SECRET_BYTES:
                if not poller.poll(max(0.0, deadline_s - time.monotonic()) * 1000):
                    raise subprocess.TimeoutExpired(words, COMMAND_TIMEOUT_S)
                if not (chunk := os.read(process.stdout.fileno(), MAX_SECRET_BYTES)):
                    process.wait(max(0.0, deadline_s - time.monotonic()))
                    break
                output += chunk
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
        return ProfileError(f"{self._name}: {text}", hint=hint)


_known: deque[Secret] = deque(maxlen=256)
"""The newest secrets of this process. Their number is limited, because a process can load any number of profiles."""


def known_secrets() -> list[str]:
    """Return the values that are known without reading a file or running a command, for removal from a traceback."""
    return [value for secret in _known if (value := secret.value_at_hand)]


def expand(name: str, environ: Mapping[str, str], folder: Path) -> Path:
    if name == "~" or name.startswith("~/"):
        return home(environ) / name[2:].lstrip("/")
    path = os.path.expanduser(name)  # noqa: PTH111 - for ~user, which does not depend on the environment
    if path.startswith("~"):
        raise ProfileError(f"{name!r}: there is no user of this name")
    return folder / path


class NoHome(ProfileError):
    """The home directory is unknown, as for a user id without an account in a container."""


def home(environ: Mapping[str, str]) -> Path:
    if (text := environ.get("HOME", "")).startswith("/"):
        return Path(text)
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as error:
        raise NoHome(
            f"no home directory is known: HOME is not set, and the system has no user {os.getuid()}",
            hint="set HOME, or XDG_DATA_HOME for the store of the profile 'local' and XDG_CONFIG_HOME for profiles",
        ) from error


class Credentials(NamedTuple):
    """The revealed secrets of a connection. Do not keep them longer than it takes to connect."""

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
    """Absolute path of a local store. A TableStore profile has the fields from `endpoint` to `ca_folders` instead."""
    endpoint: str | None = None
    instance: str | None = None
    region: str | None = None
    """If it is given, requests are signed with version 4 of TableStore's signatures."""
    access_key_id: Secret | None = None
    access_key_secret: Secret | None = None
    security_token: Secret | None = None
    ca_file: Path | None = None
    """Certificates of the authorities to trust, instead of the public authorities."""
    ca_folders: str | None = None
    """Folders with the certificates of further authorities to trust, joined by colons."""
    timeout_s: float = 30.0
    """Time limit for each call of the store's backend, retries included."""
    output: str | None = None  # default output format of the command line
    tables: ProfileTables = ProfileTables()
    origins: Mapping[str, str] = MappingProxyType({})
    """Source of each value that is not a default, by dotted key. The entry `name` says what chose the profile."""
    warnings: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return str(self.path) if self.backend == "local" else f"{self.instance} @ {self.endpoint}"

    def credentials(self) -> Credentials:
        if self.access_key_id is None or self.access_key_secret is None:
            raise ProfileError(f"profile '{self.name}' has no access keys")
        token = None if self.security_token is None else self.security_token.find()
        return Credentials(self.access_key_id.reveal(), self.access_key_secret.reveal(), token)
