"""The keys a profile may have, and a Profile out of them.

The rules are data; checking is the same for a profile from the file, from the environment and built in. Every refusal
names the key and its place, and never what a secret key holds.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from tsmem.errors import ProfileError
from tsmem.limits import COLUMN_NAME_RULE, is_column_name, is_name
from tsmem.nearest import did_you_mean
from tsmem.profiles.file import ConfigFile
from tsmem.profiles.model import DEFAULT_TABLES, REFERENCES, Backend, Profile, ProfileTables, Secret, TableNames, expand

SECRET_KEYS = ("access_key_secret", "security_token")
CREDENTIAL_KEYS = ("access_key_id", *SECRET_KEYS)
"""The keys whose values may be references; an access key id is no secret."""
COMMON_KEYS = ("backend", "timeout", "output", "tables")
BACKEND_KEYS: dict[str, tuple[str, ...]] = {
    "local": ("path",),
    "tablestore": ("endpoint", "instance", "region", *CREDENTIAL_KEYS, "ca_file"),
}
REQUIRED_KEYS: dict[str, tuple[str, ...]] = {
    "local": ("path",),
    "tablestore": ("endpoint", "instance", "access_key_id", "access_key_secret"),
}
NUMBER_KEYS = ("timeout",)
TABLES = ("session", "message")
TABLE_KEYS = ("name", "index", "search_index", "search_fields")
"""In the order of TableNames."""
FIELD_TYPES = ("keyword", "long", "double", "boolean", "text")
OUTPUTS = ("table", "json", "jsonl", "csv")
ENVIRONMENT = {
    "endpoint": "TABLESTORE_ENDPOINT",
    "instance": "TABLESTORE_INSTANCE_NAME",
    "access_key_id": "TABLESTORE_ACCESS_KEY_ID",
    "access_key_secret": "TABLESTORE_ACCESS_KEY_SECRET",
    "security_token": "TABLESTORE_SECURITY_TOKEN",
    "region": "TABLESTORE_REGION",
}
"""What the built-in profile `env` is made of."""

_INSTANCE = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
"""It becomes a label of a host name. The service itself says what names it gives (3 to 16 characters today)."""
_REGION = r"[A-Za-z0-9][A-Za-z0-9-]{0,62}"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
"""Patterns are compiled when they are used: a start should not pay for them."""


class WrittenProfile(NamedTuple):
    """One profile as it was written, and where."""

    name: str
    environ: Mapping[str, str]
    written: Mapping[str, object] = {}
    """What the file says."""
    file: ConfigFile | None = None
    given: Mapping[str, str] = {}
    """Values that come from elsewhere; the file's go before them."""
    origins: Mapping[str, str] = {}
    """Where the given values come from."""

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    def find(self, *path: str) -> object:
        """The value at a path of keys, or None. Raises ProfileError where a table is expected and none is."""
        level: Mapping[str, object] = {**self.given, **self.written}
        for depth, part in enumerate(path[:-1], 1):
            below = level.get(part, {})
            if not isinstance(below, dict):
                raise self.error(path[:depth], f"{'.'.join(path[:depth])!r} must be a table of keys")
            level = below
        return level.get(path[-1])

    def origin(self, *path: str) -> str:
        """Where the value at a path of keys came from."""
        if self.find(*path) is None:
            return "default"
        if path[0] in self.written and self.file is not None:
            return self.file.origin(("profiles", self.name, *path))
        return self.origins[path[0]]

    def error(self, path: Sequence[str], problem: str, hint: str | None = None) -> ProfileError:
        """A refusal that names the profile and the place."""
        place = "" if self.file is None else f"{self.file.place(('profiles', self.name, *path))}: "
        return ProfileError(f"{place}profile {self.name!r}: {problem}", hint=hint, key=tuple(path))


def build_profile(source: WrittenProfile, chosen_by: str) -> Profile:
    """The profile a source describes. Raises ProfileError for every breach of the rules above."""
    backend = _backend(source)
    ca_folders: str | None = None
    if backend == "tablestore":
        ca_folders = None if source.find("ca_file") else source.environ.get("SSL_CERT_DIR") or None
        source = _with_certificates(source)
    _check_keys(source, (), {**source.given, **source.written}, (*COMMON_KEYS, *BACKEND_KEYS[backend]), backend)
    texts = {key: _text(source, key) for key in ("path", "endpoint", "instance", "region", *CREDENTIAL_KEYS, "ca_file")}
    secrets = {key: _secret(source, key, texts[key]) for key in CREDENTIAL_KEYS}
    endpoint = _endpoint(source, texts["endpoint"])
    for key, form in (("instance", _INSTANCE), ("region", _REGION)):
        if (text := texts[key]) is not None and re.fullmatch(form, text) is None:
            raise source.error((key,), f"{key!r} must be letters, digits and hyphens")
    profile = Profile(
        name=source.name,
        backend=backend,
        path=_path(source, "path", texts["path"]),
        endpoint=endpoint,
        instance=texts["instance"],
        region=texts["region"],
        **secrets,
        ca_file=_path(source, "ca_file", texts["ca_file"]),
        ca_folders=ca_folders,
        timeout_s=_timeout(source),
        output=_one_of(source, OUTPUTS, "output"),
        tables=_tables(source),
        origins=dict(_origins(source, backend, chosen_by)),
        warnings=tuple(_warnings(source, endpoint, [secrets[key] for key in SECRET_KEYS])),
    )
    _check_required(source, backend)
    return profile


def _backend(source: WrittenProfile) -> Backend:
    names = tuple(BACKEND_KEYS)
    if source.find("backend") is None:
        known = (*COMMON_KEYS, *(key for keys in BACKEND_KEYS.values() for key in keys))
        _check_keys(source, (), {**source.given, **source.written}, known)  # it may be there, and misspelt
        raise source.error(
            (), f"needs 'backend', one of {', '.join(names)}", _set_hint(source, "backend=local", "a store in a file")
        )
    return cast(Backend, _one_of(source, names, "backend"))


def _check_keys(
    source: WrittenProfile, table: tuple[str, ...], found: Iterable[str], valid: tuple[str, ...], backend: str = ""
) -> None:
    for key in found:
        if key in valid:
            continue
        others = [name for name, keys in BACKEND_KEYS.items() if key in keys and not table]
        if others:
            raise source.error((key,), f"{key!r} is a key of backend {others[0]}, and this profile is {backend}")
        where = f" in {'.'.join(table)!r}" if table else ""
        raise source.error(
            (*table, key), f"unknown key {key!r}{where}{did_you_mean(key, valid)}", f"keys here: {', '.join(valid)}"
        )


def _check_required(source: WrittenProfile, backend: str) -> None:
    missing = [key for key in REQUIRED_KEYS[backend] if source.find(key) is None]
    if not missing:
        return
    if source.name == "env" and source.file is None:
        raise source.error((), "not set: " + ", ".join(ENVIRONMENT[key] for key in missing))
    assignments = " ".join(f"{key}={_EXAMPLES[key]}" for key in missing)
    raise source.error(
        (), f"backend {backend} needs {', '.join(map(repr, missing))}", _set_hint(source, assignments, "for example")
    )


_EXAMPLES = {
    "path": "memory.db",
    "endpoint": "https://my-instance.cn-hangzhou.ots.aliyuncs.com",
    "instance": "my-instance",
    "access_key_id": "env:ALIBABA_CLOUD_ACCESS_KEY_ID",
    "access_key_secret": "env:ALIBABA_CLOUD_ACCESS_KEY_SECRET",
}


def _set_hint(source: WrittenProfile, assignments: str, what: str) -> str:
    """Return the command that sets keys of this profile; words alone where its name, or the file's, needs quoting."""
    named = [] if source.file is None or source.file.is_default(source.environ) else ["--config", str(source.file.path)]
    words = ["tsmem", *named, "profile", "set", source.name]
    if not all(re.fullmatch(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*|--config", word) for word in words):
        return f"set the keys of this profile with tsmem profile set, or in the file; {what}: {assignments}"
    return f"{what}: {' '.join(words)} {assignments}"


def _text(source: WrittenProfile, *path: str) -> str | None:
    value, key = source.find(*path), ".".join(path)
    if value is None:
        return None
    if not isinstance(value, str):
        raise source.error(path, f"{key!r} must be text, not {_kind(value)}")
    if not value:
        raise source.error(path, f"{key!r} is empty")
    if not value.isprintable() and re.search(_CONTROL, value):
        raise source.error(path, f"{key!r} holds a control character")
    return value


def _kind(value: object) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or time")


def _one_of(source: WrittenProfile, valid: tuple[str, ...], *path: str) -> str | None:
    value = _text(source, *path)
    if value is None or value in valid:
        return value
    near = did_you_mean(value, valid)
    found = f"is {value!r}, not" if near else "is not"  # what is far from them all may be a secret in a wrong place
    raise source.error(path, f"{'.'.join(path)!r} {found} one of {', '.join(valid)}{near}")


def _secret(source: WrittenProfile, key: str, text: str | None) -> Secret | None:
    if text is None:
        return None
    kind, _, rest = text.partition(":")
    if text.startswith(REFERENCES) and not (rest.isidentifier() and rest.isascii() if kind == "env" else rest.strip()):
        raise source.error((key,), f"{key!r} begins with {kind}: and names no {_REFERRED[kind]}")
    folder = Path("/") if source.file is None else source.file.path.absolute().parent
    distrust = None if source.file is None else source.file.distrust
    what = f"profile {source.name!r}, {key} ({source.origin(key)})"
    return Secret(text, what=what, environ=source.environ, folder=folder, distrust=distrust)


_REFERRED = {"env": "environment variable", "file": "file", "cmd": "command"}


def _with_certificates(source: WrittenProfile) -> WrittenProfile:
    """Return the source of a tablestore profile with SSL_CERT_FILE as its ca_file, unless it names one itself."""
    if not (named := source.environ.get("SSL_CERT_FILE")) or source.find("ca_file") is not None:
        return source
    return source._replace(
        given={**source.given, "ca_file": named}, origins={**source.origins, "ca_file": "environment SSL_CERT_FILE"}
    )


def _path(source: WrittenProfile, key: str, text: str | None) -> Path | None:
    """Absolute; a relative one starts at the file's directory, wherever the command is run."""
    if text is None:
        return None
    folder = Path("/") if source.file is None else source.file.path.absolute().parent
    try:
        return Path(os.path.normpath(expand(text, source.environ, folder)))
    except ProfileError as error:
        raise source.error((key,), error.message, error.hint) from error


class _Endpoint(NamedTuple):
    scheme: str
    host: str


def _split(text: str) -> _Endpoint | None:
    """Scheme and host of a plain service address; None for anything else, credentials in it included."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        plain = parts.path in ("", "/") and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or "@" in text or " " in text:
        return None
    return _Endpoint(parts.scheme, parts.hostname)


def _endpoint(source: WrittenProfile, text: str | None) -> str | None:
    if text is None:
        return None
    if _split(text) is None:
        raise source.error(
            ("endpoint",),
            "'endpoint' must be https://HOST or http://HOST, with a port where needed and nothing else",
            "for example https://my-instance.cn-hangzhou.ots.aliyuncs.com",
        )
    return text.rstrip("/")


def _timeout(source: WrittenProfile) -> float:
    value = source.find("timeout")
    if value is None:
        return 30.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise source.error(("timeout",), f"'timeout' must be a number of seconds, not {_kind(value)}")
    if not (math.isfinite(value) and 0 < value <= 86_400):
        raise source.error(("timeout",), "'timeout' must be more than 0 and at most 86400 seconds")
    return float(value)


def _tables(source: WrittenProfile) -> ProfileTables:
    tables = source.find("tables")
    if tables is not None:
        source.find("tables", "session")  # that it is a table
        _check_keys(source, ("tables",), cast("dict[str, object]", tables), TABLES)
    built = ProfileTables(*(_table(source, noun, getattr(DEFAULT_TABLES, noun)) for noun in TABLES))
    names = [name for table in (built.session, built.message) for name in (table.name, table.secondary_index)]
    for name in names:
        if names.count(name) > 1:
            raise source.error(("tables",), f"two tables or secondary indexes are both called {name!r}")
    return built


def _table(source: WrittenProfile, noun: str, default: TableNames) -> TableNames:
    path = ("tables", noun)
    source.find(*path, "name")  # that it is a table
    _check_keys(source, path, cast("dict[str, object]", source.find(*path) or {}), TABLE_KEYS)
    names: list[str] = []
    for key, usual in zip(TABLE_KEYS[:3], default[:3], strict=True):
        text = _text(source, *path, key)
        names.append(usual if text is None else text)
        if not is_name(names[-1]):
            raise source.error((*path, key), f"'{'.'.join((*path, key))}' must be {_NAME_RULE}")
    name, index, search_index = names
    return TableNames(name, index, search_index, _search_fields(source, (*path, "search_fields")))


_NAME_RULE = "letters, digits and _, not beginning with a digit, 255 at most"


def _search_fields(source: WrittenProfile, path: tuple[str, ...]) -> dict[str, str]:
    source.find(*path, "")  # that it is a table
    fields: dict[str, str] = {}
    for name in cast("dict[str, object]", source.find(*path) or {}):
        if not is_column_name(name):
            raise source.error((*path, name), f"search field {name!r} must be {COLUMN_NAME_RULE}")
        fields[name] = _one_of(source, FIELD_TYPES, *path, name) or ""
    return fields


def _origins(source: WrittenProfile, backend: str, chosen_by: str) -> Iterator[tuple[str, str]]:
    yield "name", chosen_by
    for key in ("backend", *BACKEND_KEYS[backend], "timeout", "output"):
        yield key, source.origin(key)
    for noun in TABLES:
        for key in TABLE_KEYS[:3]:
            yield f"tables.{noun}.{key}", source.origin("tables", noun, key)
        path = ("tables", noun, "search_fields")
        for name in cast("dict[str, object]", source.find(*path) or {}):
            yield ".".join((*path, name)), source.origin(*path, name)


def _warnings(source: WrittenProfile, endpoint: str | None, secrets: Iterable[Secret | None]) -> Iterator[str]:
    if source.file is not None and source.file.distrust is not None:
        yield f"{source.file.path}: others can change this profile file: {source.file.distrust}"
    plain = any(secret is not None and not secret.is_reference for secret in secrets)
    if plain and source.file is not None and source.file.readable_by_others:
        yield (
            f"{source.file.path}: holds secrets of profile {source.name!r} and can be read by others; "
            "make it mode 600, or write env:NAME, file:PATH or cmd:COMMAND"
        )
    parts = None if endpoint is None else _split(endpoint)
    if parts is not None and parts.scheme == "http" and not _is_loopback(parts.host):
        yield f"profile {source.name!r}: {endpoint} is not encrypted: everything sent can be read on the way"


def _is_loopback(host: str) -> bool:
    return (
        host in ("localhost", "::1") or host.endswith(".localhost") or re.fullmatch(r"127(\.\d+){3}", host) is not None
    )
