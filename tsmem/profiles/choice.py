"""Choose a profile: the flag's, else TSMEM_PROFILE's, else the file's default, else `env`, else `local`.

Environment variables make the profile `env` and choose among profiles; they never change a profile that was named.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

from tsmem.errors import ProfileError
from tsmem.nearest import did_you_mean
from tsmem.profiles.file import ConfigFile, read_profiles, xdg
from tsmem.profiles.model import Profile, Secret
from tsmem.profiles.rules import BACKEND_KEYS, CREDENTIAL_KEYS, ENVIRONMENT, TABLE_KEYS, WrittenProfile, build_profile

LOCAL, ENV = "local", "env"


def load_profile(
    environ: Mapping[str, str], *, config: str | Path | None = None, profile: str | None = None
) -> Profile:
    """Return the profile that a command works on.

    Raises ProfileError: the file cannot be used, there is no such profile, or it breaks a rule. Other profiles of the
    file are not checked, so that one mistake does not make all of them useless."""
    file = read_profiles(environ, config)
    check_top(file)
    name, chosen_by = _choose(environ, file, profile)
    made = build_profile(written_profile(environ, file, name, chosen_by), chosen_by)
    others = [variable for variable in ENVIRONMENT.values() if environ.get(variable)]
    if chosen_by == "built in" and others:  # in CI, a secret that is missing is an empty variable
        text = f"{others[0]} is set and {ENVIRONMENT['endpoint']} is not: this is the local file {made.target}"
        return made._replace(warnings=(*made.warnings, text))
    return made


def check_top(file: ConfigFile) -> None:
    valid = ("default_profile", "profiles")
    for key in file.data:
        if key not in valid:
            raise ProfileError(
                f"{file.place((key,))}: unknown key {key!r}{did_you_mean(key, valid)}",
                hint="allowed: default_profile and [profiles.NAME] tables",
            )
    if not isinstance(file.data.get("default_profile", ""), str):
        raise ProfileError(f"{file.place(('default_profile',))}: 'default_profile' must be the name of a profile")


def profiles_in(file: ConfigFile) -> dict[str, object]:
    profiles = file.data.get("profiles", {})
    if not isinstance(profiles, dict):
        raise ProfileError(f"{file.place(('profiles',))}: 'profiles' must be a table of profiles")
    return profiles


def _choose(environ: Mapping[str, str], file: ConfigFile, profile: str | None) -> tuple[str, str]:
    if profile is not None:
        return profile, "--profile"
    if name := environ.get("TSMEM_PROFILE"):
        return name, "environment TSMEM_PROFILE"
    if "default_profile" in file.data:
        return cast(str, file.data["default_profile"]), file.origin(("default_profile",))
    if environ.get(ENVIRONMENT["endpoint"]):
        return ENV, f"environment {ENVIRONMENT['endpoint']}"
    return LOCAL, "built in"


def written_profile(environ: Mapping[str, str], file: ConfigFile, name: str, chosen_by: str = "") -> WrittenProfile:
    """Return a profile of a file, or a built-in one.

    Raises ProfileError if no profile has the name, and says what chose the name unless a flag did."""
    profiles = profiles_in(file)
    values = _checked_entry(file, name, profiles[name]) if name in profiles else {}
    if name == ENV:
        variables = {key: variable for key, variable in ENVIRONMENT.items() if environ.get(variable)}
        given = {key: f"env:{v}" if key in CREDENTIAL_KEYS else environ[v] for key, v in variables.items()}
        origins = {"backend": "built in", **{key: f"environment {variable}" for key, variable in variables.items()}}
        return WrittenProfile(ENV, environ, {"backend": "tablestore", **given}, None, origins)
    if name == LOCAL and values.get("backend", "local") == "local":
        built_in = {"backend": "local"}
        if "path" not in values:
            built_in["path"] = str(xdg(environ, "XDG_DATA_HOME", ".local/share") / "tsmem" / "memory.db")
        origins = {key: "built in" for key in built_in if key not in values}
        return WrittenProfile(LOCAL, environ, {**built_in, **values}, file if LOCAL in profiles else None, origins)
    if name not in profiles:
        names = _names(environ, profiles)
        where = f", which {chosen_by} asks for" if chosen_by not in ("", "--profile") else ""
        raise ProfileError(
            f"no profile {name!r}{where}{did_you_mean(name, names)}", hint=f"profiles: {', '.join(names)}"
        )
    return WrittenProfile(name, environ, values, file)


def _checked_entry(file: ConfigFile, name: str, entry: object) -> dict[str, object]:
    """Return the values of a profile in the file. Raises ProfileError for a wrong name, and for what is no table."""
    place = file.place(("profiles", name))
    if not isinstance(entry, dict):
        raise ProfileError(f"{place}: profile {name!r} must be a table", hint="write [profiles.NAME] above its keys")
    if name == ENV:
        raise ProfileError(f"{place}: 'env' is the profile of the TABLESTORE_ variables; choose another name")
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= 64 or name.startswith("-"):
        raise ProfileError(
            f"{place}: {name!r} is not a valid profile name: use 1 to 64 printable characters, no leading hyphen"
        )
    return entry


def _names(environ: Mapping[str, str], profiles: Mapping[str, object]) -> list[str]:
    built_in = [ENV, LOCAL] if environ.get(ENVIRONMENT["endpoint"]) else [LOCAL]
    return list(dict.fromkeys([*profiles, *built_in]))


class ProfileLine(NamedTuple):
    name: str
    backend: str
    """The backend, or `invalid` for a profile that breaks a rule."""
    target: str
    """The store that it points to, or why it is invalid."""
    is_default: bool
    """True if commands use it when no flag names another one."""
    origin: str


def profile_list(
    environ: Mapping[str, str], config: str | Path | None = None, profile: str | None = None
) -> list[ProfileLine]:
    """Return all profiles, with the reason for each that breaks a rule. The default is the one that `load_profile`
    would return. Raises ProfileError for a file that cannot be used."""
    file = read_profiles(environ, config)
    check_top(file)
    profiles = profiles_in(file)
    default, _ = _choose(environ, file, profile)
    lines = []
    for name in _names(environ, profiles):
        origin = file.origin(("profiles", name)) if name in profiles else "built in"
        if name == ENV:
            origin = f"environment {ENVIRONMENT['endpoint']}"
        try:
            built = build_profile(written_profile(environ, file, name), origin)
            lines.append(ProfileLine(name, built.backend, built.target, name == default, origin))
        except ProfileError as error:
            lines.append(ProfileLine(name, "invalid", error.message, name == default, origin))
    return lines


def describe(profile: Profile) -> list[tuple[str, str | float | None, str]]:
    """Return key, value and origin of everything in a profile but its name. Secrets show as references."""
    keys = ("backend", *BACKEND_KEYS[profile.backend])
    values: dict[str, object] = {key: getattr(profile, key) for key in keys}
    values |= {"timeout": profile.timeout_s, "output": profile.output}
    for noun, table in (("session", profile.tables.session), ("message", profile.tables.message)):
        values |= {f"tables.{noun}.{key}": name for key, name in zip(TABLE_KEYS[:3], table[:3], strict=True)}
        values |= {f"tables.{noun}.search_fields.{name}": kind for name, kind in table.search_fields.items()}
    lines: list[tuple[str, str | float | None, str]] = []
    for key, value in values.items():
        shown = value.shown if isinstance(value, Secret) else value
        if shown is not None and not isinstance(shown, float):
            shown = str(shown)
        lines.append((key, shown, profile.origins.get(key, "default")))
    return lines
