"""Profile files of tests."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tsmem.errors import ProfileError
from tsmem.profiles import load_profile

PROD = """\
default_profile = "prod"   # the one we work on

[profiles.local]
path = "~/memory.db"

[profiles.prod]
backend = "tablestore"
endpoint = "https://my-instance.cn-hangzhou.ots.aliyuncs.com"
instance = "my-instance"
region = "cn-hangzhou"
access_key_id = "env:KEY_ID"
access_key_secret = "hunter2"
timeout = 10

[profiles.prod.tables.session]
name = "chats"
search_fields = { topic = "keyword", score = "double" }
"""

MINIMAL = """\
[profiles.p]
backend = "tablestore"
endpoint = "https://h"
instance = "i"
access_key_id = "env:KEY_ID"
access_key_secret = "env:KEY_SECRET"
"""

COMMENTED = """\
# my profiles
default_profile = "prod"   # the one we work on

# the laptop
[profiles.local]
path = "~/memory.db"

# production
[profiles.prod]
backend = "tablestore"   # the real thing
endpoint = "https://h"
instance = "i"
access_key_id = "env:ID"
access_key_secret = "file:secret"

[profiles.prod.tables.session]
name = "chats"
search_fields = { topic = "keyword" }  # for search

# staging
[profiles.staging]
backend = "local"
path = "s.db"
# the end
"""


def write(config: Path, text: str | bytes, mode: int = 0o600) -> None:
    config.write_bytes(text.encode() if isinstance(text, str) else text)
    config.chmod(mode)


def refusal(env: dict[str, str], profile: str | None = None) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        load_profile(env, profile=profile)
    return caught.value


def parsed(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())
