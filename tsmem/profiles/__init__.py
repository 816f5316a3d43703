"""Profiles: named settings that say which store a command talks to, kept in one TOML file or built in.

The command line and `tsmem.open_store` call `load_profile`. It passes through these modules:

    file.py     finds and reads the profile file
    choice.py   chooses one profile of the file, or one that is built in
    rules.py    checks its keys and values, and builds a `Profile` (model.py)

The commands `profile set`, `use` and `delete` call `writer.py`, which edits the text of the file (toml_text.py) and
replaces the file. The environment is a parameter: no module here reads the one of the process.
"""

from tsmem.profiles.choice import describe, load_profile, profile_list
from tsmem.profiles.file import config_path
from tsmem.profiles.model import Profile, Secret

__all__ = ["Profile", "Secret", "config_path", "describe", "load_profile", "profile_list"]
