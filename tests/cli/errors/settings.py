# ruff: noqa: E501 - sentences stand as they are told
"""`tsmem profile` with values that cannot be set, and profiles that cannot be used or deleted."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import config, file


def _refused(cause: str, argv: str, sentence: str, hint: str | None = None) -> Case:
    return Case(cause, argv, sentence, hint, code="ProfileError")


# fmt: off
CASES = (
    _refused("profile show of an unknown profile.", "profile show prod", "there is no profile 'prod'", "profiles: local"),
    Case("profile set without a value.", "profile set x",
        "Missing argument 'KEY=VALUE...'.", "tsmem profile set --help"),
    Case("profile set without an equals sign.", "profile set x backend",
        "assignment 1 has no =", "write KEY=VALUE; KEY= removes a key"),
    Case("profile set of an unknown key.", "profile set x =local",
        "assignment 1 has no key before the equals sign", "for example timeout=10"),
    Case("profile set of the same key twice.", "profile set x backend=local backend=local", "'backend' is given twice"),
    _refused("profile set of the profile env.", "profile set env backend=local",
        "the profile 'env' comes from the TABLESTORE_... environment variables; it cannot be set"),
    _refused("profile set of a misspelt key.", "profile set x backend=local paht=x.db",
        "unknown key 'paht'; did you mean 'path'?",
        "valid keys: backend, timeout, output, tables, path, endpoint, instance, region, access_key_id, access_key_secret, security_token, ca_file"),
    _refused("profile set that removes a misspelt key.", "profile set local security_tokn=",
        "unknown key 'security_tokn'; did you mean 'security_token'?",
        "valid keys: backend, timeout, output, tables, path, endpoint, instance, region, access_key_id, access_key_secret, security_token, ca_file"),
    Case("profile set without a profile name.", "profile set access_key_secret=hunter2 timeout=5",
        "the profile's name comes before KEY=VALUE", "tsmem profile set NAME KEY=VALUE"),
    _refused("profile set of a plain secret.", "profile set x backend=tablestore access_key_secret=hunter2",
        "do not give 'access_key_secret' as plain text on the command line (it is kept in the shell's history)",
        "write access_key_secret=env:NAME, access_key_secret=file:PATH or access_key_secret=cmd:COMMAND"),
    _refused("profile set of an invalid number.", "profile set x backend=local path=x.db timeout=soon",
        "'timeout' must be a number"),
    _refused("profile set of a key below a value.", "profile set x backend=local path=x.db path.a=1",
        "'path' is a plain value, so 'path.a' cannot be set"),
    _refused("profile delete of a built-in profile.", "profile delete local",
        "profile 'local' is built in; there is nothing to delete"),
    Case("profile delete of the default profile.", "profile delete x",
        "profile 'x' is the default", "choose another default first, with tsmem profile use", code="ProfileError",
        given=(config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n'),)),
    _refused("profile set where the profile file is a folder.", "--config . profile set x backend=local path=x.db",
        "'.' is not a plain file"),
    Case("profile set where the folder cannot be created.",
        "--config plain/config.toml profile set x backend=local path=x.db",
        "plain/config.toml: cannot be written: FOLDER/plain is not a folder", code="ProfileError",
        given=(file("plain", ""),)),
    Case("profile use of an invalid profile.", "profile use x",
        "FOLDER/config/tsmem/config.toml:4: profile 'x': unknown key 'paht'; did you mean 'path'?",
        "valid keys: backend, timeout, output, tables, path", code="ProfileError",
        given=(config('[profiles.x]\nbackend = "local"\npath = "x.db"\npaht = 1\n'),)),
    Case("profile set in an entry that is not a profile.", "profile set x path=x.db",
        "'x' is a plain value, not a profile", "delete it first, with tsmem profile delete", code="ProfileError",
        given=(config("[profiles]\nx = 5\n"),)),
)
# fmt: on
