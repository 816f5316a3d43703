"""The rules of a profile: valid values, relative paths and warnings.

The message of every refusal is in tests/cli/errors/profiles.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.profile_files import MINIMAL, PROD, refusal, write
from tsmem.profiles import load_profile


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('backend = "tablestore"', "backend = true", ":2: .*must be text, not a boolean"),
        ('"https://h"', '"ftp://h"', "must be https://HOST"),
        ('"https://h"', '"https://"', "must be https://HOST"),
        ('"https://h"', '"https://h/path"', "must be https://HOST"),
        ('"https://h"', '"https://h:99999"', "must be https://HOST"),
        ('"https://h"', '"https://[::1"', "must be https://HOST"),
        ('"https://h"', '"https://key:hunter2@h"', "must be https://HOST"),
        ('"https://h"', "1979-05-27", "must be text, not a date"),
        ('"env:KEY_SECRET"', '["hunter2"]', ":6: .*must be text, not a list"),
        ('"env:KEY_SECRET"', '"env:hunter2 x"', "the name of an environment variable"),
        ('"env:KEY_SECRET"', '"x"\ntimeout = true', "not a boolean"),
        ('"env:KEY_SECRET"', '"x"\ntimeout = nan', "more than 0"),
        ('"env:KEY_SECRET"', '"x"\ntables.session.search_fields = "x"', "search_fields' must be a section"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_without_secrets(
    env: dict[str, str], config: Path, old: str, new: str, reason: str
) -> None:
    assert old in MINIMAL
    write(config, MINIMAL.replace(old, new))
    error = refusal(env, "p")
    assert re.search(reason, str(error))
    assert str(error).startswith(str(config))
    assert "hunter2" not in f"{error} {error.hint}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [("~/a.db", "{home}/a.db"), ("~", "{home}"), ("/a/../b.db", "/b.db"), ("data/a.db", "{home}/config/data/a.db")],
)
def test_path_expands_home_and_is_relative_to_the_profile_file(
    env: dict[str, str], config: Path, tmp_path: Path, written: str, expected: str
) -> None:
    write(config, f"[profiles.x]\nbackend = 'local'\npath = '{written}'\n")
    assert load_profile(env, profile="x").path == Path(expected.format(home=tmp_path))


def test_the_profile_local_needs_no_path_and_can_be_a_tablestore_profile(env: dict[str, str], config: Path) -> None:
    write(config, "[profiles.local]\ntimeout = 5\n")
    local = load_profile(env)
    assert (local.timeout_s, local.origins["path"], local.origins["timeout"]) == (5, "built in", "config.toml line 2")
    write(config, MINIMAL.replace("profiles.p", "profiles.local"))
    assert load_profile(env).backend == "tablestore"


def test_warnings_of_readable_secrets_writable_files_and_plain_http(env: dict[str, str], config: Path) -> None:
    for mode in (0o644, 0o640, 0o604):
        write(config, PROD, mode)
        assert "can be read by others" in load_profile(env).warnings[0]
    assert load_profile(env, profile="local").warnings == ()
    for text in (MINIMAL, MINIMAL.replace("env:KEY_ID", "AK")):
        write(config, text, 0o644)
        assert load_profile(env, profile="p").warnings == ()
    write(config, MINIMAL, 0o620)
    assert "other users can write" in load_profile(env, profile="p").warnings[0]
    write(config, MINIMAL.replace("https://h", "http://h:80"))
    assert "not encrypted" in load_profile(env, profile="p").warnings[0]
    for host in ("localhost:8087", "127.0.0.1:8087", "[::1]:8087"):
        write(config, MINIMAL.replace("https://h", f"http://{host}"))
        assert load_profile(env, profile="p").warnings == ()
    write(config, MINIMAL)
    config.parent.chmod(0o777)
    assert "(mode 777)" in load_profile(env, profile="p").warnings[0]
    config.parent.chmod(0o1777)
    assert load_profile(env, profile="p").warnings == ()
