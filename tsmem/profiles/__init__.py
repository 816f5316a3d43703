"""Profiles: which store a command talks to, read from one TOML file and changed by one atomic writer.

The command line and `tsmem.open_store` come here. The one rule: nothing is guessed and nothing leaks. Every value knows
where it came from, every mistake is refused with its place, and a secret stays a reference until a connection is made.

    model.py      Profile, its tables, and the Secret that does not show itself
    toml_text.py  where in the text each key stands, and one-line edits that keep comments
    file.py       the file: where it is, who else can write it, what it says
    rules.py      the keys, and a Profile out of them
    choice.py     which profile; listing and describing them
    writer.py     set, use, delete: loaded when called
    replacing.py  the file's new content in its place

The environment is always given in, never read from the process. Reading needs no more than the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsmem.profiles.choice import ProfileLine, describe, load_profile, profile_list
from tsmem.profiles.file import config_path
from tsmem.profiles.model import Credentials, Profile, ProfileTables, Secret, TableNames

if TYPE_CHECKING:
    from tsmem.profiles.writer import delete_profile, set_values, use_profile

__all__ = [
    "Credentials",
    "Profile",
    "ProfileLine",
    "ProfileTables",
    "Secret",
    "TableNames",
    "config_path",
    "delete_profile",
    "describe",
    "load_profile",
    "profile_list",
    "set_values",
    "use_profile",
]


def __getattr__(name: str) -> object:
    """The writer's functions, loaded by the few commands that write."""
    if name not in ("set_values", "use_profile", "delete_profile"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tsmem.profiles import writer

    return getattr(writer, name)
