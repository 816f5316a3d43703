# ruff: noqa: E501 - sentences stand as they are told
"""Secrets of profiles that cannot be had, and the profile of the environment."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import config, environ, file, patched

CASES = (
    Case(
        "A secret that refers to nothing.",
        "session list",
        "FOLDER/config/tsmem/config.toml:6: profile 'c': 'access_key_id' begins with env: and names no environment variable",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:"\naccess_key_secret = "env:SECRET"\n'
            ),
        ),
    ),
    Case(
        "A secret in a variable that is not set.",
        "session list",
        "profile 'c', access_key_id (config.toml line 6): environment variable ID is not set",
        hint="in bash or zsh: read -rs ID && export ID (so that no history keeps the value)",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "env:SECRET"\n'
            ),
        ),
    ),
    Case(
        "A secret of several lines.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): is not one line of printable text",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "env:SECRET"\n'
            ),
            environ(ID="id", SECRET="a\nb"),
        ),
    ),
    Case(
        "A secret that no request can carry.",
        "session list",
        "profile 'c': 'access_key_id' holds a character that no request can carry",
        hint="it is letters, digits and signs of ASCII, without spaces or line ends",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "env:SECRET"\n'
            ),
            environ(ID="ключ", SECRET="x"),
        ),
    ),
    Case(
        "A key id that holds the secret too.",
        "session list",
        "profile 'c': 'access_key_id' holds a colon, which no access key id has",
        hint="the id alone, without the secret",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "env:SECRET"\n'
            ),
            environ(ID="id:secret", SECRET="x"),
        ),
    ),
    Case(
        "A secret in a file that is not there.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): cannot read FOLDER/config/tsmem/none: No such file or directory",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "file:none"\n'
            ),
            environ(ID="id"),
        ),
    ),
    Case(
        "A secret in a file that is empty.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): is empty",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "file:secret"\n'
            ),
            environ(ID="id"),
            file("config/tsmem/secret", ""),
        ),
    ),
    Case(
        "A secret in a file of megabytes.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): is longer than 65536 bytes",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "file:secret"\n'
            ),
            environ(ID="id"),
            file("config/tsmem/secret", "x" * 2**17),
        ),
    ),
    Case(
        "A secret of a command that there is not.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): cannot run '/no/such/command': No such file or directory",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "cmd:/no/such/command"\n'
            ),
            environ(ID="id"),
        ),
    ),
    Case(
        "A secret of a command that fails.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): 'false' failed with exit code 1",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "cmd:false"\n'
            ),
            environ(ID="id"),
            environ(PATH="/usr/bin:/bin"),
        ),
    ),
    Case(
        "A secret of a command that does not end.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): 'sleep' took more than 0.05 s",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "cmd:sleep 60"\n'
            ),
            environ(ID="id"),
            environ(PATH="/usr/bin:/bin"),
            patched("tsmem.profiles.model.COMMAND_TIMEOUT_S", 0.05),
        ),
    ),
    Case(
        "A secret of a command whose quotes do not match.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): cmd: cannot be split into words: No closing quotation",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "cmd:pass \\"x"\n'
            ),
            environ(ID="id"),
        ),
    ),
    Case(
        "A secret of no command.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): cmd: names no command",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "cmd:\'\'"\n'
            ),
            environ(ID="id"),
        ),
    ),
    Case(
        "A secret of a command in a file that others can write.",
        "session list",
        "profile 'c', access_key_secret (config.toml line 7): no command is run from a profile file that others can change: FOLDER/config/tsmem/config.toml can be written by others (mode 666)",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "cmd:true"\n',
                mode=0o666,
            ),
            environ(ID="id"),
        ),
    ),
    Case(
        "The environment's profile without its keys.",
        "session list",
        "profile 'env': not set: TABLESTORE_INSTANCE_NAME, TABLESTORE_ACCESS_KEY_ID, TABLESTORE_ACCESS_KEY_SECRET",
        code="ProfileError",
        given=(environ(TABLESTORE_ENDPOINT="https://a.b"),),
    ),
)
