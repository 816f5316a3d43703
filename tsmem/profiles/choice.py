"""Choose the profile that a command works on, and list all profiles.

The command line and `tsmem.open_store` call `load_profile`. It uses the first of these profiles:

1. the one that --profile names
2. the one that the environment variable TSMEM_PROFILE names
3. the one that `default_profile` in the profile file names
4. `env`, which is made of the TABLESTORE_ variables, if TABLESTORE_ENDPOINT is set
5. `local`, a store in the user's data folder
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

from tsmem.errors import ProfileError
from tsmem.profiles.file import ConfigFile, read_profiles, xdg_folder
from tsmem.profiles.model import Profile, Secret
from tsmem.profiles.rules import BACKEND_KEYS, CREDENTIAL_KEYS, ENVIRONMENT, TABLE_KEYS, WrittenProfile, build_profile
from tsmem.words import did_you_mean

LOCAL, ENV = "local", "env"
RESERVED = "the profile 'env' comes from the TABLESTORE_... environment variables"


def load_profile(
    environ: Mapping[str, str], *, config: str | Path | None = None, profile: str | None = None
) -> Profile:
    """Return the profile that a command works on. Raises ProfileError if the file cannot be used, or if the profile is
    missing or breaks a rule. The other profiles of the file are not checked."""
    file = read_profiles(environ, config)
    _check_top_level(file)
    name, chosen_by = _choose(environ, file, profile)
    chosen = build_profile(written_profile(environ, file, name, chosen_by), chosen_by)
    # An empty variable counts as not set: CI systems pass one for a missing secret.
    variables = [variable for variable in ENVIRONMENT.values() if environ.get(variable)]
    if chosen_by == "built in" and variables:
        text = f"{variables[0]} is set but {ENVIRONMENT['endpoint']} is not, so {chosen.target} is used"
        return chosen._replace(warnings=(*chosen.warnings, text))
    return chosen


def _check_top_level(file: ConfigFile) -> None:
    valid = ("default_profile", "profiles")
    for key in file.data:
        if key not in valid:
            raise ProfileError(
                f"{file.place((key,))}: unknown key {key!r}{did_you_mean(key, valid)}",
                hint="allowed: default_profile and sections [profiles.NAME]",
            )
    if not isinstance(file.data.get("default_profile", ""), str):
        raise ProfileError(f"{file.place(('default_profile',))}: 'default_profile' must be the name of a profile")


def profiles_in(file: ConfigFile) -> dict[str, object]:
    profiles = file.data.get("profiles", {})
    if not isinstance(profiles, dict):
        raise ProfileError(f"{file.place(('profiles',))}: 'profiles' must be a section, [profiles.NAME]")
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
    """Return a profile as it is written: its name is checked, its keys and values are not. Raises ProfileError."""
    profiles = profiles_in(file)
    values = _checked_entry(file, name, profiles[name]) if name in profiles else {}
    if name == ENV:
        variables = {key: variable for key, variable in ENVIRONMENT.items() if environ.get(variable)}
        values = {key: f"env:{v}" if key in CREDENTIAL_KEYS else environ[v] for key, v in variables.items()}
        origins = {"backend": "built in", **{key: f"environment {variable}" for key, variable in variables.items()}}
        return WrittenProfile(ENV, environ, {"backend": "tablestore", **values}, None, origins)
    if name == LOCAL and values.get("backend", "local") == "local":
        built_in = {"backend": "local"}
        if "path" not in values:
            built_in["path"] = str(xdg_folder(environ, "XDG_DATA_HOME", ".local/share") / "tsmem" / "memory.db")
        origins = {key: "built in" for key in built_in if key not in values}
        return WrittenProfile(LOCAL, environ, {**built_in, **values}, file if LOCAL in profiles else None, origins)
    if name not in profiles:
        names = _all_names(environ, profiles)
        chosen_by = chosen_by.replace("environment ", "the environment variable ", 1)
        where = f", which {chosen_by} names" if chosen_by not in ("", "--profile") else ""
        raise ProfileError(
            f"there is no profile {name!r}{where}{did_you_mean(name, names)}", hint=f"profiles: {', '.join(names)}"
        )
    return WrittenProfile(name, environ, values, file)


def _checked_entry(file: ConfigFile, name: str, entry: object) -> dict[str, object]:
    place = file.place(("profiles", name))
    if not isinstance(entry, dict):
        hint = "write [profiles.NAME] above the keys of a profile"
        raise ProfileError(f"{place}: {name!r} is a plain value, not a profile", hint=hint)
    if name == ENV:
        raise ProfileError(f"{place}: {RESERVED}; choose another name")
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= 64 or name.startswith("-"):
        raise ProfileError(
            f"{place}: {name!r} is not a valid profile name: use 1 to 64 printable characters, "
            "no hyphen at the start, no blanks at the ends"
        )
    return entry


def _all_names(environ: Mapping[str, str], profiles: Mapping[str, object]) -> list[str]:
    built_in = [ENV, LOCAL] if environ.get(ENVIRONMENT["endpoint"]) else [LOCAL]
    return list(dict.fromkeys([*profiles, *built_in]))


class ProfileLine(NamedTuple):
    name: str
    backend: str
    """Name of the backend, or `invalid` if the profile breaks a rule."""
    target: str
    """The store that the profile points to, or the rule that it breaks."""
    is_default: bool
    origin: str


def profile_list(
    environ: Mapping[str, str], config: str | Path | None = None, profile: str | None = None
) -> list[ProfileLine]:
    """Return a line for each profile, valid or not. Raises ProfileError if the file cannot be used."""
    file = read_profiles(environ, config)
    _check_top_level(file)
    profiles = profiles_in(file)
    default, _ = _choose(environ, file, profile)
    lines = []
    for name in _all_names(environ, profiles):
        origin = file.origin(("profiles", name)) if name in profiles else "built in"
        if name == ENV:
            origin = f"environment {ENVIRONMENT['endpoint']}"
        try:
            built = build_profile(written_profile(environ, file, name), origin)
            lines.append(ProfileLine(name, built.backend, built.target, name == default, origin))
        except ProfileError as error:
            lines.append(ProfileLine(name, "invalid", error.message, name == default, origin))
    return lines


def describe(profile: Profile) -> list[tuple[str, object, str]]:
    values: dict[str, object] = {key: getattr(profile, key) for key in ("backend", *BACKEND_KEYS[profile.backend])}
    values |= {"timeout": profile.timeout_s, "output": profile.output}
    for noun, table in (("session", profile.tables.session), ("message", profile.tables.message)):
        values |= {f"tables.{noun}.{key}": name for key, name in zip(TABLE_KEYS[:3], table[:3], strict=True)}
        values |= {f"tables.{noun}.search_fields.{name}": kind for name, kind in table.search_fields.items()}
    lines: list[tuple[str, object, str]] = []
    for key, value in values.items():
        shown = value.shown if isinstance(value, Secret) else str(value) if isinstance(value, Path) else value
        lines.append((key, shown, profile.origins.get(key, "default")))
    return lines
