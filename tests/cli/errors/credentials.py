# ruff: noqa: E501 - sentences stand as they are told
"""Secrets of profiles that cannot be read, and the profile `env`."""

from __future__ import annotations

import json

from tests.cli.errors.case import Case, Given
from tests.cli.errors.given import config, environ

SECRET = "profile 'c', access_key_secret (config.toml line 7): "
PATH = environ(PATH="/usr/bin:/bin")


def _profile(key_id: str, secret: str, mode: int = 0o600) -> Given:
    """Return a profile of a TableStore instance with these two values."""
    return config(
        'default_profile = "c"\n[profiles.c]\nbackend = "tablestore"\nendpoint = "https://a.b"\ninstance = "i"\n'
        f"access_key_id = {json.dumps(key_id)}\naccess_key_secret = {json.dumps(secret)}\n",
        mode,
    )


def _refused(
    cause: str, secret: str, sentence: str, *given: Given, hint: str | None = None, key_id: str = "id"
) -> Case:
    steps = (_profile("env:ID", secret), environ(ID=key_id), *given)
    return Case(cause, "session list", sentence, hint, code="ProfileError", given=steps)


# fmt: off
CASES = (
    Case("A secret whose reference is empty.", "session list",
        "FOLDER/config/tsmem/config.toml:6: profile 'c': 'access_key_id' must be 'env:' and the name of an environment variable",
        code="ProfileError", given=(_profile("env:", "env:SECRET"),)),
    Case("A secret in a variable that is not set.", "session list",
        "profile 'c', access_key_id (config.toml line 6): environment variable ID is not set",
        "in bash or zsh: read -rs ID && export ID (keeps the value out of the history)", code="ProfileError",
        given=(_profile("env:ID", "env:SECRET"),)),
    _refused("An access key id that a request cannot contain.", "env:SECRET",
        "profile 'c': 'access_key_id' contains a character that cannot be sent in a request", environ(SECRET="x"),
        hint="use ASCII letters, digits and punctuation, without spaces or line breaks", key_id="ключ"),
    _refused("An access key id that contains the secret.", "env:SECRET",
        "profile 'c': 'access_key_id' contains a colon, which is not allowed in an access key id", environ(SECRET="x"),
        hint="write only the id, without the secret", key_id="id:secret"),
    _refused("A secret in a missing file.", "file:none",
        f"{SECRET}cannot read FOLDER/config/tsmem/none: No such file or directory"),
    _refused("A secret from an unknown command.", "cmd:/no/such/command",
        f"{SECRET}cannot run '/no/such/command': No such file or directory"),
    _refused("A secret from a command with unbalanced quotes.", 'cmd:pass "x',
        f"{SECRET}the command after 'cmd:' cannot be split into words: No closing quotation"),
    _refused("A secret from an empty command.", "cmd:''", f"{SECRET}there is no command after 'cmd:'"),
    Case("A cmd: secret in a file that others can write.", "session list",
        f"{SECRET}other users can write FOLDER/config/tsmem/config.toml (mode 666), so the command after 'cmd:' was not run",
        code="ProfileError", given=(_profile("env:ID", "cmd:true", 0o666), environ(ID="id"))),
    Case("The profile env without access keys.", "session list",
        "profile 'env': not set: TABLESTORE_INSTANCE_NAME, TABLESTORE_ACCESS_KEY_ID, TABLESTORE_ACCESS_KEY_SECRET",
        code="ProfileError", given=(environ(TABLESTORE_ENDPOINT="https://a.b"),)),
)
# fmt: on
