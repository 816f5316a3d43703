"""Profiles say which store a command talks to. They stand in one TOML file, which has one reader and one atomic writer.

The command line and `tsmem.open_store` load a profile here. Every value knows where it came from, every mistake is
refused with its place, and a secret stays a reference until a connection is made.

    file.py       reads the file: its path, who else can write it, its content
    choice.py     chooses a profile of it, or a built-in one; lists and describes profiles
    rules.py      the keys and their rules; builds a Profile
    model.py      Profile, its tables, and Secret
    toml_text.py  lines of keys, and edits of the text that keep comments
    writer.py     set, use, delete: imported by the commands that write, and it alone needs tomli_w
    replacing.py  puts the new content in the file's place

The environment is always a parameter, never read from the process.
"""

from tsmem.profiles.choice import describe, load_profile, profile_list
from tsmem.profiles.file import config_path
from tsmem.profiles.model import Profile, Secret

__all__ = ["Profile", "Secret", "config_path", "describe", "load_profile", "profile_list"]
