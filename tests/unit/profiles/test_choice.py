"""The choice of a profile, and the origin of each of its values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.profile_files import MINIMAL, PROD, refusal, write
from tsmem.profiles import describe, load_profile, profile_list


def test_without_file_and_variables_the_profile_is_local() -> None:
    profile = load_profile({"HOME": "/h"})
    assert ("local", "local", Path("/h/.local/share/tsmem/memory.db")) == (profile.name, profile.backend, profile.path)
    assert (profile.origins["name"], profile.origins["path"]) == ("built in", "built in")
    assert ("timeout", 30.0, "default") in describe(profile)
    assert profile.target == "/h/.local/share/tsmem/memory.db"
    assert load_profile({"HOME": "/h", "XDG_DATA_HOME": "/d"}).path == Path("/d/tsmem/memory.db")
    assert load_profile({"HOME": "/dev/null"}).name == "local"


def test_only_the_given_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TSMEM_PROFILE", "TSMEM_CONFIG", "TABLESTORE_ENDPOINT", "HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "/nowhere")
    assert load_profile({"HOME": "/h"}).path == Path("/h/.local/share/tsmem/memory.db")


def test_every_value_of_a_profile_says_where_it_came_from(env: dict[str, str], config: Path) -> None:
    write(config, PROD)
    profile = load_profile(env)
    assert profile.target == "my-instance @ https://my-instance.cn-hangzhou.ots.aliyuncs.com"
    assert (profile.timeout_s, profile.region, profile.output, profile.path) == (10.0, "cn-hangzhou", None, None)
    session, message = profile.tables.session, profile.tables.message
    assert (session.name, session.secondary_index) == ("chats", "session_secondary_index")
    assert session.search_fields == {"topic": "keyword", "score": "double"}
    assert (message.name, message.search_index) == ("message", "message_search_index")
    assert profile.origins["name"] == "config.toml line 1"
    assert profile.origins["timeout"] == "config.toml line 13"
    assert profile.origins["tables.session.search_fields.topic"] == "config.toml line 17"
    shown = {key: (value, origin) for key, value, origin in describe(profile)}
    assert shown["tables.message.name"] == ("message", "default")
    assert shown["access_key_id"] == ("env:KEY_ID", "config.toml line 11")
    assert shown["access_key_secret"] == ("(set, hidden)", "config.toml line 12")
    assert (shown["security_token"], "path" in shown) == ((None, "default"), False)
    assert profile.warnings == ()


def test_profile_is_chosen_by_flag_then_variable_then_file_default_then_endpoint_then_local(
    env: dict[str, str], config: Path
) -> None:
    write(config, PROD)
    endpoint = {"TABLESTORE_ENDPOINT": "https://e", "TABLESTORE_INSTANCE_NAME": "i"}
    keys = {"TABLESTORE_ACCESS_KEY_ID": "id", "TABLESTORE_ACCESS_KEY_SECRET": "s"}
    env |= endpoint | keys
    assert load_profile(env | {"TSMEM_PROFILE": "prod"}, profile="local").origins["name"] == "--profile"
    assert load_profile(env | {"TSMEM_PROFILE": "local"}).origins["name"] == "environment TSMEM_PROFILE"
    assert load_profile(env | {"TSMEM_PROFILE": ""}).name == "prod"
    write(config, MINIMAL)
    assert load_profile(env).name == "env"
    assert load_profile(env | {"TABLESTORE_ENDPOINT": ""}).name == "local"


def test_tablestore_variables_never_change_a_profile_of_the_file(env: dict[str, str], config: Path) -> None:
    write(config, PROD)
    env |= {"TABLESTORE_ENDPOINT": "https://evil", "TABLESTORE_INSTANCE_NAME": "evil", "TABLESTORE_REGION": "evil"}
    for profile in (load_profile(env), load_profile(env, profile="prod"), load_profile(env, profile="local")):
        assert "evil" not in repr(profile)


def test_profile_env_takes_each_value_from_its_variable() -> None:
    environ = {"HOME": "/h", "TABLESTORE_ENDPOINT": "https://e/", "TABLESTORE_INSTANCE_NAME": "i"}
    environ |= {"TABLESTORE_ACCESS_KEY_ID": "id", "TABLESTORE_ACCESS_KEY_SECRET": "hunter2"}
    profile = load_profile(environ)
    assert profile.target == "i @ https://e"
    assert profile.origins["endpoint"] == "environment TABLESTORE_ENDPOINT"
    assert (profile.credentials().access_key_secret, profile.credentials().security_token) == ("hunter2", None)
    assert "hunter2" not in repr(profile)
    assert "TABLESTORE_ENDPOINT" in str(refusal({"HOME": "/h"}, "env"))


def test_a_mistake_in_one_profile_is_listed_and_does_not_affect_the_others(env: dict[str, str], config: Path) -> None:
    write(config, MINIMAL + "[profiles.bad]\nbackend = 'local'\npth = 'x'\n")
    assert load_profile(env, profile="p").name == "p"
    listed = {line.name: line for line in profile_list(env)}
    assert list(listed) == ["p", "bad", "local"]
    assert listed["bad"].backend == "invalid"
    assert "did you mean 'path'" in listed["bad"].target
    assert (listed["local"].is_default, listed["p"].is_default) == (True, False)
    assert (listed["p"].origin, listed["local"].origin) == ("config.toml line 1", "built in")


@pytest.mark.parametrize("endpoint", [{}, {"TABLESTORE_ENDPOINT": ""}])
def test_tablestore_variables_without_an_endpoint_give_a_warning(tmp_path: Path, endpoint: dict[str, str]) -> None:
    environ = {"HOME": str(tmp_path), "TABLESTORE_INSTANCE_NAME": "i", **endpoint}

    (warning,) = load_profile(environ).warnings
    assert warning.startswith("TABLESTORE_INSTANCE_NAME is set but TABLESTORE_ENDPOINT is not, so ")
    assert () == load_profile(environ, profile="local").warnings
