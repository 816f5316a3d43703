# ruff: noqa: E501 - sentences stand as they are told
"""Profile files that cannot be used, and profiles that there are not."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import config, config_bytes, environ, locked_profiles

CASES = (
    Case(
        "A profile that there is not.",
        "-p lokal session list",
        "no profile 'lokal'; did you mean 'local'?",
        hint="profiles: local",
        code="ProfileError",
    ),
    Case(
        "A profile of the environment that there is not.",
        "session list",
        "no profile 'prod', which environment TSMEM_PROFILE asks for",
        hint="profiles: local",
        code="ProfileError",
        given=(environ(TSMEM_PROFILE="prod"),),
    ),
    Case(
        "A default profile that there is not.",
        "session list",
        "no profile 'prod', which config.toml line 1 asks for",
        hint="profiles: local",
        code="ProfileError",
        given=(config('default_profile = "prod"\n'),),
    ),
    Case(
        "A profile file that is not there.",
        "--config none.toml session list",
        "none.toml: No such file or directory",
        hint="tsmem profile set creates it",
        code="ProfileError",
    ),
    Case(
        "A file of the environment that is not there.",
        "session list",
        "FOLDER/none.toml: No such file or directory",
        hint="tsmem profile set creates it",
        code="ProfileError",
        given=(environ(TSMEM_CONFIG="FOLDER/none.toml"),),
    ),
    Case(
        "A file without a name.",
        "--config '' session list",
        "--config names no file",
        code="ProfileError",
    ),
    Case(
        "A profile file that is a folder.",
        "--config . session list",
        ".: Is a directory",
        code="ProfileError",
    ),
    Case(
        "A file that is no TOML.",
        "session list",
        "FOLDER/config/tsmem/config.toml:1:9: Expected '=' after a key in a key/value pair",
        code="ProfileError",
        given=(config("nonsense\n"),),
    ),
    Case(
        "A file that ends too early.",
        "session list",
        "FOLDER/config/tsmem/config.toml:1:12: Expected ']' at the end of a table declaration",
        code="ProfileError",
        given=(config("[profiles.x"),),
    ),
    Case(
        "A file of one endless number.",
        "session list",
        "FOLDER/config/tsmem/config.toml:1: a line of more than 4096 characters",
        code="ProfileError",
        given=(
            config(
                "a = 99999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999"
            ),
        ),
    ),
    Case(
        "A file nested too deeply.",
        "session list",
        "FOLDER/config/tsmem/config.toml:1: a line of more than 4096 characters",
        code="ProfileError",
        given=(
            config(
                "a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
            ),
        ),
    ),
    Case(
        "A file that is no text.",
        "session list",
        "FOLDER/config/tsmem/config.toml:1:6: not UTF-8 text",
        code="ProfileError",
        given=(config_bytes(b'a = "\xff"\n'),),
    ),
    Case(
        "A file of more than any profiles need.",
        "session list",
        "FOLDER/config/tsmem/config.toml: larger than 64 KiB, so it is no profile file",
        code="ProfileError",
        given=(config_bytes(b"#\n" * 600000),),
    ),
    Case(
        "A line of more than any profile needs.",
        "session list",
        "FOLDER/config/tsmem/config.toml: larger than 64 KiB, so it is no profile file",
        code="ProfileError",
        given=(config_bytes(b"#" * 70000),),
    ),
    Case(
        "A key at the top that there is not.",
        "session list",
        "FOLDER/config/tsmem/config.toml:1: unknown key 'default'; did you mean 'default_profile'?",
        hint="a file holds default_profile and [profiles.NAME] tables",
        code="ProfileError",
        given=(config('default = "x"\n'),),
    ),
    Case(
        "A default that is no name.",
        "session list",
        "FOLDER/config/tsmem/config.toml:1: 'default_profile' must be the name of a profile",
        code="ProfileError",
        given=(config("default_profile = 5\n"),),
    ),
    Case(
        "Profiles that are no table.",
        "session list",
        "FOLDER/config/tsmem/config.toml:1: 'profiles' must be a table of profiles",
        code="ProfileError",
        given=(config("profiles = 5\n"),),
    ),
    Case(
        "A profile that is no table.",
        "-p x session list",
        "FOLDER/config/tsmem/config.toml:2: profile 'x' must be a table",
        hint="write [profiles.NAME] above its keys",
        code="ProfileError",
        given=(config("[profiles]\nx = 5\n"),),
    ),
    Case(
        "A profile of a name that is taken.",
        "-p env session list",
        "FOLDER/config/tsmem/config.toml:1: 'env' is made of TABLESTORE_ENDPOINT and its kin; name this profile otherwise",
        code="ProfileError",
        given=(config('[profiles.env]\nbackend = "local"\n'),),
    ),
    Case(
        "A profile whose name can be none.",
        "--profile=-x session list",
        "FOLDER/config/tsmem/config.toml:1: '-x' cannot name a profile: 1 to 64 printable characters, no leading hyphen",
        code="ProfileError",
        given=(config('[profiles."-x"]\nbackend = "local"\n'),),
    ),
    Case(
        "A profile without a backend.",
        "session list",
        "FOLDER/config/tsmem/config.toml:2: profile 'x': needs 'backend', one of local, tablestore",
        hint="a store in a file: tsmem profile set x backend=local",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\npath = "x.db"\n'),),
    ),
    Case(
        "A backend that there is not.",
        "session list",
        "FOLDER/config/tsmem/config.toml:3: profile 'x': 'backend' is 'locl', not one of local, tablestore; did you mean 'local'?",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "locl"\n'),),
    ),
    Case(
        "A key that is nearly one.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'x': unknown key 'paht'; did you mean 'path'?",
        hint="keys here: backend, timeout, output, tables, path",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\npaht = "y"\n'),),
    ),
    Case(
        "A key of the other backend.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'x': 'endpoint' is a key of backend tablestore, and this profile is local",
        code="ProfileError",
        given=(
            config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\nendpoint = "https://a.b"\n'),
        ),
    ),
    Case(
        "A local profile without a path.",
        "session list",
        "FOLDER/config/tsmem/config.toml:2: profile 'x': backend local needs 'path'",
        hint="for example: tsmem profile set x path=memory.db",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\n'),),
    ),
    Case(
        "A TableStore without its endpoint and keys.",
        "session list",
        "FOLDER/config/tsmem/config.toml:2: profile 'x': backend tablestore needs 'endpoint', 'access_key_id', 'access_key_secret'",
        hint="for example: tsmem profile set x endpoint=https://my-instance.cn-hangzhou.ots.aliyuncs.com "
        "access_key_id=env:ALIBABA_CLOUD_ACCESS_KEY_ID access_key_secret=env:ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "tablestore"\ninstance = "i"\n'),),
    ),
    Case(
        "A path that is a number.",
        "session list",
        "FOLDER/config/tsmem/config.toml:4: profile 'x': 'path' must be text, not a number",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = 5\n'),),
    ),
    Case(
        "A path that is empty.",
        "session list",
        "FOLDER/config/tsmem/config.toml:4: profile 'x': 'path' is empty",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = ""\n'),),
    ),
    Case(
        "A path with a control character.",
        "session list",
        "FOLDER/config/tsmem/config.toml:4: profile 'x': 'path' holds a control character",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "a\\u0007"\n'),),
    ),
    Case(
        "A path in the home of nobody.",
        "session list",
        "FOLDER/config/tsmem/config.toml:4: profile 'x': '~nobody-has-this-name/x.db': no such user's home directory is known",
        code="ProfileError",
        given=(
            config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "~nobody-has-this-name/x.db"\n'),
        ),
    ),
    Case(
        "An output format of a profile that there is not.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'x': 'output' is not one of table, json, jsonl, csv",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\noutput = "xml"\n'),),
    ),
    Case(
        "A timeout that is text.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'x': 'timeout' must be a number of seconds, not text",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\ntimeout = "30"\n'),),
    ),
    Case(
        "A timeout of no time.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'x': 'timeout' must be more than 0 and at most 86400 seconds",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\ntimeout = 0\n'),),
    ),
    Case(
        "An endpoint that is no address.",
        "session list",
        "FOLDER/config/tsmem/config.toml:4: profile 'c': 'endpoint' must be https://HOST or http://HOST, with a port where needed and nothing else",
        hint="for example https://my-instance.cn-hangzhou.ots.aliyuncs.com",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "a.b"\ninstance = "i"\naccess_key_id = "env:ID"\naccess_key_secret = "env:SECRET"\n'
            ),
        ),
    ),
    Case(
        "An instance that can be none.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'c': 'instance' must be letters, digits and hyphens",
        code="ProfileError",
        given=(
            config(
                'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i i"\naccess_key_id = "env:ID"\naccess_key_secret = "env:SECRET"\n'
            ),
        ),
    ),
    Case(
        "Tables that are no table.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'x': 'tables' must be a table of keys",
        code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\ntables = 5\n'),),
    ),
    Case(
        "A table that there is not.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'x': unknown key 'sesion' in 'tables'; did you mean 'session'?",
        hint="keys here: session, message",
        code="ProfileError",
        given=(
            config(
                'default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n[profiles.x.tables.sesion]\nname = "s"\n'
            ),
        ),
    ),
    Case(
        "A table that is text.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'x': 'tables.session' must be a table of keys",
        code="ProfileError",
        given=(
            config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\ntables.session = "s"\n'),
        ),
    ),
    Case(
        "A key of a table that there is not.",
        "session list",
        "FOLDER/config/tsmem/config.toml:6: profile 'x': unknown key 'nmae' in 'tables.session'; did you mean 'name'?",
        hint="keys here: name, index, search_index, search_fields",
        code="ProfileError",
        given=(
            config(
                'default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n[profiles.x.tables.session]\nnmae = "s"\n'
            ),
        ),
    ),
    Case(
        "A table whose name can be none.",
        "session list",
        "FOLDER/config/tsmem/config.toml:6: profile 'x': 'tables.session.name' must be letters, digits and _, not beginning with a digit, 255 at most",
        code="ProfileError",
        given=(
            config(
                'default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n[profiles.x.tables.session]\nname = "my-sessions"\n'
            ),
        ),
    ),
    Case(
        "Two tables of one name.",
        "session list",
        "FOLDER/config/tsmem/config.toml:5: profile 'x': two tables or secondary indexes are both called 'message'",
        code="ProfileError",
        given=(
            config(
                'default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n[profiles.x.tables.session]\nname = "message"\n'
            ),
        ),
    ),
    Case(
        "A search field whose name can be none.",
        "session list",
        "FOLDER/config/tsmem/config.toml:6: profile 'x': search field '#b' must be 1 to 255 bytes of UTF-8 without a null character, and does not begin with #",
        code="ProfileError",
        given=(
            config(
                'default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n[profiles.x.tables.session.search_fields]\n"#b" = "keyword"\n'
            ),
        ),
    ),
    Case(
        "A search field of a type that there is not.",
        "session list",
        "FOLDER/config/tsmem/config.toml:6: profile 'x': 'tables.session.search_fields.topic' is 'keywrd', not one of keyword, long, double, boolean, text; did you mean 'keyword'?",
        code="ProfileError",
        given=(
            config(
                'default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n[profiles.x.tables.session.search_fields]\ntopic = "keywrd"\n'
            ),
        ),
    ),
    Case(
        "A search field that is searched anyway.",
        "init-tables",
        "search_fields of table 'session' names 'user_id', which is searched anyway",
        hint="take it out of search_fields in the profile",
        given=(
            config(
                'default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n[profiles.x.tables.session.search_fields]\nuser_id = "keyword"\n'
            ),
        ),
    ),
    Case(
        "A file nested in itself without end.",
        "session list",
        "FOLDER/config/tsmem/config.toml: nested too deeply",
        code="ProfileError",
        given=(
            config(
                "a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
            ),
        ),
    ),
    Case(
        "A profile file that another process keeps locked.",
        "profile set work backend=local path=w.db",
        "another process kept FOLDER/config/tsmem/config.toml locked for 60 seconds: nothing was done",
        hint="look for a process that holds it, and try again",
        code="Unavailable",
        given=(locked_profiles,),
        exit=6,
    ),
)
