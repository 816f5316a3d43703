# ruff: noqa: E501 - sentences stand as they are told
"""Profile files with mistakes, and names of profiles that do not exist."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import config, config_bytes, environ, locked_profiles

BACKEND = 'default_profile = "x"\n[profiles.x]\nbackend = "local"\n'
CLOUD = (
    'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\n'
    'access_key_id = "env:ID"\naccess_key_secret = "env:SECRET"\n'
)
LOCAL = BACKEND + 'path = "x.db"\n'


def _refused(cause: str, text: str, reason: str, hint: str | None = None) -> Case:
    """Return the case of a profile file with this text. The message names the line."""
    sentence = f"FOLDER/config/tsmem/config.toml:{reason}"
    return Case(cause, "session list", sentence, hint, code="ProfileError", given=(config(text),))


# fmt: off
CASES = (
    Case("An unknown profile.", "-p lokal session list",
        "there is no profile 'lokal'; did you mean 'local'?", "profiles: local", code="ProfileError"),
    Case("An unknown profile in TSMEM_PROFILE.", "session list",
        "there is no profile 'prod', which the environment variable TSMEM_PROFILE names", "profiles: local", code="ProfileError",
        given=(environ(TSMEM_PROFILE="prod"),)),
    Case("An unknown default profile.", "session list",
        "there is no profile 'prod', which config.toml line 1 names", "profiles: local", code="ProfileError",
        given=(config('default_profile = "prod"\n'),)),
    Case("A missing profile file.", "--config none.toml session list",
        "none.toml: No such file or directory", "tsmem profile set creates it", code="ProfileError"),
    Case("A profile file with an empty name.", "--config '' session list", "--config is empty", code="ProfileError"),
    _refused("A profile file that is not TOML.", "nonsense\n", "1:9: Expected '=' after a key in a key/value pair"),
    _refused("A profile file with a very long number.", "a = " + "9" * 5000, "1: a line of more than 4096 characters"),
    Case("A profile file that is not text.", "session list",
        "FOLDER/config/tsmem/config.toml:1:6: not UTF-8 text", code="ProfileError",
        given=(config_bytes(b'a = "\xff"\n'),)),
    Case("A profile file that is too large.", "session list",
        "FOLDER/config/tsmem/config.toml: the profile file is larger than 64 KiB", code="ProfileError",
        given=(config_bytes(b"#\n" * 600000),)),
    _refused("An unknown key at the top of the file.", 'default = "x"\n',
        "1: unknown key 'default'; did you mean 'default_profile'?",
        hint="allowed: default_profile and sections [profiles.NAME]"),
    _refused("A default_profile that is not a name.", "default_profile = 5\n",
        "1: 'default_profile' must be the name of a profile"),
    _refused("A profiles entry that is not a section.", "profiles = 5\n", "1: 'profiles' must be a section, [profiles.NAME]"),
    Case("A profile that is not a section.", "-p x session list",
        "FOLDER/config/tsmem/config.toml:2: 'x' is a plain value, not a profile", "write [profiles.NAME] above the keys of a profile",
        code="ProfileError", given=(config("[profiles]\nx = 5\n"),)),
    Case("A profile with a reserved name.", "-p env session list",
        "FOLDER/config/tsmem/config.toml:1: the profile 'env' comes from the TABLESTORE_... environment variables; choose another name",
        code="ProfileError", given=(config('[profiles.env]\nbackend = "local"\n'),)),
    Case("A profile with an invalid name.", "--profile=-x session list",
        "FOLDER/config/tsmem/config.toml:1: '-x' is not a valid profile name: use 1 to 64 printable characters, no hyphen at the start, no blanks at the ends",
        code="ProfileError", given=(config('[profiles."-x"]\nbackend = "local"\n'),)),
    _refused("A profile without a backend.", 'default_profile = "x"\n[profiles.x]\npath = "x.db"\n',
        "2: profile 'x': 'backend' is missing; it must be local or tablestore",
        hint="for a store in a file: tsmem profile set x backend=local"),
    _refused("An unknown backend.", 'default_profile = "x"\n[profiles.x]\nbackend = "locl"\n',
        "3: profile 'x': 'backend' is 'locl', not one of local, tablestore; did you mean 'local'?"),
    _refused("A misspelt key of a profile.", LOCAL + 'paht = "y"\n',
        "5: profile 'x': unknown key 'paht'; did you mean 'path'?",
        hint="valid keys: backend, timeout, output, tables, path"),
    _refused("A key of the other backend.", LOCAL + 'endpoint = "https://a.b"\n',
        "5: profile 'x': 'endpoint' is a key of backend tablestore, and this profile is local"),
    _refused("A local profile without a path.", BACKEND,
        "2: profile 'x': backend local needs 'path'", hint="for example: tsmem profile set x path=memory.db"),
    _refused("A TableStore profile without endpoint and keys.",
        'default_profile = "x"\n[profiles.x]\nbackend = "tablestore"\ninstance = "i"\n',
        "2: profile 'x': backend tablestore needs 'endpoint', 'access_key_id', 'access_key_secret'",
        hint="for example: tsmem profile set x endpoint=https://my-instance.cn-hangzhou.ots.aliyuncs.com access_key_id=env:ALIBABA_CLOUD_ACCESS_KEY_ID access_key_secret=env:ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
    _refused("A profile with an empty path.", BACKEND + 'path = ""\n', "4: profile 'x': 'path' is empty"),
    _refused("A path with a control character.", BACKEND + 'path = "a\\u0007"\n',
        "4: profile 'x': 'path' holds a control character"),
    _refused("A path in the home of an unknown user.", BACKEND + 'path = "~nobody-has-this-name/x.db"\n',
        "4: profile 'x': '~nobody-has-this-name/x.db': there is no user of this name"),
    _refused("An unknown output format in a profile.", LOCAL + 'output = "xml"\n',
        "5: profile 'x': 'output' is not one of table, json, jsonl, csv"),
    _refused("A timeout that is text.", LOCAL + 'timeout = "30"\n',
        "5: profile 'x': 'timeout' must be a number of seconds, not text"),
    _refused("A timeout of 0 seconds.", LOCAL + "timeout = 0\n",
        "5: profile 'x': 'timeout' must be more than 0 and at most 86400 seconds"),
    _refused("An endpoint that is not a valid address.", CLOUD.replace("https://a.b", "a.b"),
        "4: profile 'c': 'endpoint' must be https://HOST or http://HOST, with a port where needed and nothing else",
        hint="for example https://my-instance.cn-hangzhou.ots.aliyuncs.com"),
    _refused("An invalid instance name.", CLOUD.replace('"i"', '"i i"'),
        "5: profile 'c': 'instance' must be letters, digits and hyphens"),
    _refused("A tables entry that is not a section.", LOCAL + "tables = 5\n", "5: profile 'x': 'tables' must be a section of keys"),
    _refused("An unknown table in a profile.", LOCAL + '[profiles.x.tables.sesion]\nname = "s"\n',
        "5: profile 'x': unknown key 'sesion' in 'tables'; did you mean 'session'?",
        hint="valid keys: session, message"),
    _refused("A table entry that is a text.", LOCAL + 'tables.session = "s"\n',
        "5: profile 'x': 'tables.session' must be a section of keys"),
    _refused("An unknown key of a table.", LOCAL + '[profiles.x.tables.session]\nnmae = "s"\n',
        "6: profile 'x': unknown key 'nmae' in 'tables.session'; did you mean 'name'?",
        hint="valid keys: name, index, search_index, search_fields"),
    _refused("An invalid table name.", LOCAL + '[profiles.x.tables.session]\nname = "my-sessions"\n',
        "6: profile 'x': 'tables.session.name' must be at most 255 letters, digits and _, and must not begin with a digit"),
    _refused("Two tables with the same name.", LOCAL + '[profiles.x.tables.session]\nname = "message"\n',
        "5: profile 'x': two tables or secondary indexes have the name 'message'"),
    _refused("An invalid name of a search field.",
        LOCAL + '[profiles.x.tables.session.search_fields]\n"#b" = "keyword"\n',
        "6: profile 'x': search field '#b' must be 1 to 255 bytes of UTF-8 without a null character, and must not begin with #"),
    _refused("A search field of an unknown type.",
        LOCAL + '[profiles.x.tables.session.search_fields]\ntopic = "keywrd"\n',
        "6: profile 'x': 'tables.session.search_fields.topic' is 'keywrd', not one of keyword, long, double, boolean, text; did you mean 'keyword'?"),
    Case("A search field that is always searched.", "init-tables",
        "search_fields of table 'session' names 'user_id', which is always in the search index",
        "take it out of search_fields in the profile",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n[profiles.x.tables.session.search_fields]\nuser_id = "keyword"\n'),)),
    _refused("A profile file with too deeply nested values.", "a = " + "[" * 4000, " nested too deeply"),
    Case("A profile file that another process keeps locked.", "profile set work backend=local path=w.db",
        "another process kept FOLDER/config/tsmem/config.toml locked for 60 seconds: nothing was done",
        "look for a process that holds it, and try again", code="Unavailable", given=(locked_profiles,)),
)
# fmt: on
