"""Profiles: where the file is, which profile is chosen, what is refused, and where each value came from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsmem.errors import ProfileError
from tsmem.profiles import Profile, config_path, describe, load_profile, profile_list
from tsmem.profiles.file import decode_text, parse_toml
from tsmem.profiles.toml_text import key_lines

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


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A place for a profile file that only the user can write to."""
    folder = tmp_path / "config"
    folder.mkdir(mode=0o700)
    return folder / "config.toml"


@pytest.fixture
def env(tmp_path: Path, config: Path) -> dict[str, str]:
    """An environment whose profile file is `config`."""
    return {"HOME": str(tmp_path), "TSMEM_CONFIG": str(config), "PATH": os.environ["PATH"]}


def write(config: Path, text: str | bytes, mode: int = 0o600) -> None:
    """Write a profile file."""
    config.write_bytes(text.encode() if isinstance(text, str) else text)
    config.chmod(mode)


def refusal(env: dict[str, str], profile: str | None = None) -> ProfileError:
    """What `load_profile` says no with."""
    with pytest.raises(ProfileError) as caught:
        load_profile(env, profile=profile)
    return caught.value


@pytest.mark.parametrize(
    ("environ", "flag", "expected"),
    [
        ({"HOME": "/h"}, None, "/h/.config/tsmem/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, None, "/x/tsmem/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": ""}, None, "/h/.config/tsmem/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, None, "/h/.config/tsmem/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x", "TSMEM_CONFIG": "/t"}, None, "/t"),
        ({"HOME": "/h", "TSMEM_CONFIG": ""}, None, "/h/.config/tsmem/config.toml"),
        ({"HOME": "/h", "TSMEM_CONFIG": "/t"}, "/f", "/f"),
    ],
)
def test_where_the_file_is(environ: dict[str, str], flag: str | None, expected: str) -> None:
    """The flag, TSMEM_CONFIG, XDG_CONFIG_HOME and HOME decide, in this order."""
    assert Path(expected) == config_path(environ, flag)


def test_nothing_is_needed_to_start() -> None:
    """Without a file or a variable there is `local`, in the data directory."""
    profile = load_profile({"HOME": "/h"})
    assert ("local", "local", Path("/h/.local/share/tsmem/memory.db")) == (profile.name, profile.backend, profile.path)
    assert (profile.origins["name"], profile.origins["path"]) == ("built in", "built in")
    assert ("timeout", 30.0, "default") in describe(profile)
    assert profile.target == "/h/.local/share/tsmem/memory.db"
    assert load_profile({"HOME": "/h", "XDG_DATA_HOME": "/d"}).path == Path("/d/tsmem/memory.db")
    assert load_profile({"HOME": "/dev/null"}).name == "local"


def test_a_file_asked_for_must_be_there(env: dict[str, str]) -> None:
    """A missing file is an error when it was named."""
    assert "No such file" in str(refusal(env))
    with pytest.raises(ProfileError, match=r"other\.toml: No such file"):
        load_profile({"HOME": "/h"}, config="other.toml")


def test_the_process_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the environment given in counts."""
    for name in ("TSMEM_PROFILE", "TSMEM_CONFIG", "TABLESTORE_ENDPOINT", "HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "/nowhere")
    assert load_profile({"HOME": "/h"}).path == Path("/h/.local/share/tsmem/memory.db")


def test_a_whole_profile(env: dict[str, str], config: Path) -> None:
    """Every value is read, and says where it came from."""
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
    assert ("tables.message.name", "message", "default") in describe(profile)
    assert profile.warnings == ()


def test_the_order_of_choice(env: dict[str, str], config: Path) -> None:
    """The flag, TSMEM_PROFILE, the file's default, TABLESTORE_ENDPOINT, local."""
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


def test_variables_never_change_a_named_profile(env: dict[str, str], config: Path) -> None:
    """An exported endpoint does not turn a command against another instance."""
    write(config, PROD)
    env |= {"TABLESTORE_ENDPOINT": "https://evil", "TABLESTORE_INSTANCE_NAME": "evil", "TABLESTORE_REGION": "evil"}
    for profile in (load_profile(env), load_profile(env, profile="prod"), load_profile(env, profile="local")):
        assert "evil" not in repr(profile)


def test_the_profile_made_of_variables() -> None:
    """`env` takes each value from its variable, and says so; what is missing is named by its variable."""
    environ = {"HOME": "/h", "TABLESTORE_ENDPOINT": "https://e/", "TABLESTORE_INSTANCE_NAME": "i"}
    error = refusal(environ)
    assert "TABLESTORE_ACCESS_KEY_ID, TABLESTORE_ACCESS_KEY_SECRET" in str(error)
    environ |= {"TABLESTORE_ACCESS_KEY_ID": "id", "TABLESTORE_ACCESS_KEY_SECRET": "hunter2"}
    profile = load_profile(environ)
    assert profile.target == "i @ https://e"
    assert profile.origins["endpoint"] == "environment TABLESTORE_ENDPOINT"
    assert (profile.credentials().access_key_secret, profile.credentials().security_token) == ("hunter2", None)
    assert "hunter2" not in repr(profile)
    assert "TABLESTORE_ENDPOINT" in str(refusal({"HOME": "/h"}, "env"))


def test_an_unknown_profile(env: dict[str, str], config: Path) -> None:
    """The nearest name is offered, and all of them are listed."""
    write(config, PROD)
    error = refusal(env, "prd")
    assert "no profile 'prd'; did you mean 'prod'?" in str(error)
    assert error.hint == "profiles: local, prod"
    assert "no profile ''" in str(refusal(env, ""))
    write(config, 'default_profile = "gone"')
    assert "no profile 'gone'" in str(refusal(env))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = \n", ":1:5: "),
        ("a = 'x", ":1:7: "),
        (b"ok = 1\n\xff\xfe", ":2:1: not UTF-8"),
        (b"\x00\x01\x02", ":1:1: "),
        (b"\x7fELF" + bytes(range(256)), "not UTF-8"),
        (b"a = 1\n" * 2_000_000, "larger than 64 KiB"),
        ("a = " + "[" * 4000, "nested too deeply"),
        ("a = " + "{a=" * 1300, "nested too deeply"),
        ("a" + ".a" * 30_000 + " = 1", ":1: a line of more than"),
        ("a = " + "9" * 4050, "unknown key 'a'"),
        ("default_profil = 'x'", ":1: unknown key 'default_profil'; did you mean 'default_profile'?"),
        ("\n\ndefault_profile = 5", ":3: 'default_profile' must be the name"),
        ("profiles = 5", ":1: 'profiles' must be a table"),
        ("[[profiles]]\nname = 'x'", ":1: 'profiles' must be a table"),
        ("a = [\n1,\n\n", ":3:1: "),
        ("a = [\r\n1,\r\n", ":2:3: "),
        ('a = """\n\n', ":2:1: "),
        ("[a]\nb.c = ", ":2:7: "),
    ],
)
def test_a_file_that_is_none(env: dict[str, str], config: Path, text: str | bytes, reason: str) -> None:
    """Whatever the bytes, the refusal names the file and, where known, the place."""
    write(config, text)
    error = str(refusal(env))
    assert error.startswith(str(config))
    assert reason in error
    assert len(error) < 400


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("[profiles]\np = 5", "p", ":2: profile 'p' must be a table"),
        ("[profiles.env]\nbackend = 'local'", "env", ":1: 'env' is made of TABLESTORE_ENDPOINT"),
        ('[profiles."a\\u001bb"]', "a\x1bb", "cannot name a profile"),
    ],
)
def test_what_is_no_profile_closes_only_itself(
    env: dict[str, str], config: Path, text: str, name: str, reason: str
) -> None:
    """What is no profile closes only itself."""
    write(config, text)
    assert reason in str(refusal(env, name))
    assert load_profile(env).name == "local"
    assert [line.backend for line in profile_list(env)] == ["invalid", "local"]


def test_a_directory_is_no_file(env: dict[str, str], config: Path) -> None:
    """A directory in the file's place is refused."""
    config.mkdir()
    assert "Is a directory" in str(refusal(env))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('backend = "tablestore"', 'backend = "tablestor"', ":2: .*did you mean 'tablestore'"),
        ('backend = "tablestore"', "", ":1: profile 'p': needs 'backend'"),
        ("backend = ", "backnd = ", ":2: profile 'p': unknown key 'backnd'; did you mean 'backend'?"),
        ('backend = "tablestore"', "backend = true", ":2: .*must be text, not a boolean"),
        ("endpoint =", "endpont =", ":3: .*unknown key 'endpont'; did you mean 'endpoint'"),
        ("endpoint =", "path =", ":3: .*'path' is a key of backend local"),
        ('endpoint = "https://h"\ninstance = "i"', "", "needs 'endpoint', 'instance'"),
        ('access_key_id = "env:KEY_ID"', "", "needs 'access_key_id'"),
        ('"https://h"', '"h.aliyuncs.com"', ":3: .*'endpoint' must be https://HOST"),
        ('"https://h"', '"ftp://h"', "must be https://HOST"),
        ('"https://h"', '"https://"', "must be https://HOST"),
        ('"https://h"', '"https://h/path"', "must be https://HOST"),
        ('"https://h"', '"https://h:99999"', "must be https://HOST"),
        ('"https://h"', '"https://[::1"', "must be https://HOST"),
        ('"https://h"', '"https://key:hunter2@h"', "must be https://HOST"),
        ('"https://h"', '"https://h\\nx"', "control character"),
        ('"https://h"', '""', "'endpoint' is empty"),
        ('"https://h"', "1979-05-27", "must be text, not a date"),
        ('instance = "i"', 'instance = "my_instance"', ":4: .*letters, digits and hyphens"),
        ('instance = "i"', 'instance = "i/x"', "letters, digits and hyphens"),
        ('"env:KEY_SECRET"', '["hunter2"]', ":6: .*must be text, not a list"),
        ('"env:KEY_SECRET"', '"env:hunter2 x"', "names no environment variable"),
        ('"env:KEY_SECRET"', '"file:"', "names no file"),
        ('"env:KEY_SECRET"', '"cmd: "', "names no command"),
        ('"env:KEY_SECRET"', '"x"\ntimeout = "30"', ":7: .*number of seconds, not text"),
        ('"env:KEY_SECRET"', '"x"\ntimeout = true', "not a boolean"),
        ('"env:KEY_SECRET"', '"x"\ntimeout = 0', "more than 0"),
        ('"env:KEY_SECRET"', '"x"\ntimeout = nan', "more than 0"),
        ('"env:KEY_SECRET"', '"x"\ntimeout = inf', "more than 0"),
        ('"env:KEY_SECRET"', '"x"\noutput = "jsn"', "one of table, json, jsonl, csv; did you mean 'json'"),
        ('"env:KEY_SECRET"', '"x"\ntables = 5', "'tables' must be a table"),
        (
            '"env:KEY_SECRET"',
            '"x"\ntables.sesion.name = "x"',
            "unknown key 'sesion' in 'tables'; did you mean 'session'",
        ),
        ('"env:KEY_SECRET"', '"x"\ntables.session = "x"', "'tables.session' must be a table"),
        ('"env:KEY_SECRET"', '"x"\n[profiles.p.tables.session]\nnme = "x"', ":8: .*'nme' in 'tables.session'; did you"),
        ('"env:KEY_SECRET"', '"x"\ntables.session.name = "a-b"', ":7: .*must be letters"),
        ('"env:KEY_SECRET"', '"x"\ntables.session.search_fields = "x"', "search_fields' must be a table"),
        ('"env:KEY_SECRET"', '"x"\ntables.session.search_fields.t = "keywrd"', "did you mean 'keyword'"),
        ('"env:KEY_SECRET"', '"x"\ntables.session.search_fields."#b" = "text"', "search field '#b' must be"),
        ('"env:KEY_SECRET"', '"x"\ntables.session.name = "message"', "both called 'message'"),
    ],
)
def test_a_profile_that_breaks_a_rule(env: dict[str, str], config: Path, old: str, new: str, reason: str) -> None:
    """Each breach is refused with its line, and with no secret."""
    import re

    assert old in MINIMAL
    write(config, MINIMAL.replace(old, new))
    error = refusal(env, "p")
    assert re.search(reason, str(error))
    assert str(error).startswith(str(config))
    assert "hunter2" not in f"{error} {error.hint}"


def test_another_profile_may_be_wrong(env: dict[str, str], config: Path) -> None:
    """A mistake in one profile closes that one; the list says what is wrong with it."""
    write(config, MINIMAL + "[profiles.bad]\nbackend = 'local'\npth = 'x'\n")
    assert load_profile(env, profile="p").name == "p"
    listed = {line.name: line for line in profile_list(env)}
    assert list(listed) == ["p", "bad", "local"]
    assert listed["bad"].backend == "invalid"
    assert "did you mean 'path'" in listed["bad"].target
    assert (listed["local"].is_default, listed["p"].is_default) == (True, False)
    assert (listed["p"].origin, listed["local"].origin) == ("config.toml line 1", "built in")


def test_the_list_without_a_file() -> None:
    """The built-in profiles are listed, `env` where its endpoint is set."""
    assert [line.name for line in profile_list({"HOME": "/h"})] == ["local"]
    lines = profile_list({"HOME": "/h", "TABLESTORE_ENDPOINT": "https://e", "TSMEM_PROFILE": "gone"})
    assert [(line.name, line.backend, line.is_default) for line in lines] == [
        ("env", "invalid", False),
        ("local", "local", False),
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [("~/a.db", "{home}/a.db"), ("~", "{home}"), ("/a/../b.db", "/b.db"), ("data/a.db", "{home}/config/data/a.db")],
)
def test_the_path_of_a_store(env: dict[str, str], config: Path, tmp_path: Path, written: str, expected: str) -> None:
    """A path is made absolute: ~ is HOME's, and a relative one starts at the file, not at the working directory."""
    write(config, f"[profiles.x]\nbackend = 'local'\npath = '{written}'\n")
    assert load_profile(env, profile="x").path == Path(expected.format(home=tmp_path))


def test_an_unknown_home(env: dict[str, str], config: Path) -> None:
    """A user who is not there has no home."""
    write(config, "[profiles.x]\nbackend = 'local'\npath = '~no-such-user/x'\n")
    assert "no such user" in str(refusal(env, "x"))


def test_local_needs_a_path_unless_it_is_the_built_in_one(env: dict[str, str], config: Path) -> None:
    """Only the profile called local has a file by default, also where the file says something else of it."""
    write(config, "[profiles.local]\ntimeout = 5\n[profiles.x]\nbackend = 'local'\n")
    local = load_profile(env)
    assert (local.timeout_s, local.origins["path"], local.origins["timeout"]) == (5, "built in", "config.toml line 2")
    assert "backend local needs 'path'" in str(refusal(env, "x"))
    write(config, MINIMAL.replace("profiles.p", "profiles.local"))
    assert load_profile(env).backend == "tablestore"


def test_warnings(env: dict[str, str], config: Path) -> None:
    """Others who can read a plain secret, or change the file, are told of; so is a connection that is not encrypted."""
    for mode in (0o644, 0o640, 0o604):
        write(config, PROD, mode)
        assert "can be read by others" in load_profile(env).warnings[0]
    assert load_profile(env, profile="local").warnings == ()
    write(config, MINIMAL, 0o644)
    assert load_profile(env, profile="p").warnings == ()
    write(config, MINIMAL, 0o620)
    assert "can be written by others (mode 620)" in load_profile(env, profile="p").warnings[0]
    write(config, MINIMAL.replace("https://h", "http://h:80"))
    assert "not encrypted" in load_profile(env, profile="p").warnings[0]
    for host in ("localhost:8087", "127.0.0.1:8087", "[::1]:8087"):
        write(config, MINIMAL.replace("https://h", f"http://{host}"))
        assert load_profile(env, profile="p").warnings == ()
    write(config, MINIMAL)
    config.parent.chmod(0o777)
    assert "can be written by others (mode 777)" in load_profile(env, profile="p").warnings[0]
    config.parent.chmod(0o1777)
    assert load_profile(env, profile="p").warnings == ()


def test_a_description_shows_no_secret(env: dict[str, str], config: Path) -> None:
    """Every value is shown with its origin; a plain secret only as set."""
    write(config, PROD)
    rows = {key: (shown, origin) for key, shown, origin in describe(load_profile(env))}
    assert rows["access_key_id"] == ("env:KEY_ID", "config.toml line 11")
    assert rows["access_key_secret"] == ("(set, hidden)", "config.toml line 12")
    assert rows["security_token"] == (None, "default")
    assert rows["timeout"] == (10.0, "config.toml line 13")
    assert rows["tables.session.search_fields.score"] == ("double", "config.toml line 17")
    assert "path" not in rows
    assert [key for key, _, _ in describe(load_profile(env, profile="local"))][:3] == ["backend", "path", "timeout"]


def test_no_way_of_showing_a_profile_shows_a_secret(env: dict[str, str], config: Path) -> None:
    """The repr, str and format of a profile, its parts and its credentials are free of secrets."""
    write(config, PROD.replace("env:KEY_ID", "swordfish"))
    profile = load_profile(env)
    secret = profile.access_key_secret
    assert secret is not None
    shown = [repr(profile), str(profile), f"{secret} {secret!r} {secret:}", str(tuple(profile))]
    shown += [repr(profile.credentials()), str(describe(profile)), str(profile_list(env))]
    assert not [text for text in shown if "hunter2" in text or "swordfish" in text]
    assert secret.reveal() == "hunter2"


def test_a_local_profile_has_no_credentials() -> None:
    """Asking it for credentials is refused."""
    with pytest.raises(ProfileError, match="has no access keys"):
        load_profile({"HOME": "/h"}).credentials()


def test_reading_is_light() -> None:
    """Without a file neither TOML nor anything that only errors need is loaded, and never the writer's library."""
    code = (
        "import sys, tsmem.profiles as p; p.load_profile({'HOME': '/nonexistent'});"
        "sys.exit(str(sorted({'tomllib','tomli_w','difflib','subprocess','shlex','fcntl','json'}"
        " & set(sys.modules))))"
    )
    found = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, cwd=_ROOT)
    assert found.stderr.strip() == "[]"


_ROOT = Path(__file__).parents[2]


def test_lines_of_a_difficult_text() -> None:
    """Keys are found beside multi-line texts, arrays, comments, quotes and inline tables."""
    text = '''# a = 1
a = """
[b]
b = 1 # "
"""
"q.k" = [ # [
  "]", '#',
]
[ t . "x y" ] # [no]
k.l = { m = 'a#b', n = [1, {o = 2}] }
[[u]]
v = \'\'\'x
\'\'\'
'''
    assert key_lines(text) == {
        ("a",): 2,
        ("q.k",): 6,
        ("t",): 9,
        ("t", "x y"): 9,
        ("t", "x y", "k"): 10,
        ("t", "x y", "k", "l"): 10,
        ("u",): 11,
        ("u", "v"): 12,
    }


@given(st.text(max_size=60) | st.from_regex(r"\A([a\"'=#\n\[\]{}., 1\\]{0,40})\Z"))
def test_no_text_is_a_bug(text: str) -> None:
    """Any text is read, lines and all, or refused."""
    path = Path("config.toml")
    try:
        parse_toml(path, decode_text(path, text.encode(errors="surrogatepass")))
    except ProfileError:
        return
    key_lines(text)


def test_a_profile_made_by_hand_has_defaults() -> None:
    """Code may make a profile with no file at all."""
    profile = Profile(name="x", backend="local", path=Path("/x.db"))
    assert (profile.target, profile.timeout_s, profile.tables.message.name) == ("/x.db", 30.0, "message")


@pytest.mark.parametrize("endpoint", [{}, {"TABLESTORE_ENDPOINT": ""}])
def test_an_endpoint_that_is_missing_is_said(tmp_path: Path, endpoint: dict[str, str]) -> None:
    """With TableStore's other variables set, working on the local file is probably a mistake: a warning says so."""
    environ = {"HOME": str(tmp_path), "TABLESTORE_INSTANCE_NAME": "i", **endpoint}

    (warning,) = load_profile(environ).warnings
    assert warning.startswith("TABLESTORE_INSTANCE_NAME is set and TABLESTORE_ENDPOINT is not: this is the local file ")
    assert () == load_profile(environ, profile="local").warnings
