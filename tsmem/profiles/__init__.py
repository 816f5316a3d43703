"""Profiles say which store a command talks to. They stand in one TOML file, which has one reader and one atomic writer.

The command line and `tsmem.open_store` load a profile here. Every value knows where it came from, every mistake is
refused with its place, and a secret stays a reference until a connection is made.

`file.py` reads the file, `choice.py` chooses a profile of it or a built-in one, and `rules.py` checks it and builds a
`Profile` (`model.py`). `writer.py` makes edits (`toml_text.py`) and puts the new content in the file's place
(`replacing.py`); only the commands that write import it.

The environment is always a parameter, never read from the process.
"""

from tsmem.profiles.choice import describe, load_profile, profile_list
from tsmem.profiles.file import config_path
from tsmem.profiles.model import Profile, Secret

__all__ = ["Profile", "Secret", "config_path", "describe", "load_profile", "profile_list"]
