"""The rules of profiles: which keys there are, and which values they can have.

`choice.py` collects the values of a profile in a WrittenProfile. They come from the file or from environment variables,
or are built in. `build_profile` checks them and returns the Profile. An error never shows the value of a secret.
"""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from tsmem.errors import ProfileError
from tsmem.limits import COLUMN_NAME_RULE, is_column_name, is_name
from tsmem.profiles.file import ConfigFile
from tsmem.profiles.model import REFERENCES, Backend, Profile, ProfileTables, Secret, expand
from tsmem.rows import MESSAGE_NAMES, SESSION_NAMES, TableNames
from tsmem.words import did_you_mean

SECRET_KEYS = ("access_key_secret", "security_token")
CREDENTIAL_KEYS = ("access_key_id", *SECRET_KEYS)
"""Keys whose values can be references such as env:NAME. The access key id is one, although it is not a secret."""
COMMON_KEYS = ("backend", "timeout", "output", "tables")
BACKEND_KEYS: dict[str, tuple[str, ...]] = {
    "local": ("path",),
    "tablestore": ("endpoint", "instance", "region", *CREDENTIAL_KEYS, "ca_file"),
}
PROFILE_KEYS = (*COMMON_KEYS, *BACKEND_KEYS["local"], *BACKEND_KEYS["tablestore"])
TABLE_KEYS = ("name", "index", "search_index", "search_fields")
OUTPUTS = ("table", "json", "jsonl", "csv")
ENVIRONMENT = {
    "endpoint": "TABLESTORE_ENDPOINT",
    "instance": "TABLESTORE_INSTANCE_NAME",
    "access_key_id": "TABLESTORE_ACCESS_KEY_ID",
    "access_key_secret": "TABLESTORE_ACCESS_KEY_SECRET",
    "security_token": "TABLESTORE_SECURITY_TOKEN",
    "region": "TABLESTORE_REGION",
}

# A pattern here is a string, because compiling it would slow down the start of every command.
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
_REQUIRED = {
    "path": "memory.db",
    "endpoint": "https://my-instance.cn-hangzhou.ots.aliyuncs.com",
    "instance": "my-instance",
    "access_key_id": "env:ALIBABA_CLOUD_ACCESS_KEY_ID",
    "access_key_secret": "env:ALIBABA_CLOUD_ACCESS_KEY_SECRET",
}
"""Keys that a profile of their backend must have, each with an example for a hint."""


class WrittenProfile(NamedTuple):
    name: str
    environ: Mapping[str, str]
    values: Mapping[str, object] = {}
    file: ConfigFile | None = None
    origins: Mapping[str, str] = {}
    """Sources of the values that are not from the file, by key."""

    def __repr__(self) -> str:
        return f"WrittenProfile({self.name!r})"  # without the values, which can include secrets

    def table(self, *path: str) -> Mapping[str, object]:
        level = self.values
        for depth, part in enumerate(path, 1):
            below = level.get(part, {})
            if not isinstance(below, dict):
                raise self.error(path[:depth], f"{'.'.join(path[:depth])!r} must be a section of keys")
            level = below
        return level

    def find(self, *path: str) -> object:
        return self.table(*path[:-1]).get(path[-1])

    def origin(self, *path: str) -> str:
        if path[0] in self.origins or self.file is None:
            return self.origins.get(path[0], "default")
        return self.file.origin(("profiles", self.name, *path))

    def error(self, path: Sequence[str], problem: str, hint: str | None = None) -> ProfileError:
        place = "" if self.file is None else f"{self.file.place(('profiles', self.name, *path))}: "
        return ProfileError(f"{place}profile {self.name!r}: {problem}", hint=hint)


def build_profile(source: WrittenProfile, chosen_by: str) -> Profile:
    """Check the values and return the profile. `chosen_by` says what chose it. Raises ProfileError."""
    backend = _backend(source)
    ca_folders: str | None = None
    if backend == "tablestore" and source.find("ca_file") is None:
        ca_folders = source.environ.get("SSL_CERT_DIR") or None
        if named := source.environ.get("SSL_CERT_FILE"):
            origins = {**source.origins, "ca_file": "environment SSL_CERT_FILE"}
            source = source._replace(values={**source.values, "ca_file": named}, origins=origins)
    _check_keys(source, (), (*COMMON_KEYS, *BACKEND_KEYS[backend]), backend)
    texts = {key: text for key in _PARSERS if (text := _text(source, key)) is not None}
    values: dict[str, Any] = {key: _PARSERS[key](source, key, text) for key, text in texts.items()}
    profile = Profile(
        name=source.name,
        backend=backend,
        **values,
        ca_folders=ca_folders,
        timeout_s=_timeout(source),
        output=_one_of(source, OUTPUTS, "output"),
        tables=_tables(source),
        origins={"name": chosen_by, **dict(_origins(source))},
        warnings=tuple(_warnings(source, values)),
    )
    missing = [key for key in BACKEND_KEYS[backend] if key in _REQUIRED and source.find(key) is None]
    if missing and source.name == "env" and source.file is None:
        raise source.error((), "not set: " + ", ".join(ENVIRONMENT[key] for key in missing))
    if missing:
        assignments = [f"{key}={_REQUIRED[key]}" for key in missing]
        hint = f"for example: {_set_command(source, *assignments)}"
        raise source.error((), f"backend {backend} needs {', '.join(map(repr, missing))}", hint)
    return profile


def _backend(source: WrittenProfile) -> Backend:
    if source.find("backend") is None:
        _check_keys(source, (), PROFILE_KEYS)  # 'backend' can be there, but misspelt
        hint = f"for a store in a file: {_set_command(source, 'backend=local')}"
        raise source.error((), f"'backend' is missing; it must be {' or '.join(BACKEND_KEYS)}", hint)
    return cast(Backend, _one_of(source, tuple(BACKEND_KEYS), "backend"))


def _check_keys(source: WrittenProfile, table: tuple[str, ...], valid: tuple[str, ...], backend: str = "") -> None:
    for key in source.table(*table):
        if key in valid:
            continue
        others = [name for name, keys in BACKEND_KEYS.items() if key in keys and not table]
        if others:
            raise source.error((key,), f"{key!r} is a key of backend {others[0]}, and this profile is {backend}")
        where = f" in {'.'.join(table)!r}" if table else ""
        problem = f"unknown key {key!r}{where}{did_you_mean(key, valid)}"
        raise source.error((*table, key), problem, f"valid keys: {', '.join(valid)}")


def _set_command(source: WrittenProfile, *assignments: str) -> str:
    file = source.file
    options = [] if file is None or file.is_default(source.environ) else ["--config", str(file.path)]
    return shlex.join(["tsmem", *options, "profile", "set", source.name, *assignments])


def _text(source: WrittenProfile, *path: str) -> str | None:
    value, key = source.find(*path), ".".join(path)
    if value is not None and not isinstance(value, str):
        raise source.error(path, f"{key!r} must be text, not {_type_in_words(value)}")
    if value == "":
        raise source.error(path, f"{key!r} is empty")
    if value is not None and not value.isprintable() and re.search(_CONTROL, value):
        raise source.error(path, f"{key!r} holds a control character")
    return value


def _type_in_words(value: object) -> str:
    words = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    return words.get(type(value), "a date or time")


def _one_of(source: WrittenProfile, valid: tuple[str, ...], *path: str) -> str | None:
    value = _text(source, *path)
    if value is None or value in valid:
        return value
    suggestion = did_you_mean(value, valid)
    # A value that is not a typing mistake is not quoted: it could be a secret at the wrong key.
    is_not = f"is {value!r}, not" if suggestion else "is not"
    raise source.error(path, f"{'.'.join(path)!r} {is_not} one of {', '.join(valid)}{suggestion}")


def _folder(source: WrittenProfile) -> Path:
    return Path("/") if source.file is None else source.file.path.absolute().parent


def _secret(source: WrittenProfile, key: str, text: str) -> Secret:
    kind, _, rest = text.partition(":")
    if text.startswith(REFERENCES) and not (rest.isidentifier() and rest.isascii() if kind == "env" else rest.strip()):
        rest = {"env": "the name of an environment variable", "file": "the name of a file", "cmd": "a command"}[kind]
        raise source.error((key,), f"{key!r} must be '{kind}:' and {rest}")
    reason = None if source.file is None else source.file.distrust_reason
    name = f"profile {source.name!r}, {key} ({source.origin(key)})"
    return Secret(text, name=name, environ=source.environ, folder=_folder(source), distrust_reason=reason)


def _path(source: WrittenProfile, key: str, text: str) -> Path:
    try:
        return Path(os.path.normpath(expand(text, source.environ, _folder(source))))
    except ProfileError as error:
        raise source.error((key,), error.message, error.hint) from error


def _endpoint(source: WrittenProfile, key: str, text: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        is_plain = parts.path in ("", "/") and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        is_plain = False
    if not is_plain or parts.scheme not in ("http", "https") or not parts.hostname or "@" in text or " " in text:
        problem = "'endpoint' must be https://HOST or http://HOST, with a port where needed and nothing else"
        raise source.error((key,), problem, f"for example {_REQUIRED['endpoint']}")
    return text.rstrip("/")


def _host_label(source: WrittenProfile, key: str, text: str) -> str:
    """Check the name of an instance or region. The service has stricter rules, which can change."""
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", text) is None:
        raise source.error((key,), f"{key!r} must be letters, digits and hyphens")
    return text


_PARSERS: dict[str, Callable[[WrittenProfile, str, str], object]] = {
    "path": _path,
    "endpoint": _endpoint,
    "instance": _host_label,
    "region": _host_label,
    **dict.fromkeys(CREDENTIAL_KEYS, _secret),
    "ca_file": _path,
}


def _timeout(source: WrittenProfile) -> float:
    value = source.find("timeout")
    if value is None:
        return 30.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise source.error(("timeout",), f"'timeout' must be a number of seconds, not {_type_in_words(value)}")
    if not (math.isfinite(value) and 0 < value <= 86_400):
        raise source.error(("timeout",), "'timeout' must be more than 0 and at most 86400 seconds")
    return float(value)


def _tables(source: WrittenProfile) -> ProfileTables:
    _check_keys(source, ("tables",), ("session", "message"))
    session, message = _table(source, "session", SESSION_NAMES), _table(source, "message", MESSAGE_NAMES)
    names = [name for table in (session, message) for name in (table.name, table.secondary_index)]
    for name in names:
        if names.count(name) > 1:
            raise source.error(("tables",), f"two tables or secondary indexes have the name {name!r}")
    return ProfileTables(session, message)


def _table(source: WrittenProfile, noun: str, default: TableNames) -> TableNames:
    path = ("tables", noun)
    _check_keys(source, path, TABLE_KEYS)
    names: list[str] = []
    for key, default_name in zip(TABLE_KEYS[:3], default[:3], strict=True):
        names.append(_text(source, *path, key) or default_name)
        if not is_name(names[-1]):
            problem = "must be at most 255 letters, digits and _, and must not begin with a digit"
            raise source.error((*path, key), f"'{'.'.join((*path, key))}' {problem}")
    fields: dict[str, str] = {}
    types = ("keyword", "long", "double", "boolean", "text")
    for name in source.table(*path, "search_fields"):
        if not is_column_name(name):
            raise source.error((*path, "search_fields", name), f"search field {name!r} {COLUMN_NAME_RULE}")
        fields[name] = _one_of(source, types, *path, "search_fields", name) or ""
    table, index, search_index = names
    return TableNames(table, index, search_index, fields)


def _origins(source: WrittenProfile, *table: str) -> Iterator[tuple[str, str]]:
    for key, value in source.table(*table).items():
        if isinstance(value, dict):
            yield from _origins(source, *table, key)
        else:
            yield ".".join((*table, key)), source.origin(*table, key)


def _warnings(source: WrittenProfile, values: Mapping[str, Any]) -> Iterator[str]:
    file = source.file
    if file is not None and file.distrust_reason is not None:
        yield f"{file.path}: others can change this profile file: {file.distrust_reason}"
    has_plain_secret = any(key in values and not values[key].is_reference for key in SECRET_KEYS)
    if has_plain_secret and file is not None and file.is_readable_by_others:
        advice = "make it mode 600, or write env:NAME, file:PATH or cmd:COMMAND"
        yield f"{file.path}: holds secrets of profile {source.name!r} and can be read by others; {advice}"
    # any host but this machine
    unencrypted = r"http://(?!(localhost|[^/:]*\.localhost|127(\.\d+){3}|\[::1\])(:\d*)?$)"
    endpoint = values.get("endpoint")
    if endpoint is not None and re.match(unencrypted, endpoint, re.IGNORECASE):
        yield f"profile {source.name!r}: {endpoint} is not encrypted: everything sent can be read on the way"
