"""Which profile: the flag's, else TSMEM_PROFILE, else the file's default, else `env`, else `local`.

Environment variables make the profile `env` and choose among profiles; they never change a profile that was named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from tsmem.errors import ProfileError
from tsmem.nearest import did_you_mean
from tsmem.profiles.file import ConfigFile, read_profiles, xdg
from tsmem.profiles.model import Profile, Secret
from tsmem.profiles.rules import CREDENTIAL_KEYS, ENVIRONMENT, TABLE_KEYS, WrittenProfile, build_profile

LOCAL, ENV = "local", "env"
"""The built-in profiles."""
_TOP_KEYS = ("default_profile", "profiles")


def load_profile(
    environ: Mapping[str, str], *, config: str | Path | None = None, profile: str | None = None
) -> Profile:
    """The profile a command works on.

    Raises ProfileError: the file cannot be used, no such profile, or the profile breaks a rule. Other profiles of the
    file are not looked at, so that one mistake does not close them all."""
    file = read_profiles(environ, config)
    check_top(file)
    written = profiles_in(file)
    name, chosen_by = _choose(environ, file, profile)
    made = build_profile(source(environ, file, written, name, chosen_by), chosen_by)
    others = [variable for variable in ENVIRONMENT.values() if environ.get(variable)]
    if chosen_by == "built in" and others:  # in CI, a secret that is missing is an empty variable
        text = f"{others[0]} is set and {ENVIRONMENT['endpoint']} is not: this is the local file {made.target}"
        return made._replace(warnings=(*made.warnings, text))
    return made


def check_top(file: ConfigFile | None) -> None:
    """Raise ProfileError for what a file holds beside profiles."""
    if file is None:
        return
    for key in file.data:
        if key not in _TOP_KEYS:
            raise ProfileError(
                f"{file.place((key,))}: unknown key {key!r}{did_you_mean(key, _TOP_KEYS)}",
                hint="a file holds default_profile and [profiles.NAME] tables",
            )
    if not isinstance(file.data.get("default_profile", ""), str):
        raise ProfileError(f"{file.place(('default_profile',))}: 'default_profile' must be the name of a profile")


def profiles_in(file: ConfigFile | None) -> dict[str, object]:
    """Return the profiles that a file holds, unchecked: one that is wrong must not close the others.

    Raises ProfileError unless they are in a table."""
    profiles = {} if file is None else file.data.get("profiles", {})
    if not isinstance(profiles, dict):
        assert file is not None
        raise ProfileError(f"{file.place(('profiles',))}: 'profiles' must be a table of profiles")
    return profiles


def _values_of(file: ConfigFile, name: str, values: object) -> dict[str, object]:
    """Return the values of a profile. Raises ProfileError unless it is a table, under a name that is free."""
    place = file.place(("profiles", name))
    if not isinstance(values, dict):
        raise ProfileError(f"{place}: profile {name!r} must be a table", hint="write [profiles.NAME] above its keys")
    if name == ENV:
        raise ProfileError(f"{place}: 'env' is made of TABLESTORE_ENDPOINT and its kin; name this profile otherwise")
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= 64 or name.startswith("-"):
        raise ProfileError(f"{place}: {name!r} cannot name a profile: 1 to 64 printable characters, no leading hyphen")
    return values


def _choose(environ: Mapping[str, str], file: ConfigFile | None, profile: str | None) -> tuple[str, str]:
    """A name, and what chose it."""
    if profile is not None:
        return profile, "--profile"
    if name := environ.get("TSMEM_PROFILE"):
        return name, "environment TSMEM_PROFILE"
    if file is not None and "default_profile" in file.data:
        return cast(str, file.data["default_profile"]), file.origin(("default_profile",))
    if environ.get(ENVIRONMENT["endpoint"]):
        return ENV, f"environment {ENVIRONMENT['endpoint']}"
    return LOCAL, "built in"


def source(
    environ: Mapping[str, str],
    file: ConfigFile | None,
    written: Mapping[str, object],
    name: str,
    chosen_by: str = "",
) -> WrittenProfile:
    """The profile of a name as it is written, or as it is built in. Raises ProfileError when there is none, which says
    what chose it where that was no flag."""
    values: Mapping[str, object] = {}
    if file is not None and name in written:
        values = _values_of(file, name, written[name])
    if name == ENV:
        variables = {key: variable for key, variable in ENVIRONMENT.items() if environ.get(variable)}
        given = {key: f"env:{v}" if key in CREDENTIAL_KEYS else environ[v] for key, v in variables.items()}
        origins = {key: f"environment {variable}" for key, variable in variables.items()}
        return WrittenProfile(
            ENV, environ, given={"backend": "tablestore", **given}, origins={"backend": "built in", **origins}
        )
    if name not in written and name != LOCAL:
        names = _names(environ, written)
        where = f", which {chosen_by} asks for" if chosen_by not in ("", "--profile") else ""
        raise ProfileError(
            f"no profile {name!r}{where}{did_you_mean(name, names)}", hint=f"profiles: {', '.join(names)}"
        )
    if name != LOCAL or values.get("backend", "local") != "local":
        return WrittenProfile(name, environ, values, file)
    given = {"backend": "local"}
    if "path" not in values:
        given["path"] = str(xdg(environ, "XDG_DATA_HOME", ".local/share") / "tsmem" / "memory.db")
    return WrittenProfile(
        LOCAL, environ, values, file if LOCAL in written else None, given, dict.fromkeys(given, "built in")
    )


def _names(environ: Mapping[str, str], written: Mapping[str, object]) -> list[str]:
    """The names that can be chosen: the file's in its order, then the built-in ones."""
    built_in = [ENV, LOCAL] if environ.get(ENVIRONMENT["endpoint"]) else [LOCAL]
    return list(dict.fromkeys([*written, *built_in]))


class ProfileLine(NamedTuple):
    """A profile in a list of them."""

    name: str
    backend: str
    """`invalid` for one that breaks a rule."""
    target: str
    """What it points to; of an invalid one, why."""
    is_default: bool
    """Whether commands use it when no flag says otherwise."""
    origin: str


def profile_list(
    environ: Mapping[str, str], config: str | Path | None = None, profile: str | None = None
) -> list[ProfileLine]:
    """All profiles: the file's in its order, then the built-in ones; the default is the one that `load_profile` would
    give. Raises ProfileError for an unusable file; a profile that breaks a rule is listed with the reason."""
    file = read_profiles(environ, config)
    check_top(file)
    written = profiles_in(file)
    default, _ = _choose(environ, file, profile)
    lines = []
    for name in _names(environ, written):
        origin = file.origin(("profiles", name)) if file is not None and name in written else "built in"
        if name == ENV:
            origin = f"environment {ENVIRONMENT['endpoint']}"
        try:
            built = build_profile(source(environ, file, written, name), origin)
            lines.append(ProfileLine(name, built.backend, built.target, name == default, origin))
        except ProfileError as error:
            lines.append(ProfileLine(name, "invalid", error.message, name == default, origin))
    return lines


def describe(profile: Profile) -> list[tuple[str, str | float | None, str]]:
    """Key, value as it may be shown, and origin, of all in a profile but its name. Secrets show as references."""
    return [(key, _shown(value), profile.origins.get(key, "default")) for key, value in _values(profile)]


def _values(profile: Profile) -> Iterator[tuple[str, object]]:
    yield "backend", profile.backend
    if profile.backend == "local":
        yield "path", profile.path
    else:
        for key in ("endpoint", "instance", "region", *CREDENTIAL_KEYS, "ca_file"):
            yield key, getattr(profile, key)
    yield "timeout", profile.timeout_s
    yield "output", profile.output
    for noun, table in (("session", profile.tables.session), ("message", profile.tables.message)):
        for key, name in zip(TABLE_KEYS[:3], table[:3], strict=True):
            yield f"tables.{noun}.{key}", name
        for name, kind in table.search_fields.items():
            yield f"tables.{noun}.search_fields.{name}", kind


def _shown(value: object) -> str | float | None:
    if isinstance(value, Secret):
        return value.shown
    return value if value is None or isinstance(value, float) else str(value)
